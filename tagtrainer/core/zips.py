"""Members of a zip that is being written: files stored as they are, texts packed, true dates. Must not know what they are for."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path

BLOCK = 1 << 20
EARLIEST = 315_619_200.0  # 1980 and a bit: before that a zip cannot count


def add_file(archive: zipfile.ZipFile, name: str, source: Path, when: float) -> None:
    """The file `source` under `name`, not packed: pictures and weights are packed already. Raises OSError."""
    with source.open("rb") as reader:
        info = _info(name, when, zipfile.ZIP_STORED)
        info.file_size = source.stat().st_size
        with archive.open(info, "w") as writer:
            shutil.copyfileobj(reader, writer, BLOCK)


def add_bytes(archive: zipfile.ZipFile, name: str, data: bytes, when: float) -> None:
    """Bytes that are packed already."""
    archive.writestr(_info(name, when, zipfile.ZIP_STORED), data)


def add_text(archive: zipfile.ZipFile, name: str, data: bytes, when: float) -> None:
    """Bytes of a text; packed."""
    archive.writestr(_info(name, when, zipfile.ZIP_DEFLATED), data)


def _info(name: str, when: float, method: int) -> zipfile.ZipInfo:
    date = time.localtime(min(max(when, EARLIEST), 4e9))[:6]
    info = zipfile.ZipInfo(name, date)
    info.compress_type = method
    info.external_attr = 0o100644 << 16
    return info
