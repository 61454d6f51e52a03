"""From what a program prints to a log people can read and a progress: progress-bar redraws are collapsed, rates are ours.

Must not know what the program does. The bars are tqdm's, which every engine and our own commands print.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tagtrainer.core.steps import Progress

BAR = re.compile(
    r"(?:(?P<label>[^\r\n|]*?):\s+)?(?P<pct>\d{1,3})%(?:\|[^|]*\|)?\s*(?P<n>\d+)/(?P<total>\d+)\s+"
    r"\[(?:(?:\d+:)?\d{1,4}:\d{2}|\?)<(?:(?:\d+:)?\d{1,4}:\d{2}|\?),\s*(?:\?|\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s?"
    r"(?:it/s|s/it)(?:,\s*(?P<note>[^\]\r\n]*))?\]"
)
COUNTER = re.compile(r"(?:^|\s)(?P<n>\d+)it\s+\[(?:(?:\d+:)?\d{1,4}:\d{2}|\?),\s*[^\]]*?(?:it/s|s/it)\]")
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
WINDOW_SECONDS = 120.0
SHOW_EVERY = 30.0
HEAD_BYTES = 2 << 20
MAX_BYTES = 40 << 20
LONGEST_LINE = 20_000


@dataclass
class _Bar:
    """One bar's way: when it stood where. Time that other bars took inside it counts as pauses, not as slowness."""

    label: str
    total: int | None
    points: deque[tuple[float, int]] = field(default_factory=deque)
    first: int = 0
    paused: float = 0.0

    def reach(self, n: int, at: float, returned: bool) -> None:
        """Stand at `n`; `returned`: another bar ran since."""
        if not self.points:
            self.first = n
        elif returned:
            left, last = self.points[-1]
            gap = max(0.0, at - left - (self.pace or 0.0) * (n - last))
            self.paused += gap
            self.points = deque((seen + gap, count) for seen, count in self.points)
        if not self.points or self.points[-1][1] != n:
            self.points.append((at, n))
        while len(self.points) > 2 and at - self.points[0][0] > WINDOW_SECONDS:
            self.points.popleft()

    @property
    def pace(self) -> float | None:
        """Seconds a unit, over the last two minutes."""
        (began, first), (ended, last) = self.points[0], self.points[-1]
        return (ended - began) / (last - first) if last > first and ended > began else None

    @property
    def eta(self) -> float | None:
        """Seconds left when it goes on like this, with as many pauses as so far."""
        n, pace = self.points[-1][1], self.pace
        if pace is None or self.total is None:
            return None
        return (pace + self.paused / max(1, n - self.first)) * (self.total - n)

    @property
    def unfinished(self) -> bool:
        return self.total is not None and self.points[-1][1] < self.total


@dataclass
class Meter:
    """Progress by our own clock. A bar that others interrupt is remembered and goes on where it stood."""

    expected: int | None = None
    now: Progress | None = None
    _base: int = 0
    _last: int = 0
    _bar: _Bar | None = None
    _outer: _Bar | None = None
    _waiting: Progress | None = None

    def see(self, text: str, at: float | None = None) -> bool:
        """Take in one frame; True when it told something new."""
        bar = BAR.search(text)
        if bar is None:
            return self._count(text, at)
        label = (bar["label"] or "").strip()
        return self._set(label[-60:], int(bar["n"]), int(bar["total"]), (bar["note"] or "").strip()[:200], at)

    def _count(self, text: str, at: float | None) -> bool:
        counter = COUNTER.search(text)
        if counter is None:
            return False
        n = int(counter["n"])
        if n < self._last:  # the counter starts again for the next dataset
            self._base += self._last
        self._last = n
        return self._set("", self._base + n, self.expected, "", at)

    def _set(self, label: str, n: int, total: int | None, note: str, at: float | None) -> bool:
        at = time.time() if at is None else at
        returned = self._turn_to(label, n, total)
        assert self._bar is not None
        self._bar.reach(n, at, returned)
        self.now = Progress(
            label=label, n=n, total=total, note=note, seconds_per_unit=self._bar.pace, eta=self._bar.eta, at=at,
            outer=self._waiting,
        )  # fmt: skip
        return True

    def _turn_to(self, label: str, n: int, total: int | None) -> bool:
        """Make the bar of this frame the current one; True when it is the one that was interrupted."""
        if self._same(self._bar, label, n, total):
            return False
        if self._same(self._outer, label, n, total):
            self._bar, self._outer, self._waiting = self._outer, None, None
            return True
        if self._bar is not None and self._bar.label != label and self._bar.unfinished and self.now is not None:
            self._outer, self._waiting = self._bar, self.now.model_copy(update={"outer": None})
        self._bar = _Bar(label, total)
        return False

    @staticmethod
    def _same(bar: _Bar | None, label: str, n: int, total: int | None) -> bool:
        return bar is not None and (bar.label, bar.total) == (label, total) and n >= bar.points[-1][1]


