"""Redundant portraits of a dataset: measures, rules and removal together, and what had to be left out. Must not know a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError, language, t
from tagtrainer.datasets import index, store
from tagtrainer.datasets.curation import extras, face_weights
from tagtrainer.datasets.curation.book import Book, Row
from tagtrainer.datasets.curation.faces import Face, faces, measure, measured_stamp, patch_path, tool_of
from tagtrainer.datasets.curation.portraits import Likeness, Person, PortraitRules, persons
from tagtrainer.datasets.history import Title
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

KEPT = 4
SIDE = 48
"""Patches are compared this small: a box that is one or two pixels off cost 0.1 at 112 pixels, 0.04 here, and no two of the 100
people that scikit-image ships come above 0.59 (measured)."""
TRIMS = (0.012, 0.024)
STEPS = ((0, 1), (1, 0), (1, 1), (0, -1), (-1, 0), (-1, -1), (1, -1), (-1, 1))
Values = NDArray[np.float64]
WORTH, ENOUGH = 0.7, 0.95
"""Below the first, two patches are not the same however they are shifted, above the second they are."""


@dataclass(frozen=True)
class Verdict:
    """`left_out`: sentences on what was not looked at, and what would mend that. `without`: pictures without a face.

    `apart`: whether people were told apart; else `people` is one entry with all faces.
    """

    people: list[Person]
    left_out: list[str]
    rules: PortraitRules
    without: int
    apart: bool

    def redundant(self) -> list[tuple[Face, Likeness]]:
        """Everything that is more than enough, person by person."""
        keep = self.rules.portrait_keep
        return [pair for person in self.people for group in person.groups for pair in group.redundant(keep)]


class Patches:
    """Structural similarity of face patches; every pair is looked at once and noted in curation/face_pairs.jsonl."""

    def __init__(self, ws: Workspace, dataset: str) -> None:
        self._ws, self._dataset = ws, dataset
        self._compare = extras.similarity()
        self._book = Book(ws.dataset(dataset) / "curation" / "face_pairs.jsonl", _pair_key)
        self._known = self._book.rows()
        self._new: dict[str, Row] = {}

    def __call__(self, one: Face, other: Face) -> float:
        names = sorted(f"{face.item.id}.{face.item.stamp}.{face.finder}" for face in (one, other))
        row: Row = {"a": names[0], "b": names[1]}
        known = self._known.get(_pair_key(row)) or self._new.get(_pair_key(row))
        if known is None:
            known = self._new[_pair_key(row)] = {**row, "ssim": self._measured(one, other)}
        return float(known["ssim"])

    def _measured(self, one: Face, other: Face) -> float:
        try:
            first, second = self._grey(one), self._grey(other)
        except OSError:  # the patch was removed by hand: it says nothing until faces are looked for again
            return -1.0
        return round(self._best(first, second), 4)

    def _best(self, first: Image.Image, second: Image.Image) -> float:
        """As they lie, else a little smaller or larger, and from there a pixel to the side: finders' boxes jitter by 3 %."""
        whole = (_values(first), _values(second))
        found = self._ssim(*whole)
        if not WORTH <= found < ENOUGH:
            return found
        sizes = [(trim, 0.0) for trim in TRIMS] + [(0.0, trim) for trim in TRIMS]
        trimmed = [(_values(first, one), _values(second, other)) for one, other in sizes]
        best, pair = max(((self._ssim(*one), one) for one in trimmed), key=lambda known: known[0])
        moved = (self._ssim(*_shifted(*one, step)) for one in (whole, pair) for step in STEPS)
        return max(found, best, *moved)

    def _ssim(self, first: Values, second: Values) -> float:
        return float(self._compare(first, second, data_range=255))

    def _grey(self, face: Face) -> Image.Image:
        with Image.open(patch_path(self._ws, self._dataset, face.item, face.finder)) as picture:
            return picture.convert("L")

    def keep(self) -> None:
        """Write down what was compared."""
        self._book.add(self._new.values())
        self._new = {}


def _values(patch: Image.Image, trim: float = 0.0) -> Values:
    """The patch at SIDE pixels, `trim` of its width cut off at each edge."""
    width, height = patch.size
    box = (trim * width, trim * height, (1 - trim) * width, (1 - trim) * height)
    return np.asarray(patch.resize((SIDE, SIDE), Image.Resampling.BOX, box=box), dtype=np.float64)


