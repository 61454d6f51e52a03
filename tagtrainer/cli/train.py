"""`train ...`: arguments and printing of everything about trainings. Must not decide anything: flows and training do."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tagtrainer import flows
from tagtrainer.cli import add_group, add_verb, train_bundle
from tagtrainer.core import fields
from tagtrainer.core.files import tail, write_text
from tagtrainer.core.progress import Printer, frame
from tagtrainer.core.text import UserError, t
from tagtrainer.jobs import store as jobs
from tagtrainer.training import checks, freeze, presets, scripts
from tagtrainer.training.draft import DatasetUse, Draft, family_of
from tagtrainer.training.family import FAMILIES
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """Add the group `train`."""
    verbs = add_group(groups, "train", t("train_cli.about"))
    add_verb(verbs, "models", t("train_cli.models"), _models)
    add_verb(verbs, "options", t("train_cli.options"), _options).add_argument("model", metavar="MODEL")
    add_verb(verbs, "presets", t("train_cli.presets"), _presets).add_argument("model", metavar="MODEL")
    _register_new(verbs)
    add_verb(verbs, "list", t("train_cli.list"), _list, _show_list)
    for name, run, show in (
        ("check", _check, _show_problems), ("stop", _stop, None), ("status", _status, None),
        ("prepare", _prepare, None), ("rehearse", _rehearse, None),
    ):  # fmt: skip
        add_verb(verbs, name, t(f"train_cli.{name}"), run, show).add_argument("id", metavar="ID")
    for name in ("start", "resume"):
        verb = add_verb(verbs, name, t(f"train_cli.{name}"), _start)
        verb.add_argument("id", metavar="ID")
        verb.add_argument("--wait", action="store_true", help=t("train_cli.wait"))
    metrics = add_verb(verbs, "metrics", t("train_cli.metrics"), _metrics)
    metrics.add_argument("id", metavar="ID")
    metrics.add_argument("--csv", metavar="FILE", help=t("train_cli.csv"))
    command = add_verb(
        verbs, "command", t("train_cli.command"), _command, lambda found: print(found["command"], end="")
    )
    command.add_argument("id", metavar="ID")
    command.add_argument("--format", choices=("sh", "bat", "json"), default="sh")
    log = add_verb(verbs, "log", t("train_cli.log"), _log, _show_log)
    log.add_argument("id", metavar="ID")
    log.add_argument("--follow", action="store_true", help=t("train_cli.follow"))
    clone = add_verb(verbs, "clone", t("train_cli.clone"), _clone)
    clone.add_argument("id", metavar="ID")
    clone.add_argument("--name", default="")
    train_bundle.extend(verbs)


def _register_new(verbs: Any) -> None:
    new = add_verb(verbs, "new", t("train_cli.new"), _new)
    new.add_argument("--dataset", metavar="ID[:REPEATS]", action="append", required=True)
    new.add_argument("--model", metavar="MODEL", default="qwen_image")
    new.add_argument("--name", default="", help=t("train_cli.name"))
    add_choices(new)


def add_choices(parser: argparse.ArgumentParser) -> None:
    """The arguments that `train new` and `run-all` share."""
    parser.add_argument("--preset", default="", help=t("train_cli.preset"))
    parser.add_argument("--engine", default="rehearsal", metavar="ENGINE", help=t("train_cli.engine"))
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=t("train_cli.set"))


def options_from(ws: Workspace, family: str, preset: str, settings: list[str]) -> dict[str, Any]:
    """Option values from a preset and then from KEY=VALUE words. Raises UserError for a key nobody knows."""
    values = dict(presets.get(ws, family, preset).values) if preset else {}
    known = fields.specs(family_of(Draft(family=family)).options)
    for word in settings:
        key, found, value = word.partition("=")
        if not found:
            raise UserError("train_cli.not_key_value", word=word)
        if key not in known:
            raise UserError("train_cli.unknown_option", name=key, family=family)
        parsed = fields.parse(known[key], value)
        values[key] = list(parsed) if isinstance(parsed, tuple) else parsed
    return values


def _uses(words: list[str]) -> list[DatasetUse]:
    found = []
    for word in words:
        ident, _, repeats = word.partition(":")
        if repeats and not repeats.isdigit():
            raise UserError("train_cli.bad_repeats", word=word)
        found.append(DatasetUse(id=ident, repeats=int(repeats or 1)))
    return found


def _new(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    draft = Draft(
        name=args.name or args.dataset[0].partition(":")[0], family=args.model, engine=args.engine, preset=args.preset,
        datasets=_uses(args.dataset), options=options_from(ws, args.model, args.preset, args.set),
    )  # fmt: skip
    return {"id": flows.create_training(ws, draft, Printer(t("train_cli.freezing")))}


def _models(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [
        {"id": family.id, "name": family.name, "series": family.series, "kinds": list(family.dataset_kinds)}
        for family in FAMILIES
    ]


def _options(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    known = fields.specs(family_of(Draft(family=args.model)).options)
    return [
        {
            "name": name, "group": spec.group, "kind": spec.kind, "default": spec.default, "choices": list(spec.choices),
            "label": spec.label, "help": spec.help, "flag": spec.flag, "roles": list(spec.roles), "basic": spec.basic,
        }
        for name, spec in known.items()
        if not spec.ui_hidden
    ]  # fmt: skip


def _presets(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    family_of(Draft(family=args.model))
    return [
        {"id": preset.id, "name": preset.name, "shipped": preset.shipped, "values": dict(preset.values)}
        for preset in presets.presets(ws, args.model)
    ]


def _check(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [
        {"level": problem.level, "key": problem.key, "where": problem.where, "message": str(problem)}
        for problem in checks.check(ws, flows.draft_of(ws, args.id))
    ]


def _show_problems(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['level']:8} {row['message']}")
    if not rows:
        print(t("train_cli.no_problems"))


def _command(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    steps = jobs.load(ws, args.id).steps
    return {"id": args.id, "format": args.format, "command": scripts.render(steps, args.format)}


def _start(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    flows.again(ws, args.id)
    if not args.wait:
        return {"id": args.id, "status": jobs.state(ws, args.id).status}
    state = flows.wait(ws, args.id, state_printer())
    if state.status != "completed":
        raise UserError("flows.ended_badly", id=args.id, status=state.status, reason=_reason(ws, args.id, state))
    return {"id": args.id, "status": state.status}


def _reason(ws: Workspace, task_id: str, state: jobs.State) -> str:
    from tagtrainer.training import results

    return str(results.failure(ws, jobs.load(ws, task_id), state))


def state_printer() -> Callable[[jobs.State], None]:
    """A listener for `flows.wait` that draws the bar that moves on stderr, each frame once, by the worker's clock."""
    drawn = ("", -1)

    def show(state: jobs.State) -> None:
        nonlocal drawn
        bar = state.progress
        if drawn[0] and state.status in flows.ENDED:
            sys.stderr.write("\n")
            drawn = ("", -1)
        if bar is None or not bar.total or state.status != "running":
            return
        name = f"{state.step_name} {bar.label}".strip()
        if (name, bar.n) != drawn:
            line = frame(name, min(bar.n, bar.total), bar.total, (bar.seconds_per_unit or 0.0) * bar.n, bar.note)
            sys.stderr.write(("\n" if drawn[0] not in ("", name) else "\r") + line)
            sys.stderr.flush()
            drawn = (name, bar.n)

    return show


