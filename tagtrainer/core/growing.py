"""What was made of append-only files so far: only lines added since the last look are read. Must not know what a line says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Lines = Iterator[tuple[int, bytes]]
"""(offset of the line's first byte, the line with its end)."""


@dataclass
class _Known(Generic[T]):
    inode: tuple[int, int]
    value: T
    offset: int = 0


class Growing(Generic[T]):
    """`empty()` is what nothing makes; `more(value, lines)` what is made of it with new lines, and may not raise for bad ones.

    Readers keep what they were given, so `more` changes a copy, unless whoever reads holds a lock of their own. A file that was
    replaced or cut is read anew. Of more than `kept` files the one that was first read is forgotten.
    """

    def __init__(self, empty: Callable[[], T], more: Callable[[T, Lines], T], kept: int | None = None) -> None:
        self._empty, self._more, self._kept = empty, more, kept
        self._known: dict[Path, _Known[T]] = {}
        self._lock = threading.Lock()

    def read(self, path: Path) -> T:
        """What the whole file makes; a line that is still being written is left for the next look. A missing one is empty."""
        with self._lock:
            try:
                status = path.stat()
            except OSError:
                self._known.pop(path, None)
                return self._empty()
            known = self._of(path, (status.st_dev, status.st_ino), status.st_size)
            if status.st_size > known.offset:
                self._take(path, known)
            return known.value

    def _of(self, path: Path, inode: tuple[int, int], size: int) -> _Known[T]:
        known = self._known.get(path)
        if known is None or known.inode != inode or size < known.offset:
            self._known.pop(path, None)
            known = self._known[path] = _Known(inode, self._empty())
            while self._kept is not None and len(self._known) > self._kept:
                self._known.pop(next(iter(self._known)))
        return known

    def _take(self, path: Path, known: _Known[T]) -> None:
        try:
            known.value = self._more(known.value, _new_lines(path, known))
        except BaseException:  # half-read: the next look begins anew
            self._known.pop(path, None)
            raise


def _new_lines(path: Path, known: _Known[T]) -> Lines:
    with path.open("rb") as handle:
        handle.seek(known.offset)
        for line in handle:
            if not line.endswith(b"\n"):
                return
            start = known.offset
            known.offset += len(line)
            yield start, line
