"""An append-only file of findings by key, the last line of a key wins; read incrementally. Must not know what was found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tagtrainer.core.files import append_jsonl
from tagtrainer.core.growing import Growing, Lines

Row = dict[str, Any]
KeyOf = Callable[[Row], str]
KEPT = 16


@dataclass(frozen=True)
class Book:
    """`key` gives the key of a row; rows for which it raises are skipped. Losing the file loses work, never data."""

    path: Path
    key: KeyOf

    def rows(self) -> Mapping[str, Row]:
        """Every row by key. Do not change the answer."""
        return _pages(self.key).read(self.path)

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows in one write."""
        lines = list(rows)
        if lines:
            append_jsonl(self.path, *lines)


@cache
def _pages(key: KeyOf) -> Growing[dict[str, Row]]:
    return Growing(dict, partial(_more, key), kept=KEPT)


def _more(key: KeyOf, rows: dict[str, Row], lines: Lines) -> dict[str, Row]:
    grown = dict(rows)
    for _, line in lines:
        try:
            row = json.loads(line)
            grown[key(row)] = row
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return grown