@dataclass
class Collapser:
    """Splits what was printed into lines and frames; keeps of a redrawn bar its last frame, and one every half minute."""

    meter: Meter
    _rest: str = ""
    _pending: str = ""
    _shown_at: float = 0.0

    def feed(self, text: str, at: float | None = None) -> Iterator[str]:
        """Lines for the log, without their ends."""
        at = time.time() if at is None else at
        pieces = re.split(r"(\r\n|\n|\r)", self._rest + text)
        self._rest = pieces.pop()
        if self._rest.endswith("\r") or len(self._rest) > LONGEST_LINE:
            pieces, self._rest = [*pieces, self._rest, "\n"], ""
        for body, end in zip(pieces[::2], pieces[1::2], strict=True):
            yield from self._piece(clean(body), end, at)
        if self._rest and BAR.search(self._rest):
            self.meter.see(self._rest, at)

    def _piece(self, body: str, end: str, at: float) -> Iterator[str]:
        if not body.strip():
            return
        bar = BAR.search(body) or COUNTER.search(body)
        self.meter.see(body, at)
        if bar is None:
            yield from self.flush()
            yield body
            return
        tail = body[bar.end() :]
        if tail.strip():  # a log record that follows a frame without a line end
            yield body[: bar.end()]
            yield tail.strip()
            self._pending = ""
        elif end != "\r" or at - self._shown_at >= SHOW_EVERY:
            self._pending, self._shown_at = "", at
            yield body
        else:
            self._pending = body

    def flush(self) -> Iterator[str]:
        """The frame that was held back, if any."""
        if self._pending:
            yield self._pending
            self._pending = ""

    def end(self) -> Iterator[str]:
        """Whatever is left when the program has ended."""
        rest, self._rest = clean(self._rest), ""
        if rest.strip():
            yield from self._piece(rest, "\n", time.time())
        yield from self.flush()


def clean(text: str) -> str:
    """Without terminal colours and control characters, without space at the end."""
    return CONTROL.sub("", ANSI.sub("", text)).rstrip()


def append_lines(path: Path, lines: list[str]) -> None:
    """Add lines to a log that never grows beyond 40 MB: its first 2 MB stay, of the rest the newest half."""
    if not lines:
        return
    with path.open("ab") as handle:
        handle.write(("\n".join(line[:LONGEST_LINE] for line in lines) + "\n").encode("utf-8", "replace"))
        size = handle.tell()
    if size > MAX_BYTES:
        _shorten(path)


def _shorten(path: Path) -> None:
    data = path.read_bytes()
    head = data[: data.rfind(b"\n", 0, HEAD_BYTES) + 1]
    start = data.find(b"\n", len(data) - MAX_BYTES // 2) + 1
    temporary = path.with_name(path.name + ".short")
    temporary.write_bytes(head + b"[...]\n" + data[start:])
    temporary.replace(path)
