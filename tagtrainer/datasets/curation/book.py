"""An append-only file of findings by key, the last line of a key wins; read incrementally. Must not know what was found."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagtrainer.core.files import append_jsonl

Row = dict[str, Any]
KeyOf = Callable[[Row], str]
KEPT = 16


@dataclass
class _Pages:
    inode: tuple[int, int] = (0, 0)
    offset: int = 0
    rows: dict[str, Row] = field(default_factory=dict)


_pages: dict[tuple[Path, KeyOf], _Pages] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Book:
    """`key` gives the key of a row; rows for which it raises are skipped. Losing the file loses work, never data."""

    path: Path
    key: KeyOf

    def rows(self) -> Mapping[str, Row]:
        """Every row by key. Do not change the answer."""
        with _lock:
            pages = self._fresh()
            try:
                status = self.path.stat()
            except OSError:
                _pages.pop((self.path, self.key), None)
                return {}
            inode = (status.st_dev, status.st_ino)
            if inode != pages.inode or status.st_size < pages.offset:
                pages = _pages[(self.path, self.key)] = _Pages(inode)
            if status.st_size > pages.offset:
                pages.rows = dict(pages.rows)
                pages.offset += self._take(pages)
            return pages.rows

    def _fresh(self) -> _Pages:
        while len(_pages) > KEPT:
            _pages.pop(next(iter(_pages)))
        return _pages.setdefault((self.path, self.key), _Pages())

    def _take(self, pages: _Pages) -> int:
        with self.path.open("rb") as handle:
            handle.seek(pages.offset)
            data = handle.read()
        whole = data.rfind(b"\n") + 1  # a line that is still being written is left for the next look
        for line in data[:whole].splitlines():
            try:
                row = json.loads(line)
                pages.rows[self.key(row)] = row
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return whole

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows in one write."""
        lines = list(rows)
        if lines:
            append_jsonl(self.path, *lines)
