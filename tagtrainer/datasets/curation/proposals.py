"""Subjects found and crops decided on, kept in curation/crops.jsonl; applying them. Must not ask a vision model itself.

A finding holds for a picture, a way of finding and a finder; the crop for a target follows from it and is not stored unless
somebody drew or skipped it. Originals stay whole: a crop is a change of the item that can be undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.curation import crops, focus
from tagtrainer.datasets.curation.book import Book, Row
from tagtrainer.datasets.curation.crops import Proposal, Target
from tagtrainer.datasets.curation.face_models import Detector
from tagtrainer.datasets.curation.focus import Ask, By, Subject
from tagtrainer.datasets.history import Title
from tagtrainer.datasets.models import Box, Item
from tagtrainer.datasets.records import box_of
from tagtrainer.workspace import Workspace

State = Literal["open", "accepted", "skipped"]
GIVE_UP_AFTER = 5
AT_ONCE = 40
"""Findings written in one go; a vision model's are written one by one, for they cost money."""


@dataclass(frozen=True)
class Finder:
    """Who looks. `ask` and `profile` are a vision model's, `workers` says how many pictures it may be shown at once."""

    by: By = "auto"
    detector: Detector | None = None
    ask: Ask | None = None
    profile: str = ""
    workers: int = 1

    @property
    def key(self) -> str:
        """What findings are filed under: auto, face, saliency or vision:PROFILE."""
        return f"vision:{self.profile}" if self.by == "vision" else self.by

    @property
    def tool(self) -> str:
        """Whose findings are as good as its own: those of another detector are not."""
        return self.detector.name if self.detector is not None and self.by in ("auto", "face") else ""


@dataclass
class FocusReport:
    """`known`: found earlier; `sources`: how many by face, saliency, ...; `failed`: item, name and reason."""

    found: int = 0
    known: int = 0
    videos: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    failed: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Offer:
    """A picture with its subject and the crop that is offered (or was drawn) for it."""

    item: Item
    subject: Subject
    proposal: Proposal
    state: State
    drawn: bool


def _key(row: Row) -> str:
    kind, which = ("d", row["target"]) if "state" in row else ("f", row["by"])
    return f"{kind} {row['item']} {which}"


def _book(ws: Workspace, dataset: str) -> Book:
    return Book(ws.dataset(dataset) / "curation" / "crops.jsonl", _key)


def find_all(
    ws: Workspace, dataset: str, items: Sequence[Item], finder: Finder, on_progress: OnProgress = silent
) -> FocusReport:
    """Look for the subject of every picture; those looked at before by the same finder are not looked at again.

    One picture's error never stops the others. Raises UserError when several in a row fail for the same kind of reason.
    """
    book, report = _book(ws, dataset), FocusReport()
    rows = book.rows()
    pictures = [item for item in items if item.media == "image"]
    todo = [item for item in pictures if _finding(rows, item, finder.key, finder.tool) is None]
    report.videos, report.known = len(items) - len(pictures), len(pictures) - len(todo)
    waiting: list[Row] = []
    try:
        for number, (item, outcome) in enumerate(_looked(ws, dataset, todo, finder), 1):
            _note(report, item, outcome)
            if isinstance(outcome, Subject):
                waiting.append(_row(item, finder, outcome))
            if finder.by == "vision" or len(waiting) >= AT_ONCE:
                book.add(waiting)
                waiting = []
            on_progress(report.known + number, len(pictures), item.name)
    finally:
        book.add(waiting)
    rows = book.rows()
    known = [_finding(rows, item, finder.key, finder.tool) for item in pictures]
    report.sources = dict(sorted(Counter(one.source for one in known if one is not None).items()))
    return report


def _note(report: FocusReport, item: Item, outcome: Subject | UserError) -> None:
    if isinstance(outcome, Subject):
        report.found += 1
    else:
        report.failed.append({"item": item.id, "name": item.name, "reason": str(outcome)})


def _row(item: Item, finder: Finder, subject: Subject) -> Row:
    found: Row = {"item": item.id, "sha": item.sha256[:16], "by": finder.key, "tool": finder.tool}
    return {**found, "box": list(subject.box), "source": subject.source, "score": round(subject.score, 4)}


def _looked(
    ws: Workspace, dataset: str, items: Sequence[Item], finder: Finder
) -> Iterator[tuple[Item, Subject | UserError]]:
    """Every picture with its subject or the reason why there is none."""
    in_a_row = 0
    for item, outcome in _outcomes(ws, dataset, items, finder):
        failed = isinstance(outcome, UserError) and outcome.key != "curation.no_box"
        in_a_row = in_a_row + 1 if failed else 0
        yield item, outcome
        if in_a_row >= GIVE_UP_AFTER and isinstance(outcome, UserError):
            raise outcome


