"""A caption becomes numbers, without a model: each word a fixed vector, found by hashing it. Must not know any network."""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 64
LIMIT = 96
"""More words than this are cut off; real encoders cut as well, later."""

_WORD = re.compile(r"[㐀-䶿一-鿿ぁ-ヿ가-힯]|[^\W㐀-䶿一-鿿ぁ-ヿ가-힯]+")


def words(caption: str) -> list[str]:
    """Lower-case words; Chinese, Japanese and Korean signs stand for themselves."""
    return _WORD.findall(caption.lower())[:LIMIT]


@lru_cache(maxsize=8192)
def vector(word: str) -> NDArray[np.float32]:
    """A unit vector that is always the same for one word and nearly orthogonal to every other word's."""
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    drawn = np.random.default_rng(seed).standard_normal(WIDTH)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def encode(caption: str) -> NDArray[np.float32]:
    """Words x 64; a caption without words is one zero vector."""
    found = words(caption)
    if not found:
        return np.zeros((1, WIDTH), np.float32)
    position = np.linspace(1.0, 0.8, len(found), dtype=np.float32)[:, None]  # earlier words weigh a little more
    return np.stack([vector(word) for word in found]) * position * np.sqrt(WIDTH, dtype=np.float32)
