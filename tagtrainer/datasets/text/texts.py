"""Captions and tag table of a dataset in memory until something changes. Must not change anything.

One dataset is held at a time: what is looked at or worked on. Callers must not change what they get.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from tagtrainer.datasets import index
from tagtrainer.datasets.text import tag_table
from tagtrainer.datasets.text.tag_table import TagTable
from tagtrainer.workspace import Workspace


@dataclass
class _Held:
    of: tuple[Path, str, int]
    captions: dict[str, str]
    table: TagTable | None = None


_held: _Held | None = None
_lock = threading.Lock()
_counting = threading.Lock()  # of its own: a preview need not wait while tags are counted


def captions(ws: Workspace, dataset: str) -> dict[str, str]:
    """Item id -> caption as the index knows it, in no particular order; index.sync first where outside changes matter."""
    with _lock:
        return _fresh(ws, dataset).captions


def table(ws: Workspace, dataset: str) -> tuple[TagTable, list[str]]:
    """The tag table and the item of each of its rows."""
    with _counting:
        with _lock:
            held = _fresh(ws, dataset)
        if held.table is None:
            held.table = tag_table.build(list(held.captions.values()))
        return held.table, list(held.captions)


def _fresh(ws: Workspace, dataset: str) -> _Held:
    global _held
    of = (ws.index, dataset, index.ensure(ws, dataset))
    if _held is None or _held.of != of:
        _held = _Held(of, index.all_captions(ws, dataset))
    return _held
