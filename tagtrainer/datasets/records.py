"""items.jsonl: what is known of each picture beside its file. Append-only; the last line of an id wins.

Must not know the index. Reading is incremental: only lines that were added since the last look are parsed.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagtrainer.core.files import append_jsonl
from tagtrainer.datasets.models import Item

_FIELDS = ("id", "name", "ext", "width", "height", "bytes", "sha256", "added", "folder")


@dataclass
class _Known:
    inode: tuple[int, int] = (0, 0)
    offset: int = 0
    items: dict[str, Item] = field(default_factory=dict)


_known: dict[Path, _Known] = {}
_lock = threading.Lock()


def read(folder: Path) -> dict[str, Item]:
    """Every recorded item of a dataset folder by id; damaged lines are skipped. Do not change the answer."""
    path = folder / "items.jsonl"
    with _lock:
        known = _known.setdefault(path, _Known())
        try:
            status = path.stat()
        except OSError:
            _known[path] = _Known()
            return {}
        inode = (status.st_dev, status.st_ino)
        if inode != known.inode or status.st_size < known.offset:
            known = _known[path] = _Known(inode)
        if status.st_size > known.offset:
            known.items = dict(known.items)
            known.offset += _take(path, known)
        return known.items


def _take(path: Path, known: _Known) -> int:
    with path.open("rb") as handle:
        handle.seek(known.offset)
        data = handle.read()
    whole = data.rfind(b"\n") + 1  # a line that is still being written is left for the next look
    for line in data[:whole].splitlines():
        _apply(line, known.items)
    return whole


def _apply(line: bytes, items: dict[str, Item]) -> None:
    try:
        row = json.loads(line)
        if row.get("gone"):
            items.pop(row["id"], None)
        else:
            items[row["id"]] = from_row(row)
    except (ValueError, TypeError, KeyError, AttributeError):
        return


def from_row(row: dict[str, Any]) -> Item:
    """An item from a line. Raises KeyError, TypeError, ValueError when it is not one."""
    return Item(
        id=str(row["id"]), name=str(row["name"]), ext=str(row["ext"]), width=int(row["width"]), height=int(row["height"]),
        bytes=int(row["bytes"]), sha256=str(row["sha256"]), added=float(row.get("added", 0.0)),
        folder=str(row.get("folder", "")),
    )  # fmt: skip


def to_row(item: Item) -> dict[str, Any]:
    """An item as a line."""
    return {name: getattr(item, name) for name in _FIELDS}


def add(folder: Path, items: list[Item]) -> None:
    """Record items, in one write."""
    if items:
        append_jsonl(folder / "items.jsonl", *(to_row(item) for item in items))


def forget(folder: Path, ids: list[str]) -> None:
    """Record that items are gone (to the trash)."""
    if ids:
        append_jsonl(folder / "items.jsonl", *({"id": ident, "gone": True} for ident in ids))
