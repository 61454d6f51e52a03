"""Asks another Python for its version, its modules (without importing them) and its torch. Must not know what they are for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tagtrainer.core.system import merged_env
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


_TORCH_QUESTION = """
import json, torch
there = torch.cuda.is_available()
card = torch.cuda.get_device_name(0) if there else ""
print("TAGTRAINER" + json.dumps({"version": torch.__version__, "cuda": torch.version.cuda or "", "card": card}))
"""


@dataclass(frozen=True)
class Torch:
    """What an interpreter's own torch says when it is imported. `card` is empty when it sees no graphics card."""

    version: str = ""
    cuda: str = ""
    card: str = ""
    error: str = ""


def ask_torch(python: str, env: Mapping[str, str | None]) -> Torch:
    """Import torch over there and ask it for its CUDA and its card. Takes seconds, a minute on a cold disk; not remembered."""
    told, error = _run(python, _TORCH_QUESTION, (), env, timeout=180)
    return Torch(error=error) if told is None else Torch(**told)


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
    told, error = _run(python, _QUESTION, modules, dict(env), timeout=60)
    if told is None:
        return Interpreter(error=error)
    return Interpreter(tuple(told["version"]), told["modules"], told["torch"])


def _run(
    python: str, question: str, words: Sequence[str], env: Mapping[str, str | None], timeout: float
) -> tuple[Any, str]:
    """(the answer, "") or (None, the last words of a Python that could not give one)."""
    try:
        answer = subprocess.run(
            [python, "-c", question, *words], env=merged_env(env),
            capture_output=True, timeout=timeout, encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    for line in answer.stdout.splitlines():
        if line.startswith("TAGTRAINER"):
            return json.loads(line.removeprefix("TAGTRAINER")), ""
    last = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-1:]
    return None, last[0] if last else f"exit code {answer.returncode}"
