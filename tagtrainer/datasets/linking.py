"""Files of items taken over from one dataset into another: linked where the disk can, else copied. Must not record anything.

Only what never changes in place is linked (originals, control images, previews); captions are copied by whoever calls.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tagtrainer.core.files import safe_id, slug, write_error
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, intake, trash
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.pairs.controls import Serials
from tagtrainer.workspace import Workspace

KEEP_HOURS = 24


def link(source: Path, target: Path) -> None:
    """The same content under another name; what lies there already stays."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
    except FileExistsError:
        return
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without hard links
        intake.copy(source, target)


def bring(source: Path, item: Item, target: Path, ident: str, serials: Serials) -> Item:
    """All files of an item but its caption; the item as it is to be recorded there. UserError datasets.item_not_found.

    The original comes last: a file in images/ that nobody recorded is found and taken in, so it must not come alone.
    """
    controls = tuple(
        replace(control, file=f"{ident}_{serials.next(ident)}{Path(control.file).suffix}") for control in item.controls
    )
    fresh = replace(item, id=ident, controls=controls, has_caption=False)
    pairs = zip(trash.parts(source, item), trash.parts(target, fresh), strict=True)
    for (_, here), (_, there) in reversed(list(pairs)):
        if here.parent.name == "captions":
            continue
        try:
            link(here, there)
        except FileNotFoundError as error:
            if here.parent.name == "images":
                raise UserError("datasets.item_not_found", id=item.id) from error
    return fresh


@contextmanager
def shaping(ws: Workspace) -> Iterator[Path]:
    """An empty folder on the disk of the datasets, not seen as one; what killed runs left there goes after a day."""
    place = ws.runtime / "shaping"
    place.mkdir(parents=True, exist_ok=True)
    for old in place.iterdir():
        if old.is_dir() and time.time() - old.stat().st_mtime > KEEP_HOURS * 3600:
            shutil.rmtree(old, ignore_errors=True)
    folder = place / f"{os.getpid()}-{time.time_ns():x}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_id(ws: Workspace, name: str) -> str:
    """An id for a new dataset of that name."""
    base = slug(name, limit=32, fallback="dataset")
    ident, number = base, 2
    while os.path.lexists(ws.dataset(ident)):
        ident, number = f"{base}-{number}", number + 1
    return safe_id(ident)


def publish(ws: Workspace, folder: Path, ident: str) -> None:
    """Make a whole folder the dataset `ident`, in one step."""
    target = ws.dataset(ident)
    try:
        if os.path.lexists(target):
            raise FileExistsError(17, "exists", str(target))
        folder.rename(target)
    except OSError as error:
        raise write_error(target, error) from error
    index.drop(ws, ident)


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Held while a dataset is reshaped or taken into: no import at the same time. UserError shape.busy."""
    busy: FileLock = intake.lock(folder)
    if not busy.acquire(timeout=5):
        raise UserError("shape.busy", name=name)
    try:
        yield
    finally:
        busy.release()
