"""The zip form of an export: pictures as they are, texts packed, names in UTF-8. Must not decide what goes in."""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tagtrainer.core.progress import OnProgress
from tagtrainer.datasets.exchange import export_plan
from tagtrainer.datasets.exchange.export_plan import Placed

BLOCK = 1 << 20
EARLIEST = 315_619_200.0  # 1980 and a bit: before that a zip cannot count


def write_zip(
    path: Path, placed: Sequence[Placed], about: dict[str, Any], content: Callable[[Placed], bytes | None],
    on_progress: OnProgress,
) -> None:  # fmt: skip
    """Write the archive to `path`, over what lies there; on disk when this returns."""
    with path.open("wb") as handle:
        with zipfile.ZipFile(handle, "w") as archive:
            on_progress(0, len(placed), "")
            for done, each in enumerate(placed, 1):
                _one(archive, each, content(each))
                on_progress(done, len(placed), each.item.name)
            rows = export_plan.rows(placed, bool(about["as_trained"]))
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            _text(archive, "metadata.jsonl", text.encode("utf-8"), time.time())
            _text(archive, "dataset.json", json.dumps(about, ensure_ascii=False, indent=1).encode("utf-8"), time.time())
        handle.flush()
        os.fsync(handle.fileno())


def _one(archive: zipfile.ZipFile, placed: Placed, picture: bytes | None) -> None:
    when = placed.item.added
    if picture is None:
        _file(archive, placed.target, placed.source, when)
    else:
        archive.writestr(_info(placed.target, when, zipfile.ZIP_STORED), picture)
    for source, target in placed.controls:
        _file(archive, target, source, when)
    if placed.raw_caption:
        _text(archive, placed.caption_target, placed.raw_caption, when)


def _file(archive: zipfile.ZipFile, name: str, source: Path, when: float) -> None:
    info = _info(name, when, zipfile.ZIP_STORED)
    info.file_size = source.stat().st_size
    with source.open("rb") as reader, archive.open(info, "w") as writer:
        shutil.copyfileobj(reader, writer, BLOCK)


def _text(archive: zipfile.ZipFile, name: str, data: bytes, when: float) -> None:
    archive.writestr(_info(name, when, zipfile.ZIP_DEFLATED), data)


def _info(name: str, when: float, method: int) -> zipfile.ZipInfo:
    date = time.localtime(min(max(when, EARLIEST), 4e9))[:6]
    info = zipfile.ZipInfo(name, date)
    info.compress_type = method
    info.external_attr = 0o100644 << 16
    return info
