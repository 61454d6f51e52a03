"""Texts of the catalogue for static HTML and scripts, written so that no template language sees them. Must not hold user text."""

from __future__ import annotations

import html
import json

from tagtrainer.core.text import DEFAULT_LANGUAGE, catalogue, t


def texts(prefix: str) -> dict[str, str]:
    """Texts of the catalogue below a prefix, in the current language."""
    names = [key for key in catalogue(DEFAULT_LANGUAGE) if key.startswith(prefix)]
    return {key.removeprefix(prefix): t(key) for key in names}


def texts_attribute(prefix: str, name: str = "texts") -> str:
    """`data-texts="..."`: texts below a prefix for the script, which finds them in view.texts."""
    packed = html.escape(json.dumps(texts(prefix), ensure_ascii=True), quote=True)
    return f'data-{name}="{inert(packed)}"'


def words(prefix: str) -> dict[str, str]:
    """Texts below a prefix, safe inside static HTML."""
    return {name: inert(html.escape(text)) for name, text in texts(prefix).items()}


def inert(text: str) -> str:
    """Braces, dollars and backslashes as character references: the text stays, no template language finds its marks."""
    return (
        text.replace("\\", "&#92;")
        .replace("{", "&#123;")
        .replace("}", "&#125;")
        .replace("$", "&#36;")
        .replace("`", "&#96;")
    )