def _stop(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    jobs.request_stop(ws, args.id)
    return {"id": args.id, "status": jobs.state(ws, args.id).status}


def _status(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.training import results

    task, state = jobs.load(ws, args.id), jobs.state(ws, args.id)
    view = results.run_view(ws, task, state).as_json()
    return {"id": task.id, "status": state.status, "exit_code": state.exit_code, "view": view}


def _metrics(ws: Workspace, args: argparse.Namespace) -> Any:
    from tagtrainer.training import results

    jobs.load(ws, args.id)
    if not args.csv:
        return results.metrics(ws, args.id)
    target = Path(args.csv).expanduser().absolute()
    rows = results.table_csv(ws, args.id)
    write_text(target, rows)
    return {"path": str(target), "rows": rows.count("\n") - 1}


def _log(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    jobs.load(ws, args.id)
    path = jobs.log_path(ws, args.id)
    piece = tail(path)
    if args.follow:
        _follow(ws, args.id, piece)
    return {"id": args.id, "path": str(path), "text": "" if args.follow else piece.text}


def _follow(ws: Workspace, task_id: str, piece: Any) -> None:
    """Everything new until the task ends, on stderr: stdout stays one JSON document."""
    path = jobs.log_path(ws, task_id)
    while True:
        sys.stderr.write(piece.text)
        sys.stderr.flush()
        ended = jobs.state(ws, task_id).status in (*flows.ENDED, "pending")
        piece = tail(path, piece.end)
        if ended and not piece.text:
            return
        if not piece.text:
            time.sleep(0.5)


def _show_log(found: dict[str, Any]) -> None:
    print(found["text"], end="")


def _list(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [
        {"id": task.id, "title": task.title, "status": state.status, "created": task.created, "detail": task.detail}
        for task, state in jobs.list_tasks(ws, "training")
    ]


def _show_list(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['status']:10} {row['id']:44} {row['title']}")


def _prepare(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    report = freeze.get_ready(ws, args.id, Printer(t("train_cli.preparing")))
    print(t("train_cli.prepared", kept=report.kept, removed=report.removed, copied=report.copied), file=sys.stderr)
    return report.model_dump()


def _clone(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    return {"id": flows.clone_training(ws, args.id, args.name)}


def _rehearse(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    return {"id": flows.clone_training(ws, args.id, engine="rehearsal")}
