"""The log of changes of a dataset: history/changes.jsonl, append-only, one line per change. Must not change anything itself.

A line holds who, when, a title, the kind and, for every item, what was and what is. Lines of one `group` (an import, an AI run)
count as one change. Written and on disk before the change itself, so no kill can lose a text.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tagtrainer.core.files import append_jsonl
from tagtrainer.core.growing import Growing, Lines
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import t

ChangeKind = Literal["captions", "items", "delete", "restore", "add"]


class Title:
    """A title that is shown in the reader's language: a text key and its values."""

    def __init__(self, key: str, /, **values: Any) -> None:
        self.key, self.values = key, values

    def row(self) -> dict[str, Any]:
        """As it is written down."""
        return {"key": self.key, "values": {name: str(value) for name, value in self.values.items()}}


@dataclass(frozen=True, slots=True)
class Line:
    """What is kept in memory of a line: everything but its changes, and where they lie."""

    entry: str
    group: str
    at: float
    who: str
    title: Any
    kind: ChangeKind
    count: int
    undoes: str
    refused: bool
    offset: int
    length: int

    @property
    def words(self) -> str:
        """The title in the current language."""
        if isinstance(self.title, dict):
            return t(str(self.title.get("key", "")), **(self.title.get("values") or {}))
        return str(self.title)


def path_of(folder: Path) -> Path:
    """Where the log of a dataset lies."""
    return folder / "history" / "changes.jsonl"


def lock(folder: Path) -> FileLock:
    """Held while something of a dataset is compared and written."""
    return FileLock(folder / ".captions.lock")


def new_group() -> str:
    """A name for several lines that are one change."""
    return secrets.token_hex(6)


def append(
    folder: Path, kind: ChangeKind, changes: Sequence[dict[str, Any]], *, who: str, title: str | Title, group: str = "",
    undoes: str = "", refused: bool = False,
) -> str:  # fmt: skip
    """Write a line, on disk when this returns; its id. A change is {"item", "old", "new"}."""
    entry = secrets.token_hex(6)
    row: dict[str, Any] = {"entry": entry, "at": time.time(), "who": who, "kind": kind}
    row["title"] = title.row() if isinstance(title, Title) else title
    row |= {name: value for name, value in (("group", group), ("undoes", undoes), ("refused", refused)) if value}
    append_jsonl(path_of(folder), {**row, "changes": list(changes)})
    return entry


def lines(folder: Path) -> list[Line]:
    """Every line in the order of writing; damaged ones are skipped. Do not change the answer."""
    return _lines.read(path_of(folder))


def _more(known: list[Line], new: Lines) -> list[Line]:
    found = (_parse(raw, offset) for offset, raw in new)
    return [*known, *(line for line in found if line is not None)]


_lines: Growing[list[Line]] = Growing(list, _more)


def _parse(raw: bytes, offset: int) -> Line | None:
    try:
        row = json.loads(raw)
        changes = row["changes"]
        entry = str(row["entry"])
        return Line(
            entry, str(row.get("group") or entry), float(row["at"]), str(row.get("who", "")), row.get("title", ""),
            row.get("kind", "captions"), len(changes), str(row.get("undoes", "")), bool(row.get("refused")), offset, len(raw),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def changes_of(folder: Path, line: Line) -> list[dict[str, Any]]:
    """The changes of a line, read from disk."""
    with path_of(folder).open("rb") as handle:
        handle.seek(line.offset)
        rows: list[dict[str, Any]] = json.loads(handle.read(line.length))["changes"]
    return rows
