"""Spaces and commas of a caption as they should be. Must not know tags."""

from __future__ import annotations

import re

_COMMAS = re.compile(r" ?([,，、](?: ?[,，、])*) ?")


def tidy(text: str) -> str:
    """One space where there are several, none before a comma and one after it, no empty lines, no commas at the ends."""
    lines = (re.sub(r"[^\S\n]+", " ", line).strip(" ,，、") for line in text.split("\n"))
    return "\n".join(_COMMAS.sub(_comma, line) for line in lines if line)


def _comma(found: re.Match[str]) -> str:
    text, first = found.string, found[1][0]
    number = text[found.start() - 1].isdigit() and re.match(r"\d{3}(?!\w)", text[found.end() : found.end() + 4])
    if found[0] == "," and number:
        return ","
    return ", " if first == "," else first