def _outcomes(
    ws: Workspace, dataset: str, items: Sequence[Item], finder: Finder
) -> Iterator[tuple[Item, Subject | UserError]]:
    if finder.workers <= 1:
        yield from ((item, _one(ws, dataset, item, finder)) for item in items)
        return
    with ThreadPoolExecutor(finder.workers) as pool:
        for start in range(0, len(items), finder.workers * 2):  # a failing server is asked no more than a few times
            asked = {
                pool.submit(_one, ws, dataset, item, finder): item for item in items[start : start + finder.workers * 2]
            }
            for done in as_completed(asked):
                yield asked[done], done.result()


def _one(ws: Workspace, dataset: str, item: Item, finder: Finder) -> Subject | UserError:
    part: Literal["medium", "preview"] = "medium" if finder.by == "vision" else "preview"
    path = store.whole_path(ws, dataset, item.id, part)
    try:
        if not path.is_file():
            raise UserError("curation.no_picture", name=item.name)
        return focus.find(path, (item.width, item.height), finder.by, detector=finder.detector, ask=finder.ask)
    except UserError as error:
        return error


def _finding(rows: Mapping[str, Row], item: Item, by: str, tool: str | None = None) -> Subject | None:
    row = rows.get(f"f {item.id} {by}")
    if row is None or row.get("sha") != item.sha256[:16] or (tool is not None and row.get("tool") != tool):
        return None
    try:
        box = box_of(row["box"])
        assert box is not None
        return Subject(box, cast(focus.Source, row["source"]), float(row["score"]))
    except (AssertionError, KeyError, TypeError, ValueError):
        return None


def offers(ws: Workspace, dataset: str, items: Iterable[Item], by: str, target: Target) -> Iterator[Offer]:
    """A crop for every picture whose subject is known, in the given order."""
    rows = _book(ws, dataset).rows()
    for item in items:
        subject = _finding(rows, item, by) if item.media == "image" else None
        if subject is not None:
            yield _offer(rows, item, subject, target)


def _offer(rows: Mapping[str, Row], item: Item, subject: Subject, target: Target) -> Offer:
    size, decision = (item.width, item.height), rows.get(f"d {item.id} {target}") or {}
    state: State = decision["state"] if decision.get("state") in ("accepted", "skipped") else "open"
    try:
        box = box_of(decision.get("box"))
        drawn = crops.checked(box, size) if box is not None else None
    except (TypeError, ValueError, UserError):
        drawn = None
    if drawn is None:
        return Offer(item, subject, crops.propose(size, subject, target), state, False)
    return Offer(item, subject, crops.drawn(drawn, size, subject, target), state, True)


def known_ways(ws: Workspace, dataset: str) -> dict[str, int]:
    """Ways of finding that were used, and for how many pictures."""
    rows = _book(ws, dataset).rows()
    return dict(Counter(str(row["by"]) for row in rows.values() if "by" in row and "state" not in row))


def decide(
    ws: Workspace, dataset: str, target: Target, decisions: Mapping[str, tuple[State, Box | None]]
) -> None:  # fmt: skip
    """Note what the user said of crops: accepted or skipped, with a box of their own or the offered one (None).

    Raises UserError curation.box_outside, datasets.item_not_found.
    """
    rows: list[Row] = []
    for ident, (state, box) in decisions.items():
        item = store.item(ws, dataset, ident)
        if box is not None:
            crops.checked(box, (item.width, item.height))
        rows.append({"item": ident, "target": str(target), "state": state, "box": list(box) if box else None})
    _book(ws, dataset).add(rows)


def changes_of(offers: Iterable[Offer]) -> dict[str, dict[str, Any]]:
    """The crops to set: those not skipped that differ from what is. A crop that is the whole picture is no crop."""
    changes: dict[str, dict[str, Any]] = {}
    for offer in offers:
        whole = offer.proposal.box == (0, 0, offer.item.width, offer.item.height)
        box = None if whole else offer.proposal.box
        if offer.state != "skipped" and box != offer.item.crop:
            changes[offer.item.id] = {"crop": list(box) if box else None}
    return changes


def apply(ws: Workspace, dataset: str, chosen: Iterable[Offer], target: Target, who: str = "user") -> int:
    """Crop everything that was not skipped, as one change; how many pictures are another size now."""
    changes = changes_of(chosen)
    if not changes:
        return 0
    title = Title("curation.history.cropped", target=str(target))
    return store.change_items(ws, dataset, changes, who=who, title=title)


def reset(ws: Workspace, dataset: str, items: Iterable[Item], who: str = "user") -> int:
    """Show and train pictures whole again, as one change; how many were cropped."""
    changes: dict[str, dict[str, Any]] = {item.id: {"crop": None} for item in items if item.crop is not None}
    if not changes:
        return 0
    return store.change_items(ws, dataset, changes, who=who, title=Title("curation.history.uncropped"))


def path_of(ws: Workspace, dataset: str) -> Path:
    """Where findings and decisions are kept."""
    return _book(ws, dataset).path
