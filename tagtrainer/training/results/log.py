"""What a run's log says so far, read from where the last reading ended. Must not know the job's state."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tagtrainer.core.files import tail
from tagtrainer.training.results.patterns import chunks, number, search

HEAD, TAIL, PIECE = 256 << 10, 512 << 10, 1 << 20
"""Bytes: a log seen for the first time is read from its start and its end only (what was written in between is older news)."""
MOST_LOGS = 24


@dataclass
class LogFacts:
    """Facts of the newest training in the log. `doing` is what it is busy with: one of "", loading, encoding, training,
    sampling, saving; `doing_what`, `doing_n`, `doing_total` say more where the engine does.
    """

    step: int | None = None
    total: int | None = None
    epoch: int | None = None
    epochs: int | None = None
    items: int | None = None
    batches: int | None = None
    loss: float | None = None
    saved: bool = False
    resumed_from: str = ""
    checkpoints: tuple[str, ...] = ()
    doing: str = ""
    doing_what: str = ""
    doing_n: int = 0
    doing_total: int = 0


def understand(facts: LogFacts, chunk: str) -> None:
    """Take one chunk of the log into the facts."""
    for name, take in _TAKERS.items():
        found = search(name, chunk)
        if found is not None:
            take(facts, {key: value or "" for key, value in found.groupdict().items()})


def _frame(facts: LogFacts, caught: dict[str, str]) -> None:
    label, n, total = caught["desc"].strip(), int(caught["n"]), int(caught["total"])
    if label == "steps":
        facts.step, facts.total = n, total
        facts.doing, facts.doing_what, facts.doing_n, facts.doing_total = "training", "", n, total
        loss = search("avr_loss", caught["postfix"])
        facts.loss = number(loss["loss"]) if loss else facts.loss
        return
    if label.startswith("Loading"):
        facts.doing, facts.doing_what = "loading", label.removeprefix("Loading").strip()
    elif label.startswith(("Denoising", "Sampling")):
        facts.doing = "sampling"
    facts.doing_n, facts.doing_total = n, total


def _settings_begin(facts: LogFacts, caught: dict[str, str]) -> None:
    """The settings block opens every training: what an earlier one in the same log has said is over."""
    fresh = LogFacts(items=int(caught["items"]), resumed_from=facts.resumed_from)
    facts.__dict__.update(fresh.__dict__)


def _set(name: str, key: str) -> Callable[[LogFacts, dict[str, str]], None]:
    return lambda facts, caught: setattr(facts, name, int(caught[key]))


def _epoch(facts: LogFacts, caught: dict[str, str]) -> None:
    facts.epoch, facts.epochs = int(caught["epoch"]), int(caught["epochs"])


def _doing(name: str, key: str = "") -> Callable[[LogFacts, dict[str, str]], None]:
    def take(facts: LogFacts, caught: dict[str, str]) -> None:
        facts.doing, facts.doing_what, facts.doing_n, facts.doing_total = name, caught.get(key, ""), 0, 0

    return take


def _checkpoint(facts: LogFacts, caught: dict[str, str]) -> None:
    facts.checkpoints = (*facts.checkpoints[-199:], caught["path"])
    _doing("saving", "path")(facts, caught)


def _saved(facts: LogFacts, _caught: dict[str, str]) -> None:
    facts.saved = True


def _resumed(facts: LogFacts, caught: dict[str, str]) -> None:
    facts.resumed_from = caught["path"]


_TAKERS: dict[str, Callable[[LogFacts, dict[str, str]], None]] = {
    "tqdm": _frame,
    "num_items": _settings_begin,
    "num_batches": _set("batches", "batches"),
    "num_epochs": _set("epochs", "epochs"),
    "total_steps": _set("total", "total"),
    "epoch": _epoch,
    "encoding_dataset": _doing("encoding", "dataset"),
    "saving_checkpoint": _checkpoint,
    "saving_state": _doing("saving"),
    "sampling": _doing("sampling"),
    "resume": _resumed,
    "model_saved": _saved,
}


@dataclass
class _Follower:
    """How far one log was read. A line that is not ended yet is read again with its end."""

    facts: LogFacts = field(default_factory=LogFacts)
    offset: int = 0
    inode: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, path: Path) -> LogFacts:
        with self.lock:
            try:
                state = path.stat()
            except OSError:
                return LogFacts()
            if state.st_ino != self.inode or state.st_size < self.offset:
                self.facts, self.offset, self.inode = LogFacts(), 0, state.st_ino
            if self.offset == 0 and state.st_size > HEAD + TAIL:
                self._take(path, HEAD)
                self.offset = state.st_size - TAIL
            while self.offset < state.st_size:
                before = self.offset
                self._take(path, PIECE)
                if self.offset == before:
                    break
            return replace(self.facts)

    def _take(self, path: Path, limit: int) -> None:
        with path.open("rb") as handle:
            handle.seek(self.offset)
            data = handle.read(limit)
        whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not whole and len(data) == limit:
            whole = limit  # a "line" of a mebibyte is no line: go on behind it
        for chunk in chunks(data[:whole].decode("utf-8", "replace")):
            understand(self.facts, chunk)
        self.offset += whole


_followers: OrderedDict[Path, _Follower] = OrderedDict()
_followers_lock = threading.Lock()


def read_log(path: Path) -> LogFacts:
    """The facts of a growing log; a second call reads only what is new. Safe to call from many threads."""
    with _followers_lock:
        follower = _followers.pop(path, None) or _Follower()
        _followers[path] = follower
        while len(_followers) > MOST_LOGS:
            _followers.popitem(last=False)
    return follower.read(path)


def last_lines(path: Path, count: int = 40, limit: int = 128 << 10) -> list[str]:
    """The newest lines of a log, without progress redraws that a later one has replaced."""
    lines: deque[str] = deque(maxlen=count)
    label = ""
    for chunk in chunks(tail(path, None, limit).text):
        found = search("tqdm", chunk)
        now = (found["desc"] or "bar") if found else ""
        if lines and now and now == label:
            lines.pop()
        lines.append(chunk)
        label = now
    return list(lines)
