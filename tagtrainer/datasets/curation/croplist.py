"""The list of crops that a page looks through: the offers of a filter with their counts, kept until something changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tagtrainer.datasets import index, store
from tagtrainer.datasets.curation import proposals
from tagtrainer.datasets.curation.crops import Target
from tagtrainer.datasets.curation.proposals import Offer
from tagtrainer.workspace import Workspace

Show = Literal["all", "cut", "small", "skipped"]
KEPT = 4


@dataclass(frozen=True)
class CropList:
    """`missing`: pictures whose subject is not known yet; `cropped`: pictures of the filter that are cropped now.

    `changes`: how many pictures would be another size if the offers were applied.
    """

    offers: list[Offer]
    missing: int
    cropped: int
    changes: int

    def shown(self, show: Show) -> list[Offer]:
        """The offers that deserve a look for one reason: subject cut off, pixels missing, skipped."""
        if show == "cut":
            return [offer for offer in self.offers if not offer.proposal.whole]
        if show == "small":
            return [offer for offer in self.offers if offer.proposal.enlarged > 1]
        if show == "skipped":
            return [offer for offer in self.offers if offer.state == "skipped"]
        return self.offers


_lists: dict[tuple[Path, str, str, str, str], tuple[tuple[int, int, int], CropList]] = {}
_lock = threading.Lock()


def crop_list(ws: Workspace, dataset: str, by: str, target: Target, expr: str = "") -> CropList:
    """Every offer for the pictures that a filter shows, by name. Raises UserError."""
    key = (ws.root, dataset, by, str(target), expr)
    stamp = (index.ensure(ws, dataset), *_stamp(proposals.path_of(ws, dataset)))
    with _lock:
        kept = _lists.get(key)
    if kept is not None and kept[0] == stamp:
        return kept[1]
    made = _made(ws, dataset, by, target, expr)
    with _lock:
        _lists.pop(key, None)
        while len(_lists) >= KEPT:
            _lists.pop(next(iter(_lists)))
        _lists[key] = (stamp, made)
    return made


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _made(ws: Workspace, dataset: str, by: str, target: Target, expr: str) -> CropList:
    items = [item for item in store.select(ws, dataset, expr=expr or None) if item.media == "image"]
    offers = list(proposals.offers(ws, dataset, items, by, target))
    cropped = sum(item.crop is not None for item in items)
    return CropList(offers, len(items) - len(offers), cropped, len(proposals.changes_of(offers)))