def _shifted(first: Values, second: Values, step: tuple[int, int]) -> tuple[Values, Values]:
    """What both show when the second is moved by `step` pixels."""
    (x, y), size = step, SIDE - 1
    one = first[max(0, y) : size + max(0, y), max(0, x) : size + max(0, x)]
    return one, second[max(0, -y) : size + max(0, -y), max(0, -x) : size + max(0, -x)]


def _pair_key(row: Row) -> str:
    return f"{row['a']} {row['b']}"


_last: dict[tuple[Path, str], tuple[tuple[object, ...], Verdict]] = {}


def judged(ws: Workspace, dataset: str, tool: str, rules: PortraitRules) -> Verdict:
    """As `judge` for the whole dataset; the last answer is kept in memory while nothing changes."""
    stamp = (index.ensure(ws, dataset), measured_stamp(ws, dataset), tool, rules, language())
    kept = _last.get((ws.root, dataset))
    if kept is None or kept[0] != stamp:
        kept = (stamp, judge(ws, dataset, store.items(ws, dataset), tool, rules))
        while len(_last) >= KEPT:
            _last.pop(next(iter(_last)), None)
        _last[(ws.root, dataset)] = kept
    return kept[1]


def judge(ws: Workspace, dataset: str, items: Sequence[Item], tool: str, rules: PortraitRules) -> Verdict:
    """Group what `tool` measured. Missing packages and models leave something out, they stop nothing."""
    known, left_out = faces(ws, dataset, items, tool), list[str]()
    apart = all(face.vector is not None for face in known)
    if not apart:
        left_out.append(t("curation.left_out.vectors"))
    if not all(face.landmarks for face in known):
        left_out.append(t("curation.left_out.pose"))
    patches = _optional(lambda: Patches(ws, dataset), left_out)
    try:
        found = persons(known, rules, patches)
    except UserError as error:
        left_out.append(str(error))
        found, apart = persons(known, rules, patches, group_people=False), False
    if patches is not None:
        patches.keep()
    pictures = sum(item.media == "image" for item in items)
    return Verdict(found, left_out, rules, pictures - len(known), apart)


def _optional(make: Any, left_out: list[str]) -> Patches | None:
    try:
        made: Patches = make()
        return made
    except UserError as error:
        left_out.append(str(error))
        return None


def reason(likeness: Likeness, name: str) -> str:
    """The sentence with the numbers."""
    parts = [
        t(f"curation.likeness.{what}", value=f"{value:.2f}")
        for what, value in (("face", likeness.face), ("pose", likeness.pose), ("ssim", likeness.ssim))
        if value is not None
    ]
    return t("curation.likeness.same", name=name, numbers=", ".join(parts))


def reasons(verdict: Verdict) -> dict[str, str]:
    """Item -> why it is redundant."""
    names = {
        face.item.id: face.item.name for one in verdict.people for group in one.groups for face, _ in group.members
    }
    return {face.item.id: reason(likeness, names[likeness.like]) for face, likeness in verdict.redundant()}


def remove(ws: Workspace, dataset: str, verdict: Verdict, spared: Iterable[str] = ()) -> int:
    """Move what is redundant to the trash as one change; `spared` items stay. How many went."""
    kept = set(spared)
    doomed = [face.item.id for face, _ in verdict.redundant() if face.item.id not in kept]
    if not doomed:
        return 0
    title = Title("curation.history.redundant", keep=verdict.rules.portrait_keep)
    return store.delete_items(ws, dataset, doomed, title=title)


class Redundant(NamedTuple):
    """`why`: item -> why it is redundant. `left_out`: as in Verdict. Pictures with and without a face; None: nobody looked."""

    why: dict[str, str]
    left_out: list[str]
    faces: tuple[int, int] | None


def redundant(ws: Workspace, dataset: str, keep: int, on_progress: OnProgress = silent) -> Redundant:
    """Look for faces with the best tools here and say which pictures are redundant.

    Without OpenCV nothing is redundant, and the sentence says what to install.
    """
    try:
        detector, embedder = face_weights.detector(ws), face_weights.embedder(ws)
    except UserError as error:
        return Redundant({}, [str(error)], None)
    items = store.items(ws, dataset)
    report = measure(ws, dataset, items, detector, embedder, on_progress)
    verdict = judge(ws, dataset, items, tool_of(detector, embedder), PortraitRules(portrait_keep=keep))
    return Redundant(reasons(verdict), verdict.left_out, (report.with_face, report.without))
