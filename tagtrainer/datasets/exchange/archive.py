"""Reads zip files from strangers: no way out, no bombs, no nesting, names of any age. Must not know datasets.

Limits: number of entries and unpacked size from the settings; a single file at most 1 GiB; what unpacks to more than it declared
is refused. Everything that cannot be taken is named, the rest is.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tagtrainer.core.files import writing
from tagtrainer.core.text import UserError
from tagtrainer.datasets.models import Skipped

LARGEST_FILE = 1 << 30
BLOCK = 1 << 18
ARCHIVES = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".cbz"})
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 0x1


@dataclass(frozen=True)
class Entry:
    """A file inside the archive under its readable name, `/` between its folders."""

    info: zipfile.ZipInfo
    name: str


@dataclass
class Archive:
    """An open zip. `entries` may be read, `skipped` may not."""

    path: Path
    zip: zipfile.ZipFile
    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def open_archive(path: Path, *, max_entries: int, max_bytes: int) -> Archive:
    """Open and sort out. UserError datasets.zip.* when the whole archive cannot be taken."""
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise UserError("datasets.zip.damaged", file=path.name) from error
    infos = [info for info in opened.infolist() if not info.is_dir()]
    if len(infos) > max_entries:
        opened.close()
        raise UserError("datasets.zip.too_many", file=path.name, count=len(infos), limit=max_entries)
    archive = Archive(path, opened)
    encoding = name_encoding(infos)
    for info in infos:
        _sort(archive, info, readable_name(info, encoding))
    total = sum(entry.info.file_size for entry in archive.entries)
    if total > max_bytes:
        opened.close()
        raise UserError("datasets.zip.too_large", file=path.name, size=total >> 30, limit=max_bytes >> 30)
    return archive


def _sort(archive: Archive, info: zipfile.ZipInfo, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if _is_litter(parts):
        return
    key = _objection(info, name, parts)
    if key:
        archive.skipped.append(
            Skipped(f"{archive.path.name}: {name[:200]}", f"datasets.zip.{key}", {"limit": LARGEST_FILE >> 20})
        )
    else:
        archive.entries.append(Entry(info, "/".join(parts)))


def _objection(info: zipfile.ZipInfo, name: str, parts: tuple[str, ...]) -> str:
    """Why an entry is not taken, as the end of a text key; "" when it is."""
    if (
        name.startswith(("/", "\\"))
        or ".." in parts
        or any(":" in part for part in parts[:1])
        or "\x00" in name
        or not parts
    ):
        return "outside"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link"
    if info.flag_bits & _ENCRYPTED_FLAG:
        return "encrypted"
    if PurePosixPath(parts[-1]).suffix.lower() in ARCHIVES:
        return "nested"
    if info.file_size > LARGEST_FILE:
        return "file_too_large"
    return ""


def _is_litter(parts: tuple[str, ...]) -> bool:
    return bool(parts) and ("__MACOSX" in parts or is_litter(parts[-1]))


def is_litter(name: str) -> bool:
    """Files that systems leave everywhere and nobody misses."""
    return name.startswith(".") or name.casefold() in ("thumbs.db", "desktop.ini", "icon\r")


def name_encoding(infos: Iterable[zipfile.ZipInfo]) -> str:
    """How names without the UTF-8 flag were written: UTF-8 if all of them could be, else GBK (old Chinese Windows).

    Short Chinese names can be read as both. Windows (system 0) never wrote UTF-8 without the flag, so there GBK wins, unless
    a name has the three-byte letters that only UTF-8 makes by chance.
    """
    plain = [info for info in infos if not info.filename.isascii()]
    names = [name for name in map(_raw_name, plain) if name is not None]
    try:
        texts = [name.decode("utf-8") for name in names]
    except UnicodeDecodeError:
        return "gbk"
    if any(letter > "\u0800" for text in texts for letter in text) or any(info.create_system for info in plain):
        return "utf-8"
    return "gbk" if names else "utf-8"


def _raw_name(info: zipfile.ZipInfo) -> bytes | None:
    """The bytes that zip readers take for cp437; None when the name is flagged as UTF-8."""
    if info.flag_bits & _UTF8_FLAG:
        return None
    try:
        return info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return None


def readable_name(info: zipfile.ZipInfo, encoding: str) -> str:
    """The name as its maker saw it."""
    data = _raw_name(info)
    try:
        return info.filename if data is None else data.decode(encoding)
    except UnicodeDecodeError:
        return info.filename


def blocks(archive: Archive, entry: Entry) -> Iterator[bytes]:
    """The entry's content. UserError datasets.zip.entry_damaged, datasets.zip.bomb."""
    seen = 0
    name = f"{archive.path.name}: {entry.name}"
    try:
        with archive.zip.open(entry.info) as reader:
            while block := reader.read(BLOCK):
                seen += len(block)
                if seen > entry.info.file_size:
                    raise UserError("datasets.zip.bomb", file=name)
                yield block
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise UserError("datasets.zip.entry_damaged", file=name) from error


def unpack(archive: Archive, entry: Entry, target: Path) -> None:
    """Write the entry's content to `target`."""
    with writing(target, durable=False) as handle:
        for block in blocks(archive, entry):
            handle.write(block)


def content(archive: Archive, entry: Entry, limit: int) -> bytes:
    """The entry's content, at most `limit` bytes of it."""
    data = b""
    for block in blocks(archive, entry):
        data += block
        if len(data) >= limit:
            break
    return data[:limit]
