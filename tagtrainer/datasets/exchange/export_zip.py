"""The zip form of an export: pictures as they are, texts packed, names in UTF-8. Must not decide what goes in."""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tagtrainer.core.progress import OnProgress
from tagtrainer.core.zips import add_bytes, add_file, add_text
from tagtrainer.datasets.exchange import export_plan
from tagtrainer.datasets.exchange.export_plan import Placed


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
            add_text(archive, "metadata.jsonl", text.encode("utf-8"), time.time())
            add_text(
                archive, "dataset.json", json.dumps(about, ensure_ascii=False, indent=1).encode("utf-8"), time.time()
            )
        handle.flush()
        os.fsync(handle.fileno())


def _one(archive: zipfile.ZipFile, placed: Placed, picture: bytes | None) -> None:
    when = placed.item.added
    if picture is None:
        add_file(archive, placed.target, placed.source, when)
    else:
        add_bytes(archive, placed.target, picture, when)
    for source, target in placed.controls:
        add_file(archive, target, source, when)
    if placed.raw_caption:
        add_text(archive, placed.caption_target, placed.raw_caption, when)
