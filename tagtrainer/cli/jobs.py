"""`jobs`: what runs in the background. Must not know what the tasks do."""

from __future__ import annotations

import argparse
from typing import Any

from tagtrainer.cli import add_group, add_verb
from tagtrainer.core.text import t
from tagtrainer.jobs import store, worker
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """list, cancel, worker."""
    verbs = add_group(groups, "jobs", t("jobs.cli.about"))
    add_verb(verbs, "list", t("jobs.cli.list"), _list, _show_list)
    cancel = add_verb(verbs, "cancel", t("jobs.cli.cancel"), _cancel)
    cancel.add_argument("id")
    work = add_verb(verbs, "worker", t("jobs.cli.worker"), _worker)
    work.add_argument("--linger", type=float, default=30.0, help=t("jobs.cli.linger"))


def _list(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [
        {"id": task.id, "kind": task.kind, "title": task.title, "status": state.status, "step": state.step_name}
        for task, state in store.list_tasks(ws)
    ]


def _show_list(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['status']:10} {row['kind']:11} {row['id']}  {row['title']}")
    if not rows:
        print(t("jobs.cli.none"))


def _cancel(ws: Workspace, args: argparse.Namespace) -> dict[str, str]:
    store.request_stop(ws, args.id)
    worker.ensure_worker(ws)
    return {"id": args.id, "status": store.state(ws, args.id).status}


def _worker(ws: Workspace, args: argparse.Namespace) -> dict[str, int]:
    return {"exit_code": worker.run(ws, linger=args.linger)}
