"""Take another dataset's items into this one. No text is lost: of two captions one is kept, the other goes to the history.

One undoable change, also when it was killed and started again. The other dataset stays as it is unless asked otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Literal

from tagtrainer.core.files import read_json, write_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions as caption_files
from tagtrainer.datasets import changes as log
from tagtrainer.datasets import index, linking, records, shape, store
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import CONTROL_KINDS, Control, DatasetMeta, Item, Kind, Skipped
from tagtrainer.datasets.pairs import controls
from tagtrainer.datasets.pairs.controls import Serials
from tagtrainer.workspace import Workspace

MERGING = ".merge.json"
Prefer = Literal["ours", "theirs"]


@dataclass(frozen=True)
class Conflict:
    """A picture that both had with another caption each."""

    item: str
    name: str
    kept: str
    other: str


@dataclass
class Merged:
    """What a merge did: items added, pictures that both had, captions taken over for these."""

    added: int = 0
    same: int = 0
    captions: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass
class _Run:
    ws: Workspace
    target: DatasetMeta
    source: DatasetMeta
    prefer: Prefer
    group: str
    report: Merged = field(default_factory=Merged)

    def __post_init__(self) -> None:
        self.to, self.from_ = self.ws.dataset(self.target.id), self.ws.dataset(self.source.id)
        self.title = Title("shape.change.merge", name=self.source.name)
        self.serials = Serials(self.to)
        present = {path.stem for path in (self.to / "images").iterdir()}
        self.known = {ident: item for ident, item in records.read(self.to).items() if ident in present}
        self.by_hash = {item.sha256: item for item in self.known.values() if not _adopted(self.to, item)}


def fits(target: Kind, source: Kind) -> bool:
    """Whether items of one kind may go into a dataset of the other."""
    return target == source or (target in CONTROL_KINDS and source == "image") or (
        target == "multi_control_image" and source == "single_control_image"
    )  # fmt: skip


def merge(
    ws: Workspace, dataset: str, source: str, *, prefer: Prefer = "ours", delete_source: bool = False,
    on_progress: OnProgress = silent,
) -> Merged:  # fmt: skip
    """Take the items of `source` into `dataset`. UserError shape.itself, shape.other_kind, shape.busy."""
    target, other = store.get(ws, dataset), store.get(ws, source)
    if target.id == other.id:
        raise UserError("shape.itself", name=target.name)
    if not fits(target.kind, other.kind):
        raise UserError("shape.other_kind", name=other.name, target=target.name)
    index.sync(ws, source)
    index.sync(ws, dataset)
    items = store.items(ws, source)
    with linking.alone(ws.dataset(dataset), target.name):
        run = _Run(ws, target, other, prefer, _group(ws.dataset(dataset), source))
        on_progress(0, max(1, len(items)), "")
        for start in range(0, len(items), shape.STEP):
            _take(run, items[start : start + shape.STEP])
            on_progress(min(start + shape.STEP, len(items)), len(items), "")
        (run.to / MERGING).unlink(missing_ok=True)
    if delete_source:
        store.delete(ws, source)
    return run.report


def _group(folder: Path, source: str) -> str:
    """The change that this merge is; that of a killed merge of the same two goes on."""
    try:
        noted = read_json(folder / MERGING)
        if noted["source"] == source:
            return str(noted["group"])
    except (OSError, UserError, KeyError, TypeError):
        pass
    group = log.new_group()
    write_json(folder / MERGING, {"source": source, "group": group})
    return group


def _adopted(folder: Path, item: Item) -> bool:
    """Found in images/ without a record: what a kill leaves. It is recorded anew with all that is known of it."""
    return item.name == f"{item.id}{item.ext}" and not caption_files.read_caption(folder, item.id)[0]


def _take(run: _Run, items: Sequence[Item]) -> None:
    fresh: list[Item] = []
    texts: dict[str, str] = {}
    twins: list[tuple[Item, Item]] = []
    for item in items:
        if item.sha256 in run.by_hash:
            twins.append((item, run.by_hash[item.sha256]))
            continue
        try:
            brought = linking.bring(run.from_, item, run.to, _free_id(run, item), run.serials)
        except UserError:  # deleted meanwhile
            continue
        run.by_hash[item.sha256] = run.known[brought.id] = brought
        fresh.append(brought)
        if text := caption_files.read_caption(run.from_, item.id)[0]:
            texts[brought.id] = text
    shape.record(run.to, fresh, texts, run.title, "user", run.group)
    if fresh:
        index.put(run.ws, run.target.id, fresh)
    run.report.added += len(fresh)
    run.report.same += len(twins)
    _take_captions(run, twins)
    _take_controls(run, twins)


def _free_id(run: _Run, item: Item) -> str:
    """Its own id, unless another picture has it here."""
    taken = run.known.get(item.id)
    return item.id if taken is None or taken.sha256 == item.sha256 else f"{item.id}-{item.sha256[8:16]}"


def _take_captions(run: _Run, twins: Sequence[tuple[Item, Item]]) -> None:
    wanted: dict[str, str] = {}
    refused: list[dict[str, str]] = []
    for theirs, ours in twins:
        other, own = (
            caption_files.read_caption(folder, item.id)[0] for folder, item in ((run.from_, theirs), (run.to, ours))
        )
        if not other.strip() or other == own:
            continue
        if own.strip():
            kept, lost = (own, other) if run.prefer == "ours" else (other, own)
            run.report.conflicts.append(Conflict(ours.id, ours.name, kept, lost))
        if not own.strip() or run.prefer == "theirs":
            wanted[ours.id] = other
        else:
            refused.append({"item": ours.id, "old": own, "new": other})
    if refused:
        with log.lock(run.to):
            log.append(run.to, "captions", refused, who="user", title=run.title, group=run.group, refused=True)
    if wanted:
        run.report.captions += store.write_captions(
            run.ws, run.target.id, wanted, who="user", title=run.title, group=run.group
        )


def _take_controls(run: _Run, twins: Sequence[tuple[Item, Item]]) -> None:
    """Control images for a picture that has none here; where both have some, those here stay."""
    wanted: dict[str, list[Control]] = {}
    for theirs, ours in twins:
        if not theirs.controls or run.target.kind not in CONTROL_KINDS:
            continue
        hashes = [[control.sha256 for control in item.controls] for item in (theirs, ours)]
        if not ours.controls:
            plain = replaced(theirs, ext=ours.ext)
            wanted[ours.id] = list(linking.bring(run.from_, plain, run.to, ours.id, run.serials).controls)
        elif hashes[0] != hashes[1]:
            run.report.skipped.append(Skipped(ours.name, "shape.controls_differ"))
    if wanted:
        controls.record(run.ws, run.target.id, wanted, who="user", title=run.title, group=run.group)
