"""Which pieces of a caption are tags and which are sentences, and words as whole words. Must not take captions apart itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_HAN_RANGES = "㐀-䶿一-鿿豈-﫿"
HAN = re.compile(f"[{_HAN_RANGES}]")
_LETTER = rf"[^\W_{_HAN_RANGES}]"
ENDS = re.compile(r"[.!?。！？][\"'”’)）]?(?:\s|\Z)|[。！？]")
_OPENERS = frozenset(
    (
        "a", "an", "the", "this", "that", "these", "those", "there", "here", "he", "she", "it", "they", "his", "her", "its",
        "their", "in", "on", "at", "with", "under", "behind", "two", "three",
    )
)  # fmt: skip
_JOINERS = frozenset(("and", "but", "or", "while", "which", "who", "where", "as"))
_HAN_OPENERS = ("一", "这", "那", "画面", "图中", "图片", "照片", "该", "他", "她", "它", "有", "两", "三")


@lru_cache(maxsize=200_000)
def is_clause(piece: str) -> bool:
    """Whether a piece between commas reads as (part of) a sentence rather than as a tag."""
    han = 0 if piece.isascii() else len(HAN.findall(piece))
    words = piece.split()
    ends = ENDS.search(piece) is not None
    if han > len(words):
        return han >= 10 or (han >= 4 and ends) or (han >= 6 and piece.startswith(_HAN_OPENERS))
    first = words[0].casefold() if words else ""
    if len(words) >= 2 and first in _JOINERS:
        return True
    return len(words) >= 7 or (len(words) >= 3 and ends) or (len(words) >= 4 and first in _OPENERS)


def _opens_sentence(piece: str) -> bool:
    words = piece.split(maxsplit=4)
    return len(words) >= 4 and piece[0].isupper() and words[0].casefold() in _OPENERS


def prose_start(pieces: Sequence[str]) -> int:
    """Index of the piece that running text begins with; len(pieces) when there is none."""
    clauses = sum(map(is_clause, pieces))
    if not clauses or (clauses * 3 < len(pieces) and not _opens_sentence(pieces[0])):
        return len(pieces)
    for index, piece in enumerate(pieces):
        words = piece.split(maxsplit=2)
        if is_clause(piece) or (len(words) > 1 and words[0].casefold() in _OPENERS):
            return index
    return len(pieces)


def says(text: str, words: str) -> bool:
    """Whether a text holds these words, not as a part of longer ones; case does not matter."""
    return bool(words.strip()) and whole_words(words.strip()).search(text) is not None


@lru_cache(maxsize=64)
def whole_words(words: str) -> re.Pattern[str]:
    """Matches the words where no letter or digit goes on; Chinese has no word ends, so none are asked for there."""
    return re.compile(whole_pattern(words), re.IGNORECASE)


def whole_pattern(words: str) -> str:
    """The same as a pattern, for whoever compiles it with other options."""
    before = f"(?<!{_LETTER})" if words[:1].isalnum() and not HAN.match(words[0]) else ""
    after = f"(?!{_LETTER})" if words[-1:].isalnum() and not HAN.match(words[-1]) else ""
    return before + re.escape(words) + after
