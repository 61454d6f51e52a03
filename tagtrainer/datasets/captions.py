"""Caption files and their history. No text is overwritten before the old and the new one are safely in the history.

captions/<item>.txt is the truth; every change goes through the log of changes. Must not know the index.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from tagtrainer.core.files import write_bytes, write_error, writing
from tagtrainer.core.text import UserError
from tagtrainer.datasets import changes as log
from tagtrainer.datasets.changes import Title

MANY = 50
LARGEST_FILE = 1 << 20
PAGE = 4096
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_BINARY = getattr(os, "O_BINARY", 0)


def caption_path(folder: Path, item: str) -> Path:
    """Where the caption of an item lies."""
    return folder / "captions" / f"{item}.txt"


def read_caption(folder: Path, item: str) -> tuple[str, str]:
    """(text, stamp); both empty when there is no file. The stamp changes when the file does."""
    try:
        descriptor = os.open(
            f"{folder}/captions/{item}.txt", os.O_RDONLY | _BINARY
        )  # a hot loop: 100,000 files and more
    except OSError:
        return "", ""
    try:
        status = os.fstat(descriptor)
        data = os.read(descriptor, LARGEST_FILE)
    except OSError:
        return "", ""
    finally:
        os.close(descriptor)
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
    return None if "\x00" in text else as_read(text)


def as_read(text: str) -> str:
    """A text as it comes back when it was written and is read again: what is compared, shown beforehand and undone."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isprintable():
        text = _UNWRITABLE.sub("", text).lstrip("\n\ufeff")
    return text.strip("\n")


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
        seen = {item: as_read(text) for item, text in (expected or {}).items()}
        clashes = [item for item, text in seen.items() if item in before and before[item] != text]
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
        texts, seen = ({item: as_read(text) for item, text in known.items()} for known in (texts, seen))
        later = [item for item, text in before.items() if text not in (seen[item], texts[item])]
        wanted = {item: text for item, text in texts.items() if item not in set(later)}
        changes = _changes(before, wanted)
        return _apply(folder, changes, who=who, title=title, undoes=undoes, always=True), later


def _changes(before: Mapping[str, str], texts: Mapping[str, str]) -> list[dict[str, str]]:
    wanted = ((item, as_read(text)) for item, text in texts.items())
    return [{"item": item, "old": before[item], "new": text} for item, text in wanted if text != before[item]]


def _apply(
    folder: Path, changes: list[dict[str, str]], *, who: str, title: str | Title, group: str = "", undoes: str = "",
    always: bool = False,
) -> list[str]:  # fmt: skip
    if changes or always:
        log.append(folder, "captions", changes, who=who, title=title, group=group, undoes=undoes)
    for change in changes:
        if not change["old"]:
            _keep_unreadable(folder, change["item"])
    put(folder, {change["item"]: change["new"] for change in changes})
    return [change["item"] for change in changes]


def _keep_unreadable(folder: Path, item: str) -> None:
    """A file that is no text to us (somebody put it there) reads as empty: its bytes go to history/ before it is replaced."""
    try:
        data = caption_path(folder, item).read_bytes()
    except OSError:
        return
    if decode(data) is None:
        write_bytes(folder / "history" / f"{item}.{hashlib.sha256(data).hexdigest()[:12]}.unreadable", data)


def put(folder: Path, texts: Mapping[str, str]) -> None:
    """Write caption files whose texts are safely in the history: many small files need no fsync each."""
    many = len(texts) > MANY
    in_place = 0
    for item, text in texts.items():
        data = text.encode("utf-8")
        if many and _overwrite(f"{folder}/captions/{item}.txt", data):
            in_place += 1
            continue
        with writing(caption_path(folder, item), durable=not many) as handle:
            handle.write(data)
    if in_place and hasattr(
        os, "sync"
    ):  # to the disk now, not in half a minute; nobody waits: the texts are in the history
        threading.Thread(target=os.sync, daemon=True).start()


def _overwrite(path: str, data: bytes) -> bool:
    """Change a small file where it lies; False when that is not safe.

    10,000 of them take 0.1 s, by temporary file and rename 1.7 to 5 s (ext4 flushes what is renamed over another file), and undo
    has to stay under 3 s.

    One write of less than a page, filled up with line ends that readers strip: a kill leaves the old text or the new one. A file
    with a second name (a copy by hard links) is left alone.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | _BINARY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if status.st_nlink != 1 or max(status.st_size, len(data)) > PAGE:
            return False
        os.write(descriptor, data.ljust(status.st_size, b"\n"))
        if len(data) < status.st_size:
            os.ftruncate(descriptor, len(data))
    except OSError as error:
        raise write_error(Path(path), error) from error
    finally:
        os.close(descriptor)
    return True
