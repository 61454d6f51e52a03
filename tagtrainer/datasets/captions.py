"""Caption files and their history. No text is overwritten before the old and the new one are safely in the history.

captions/<item>.txt is the truth; every change goes through the log of changes. Must not know the index.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from pathlib import Path

from tagtrainer.core.files import writing
from tagtrainer.core.text import UserError
from tagtrainer.datasets import changes as log
from tagtrainer.datasets.changes import Title

MANY = 50
LARGEST_FILE = 1 << 20


def caption_path(folder: Path, item: str) -> Path:
    """Where the caption of an item lies."""
    return folder / "captions" / f"{item}.txt"


def read_caption(folder: Path, item: str) -> tuple[str, str]:
    """(text, stamp); both empty when there is no file. The stamp changes when the file does."""
    path = caption_path(folder, item)
    try:
        with path.open("rb") as handle:
            status = os.fstat(handle.fileno())
            data = handle.read(LARGEST_FILE)
    except OSError:
        return "", ""
    return decode(data) or "", f"{status.st_size}:{status.st_mtime_ns}"


def decode(data: bytes) -> str | None:
    """The text of a caption file: UTF-8 with or without mark, UTF-16, GBK; None when it is none of them. No end newline."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return _try(data, name)
    if b"\x00" in data:
        return None
    text = _try(data, "utf-8")
    return text if text is not None else _try(data, "gb18030")


def _try(data: bytes, name: str) -> str | None:
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def write(
    folder: Path, texts: Mapping[str, str], names: Mapping[str, str], *, who: str, title: str | Title,
    expected: Mapping[str, str] | None = None, group: str = "",
) -> list[str]:  # fmt: skip
    """Replace captions as one named change; returns the items whose text differs now.

    `expected` holds the texts the writer saw: when one on disk is another, nothing is written, both texts go to the history,
    and UserError datasets.caption_changed is raised.
    """
    with log.lock(folder):
        before = {item: read_caption(folder, item)[0] for item in texts}
        clashes = [item for item, seen in (expected or {}).items() if item in before and before[item] != seen]
        changes = _changes(before, texts)
        if changes and clashes:
            log.append(folder, "captions", changes, who=who, title=title, group=group, refused=True)
            raise UserError("datasets.caption_changed", name=names.get(clashes[0], clashes[0]), count=len(clashes))
        return _apply(folder, changes, who=who, title=title, group=group)


def turn_back(
    folder: Path, texts: Mapping[str, str], seen: Mapping[str, str], *, who: str, title: str | Title, undoes: str
) -> tuple[list[str], list[str]]:
    """Put captions to `texts` where they still are `seen`: (changed, left alone because they were changed since)."""
    with log.lock(folder):
        before = {item: read_caption(folder, item)[0] for item in texts}
        later = [item for item, text in before.items() if text not in (seen[item], texts[item])]
        wanted = {item: text for item, text in texts.items() if item not in set(later)}
        changes = _changes(before, wanted)
        return _apply(folder, changes, who=who, title=title, undoes=undoes, always=True), later


def _changes(before: Mapping[str, str], texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"item": item, "old": before[item], "new": text} for item, text in texts.items() if text != before[item]]


def _apply(
    folder: Path, changes: list[dict[str, str]], *, who: str, title: str | Title, group: str = "", undoes: str = "",
    always: bool = False,
) -> list[str]:  # fmt: skip
    if changes or always:
        log.append(folder, "captions", changes, who=who, title=title, group=group, undoes=undoes)
    put(folder, {change["item"]: change["new"] for change in changes})
    return [change["item"] for change in changes]


def put(folder: Path, texts: Mapping[str, str]) -> None:
    """Write caption files whose texts are safely in the history: many small files need no fsync each."""
    for item, text in texts.items():
        with writing(caption_path(folder, item), durable=len(texts) <= MANY) as handle:
            handle.write(text.encode("utf-8"))
