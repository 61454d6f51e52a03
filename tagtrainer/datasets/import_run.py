"""One import while it runs: what is known, what waits to be recorded, what has been said. Must not read or write files."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from tagtrainer.datasets import changes as log
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import ImportReport, Item
from tagtrainer.datasets.pairs.partners import Partners
from tagtrainer.workspace import Workspace


@dataclass
class Run:
    """One import: what is known, what waits to be recorded, what has been said."""

    ws: Workspace
    dataset: str
    folder: Path
    report: ImportReport = field(default_factory=ImportReport)
    by_hash: dict[str, str] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    twins: list[tuple[str, str]] = field(default_factory=list)
    """(hash, label) of files whose content another file of this import had already, before that one was settled."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: list[tuple[Item, str]] = field(default_factory=list)
    doomed: list[str] = field(default_factory=list)
    """Items that lay in the trash of the dataset that was exported."""
    group: str = field(default_factory=log.new_group)
    title: Title = field(default_factory=lambda: Title("datasets.change.import", source=""))
    partners: Partners | None = None
    """Only in datasets with control images."""

    def claim(self, sha256: str) -> bool:
        """True for the first file of a content."""
        with self.lock:
            fresh = sha256 not in self.by_hash and sha256 not in self.claimed
            self.claimed.add(sha256)
            return fresh

    def count(self, source: str) -> None:
        """One more thing that came from a list, a folder name or a text file."""
        self.report.sources[source] = self.report.sources.get(source, 0) + 1
