"""What was measured of each picture, kept in curation/measures.jsonl (append-only) and small greys in curation/greys.bin.

Must not decode pictures nor judge them. A line holds the half that a pass measured: what duplicates need, or what quality needs.
Lines of a picture that shows something else since (another stamp) do not count.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.files import append_jsonl, write_error
from tagtrainer.core.growing import Growing, Lines
from tagtrainer.datasets import store
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

Part = Literal["duplicates", "quality"]
PARTS: tuple[Part, ...] = ("duplicates", "quality")
VERSION = 2
SIDE, COLOUR_SIDE = 32, 16
GREYS = SIDE * SIDE
RECORD = GREYS + 2 * COLOUR_SIDE * COLOUR_SIDE
"""Bytes of a picture in greys.bin: 32 x 32 greys, then 16 x 16 of each of the two colour differences."""
HASHES = ("plain", "mirrored", "centre", "centre_mirrored")
NUMBERS: Mapping[Part, tuple[str, ...]] = {
    "duplicates": ("grey", "detail"),
    "quality": ("sharp", "light", "shade", "clipped", "quality", "left", "top", "right", "bottom"),
}
_DTYPE = np.dtype(
    [(name, "u8") for name in HASHES]
    + [(name, "i8" if name == "grey" else "f4") for part in PARTS for name in NUMBERS[part]]
)


@dataclass(frozen=True)
class Table:
    """Measures of items, row by row. `known[part]` says which rows hold that part; `failed` which could not be read."""

    items: Sequence[Item]
    rows: NDArray[Any]
    known: Mapping[Part, NDArray[np.bool_]]
    failed: NDArray[np.bool_]
    lines: Mapping[str, int]
    """How many lines of each part were ever written."""
    older: Mapping[Part, int] = field(default_factory=dict)
    """How many are pending because an earlier version measured them, in another way."""

    def pending(self, part: Part) -> int:
        """How many were not looked at yet."""
        return int((~self.known[part] & ~self.failed).sum())


@dataclass
class _Known:
    """What was read of a file so far; arrays grow by doubling."""

    offset: int = 0
    places: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, list[str]] = field(default_factory=lambda: {part: [] for part in (*PARTS, "failed")})
    lines: dict[str, int] = field(default_factory=dict)
    older: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: {part: set() for part in PARTS})
    """(id, stamp) of lines of earlier versions."""
    rows: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=_DTYPE))


_lock = threading.Lock()


def folder(ws: Workspace, dataset: str) -> Path:
    """Where measures of a dataset lie."""
    return ws.dataset(dataset) / "curation"


_last: dict[Path, tuple[Sequence[Item], int, Table]] = {}
"""The table asked for last; a page asks for the same again and again."""


def table(ws: Workspace, dataset: str, items: Sequence[Item] | None = None) -> Table:
    """What is known of the items, of all when None, in their order."""
    path = folder(ws, dataset) / "measures.jsonl"
    everything = store.items(ws, dataset) if items is None else items
    with _lock:
        known = _lines.read(path)
        kept = _last.get(path)
        if kept is not None and kept[0] is everything and kept[1] == known.offset:
            return kept[2]
        made = _made(known, everything)
        if items is None:
            _last.clear()
            _last[path] = (everything, known.offset, made)
        return made


def _made(known: _Known, items: Sequence[Item]) -> Table:
    places = np.fromiter((known.places.get(item.id, -1) for item in items), dtype=np.int64, count=len(items))
    rows = known.rows[places] if len(known.rows) else np.zeros(len(items), dtype=_DTYPE)
    current = {name: _current(items, places, stamps) for name, stamps in known.stamps.items()}
    parts = {part: current[part] for part in PARTS}
    older = {part: _older(items, ~(parts[part] | current["failed"]), known.older[part]) for part in PARTS}
    return Table(items, rows, parts, current["failed"], dict(known.lines), older)


def _older(items: Sequence[Item], pending: NDArray[np.bool_], seen: set[tuple[str, str]]) -> int:
    if not seen:
        return 0
    return sum((items[at].id, items[at].stamp) in seen for at in np.flatnonzero(pending).tolist())


def _current(items: Sequence[Item], places: NDArray[np.int64], stamps: list[str]) -> NDArray[np.bool_]:
    pairs = zip(items, places.tolist(), strict=True)
    return np.fromiter((at >= 0 and stamps[at] == item.stamp for item, at in pairs), dtype=np.bool_, count=len(items))


def _more(known: _Known, lines: Lines) -> _Known:
    """In place: whoever reads holds the lock."""
    for offset, line in lines:
        known.offset = offset + len(line)
        _take(known, line)
    return known


_lines: Growing[_Known] = Growing(_Known, _more)


def _take(known: _Known, line: bytes) -> None:
    try:
        row = json.loads(line)
        ident, stamp, part = str(row["id"]), str(row["stamp"]), str(row["part"])
        if part not in known.stamps:
            return
        if row["v"] != VERSION:
            known.older.get(part, set()).add((ident, stamp))
            return
        values = {name: float(row[name]) for name in NUMBERS.get(part, ())}  # type: ignore[call-overload]
        hashes = {name: int(row[name], 16) for name in HASHES} if part == "duplicates" else {}
    except (ValueError, TypeError, KeyError):
        return
    at = _place(known, ident)
    known.stamps[part][at] = stamp
    known.lines[part] = known.lines.get(part, 0) + 1
    for name, value in {**values, **hashes}.items():
        known.rows[name][at] = value


def _place(known: _Known, ident: str) -> int:
    at = known.places.setdefault(ident, len(known.places))
    if at >= len(known.rows):
        known.rows = np.concatenate([known.rows, np.zeros(max(256, len(known.rows)), dtype=_DTYPE)])
    for stamps in known.stamps.values():
        if at >= len(stamps):
            stamps.append("")
    return at


def save(ws: Workspace, dataset: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append lines: id, stamp, part (or "failed") and the part's numbers."""
    append_jsonl(folder(ws, dataset) / "measures.jsonl", *({"v": VERSION, **row} for row in rows))


def save_greys(ws: Workspace, dataset: str, records: Sequence[bytes]) -> int:
    """Append records of greys; the place of the first. A record cut off by an earlier crash is filled up, so it harms none."""
    path = folder(ws, dataset) / "greys.bin"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as handle:
            end = handle.tell()
            rest = -end % RECORD
            handle.write(b"\0" * rest + b"".join(records))
            return (end + rest) // RECORD
    except OSError as error:
        raise write_error(path, error) from error


def greys(ws: Workspace, dataset: str) -> NDArray[np.uint8]:
    """All records, not read before they are looked at; an empty array when there are none."""
    path = folder(ws, dataset) / "greys.bin"
    try:
        count = path.stat().st_size // RECORD
    except OSError:
        count = 0
    if not count:
        return np.zeros((0, RECORD), dtype=np.uint8)
    return np.memmap(path, dtype=np.uint8, mode="r", shape=(count, RECORD))
