"""From a draft to a task: the steps, and every file the task is frozen into. Must not queue or start anything.

The preview in the form, the scripts to run by hand and the launch all come from `steps`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from tagtrainer.core import fields
from tagtrainer.core.files import write_json, write_text
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.steps import Step
from tagtrainer.core.text import UserError
from tagtrainer.engines.base import PROGRESS_SAFE_ENV
from tagtrainer.training import dataset_config, freeze, sample_prompts, scripts
from tagtrainer.training.case import Case, resolve
from tagtrainer.training.draft import Draft
from tagtrainer.training.summary import Summary, of_case, summary
from tagtrainer.workspace import Workspace

__all__ = ["command", "create", "steps", "summary", "write_scripts"]

PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
ROLES = ("cache_latents", "cache_text", "train")
PLACEHOLDER = "rehearsal"
"""Given where an engine script insists on a weights path and the rehearsal needs none."""


def computed(case: Case, task_id: str, output_name: str) -> dict[str, Any]:
    """The options that the app fills in: where things lie, and the two switches that make caching safe."""
    folder = case.ws.task(task_id)
    prompts = folder / "sample_prompts.json"
    sampling = sample_prompts.triggered(case.options) and (
        prompts.exists() or not folder.exists()
    )  # frozen without any: none
    empty = PLACEHOLDER if case.engine.rehearsal else ""
    return {
        **{name: path or empty for name, path in case.paths.items()},
        "dataset_config": str(folder / "dataset.toml"),
        "network_module": case.value("network_module") or case.family.network_module,
        "output_dir": str(case.ws.model(task_id)),
        "output_name": output_name,
        "logging_dir": str(folder / "tensorboard"),
        "sample_prompts": str(prompts) if sampling else "",
        "skip_existing": True,  # safe: what does not fit was removed by the step before
        "keep_cache": True,  # else an unreachable folder makes the engine delete every cache and call it success
    }


def filled(case: Case, task_id: str, output_name: str = "", extra: Mapping[str, Any] = {}) -> Any:
    """The option set with the computed values in place: what the argument words are made of."""
    known = fields.specs(case.family.options)
    values = {**computed(case, task_id, output_name or case.draft.output_name), **extra}
    return dataclasses.replace(case.options, **{name: value for name, value in values.items() if name in known})


def steps(case: Case, task_id: str, totals: Summary | None = None, **changes: Any) -> list[Step]:
    """The programs of a task in order. `changes`: output_name and extra options, for a run that goes on."""
    options = filled(case, task_id, **changes)
    units = {"cache_latents": totals.latent_batches, "cache_text": totals.text_batches} if totals else {}
    env, cwd = case.engine.env(case.ws), case.engine.cwd(case.ws)
    found = [_prepare_step(case.ws, task_id)]
    for role in ROLES:
        words = [*case.engine.script_argv(case.ws, case.family.scripts[role]), *fields.argv(options, role)]
        found.append(Step(name=role, argv=words, cwd=cwd, env=env, total=units.get(role)))
    return found


def _prepare_step(ws: Workspace, task_id: str) -> Step:
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--config", str(ws.config)]
    return Step(
        name="prepare", argv=[*argv, "train", "prepare", task_id], cwd=str(PACKAGE_ROOT), env=dict(PROGRESS_SAFE_ENV)
    )


def command(ws: Workspace, draft: Draft, format: scripts.Format = "sh", task_id: str = "") -> str:
    """The exact programs as a script; before there is a task, its id is shown as `<name>-preview`."""
    case = resolve(ws, draft)
    return scripts.render(steps(case, task_id or f"{draft.output_name}-preview"), format)


def create(
    ws: Workspace, draft: Draft, task_id: str, on_progress: OnProgress = silent
) -> tuple[list[Step], dict[str, Any]]:
    """Freeze the draft into the task's folder; returns (steps, detail for task.json).

    Writes draft.json, dataset.toml, dataset_<n>.jsonl, sample_prompts.json, config.toml, freeze.json, train.sh, train.bat.
    Raises UserError plan.no_pictures when nothing has a caption.
    """
    case = resolve(ws, draft)
    folder = ws.task(task_id)
    sources, copies = freeze.collect(case, on_progress)
    if not any(source.pictures for source in sources):
        raise UserError("plan.no_pictures")
    totals = of_case(case)
    dataset_config.write(folder, [source for source in sources if source.pictures])
    freeze.write(folder, case, [source for source in sources if source.pictures], copies, totals)
    write_json(folder / "draft.json", draft.model_dump(mode="json"))
    if sample_prompts.triggered(case.options):
        captions = [picture.caption for source in sources for picture in source.pictures]
        write_text(folder / "sample_prompts.json", sample_prompts.text(case.options, captions))
    found = steps(case, task_id, totals)
    _write_record(folder, filled(case, task_id))
    write_scripts(folder, found)
    ws.model(task_id).mkdir(parents=True, exist_ok=True)
    return found, detail(case, totals)


def write_scripts(folder: Path, found: list[Step]) -> None:
    """train.sh and train.bat: the same steps, for whoever wants to run them by hand."""
    write_text(folder / "train.sh", scripts.render(found, "sh"))
    (folder / "train.sh").chmod(0o755)
    with_line_ends = scripts.render(found, "bat").encode("utf-8")
    from tagtrainer.core.files import write_bytes

    write_bytes(folder / "train.bat", with_line_ends)


def _write_record(folder: Path, options: Any) -> None:
    """config.toml: every option of the run by the engine's own names, a record (the arguments are what counts)."""
    kept: dict[str, Any] = {}
    for name, spec in fields.specs(options).items():
        value = getattr(options, name)
        if spec.roles and not spec.secret and value not in (None, "", (), False):
            kept[name] = list(value) if isinstance(value, tuple) else value
    write_text(folder / "config.toml", tomli_w.dumps(kept))


def detail(case: Case, totals: Summary, output_name: str = "") -> dict[str, Any]:
    """What the pages about a run want to know without reading the draft."""
    draft = case.draft
    return {
        "family": draft.family, "engine": draft.engine, "preset": draft.preset, "variant": case.variant,
        "datasets": [use.model_dump() for use in draft.datasets], "output_name": output_name or draft.output_name,
        "rehearsal": case.engine.rehearsal, "pictures": totals.pictures, "epochs": totals.epochs, "steps": totals.steps,
        "batches_per_epoch": totals.batches_per_epoch,
    }  # fmt: skip
