"""items.jsonl: what is known of each picture beside its file. Append-only; the last line of an id wins.

Must not know the index. Reading is incremental: only lines that were added since the last look are parsed.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from tagtrainer.core.files import append_jsonl, safe_id
from tagtrainer.core.growing import Growing, Lines
from tagtrainer.core.text import UserError
from tagtrainer.datasets.models import Box, Control, Item

_FIELDS = ("id", "name", "ext", "width", "height", "bytes", "sha256", "added", "folder")
_MORE = ("media", "duration", "fps", "frames", "flagged", "repeats", "crop", "turned")
_DEFAULTS: dict[str, Any] = {
    "media": "image", "duration": 0.0, "fps": 0.0, "frames": 0, "flagged": False, "repeats": 1, "crop": None,
    "turned": 0,
}  # fmt: skip
_USUAL = tuple(_DEFAULTS[name] for name in _MORE)
_fields_of, _more_of = attrgetter(*_FIELDS), attrgetter(*_MORE)
CHANGEABLE = frozenset({"flagged", "repeats", "crop", "controls"})
"""What may change about an item once it is recorded."""
MOST_REPEATS = 10_000


def _more(items: dict[str, Item], lines: Lines) -> dict[str, Item]:
    grown = dict(items)
    for _, line in lines:
        _apply(line, grown)
    return grown


_items: Growing[dict[str, Item]] = Growing(dict, _more)


def read(folder: Path) -> dict[str, Item]:
    """Every recorded item of a dataset folder by id; damaged lines are skipped. Do not change the answer."""
    return _items.read(folder / "items.jsonl")


def mark(folder: Path) -> str:
    """Another one as soon as something is recorded: file, length, and a sum of its end."""
    path = folder / "items.jsonl"
    try:
        with path.open("rb") as handle:
            status = os.fstat(handle.fileno())
            return f"{status.st_ino}:{status.st_size}:{_sum(handle, status.st_size)}"
    except OSError:
        return ""


def _sum(handle: IO[bytes], end: int) -> int:
    handle.seek(max(0, end - 256))
    return zlib.crc32(handle.read(min(end, 256)))


def written_since(folder: Path, seen: str) -> set[str] | None:
    """Ids in lines added since the mark `seen`; None when nobody can say, because the file is another one."""
    try:
        inode, end, total = map(int, seen.split(":"))
        with (folder / "items.jsonl").open("rb") as handle:
            if os.fstat(handle.fileno()).st_ino != inode or _sum(handle, end) != total:
                return None
            handle.seek(end)
            rows = (json.loads(line) for line in handle if line.strip())
            return {str(row["id"]) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return None


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
    media = str(row.get("media", "image"))
    if media not in ("image", "video"):
        raise ValueError(media)
    return Item(
        id=str(row["id"]), name=str(row["name"]), ext=str(row["ext"]), width=int(row["width"]), height=int(row["height"]),
        bytes=int(row["bytes"]), sha256=str(row["sha256"]), added=float(row.get("added", 0.0)),
        folder=str(row.get("folder", "")), media="video" if media == "video" else "image",
        duration=float(row.get("duration", 0.0)), fps=float(row.get("fps", 0.0)), frames=int(row.get("frames", 0)),
        controls=controls_of(row.get("controls") or ()), flagged=bool(row.get("flagged", False)),
        repeats=max(1, min(MOST_REPEATS, int(row.get("repeats", 1)))), crop=box_of(row.get("crop")),
        turned=int(row.get("turned", 0)),
    )  # fmt: skip


def controls_of(rows: Iterable[Any]) -> tuple[Control, ...]:
    """Control images from their rows. Raises KeyError, TypeError, ValueError (also for a file that would lead out)."""
    return tuple(
        row
        if isinstance(row, Control)
        else Control(
            file_name(row["file"]),
            str(row["name"]),
            int(row["width"]),
            int(row["height"]),
            int(row["bytes"]),
            str(row["sha256"]),
        )
        for row in rows
    )


def file_name(value: Any) -> str:
    """A plain file name from a row. Raises ValueError for one with folders."""
    try:
        return safe_id(str(value))
    except UserError as error:
        raise ValueError(value) from error


def box_of(value: Any) -> Box | None:
    """A crop from a row, None for none. Raises TypeError, ValueError when it is no box."""
    if value is None:
        return None
    x, y, width, height = (int(number) for number in value)
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise ValueError(value)
    return x, y, width, height


def to_row(item: Item) -> dict[str, Any]:
    """An item as a line; what is as usual is left out."""
    row = dict(zip(_FIELDS, _fields_of(item), strict=True))
    more = _more_of(item)
    if more != _USUAL:
        row |= {name: value for name, value in zip(_MORE, more, strict=True) if value != _DEFAULTS[name]}
    if item.controls:
        row["controls"] = [asdict(control) for control in item.controls]
    return row


def add(folder: Path, items: list[Item]) -> None:
    """Record items, in one write."""
    if items:
        append_jsonl(folder / "items.jsonl", *(to_row(item) for item in items))


def forget(folder: Path, ids: list[str]) -> None:
    """Record that items are gone (to the trash)."""
    if ids:
        append_jsonl(folder / "items.jsonl", *({"id": ident, "gone": True} for ident in ids))
