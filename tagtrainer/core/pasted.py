"""Paths as people paste them: quotes, invisible letters, file:// and ~ taken off. Must not look at any disk."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff\u2066\u2067\u2068\u2069"))
"""Characters that Windows dialogs put into copied paths and nobody sees."""
PAIRS = ('""', "''", "“”", "‘’", "„“", "``")


def plain(text: str) -> str:
    """The path that was meant, `~` still in it; "" when nothing was."""
    bare = text.translate(INVISIBLE).strip()
    if len(bare) > 1 and bare[0] + bare[-1] in PAIRS:
        bare = bare[1:-1]
    bare = bare.strip('" ')  # one half of a pair that was not copied whole: no path ends in it
    return _of_url(bare) if bare[:7].lower() == "file://" else bare


def _of_url(url: str) -> str:
    """`file:///C:/x` -> `C:/x`, `file:///home/x` -> `/home/x`, `file://server/x` -> `//server/x`."""
    rest = unquote(url[7:])
    if not rest.startswith("/"):
        return f"//{rest}"
    return rest[1:] if re.match(r"/[A-Za-z]:", rest) else rest


def path(text: str) -> Path:
    """The same as a Path with `~` opened; a `~name` that nobody has stays as it is. Never raises."""
    bare = Path(plain(text))
    try:
        return bare.expanduser()
    except RuntimeError:
        return bare
