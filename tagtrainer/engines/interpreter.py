"""Asks another Python for its version and modules without importing them, and remembers. Must not know what they are for."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from tagtrainer.engines.base import Interpreter

MODULES = (
    "musubi_tuner", "torch", "torchvision", "accelerate", "transformers", "diffusers", "safetensors", "cv2", "av",
    "voluptuous", "toml", "sentencepiece", "tensorboard", "wandb", "bitsandbytes", "xformers", "flash_attn",
    "flash_attn_interface", "triton", "schedulefree", "prodigyopt", "lycoris", "dadaptation",
)  # fmt: skip

_QUESTION = """
import importlib.metadata, importlib.util, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is not None:
        found[name] = spec.origin or next(iter(spec.submodule_search_locations or []), "")
try:
    torch = importlib.metadata.version("torch")
except importlib.metadata.PackageNotFoundError:
    torch = ""
print("TAGTRAINER" + json.dumps({"version": list(sys.version_info[:3]), "modules": found, "torch": torch}))
"""


def ask(python: str, env: Mapping[str, str | None], modules: tuple[str, ...] = ()) -> Interpreter:
    """The interpreter's version and which modules it finds; asked again only when the program or environment changed."""
    try:
        changed = _fingerprint(Path(python))
    except OSError as error:
        return Interpreter(error=error.strerror or str(error))
    added = tuple(sorted((name, value) for name, value in env.items()))
    return _ask(python, changed, added, tuple(dict.fromkeys((*MODULES, *modules))))


def _fingerprint(python: Path) -> tuple[int, ...]:
    """Changes when the program is replaced or packages are installed beside it."""
    stamps = [python.stat().st_mtime_ns]
    root = python.parent.parent
    for pattern in ("lib/python3*/site-packages", "Lib/site-packages"):
        stamps += [path.stat().st_mtime_ns for path in sorted(root.glob(pattern))]
    return tuple(stamps)


@lru_cache(maxsize=16)
def _ask(
    python: str, _changed: tuple[int, ...], env: tuple[tuple[str, str | None], ...], modules: tuple[str, ...]
) -> Interpreter:
    surroundings = {**os.environ, **{name: value for name, value in env if value is not None}}
    for name, value in env:
        if value is None:
            surroundings.pop(name, None)
    try:
        answer = subprocess.run(
            [python, "-c", _QUESTION, *modules],
            env=surroundings, capture_output=True, timeout=60, encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Interpreter(error=str(error))
    for line in answer.stdout.splitlines():
        if line.startswith("TAGTRAINER"):
            told = json.loads(line.removeprefix("TAGTRAINER"))
            return Interpreter(tuple(told["version"]), told["modules"], told["torch"])
    last = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-1:]
    return Interpreter(error=last[0] if last else f"exit code {answer.returncode}")
