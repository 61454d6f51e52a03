"""Control images within an import: which candidates they are, keeping them with their picture, and those that come late.

What finds no target waits in control/unpaired/ and is named in the report. Must not record pictures.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tagtrainer.core.text import UserError
from tagtrainer.datasets import intake, records
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.exchange.candidates import Candidate, skipped
from tagtrainer.datasets.models import CONTROL_KINDS, Control, DatasetMeta, ImportReport, Item, Skipped
from tagtrainer.datasets.pairs import controls, pairing, waiting
from tagtrainer.datasets.pairs.pairing import File
from tagtrainer.datasets.pairs.plan import fetched, files_of, hashes, is_picture, joined, key_of
from tagtrainer.workspace import Workspace

GROUP = 48
MOST = 99


@dataclass(frozen=True)
class _Late:
    """A control image for an item that is known already."""

    candidate: Candidate
    position: int | None = None


@dataclass(frozen=True)
class _Loose:
    """A candidate without a target; `target` is the label of the one it nearly went to."""

    candidate: Candidate
    key: str
    values: dict[str, object]
    target: str = ""
    position: int | None = None


@dataclass
class Partners:
    """The control images of one import into a dataset of a control kind."""

    ws: Workspace
    meta: DatasetMeta
    report: ImportReport
    group: str
    title: Title
    late: dict[str, list[_Late]] = field(default_factory=dict)
    loose: list[_Loose] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    """Label of a target -> its item."""
    fresh: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.folder = self.ws.dataset(self.meta.id)
        self.single = self.meta.kind == "single_control_image"
        self.serials = controls.Serials(self.folder)
        present = {path.stem for path in (self.folder / "images").iterdir()}
        self.known = {ident: item for ident, item in records.read(self.folder).items() if ident in present}

    @property
    def extra(self) -> int:
        """How many files are looked at after the pictures."""
        return len(self.loose) + sum(map(len, self.late.values()))

    def sort(self, groups: Sequence[tuple[str, Sequence[Candidate]]], number: int | None) -> list[Candidate]:
        """The pictures among the candidates of every source, each with its control images."""
        listed = [self._trimmed(candidate) for _, some in groups for candidate in some if candidate.controls]
        by_file = files_of(groups)
        known = [File(item.id, item.name, item.folder) for item in self.known.values()]
        if number is None:
            done = pairing.pair(by_file, known, single=self.single)
        else:
            done = pairing.pair_as(by_file, known, number, single=self.single)
        for problem in done.problems:
            nearly = problem.target.label if problem.target else ""
            self.loose.append(_Loose(by_file[problem.file], problem.key, problem.values, nearly, number))
        for target, found in done.controls.items():
            if target not in by_file:
                places = [None if number is None else number + place for place in range(len(found))]
                entries = [_Late(by_file[file], place) for file, place in zip(found, places, strict=True)]
                self.late.setdefault(target.label, []).extend(entries)
        others = [
            candidate
            for _, some in groups
            for candidate in some
            if not candidate.controls and not is_picture(candidate)
        ]
        return [*listed, *(joined(by_file, done, file) for file in done.targets), *others]

    def _trimmed(self, candidate: Candidate) -> Candidate:
        """What a list gives, no more than the kind takes."""
        if not self.single or len(candidate.controls) == 1:
            return candidate
        values: dict[str, object] = {"target": candidate.name, "kept": candidate.controls[0].name}
        for more in candidate.controls[1:]:
            self.loose.append(_Loose(more, "pairs.reason.too_many", values, candidate.label))
        return replace(candidate, controls=candidate.controls[:1])

    def settled(self, candidate: Candidate, item: str) -> None:
        """A candidate is this item now, or was before."""
        self.ids[candidate.label] = item

    def orphaned(self, candidate: Candidate) -> None:
        """Its picture could not be taken in."""
        for control in candidate.controls:
            self.loose.append(_Loose(control, "pairs.reason.no_target", {"stem": Path(candidate.name).stem}))

    def belongs_to_known(self, candidate: Candidate, item: str, hashes: Sequence[str]) -> bool:
        """Whether the item is there already: its control images then come late, or wait if it has others of its own."""
        with self.lock:
            known = self.known.get(item)
            if known is None and item not in self.fresh:
                self.fresh.add(item)
                return False
        old = {control.sha256 for control in known.controls} if known else {""}
        if old and not old & set(hashes):
            for control in candidate.controls:
                self.loose.append(
                    _Loose(control, "pairs.reason.same_target", {"target": candidate.name}, candidate.label)
                )
        else:
            self.late.setdefault(item, []).extend(map(_Late, candidate.controls))
        return True

    def pair_key(self, candidate: Candidate, sha256: str, seen: Container[str]) -> tuple[str, str]:
        """(what the pair is known by, the item that is there already and takes its control images late, or "")."""
        found = hashes(candidate)
        pair, item = key_of(sha256, found), intake.item_id(candidate.name, sha256)
        if pair in seen or not self.belongs_to_known(candidate, item, found):
            return pair, ""
        return pair, item

    def known_pairs(self) -> dict[str, str]:
        """What every recorded pair is known by -> its item."""
        pairs = (item for item in self.known.values() if item.controls)
        return {key_of(item.sha256, [control.sha256 for control in item.controls]): item.id for item in pairs}

    def keep(self, candidate: Candidate, item: Item) -> Item:
        """The item with its control images, which are on disk now; those that cannot be read are named."""
        kept = []
        for control in candidate.controls:
            try:
                with fetched(control) as path:
                    kept.append(controls.keep(self.serials, item.id, path, control.name, intake.hashed(path)))
            except UserError as error:
                self._complain(control, error)
        with self.lock:
            self.report.controls += len(kept)
        return replace(item, controls=tuple(kept))

    def _complain(self, candidate: Candidate, error: UserError) -> None:
        if not error.key.startswith("datasets."):
            raise error
        self.report.skipped.append(skipped(candidate.label, error))

    def finish(self, workers: int) -> Iterator[str]:
        """Attach what comes late, then let the rest wait; yields the name of every file when it is done."""
        entries = list(self.late.items())
        for start in range(0, len(entries), GROUP):
            yield from self._attach(entries[start : start + GROUP], workers)
        held = {control.sha256 for item in records.read(self.folder).values() for control in item.controls}
        for loose in self.loose:
            try:
                self._let_wait(loose, held)
            except UserError as error:
                self._complain(loose.candidate, error)
            yield loose.candidate.name

    def _attach(self, entries: Sequence[tuple[str, list[_Late]]], workers: int) -> list[str]:
        """Some items' late control images as one change."""
        with controls.changing(self.folder), ThreadPoolExecutor(max_workers=workers) as pool:
            serials, known = controls.Serials(self.folder), records.read(self.folder)
            work = [(known[item], late) for item, late in entries if item in known]
            rows = list(pool.map(lambda pair: self._extended(serials, *pair), work))
            wanted = {item.id: row for (item, _), row in zip(work, rows, strict=True)}
            controls.record(self.ws, self.meta.id, wanted, who="import", title=self.title, group=self.group)
        return [late.candidate.name for _, some in entries for late in some]

    def _extended(self, serials: controls.Serials, item: Item, late: Sequence[_Late]) -> list[Control]:
        """An item's control images with the late ones: in their own order, or each at the place it was given."""
        rows, ordered = list(item.controls), []
        for entry in late:
            try:
                with fetched(entry.candidate) as path:
                    control = self._one_more(serials, item, rows, entry.candidate, path)
            except UserError as error:
                self._complain(entry.candidate, error)
                continue
            if control is None:
                continue
            if control not in rows:
                rows = controls.placed(rows, control, entry.position)
            ordered.append(control)
        if any(entry.position is not None for entry in late) or not any(row in ordered for row in item.controls):
            return rows
        return [*ordered, *(row for row in rows if row not in ordered)]

    def _one_more(
        self, serials: controls.Serials, item: Item, rows: Sequence[Control], candidate: Candidate, path: Path
    ) -> Control | None:
        sha256 = intake.hashed(path)
        if (same := next((row for row in rows if row.sha256 == sha256), None)) is not None:
            return same
        if self.single and rows:
            values: dict[str, object] = {"target": item.name, "kept": rows[0].name}
            self.ids[item.id] = item.id
            self.loose.append(_Loose(candidate, "pairs.reason.too_many", values, item.id))
            return None
        control = controls.keep(serials, item.id, path, candidate.name, sha256)
        with self.lock:
            self.report.controls += 1
        return control

    def _let_wait(self, loose: _Loose, held: set[str]) -> None:
        """Unless it is some item's control image by now, paired by hand after an earlier import."""
        candidate = loose.candidate
        with fetched(candidate) as path:
            sha256 = intake.hashed(path)
            if sha256 in held:
                self.report.duplicates += 1
                return
            target = self.ids.get(loose.target, loose.target if loose.target in self.known else "")
            waiting.add(
                self.ws, self.meta.id, path, candidate.name, candidate.label, loose.key, loose.values,
                target=target, position=loose.position, sha256=sha256,
            )  # fmt: skip
        values = {name: str(value) for name, value in loose.values.items()}
        self.report.skipped.append(Skipped(candidate.label, loose.key, values))


def of(
    ws: Workspace, meta: DatasetMeta, report: ImportReport, number: int | None, group: str, title: Title
) -> Partners | None:
    """None for a kind without control images. UserError pairs.other_kind, pairs.bad_number, pairs.too_high."""
    if meta.kind not in CONTROL_KINDS:
        if number is not None:
            raise UserError("pairs.other_kind", name=meta.name)
        return None
    if number is not None and not 1 <= number <= MOST:
        raise UserError("pairs.bad_number", number=number)
    if meta.kind == "single_control_image" and number is not None and number > 1:
        raise UserError("pairs.too_high")
    if number is not None:
        title = Title("pairs.change.import", **title.values)
    return Partners(ws, meta, report, group, title)
