"""Caption files and their history. No text is overwritten before the old and the new one are safely in the history.

captions/<item>.txt is the truth; history/captions.jsonl is append-only, one line per named change. Must not know the index.
"""

from __future__ import annotations

import codecs
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from tagtrainer.core.files import append_jsonl, writing
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import UserError

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


def lock(folder: Path) -> FileLock:
    """Held while captions of a dataset are compared and written."""
    return FileLock(folder / ".captions.lock")


def write(
    folder: Path, texts: Mapping[str, str], names: Mapping[str, str], *, who: str, title: str,
    expected: Mapping[str, str] | None = None,
) -> list[str]:  # fmt: skip
    """Replace captions as one named change; returns the items whose text differs now.

    `expected` holds the texts the writer saw: when one on disk is another, nothing is written, both texts go to the history,
    and UserError datasets.caption_changed is raised.
    """
    with lock(folder):
        before = {item: read_caption(folder, item)[0] for item in texts}
        clashes = [item for item, seen in (expected or {}).items() if item in before and before[item] != seen]
        changes = [
            {"item": item, "old": before[item], "new": text} for item, text in texts.items() if text != before[item]
        ]
        if not changes:
            return []
        entry = {"entry": secrets.token_hex(6), "at": time.time(), "who": who, "title": title, "changes": changes}
        if clashes:
            append_jsonl(folder / "history" / "captions.jsonl", {**entry, "refused": True})
            raise UserError("datasets.caption_changed", name=names.get(clashes[0], clashes[0]), count=len(clashes))
        append_jsonl(folder / "history" / "captions.jsonl", entry)
        for change in changes:  # the history is safely on disk, so many small files need no fsync each
            with writing(caption_path(folder, change["item"]), durable=len(changes) <= MANY) as handle:
                handle.write(change["new"].encode("utf-8"))
        return [change["item"] for change in changes]
