"""Ready-made prompts, shipped as TOML in both languages. Must not know who asks them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from tagtrainer.core.text import language
from tagtrainer.workspace import PRESETS


@dataclass(frozen=True)
class Prompt:
    """`id` is the file's stem and the language of the text, `describe.zh`."""

    id: str
    name: str
    text: str


def shipped() -> list[Prompt]:
    """Every shipped prompt, those in the current language first. A caption comes in the language that the prompt is in."""
    found = []
    for path in sorted((PRESETS / "prompts").glob("*.toml")):
        raw = tomllib.loads(path.read_text("utf-8"))
        for code, ending in (("en", ""), ("zh", "_zh")):
            found.append(Prompt(f"{path.stem}.{code}", raw[f"name{ending}"], raw[f"text{ending}"].strip()))
    mine = language().partition("-")[0]
    return sorted(found, key=lambda prompt: not prompt.id.endswith(f".{mine}"))
