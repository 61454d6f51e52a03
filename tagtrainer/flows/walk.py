"""The whole walk in one call: import, caption, pack, train, collect the result. Must not know a terminal.

Every stage can be run again: known pictures are recognised by content, written captions are kept.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagtrainer import __version__
from tagtrainer.core.files import write_bytes, write_error, write_json, write_text
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.exchange import cutting
from tagtrainer.flows import portrait
from tagtrainer.flows.background import wait
from tagtrainer.flows.portrait import Plan
from tagtrainer.flows.training import draft_of, start_training
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs.store import State
from tagtrainer.training import results
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.workspace import Workspace

STAGES = ("import", "duplicates", "faces", "focus", "crop", "caption", "pack", "train")
CURATION = ("duplicates", "faces", "focus", "crop")
"""Stages that run only when asked for: they leave pictures out or cut them."""


@dataclass(frozen=True)
class Walk:
    """What to do, and whom to tell: `progress(stage)` gives a listener for one stage, `say` gets finished sentences."""

    source: Path
    target: Path
    family: str = "qwen_image"
    engine: str = "rehearsal"
    profile: str = "template"
    preset: str = ""
    name: str = ""
    trigger: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    skip: Sequence[str] = ()
    curate: Sequence[str] = ()
    plan: Plan = field(default_factory=Plan)
    """Settings of the stages in `curate`."""
    progress: Callable[[str], OnProgress] = lambda _stage: silent
    say: Callable[[str], None] = lambda _line: None
    on_state: Callable[[State], None] = lambda _state: None

    @property
    def title(self) -> str:
        """Name of the dataset and of the LoRA."""
        return self.name or self.source.name or "run"

    def wants(self, stage: str) -> bool:
        """Whether a stage is to be run; says so when it is not."""
        if stage in self.skip:
            self.say(t("run_all.skipped", stage=stage))
        return stage not in self.skip


def run_all(ws: Workspace, walk: Walk) -> dict[str, Any]:
    """Take a folder or zip of pictures to a trained LoRA in `walk.target`; returns the report, also written there as report.json.

    Raises UserError flows.* with the reason when a stage brings nothing, or the training fails.
    """
    if not walk.source.is_dir() and not (walk.source.is_file() and walk.source.suffix.lower() == ".zip"):
        raise UserError("flows.not_a_folder", path=walk.source)
    source, target = walk.source.resolve(), walk.target.resolve()
    if (
        target == source or source in target.parents
    ):  # the next call would take its own results for pictures to learn from
        raise UserError("flows.output_in_input", path=walk.target, source=walk.source)
    try:
        walk.target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(walk.target, error) from error
    report: dict[str, Any] = {"tagtrainer": __version__, "input": str(walk.source), "output": str(walk.target)}
    report["dataset"] = dataset = _dataset(ws, walk)
    if walk.wants("import"):
        report["import"] = _import(ws, walk, dataset)
    stages = [stage for stage in CURATION if stage in walk.curate and stage not in walk.skip]
    if stages:
        report["curate"] = _curate(ws, walk, dataset, stages)
    if walk.wants("caption"):
        report["caption"] = _caption(ws, walk, dataset)
    if walk.wants("pack"):
        report["pack"] = _pack(ws, walk, dataset)
    if walk.wants("train"):
        report["train"] = _train(ws, walk, dataset)
    write_json(walk.target / "report.json", report)
    walk.say(t("run_all.done", path=walk.target))
    return report


def _dataset(ws: Workspace, walk: Walk) -> str:
    """The dataset that an earlier call made of this folder, else a new one."""
    mark = f"run-all: {walk.source.resolve()}"
    for meta in store.list_all(ws):
        if meta.description == mark and meta.name == walk.title:
            return meta.id
    if "import" in walk.skip:
        raise UserError("flows.no_dataset_yet", path=walk.source)
    return store.create(ws, walk.title, description=mark, trigger_word=walk.trigger).id


def _import(ws: Workspace, walk: Walk, dataset: str) -> dict[str, Any]:
    found = transfer.import_paths(ws, dataset, [walk.source], walk.progress("import"))
    skipped = [{"file": str(row.file), "reason": row.reason} for row in found.skipped]
    if not store.items(ws, dataset):
        raise UserError("flows.nothing_imported", path=walk.source, first=skipped[0]["reason"] if skipped else "-")
    walk.say(t("run_all.imported", added=found.added, duplicates=found.duplicates, skipped=len(skipped)))
    return {"added": found.added, "duplicates": found.duplicates, "captions": found.captions, "skipped": skipped}


def _curate(ws: Workspace, walk: Walk, dataset: str, stages: Sequence[str]) -> list[dict[str, Any]]:
    plan = walk.plan.model_copy(update={"stages": list(stages)})
    found = portrait.run(ws, dataset, plan, walk.progress)
    for stage in found:
        walk.say(t("run_all.curated", stage=t(f"portrait.stage.{stage.name}"), into=stage.into, out=stage.out))
        if stage.note:
            walk.say(f"  {stage.note}")
    return portrait.as_rows(found)


def _caption(ws: Workspace, walk: Walk, dataset: str) -> dict[str, Any]:
    from tagtrainer.captioning import batch  # its providers are loaded only when they are needed

    found = batch.run(ws, dataset, walk.profile, "missing", None, walk.progress("caption"), lambda: False)
    if not any(item.has_caption for item in store.items(ws, dataset)):
        first = found.errors[0]["reason"] if found.errors else "-"
        raise UserError("flows.nothing_captioned", first=first)
    walk.say(t("run_all.captioned", done=found.done, skipped=found.skipped, errors=len(found.errors)))
    return {"done": found.done, "skipped": found.skipped, "errors": list(found.errors)}


def _pack(ws: Workspace, walk: Walk, dataset: str) -> dict[str, Any]:
    """The pictures with captions beside them: usable by any trainer, and a record of what this one saw."""
    folder, listen = walk.target / "dataset", walk.progress("pack")
    captions = store.captions(ws, dataset)
    items = [item for item in store.items(ws, dataset) if captions.get(item.id, "").strip()]
    for number, item in enumerate(items, 1):
        source = store.media_path(ws, dataset, item.id)
        write_text(folder / f"{source.stem}.txt", captions[item.id].strip() + "\n")
        if item.crop:
            write_bytes(folder / f"{source.stem}{cutting.ending(source.suffix)}", cutting.cut(source, item.crop))
        else:
            _copy(source, folder / source.name)
        listen(number, len(items), item.name)
    walk.say(t("run_all.packed", count=len(items), path=folder))
    return {"pictures": len(items), "folder": str(folder)}


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.stat().st_size == source.stat().st_size):
            shutil.copy2(source, target)
    except OSError as error:
        raise write_error(target, error) from error


def _train(ws: Workspace, walk: Walk, dataset: str) -> dict[str, Any]:
    draft = Draft(
        name=walk.title, family=walk.family, engine=walk.engine, preset=walk.preset,
        datasets=[DatasetUse(id=dataset)], options=dict(walk.options),
    )  # fmt: skip
    began = time.time()
    task_id = _under_way(ws, draft) or start_training(ws, draft)
    task = jobs.load(ws, task_id)
    walk.say(t("run_all.training", id=task_id, engine=walk.engine, steps=task.detail["steps"]))
    state = wait(ws, task_id, walk.on_state)
    if state.status != "completed":
        reason = str(results.failure(ws, task, state)) if state.status == "failed" else state.status
        raise UserError("flows.ended_badly", id=task_id, status=state.status, reason=reason)
    return {
        "id": task_id, "engine": walk.engine, "rehearsal": bool(task.detail["rehearsal"]), "steps": task.detail["steps"],
        "epochs": task.detail["epochs"], "pictures": task.detail["pictures"], "seconds": round(time.time() - began, 1),
        "loss": _losses(ws, task_id), "files": _collect(ws, walk, task_id, task.detail["output_name"]),
    }  # fmt: skip


def _under_way(ws: Workspace, draft: Draft) -> str:
    """The training of an earlier call that was cut off: it went on without it."""
    for task, state in jobs.list_tasks(ws, "training"):
        if state.status in ("queued", "running") and draft_of(ws, task.id) == draft:
            return task.id
    return ""


def _losses(ws: Workspace, task_id: str) -> dict[str, float] | None:
    """Mean loss at the start and at the end, over a fifth of the run each, for a look at whether it learned."""
    curve = results.curves(ws, task_id).get("loss/current")
    if curve is None or not len(curve.values):
        return None
    part = max(1, len(curve.values) // 5)
    values = [float(value) for value in curve.values]
    return {"first": sum(values[:part]) / part, "last": sum(values[-part:]) / part}


def _collect(ws: Workspace, walk: Walk, task_id: str, name: str) -> list[str]:
    """Copy the final LoRA, the samples and the log; returns what lies in the target, relative to it."""
    source = ws.model(task_id)
    wanted = [(source / f"{name}.safetensors", walk.target / f"{name}.safetensors")]
    wanted += [(path, walk.target / "samples" / path.name) for path in sorted((source / "sample").glob("*"))]
    wanted += [(jobs.log_path(ws, task_id), walk.target / "training_log.txt")]
    wanted += [(ws.task(task_id) / file, walk.target / file) for file in ("train.sh", "train.bat", "config.toml")]
    for here, there in wanted:
        if here.is_file():
            there.unlink(missing_ok=True)
            _copy(here, there)
    return [there.relative_to(walk.target).as_posix() for here, there in wanted if here.is_file()]
