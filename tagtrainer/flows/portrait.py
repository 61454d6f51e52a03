"""The portrait pipeline on a dataset: folder or zip -> duplicates -> faces -> focus -> crop -> caption -> pack.

Every stage says what went in, what was dropped and why, and what came out. All of its changes are one entry of the history: one
undo takes the whole pipeline back. Run again after a stop it goes on, in the same entry: what is done is found done. Must not
know a page.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from tagtrainer.core.files import safe_join
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import changes, history, index, store, transfer
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.curation import crops, proposals
from tagtrainer.flows import looking
from tagtrainer.workspace import Workspace

StageName = Literal["unpack", "duplicates", "faces", "focus", "crop", "caption", "pack"]
STAGES: tuple[StageName, ...] = ("unpack", "duplicates", "faces", "focus", "crop", "caption", "pack")
GOES_ON_WITHIN = 50
"""A run goes on in the entry of an earlier one when that is among this many newest."""
SHOWN = 12
"""Pictures that a stage offers for a look."""


class Plan(BaseModel):
    """What to do. `source`: a folder, picture or zip to bring in first, "" for what the dataset holds already.

    `distance` is of hashes in bits; `keep`: pictures per face with the same pose and framing; `target` as in crops.parse_target.
    """

    source: str = Field(default="", max_length=4000)
    stages: list[StageName] = Field(default_factory=lambda: list(STAGES))
    distance: int = Field(default=12, ge=0, le=16)
    keep: int = Field(default=2, ge=1, le=1000)
    by: str = Field(default="auto", max_length=200)
    target: str = Field(default="1024x1024", max_length=40)
    profile: str = Field(default="template", max_length=200)


@dataclass
class Stage:
    """What a stage did: pictures in and out, those dropped with the reason, pictures for a look, a remark."""

    name: StageName
    into: int
    out: int = 0
    changed: int = 0
    dropped: list[dict[str, str]] = field(default_factory=list)
    show: list[str] = field(default_factory=list)
    note: str = ""
    file: str = ""
    seconds: float = 0.0


@dataclass
class Run:
    """A pipeline at work; `listen(stage)` gives a listener for its progress, `tell` gets the stages so far after each of them."""

    ws: Workspace
    dataset: str
    plan: Plan
    listen: Callable[[str], OnProgress] = lambda _stage: silent
    tell: Callable[[list[Stage]], None] = lambda _stages: None
    group: str = ""
    stages: list[Stage] = field(default_factory=list)

    @property
    def title(self) -> Title:
        return Title("portrait.history")

    def ids(self) -> list[str]:
        return [item.id for item in store.items(self.ws, self.dataset)]


def run(
    ws: Workspace,
    dataset: str,
    plan: Plan,
    listen: Callable[[str], OnProgress] = lambda _stage: silent,
    tell: Callable[[list[Stage]], None] = lambda _stages: None,
    entry: str = "",
) -> list[Stage]:
    """Run the stages of the plan in their order. Raises UserError when one cannot do its work; earlier ones stay done.

    `entry` (of `entry_for`) is the entry of the history that takes the changes.
    """
    meta = store.get(ws, dataset)
    if meta.kind == "video":
        raise UserError("portrait.no_video", name=meta.name)
    crops.parse_target(plan.target)
    looking.checked_way(ws, plan.by)
    index.sync(ws, dataset)
    work = Run(ws, dataset, plan, listen, tell, entry or entry_for(ws, dataset))
    for name in stages_of(plan):
        _one(work, name)
    return work.stages


def entry_for(ws: Workspace, dataset: str, earlier: str = "") -> str:
    """The entry of the history for a run's changes: that of an `earlier` run unless it was undone, else one of its own."""
    if earlier:
        known, _ = history.entries(ws, dataset, 0, GOES_ON_WITHIN)
        if any(one.id == earlier and not one.undone for one in known):
            return earlier
    task = os.environ.get("TAGTRAINER_TASK")
    return Path(task).name if task else changes.new_group()


def stages_of(plan: Plan) -> list[StageName]:
    """The stages that will be run, in their order."""
    return [name for name in STAGES if name in plan.stages and (name != "unpack" or plan.source.strip())]


def _one(work: Run, name: StageName) -> None:
    began = time.monotonic()
    before = work.ids()
    if not before and name != "unpack":
        raise UserError("portrait.nothing_left", stage=t(f"portrait.stage.{name}"))
    stage = Stage(name, len(before))
    _STAGES[name](work, stage)
    left = work.ids()
    stage.out = len(left)
    stage.show = stage.show or left[:SHOWN]
    stage.seconds = round(time.monotonic() - began, 1)
    work.stages.append(stage)
    work.tell(work.stages)


