"""The engine's own options, read from the facts beside this file (options/*.json). Must not decide what they do.

One file per script: adding a model's three files makes its scripts known here.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tagtrainer.engines.rehearsal.console import logger

FOLDER = Path(__file__).parent / "options"
PARTS = ("cache_text_encoder_outputs", "cache_latents", "train_network")


@cache
def scripts() -> tuple[str, ...]:
    """Every script whose options are known."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def split(script: str) -> tuple[str, str]:
    """`qwen_image_cache_latents` -> ("qwen_image", "cache_latents")."""
    for part in PARTS:
        if script.endswith(f"_{part}"):
            return script.removesuffix(f"_{part}"), part
    raise ValueError(f"not a script of the three steps: {script}")


def facts(script: str) -> dict[str, Any]:
    """What the engine declares for one script."""
    told: dict[str, Any] = json.loads((FOLDER / f"{script}.json").read_text(encoding="utf-8"))
    return told


def int_or_float(text: str) -> int | float:
    """`10` steps, `0.1` or `10%` of them."""
    if text.endswith("%"):
        try:
            return float(text[:-1]) / 100
        except ValueError:
            raise argparse.ArgumentTypeError(f"Value '{text}' is not a valid percentage") from None
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not an int or float") from None
    return int(number) if number >= 1 and number.is_integer() else number


TYPES: dict[str, Any] = {
    "str": str, "int": int, "float": float, "path": Path, "int_or_float": int_or_float,
}  # fmt: skip


def parser(script: str) -> argparse.ArgumentParser:
    """An argparse parser that takes and refuses what the engine's does."""
    told = facts(script)
    made = argparse.ArgumentParser(prog=f"{script}.py", allow_abbrev=told["abbreviations_allowed"])
    for option in told["options"]:
        made.add_argument(*option["flags"], **_settings(option))
    made.set_defaults(**told["hidden_defaults"])
    return made


def _settings(option: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {"default": option.get("default")}
    if "dest" in option:
        settings["dest"] = option["dest"]
    if option.get("required"):
        settings["required"] = True
    if option["kind"] == "flag":
        on = option.get("flag_value", True)
        return {
            **settings,
            "action": "store_true" if on else "store_false",
            "default": option.get("default", not on),
        }
    settings["type"] = TYPES[option["type"]]
    for name in ("choices", "nargs"):
        if name in option:
            settings[name] = option[name]
    return settings


def parse(script: str, argv: list[str]) -> argparse.Namespace:
    """The options of a call. With --config_file what stands in that TOML comes first, the arguments win over it."""
    made = parser(script)
    args = made.parse_args(argv)
    if not getattr(args, "config_file", None):
        return args
    path = Path(args.config_file if args.config_file.endswith(".toml") else f"{args.config_file}.toml")
    if not path.exists():
        logger("options").info(f"{path} not found.")
        raise SystemExit(1)
    logger("options").info(f"Loading settings from {path}...")
    flat: dict[str, Any] = {}
    for name, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return made.parse_args(argv, namespace=argparse.Namespace(**flat))
