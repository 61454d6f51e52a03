"""Progress of our own commands, printed in the one format that the job worker reads (tqdm's). Must not know what is counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import IO

OnProgress = Callable[[int, int, str], None]
"""Called with (done, total, note); services call it often, whoever listens may thin it out."""


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60:02d}:{rest % 60:02d}"


def frame(label: str, n: int, total: int, elapsed: float, note: str = "") -> str:
    """One progress line: `label:  25%|##5       | 3/12 [00:03<00:09,  1.07s/it, note]`."""
    share = n / total if total else 1.0
    bar = "#" * int(share * 10) + " " * (10 - int(share * 10))
    pace = elapsed / n if n else 0.0
    rest = _clock(pace * (total - n)) if n else "?"
    rate = "?it/s" if not pace else f"{1 / pace:5.2f}it/s" if pace < 1 else f"{pace:5.2f}s/it"
    tail = f", {note}" if note else ""
    return f"{label}: {share * 100:3.0f}%|{bar}| {n}/{total} [{_clock(elapsed)}<{rest}, {rate}{tail}]"


class Printer:
    """An OnProgress that redraws one line on stderr, at most ten times a second; the last frame is always drawn."""

    def __init__(self, label: str, stream: IO[str] | None = None) -> None:
        self.label = label
        self.stream = stream if stream is not None else sys.stderr
        self.started = time.monotonic()
        self._drawn = -1.0

    def __call__(self, n: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if n < total and now - self._drawn < 0.1:
            return
        self._drawn = now
        note = note.replace("]", ")").replace("\n", " ")[:120]
        self.stream.write("\r" + frame(self.label, n, total, now - self.started, note))
        if n >= total:
            self.stream.write("\n")
        self.stream.flush()


def silent(_n: int, _total: int, _note: str = "") -> None:
    """An OnProgress for whoever does not care."""