def _unpack(work: Run, stage: Stage) -> None:
    source = Path(work.plan.source).expanduser()
    found = transfer.import_paths(
        work.ws, work.dataset, [source], work.listen("unpack"), group=work.group, trash_too=True
    )
    stage.into += found.added + found.duplicates + len(found.skipped)
    stage.changed = found.added
    stage.dropped = [{"item": "", "name": row.file, "reason": row.reason} for row in found.skipped]
    stage.show = found.items[:SHOWN]
    stage.note = t("portrait.note.unpack", added=found.added, duplicates=found.duplicates, captions=found.captions)


def _drop(work: Run, stage: Stage, reasons: dict[str, str]) -> None:
    """Move pictures to the trash, each with its reason."""
    names = {item.id: item.name for item in store.items(work.ws, work.dataset)}
    stage.dropped = [
        {"item": ident, "name": names[ident], "reason": reasons[ident]} for ident in reasons if ident in names
    ]
    stage.changed = store.delete_items(work.ws, work.dataset, list(reasons), title=work.title, group=work.group)


def _duplicates(work: Run, stage: Stage) -> None:
    from tagtrainer.datasets.curation import duplicates

    duplicates.look(work.ws, work.dataset, work.listen("duplicates"))
    found = duplicates.find(work.ws, work.dataset, work.plan.distance)
    reasons: dict[str, str] = {}
    for group in found.groups:
        best, *others = group.members
        reasons |= {one.item.id: t("portrait.reason.duplicate", name=best.item.name) for one in others}
    _drop(work, stage, reasons)


def _faces(work: Run, stage: Stage) -> None:
    from tagtrainer.datasets.curation import redundancy

    found = redundancy.redundant(work.ws, work.dataset, work.plan.keep, work.listen("faces"))
    _drop(work, stage, found.why)
    counted = [t("portrait.note.faces", found=found.faces[0], without=found.faces[1])] if found.faces else []
    stage.note = " ".join([*counted, *found.left_out])


def _focus(work: Run, stage: Stage) -> None:
    items = store.items(work.ws, work.dataset)
    with looking.finder(work.ws, work.plan.by) as finder:
        report = proposals.find_all(work.ws, work.dataset, items, finder, work.listen("focus"))
    stage.changed = report.found
    sources = ", ".join(f"{t(f'curation.source.{name}')} {count}" for name, count in report.sources.items())
    stage.note = t("portrait.note.focus", sources=sources or "-")
    stage.dropped = [{**row, "reason": row["reason"]} for row in report.failed]


def _crop(work: Run, stage: Stage) -> None:
    target = crops.parse_target(work.plan.target)
    items = store.items(work.ws, work.dataset)
    with looking.finder(work.ws, work.plan.by) as finder:
        proposals.find_all(work.ws, work.dataset, items, finder)
        offers = list(proposals.offers(work.ws, work.dataset, items, finder.key, target))
    wanted = proposals.changes_of(offers)
    stage.changed = store.change_items(work.ws, work.dataset, wanted, who="user", title=work.title, group=work.group)
    enlarged = sum(offer.proposal.enlarged > 1 for offer in offers)
    cut = sum(not offer.proposal.whole for offer in offers)
    stage.note = t("portrait.note.crop", target=str(target), enlarged=enlarged, cut=cut)


def _caption(work: Run, stage: Stage) -> None:
    from tagtrainer.captioning import batch

    found = batch.run(
        work.ws, work.dataset, work.plan.profile, "missing", None, work.listen("caption"), group=work.group
    )
    stage.changed = found.done
    stage.dropped = [{key: str(row[key]) for key in ("item", "name", "reason")} for row in found.errors]
    stage.note = t("portrait.note.caption", done=found.done, kept=found.skipped)


def _pack(work: Run, stage: Stage) -> None:
    from tagtrainer.datasets.exchange import export

    folder = work.ws.runtime / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{work.dataset}-{work.group}.zip"
    target = safe_join(folder, name)
    target.unlink(missing_ok=True)
    options = export.Options(layout="zip", as_trained=True)
    done = export.export(work.ws, work.dataset, target, options, work.listen("pack"))
    stage.changed, stage.file = done.items, Path(done.path).name
    stage.note = t("portrait.note.pack", items=done.items, captions=done.captions)


_STAGES: dict[str, Callable[[Run, Stage], None]] = {
    "unpack": _unpack, "duplicates": _duplicates, "faces": _faces, "focus": _focus, "crop": _crop, "caption": _caption,
    "pack": _pack,
}  # fmt: skip


def host_of(ws: Workspace, plan: Plan) -> Sequence[str]:
    """Every host that pictures are sent to under this plan; empty when nothing leaves this machine."""
    from tagtrainer.captioning import profiles

    hosts: list[str] = []
    if "caption" in plan.stages:
        hosts.append(profiles.remote_host(profiles.get(ws, plan.profile)))
    if "focus" in plan.stages or "crop" in plan.stages:
        hosts.append(looking.host_of(ws, plan.by))
    return list(dict.fromkeys(host for host in hosts if host))


def as_rows(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Stages as JSON holds them."""
    return [stage.__dict__.copy() for stage in stages]
