"""`caption`: profiles, trying one picture, batches. Must not ask servers itself."""

from __future__ import annotations

import argparse
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tagtrainer.cli import add_group, add_verb
from tagtrainer.core.files import read_json
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """profiles, models, try, run, batch."""
    verbs = add_group(groups, "caption", t("captioning.cli.about"))
    add_verb(verbs, "profiles", t("captioning.cli.profiles"), _profiles, _show_profiles)
    add_verb(verbs, "models", t("captioning.cli.models"), _models).add_argument("profile")
    trying = add_verb(verbs, "try", t("captioning.cli.try"), _try)
    for name in ("profile", "id", "item"):
        trying.add_argument(name)
    for name, run in (("run", _run), ("batch", _batch)):
        verb = add_verb(verbs, name, t(f"captioning.cli.{name}"), run)
        verb.add_argument("id")
        verb.add_argument("--profile", required=True)
        verb.add_argument("--mode", default="missing", choices=["missing", "replace", "append"])
        if name == "run":
            verb.add_argument("--wait", action="store_true", help=t("captioning.cli.wait"))
        else:
            verb.add_argument("--items", type=Path, help=t("captioning.cli.items"))


def _profiles(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    from tagtrainer.captioning import profiles

    return [asdict(profile) for profile in profiles.profiles(ws).values()]


def _show_profiles(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['id']:20} {row['provider']:20} {row['name']}")


def _models(ws: Workspace, args: argparse.Namespace) -> list[str]:
    from tagtrainer.captioning import batch

    return batch.list_models(ws, args.profile)


def _try(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.captioning import batch

    return asdict(batch.try_one(ws, args.profile, args.id, args.item))


def _run(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer import flows
    from tagtrainer.jobs import store as jobs

    task = flows.start_captioning(ws, args.id, args.profile, args.mode)
    if not args.wait:
        return {"job": task}
    state = flows.wait(ws, task)
    return {"job": task, "status": state.status, "result": jobs.result(ws, task)}


def _batch(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.captioning import batch

    items = read_json(args.items) if args.items else None
    stop = threading.Event()
    for name in ("SIGTERM", "SIGBREAK"):  # what was asked is still waited for and kept
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    report = batch.run(ws, args.id, args.profile, args.mode, items, Printer("caption"), stop.is_set)
    if report.stopped or (report.errors and not report.done):
        raise UserError(
            "captioning.batch_failed", count=len(report.errors), first=report.stopped or report.errors[0]["reason"]
        )
    return asdict(report)
