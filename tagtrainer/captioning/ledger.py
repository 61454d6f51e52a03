"""What a batch has been answered so far: every answer is on disk before it becomes a caption, so none is asked for twice.

ledger.jsonl in the task's folder; beside it errors.jsonl, what went wrong in this attempt. Must not ask or write captions.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagtrainer.core.files import append_jsonl, read_jsonl

ERRORS = "errors.jsonl"


@dataclass
class Ledger:
    """Without a path it only remembers for the moment."""

    path: Path | None
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, item: str, old: str, new: str, model: str) -> None:
        """An answer has come: `new` is the whole caption it makes of `old`."""
        row = {"item": item, "old": old, "new": new, "model": model}
        self.answers[item] = row
        self._add(row)

    def wrote(self, item: str) -> None:
        """Its caption is written (or needs no writing any more)."""
        self.done.add(item)
        self._add({"item": item, "done": True})

    def failed(self, row: dict[str, Any]) -> None:
        """A picture could not be captioned."""
        if self.path is not None:
            append_jsonl(self.path.with_name(ERRORS), row)

    def finish(self, failed: int) -> None:
        """The batch came to its end."""
        self._add({"finished": True, "failed": failed})

    def _add(self, row: dict[str, Any]) -> None:
        if self.path is not None:
            with self._lock:
                append_jsonl(self.path, row)


def open_ledger(folder: Path | None) -> Ledger:
    """The ledger of a task folder. One of a batch that came to its end without failures is set aside: that batch is run anew."""
    if folder is None:
        return Ledger(None)
    path = folder / "ledger.jsonl"
    (folder / ERRORS).unlink(missing_ok=True)
    rows = [row for row in read_jsonl(path) if isinstance(row, dict)]
    if rows and rows[-1].get("finished") and not rows[-1].get("failed"):
        path.replace(folder / f"ledger-{len(list(folder.glob('ledger-*.jsonl'))) + 1}.jsonl")
        rows = []
    found = Ledger(path)
    for row in rows:
        item = str(row.get("item", ""))
        if row.get("done"):
            found.done.add(item)
        elif {"new", "old", "model"} <= row.keys():
            found.answers[item] = row
    return found
