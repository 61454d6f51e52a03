"""`engine status | use`: arguments and printing only."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tagtrainer import engines
from tagtrainer.cli import add_group, add_verb
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """Add the group `engine`."""
    verbs = add_group(groups, "engine", t("engine_cli.about"))
    add_verb(verbs, "status", t("engine_cli.status"), _status, _show_status)
    use = add_verb(verbs, "use", t("engine_cli.use"), _use, _show_one)
    use.add_argument("path", metavar="DIR", help=t("engine_cli.path"))
    use.add_argument("--python", metavar="EXE", default="", help=t("engine_cli.python"))


def _status(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [{"id": ident, **asdict(engine.status(ws))} for ident, engine in engines.ENGINES.items()]


def _use(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    return {"id": engines.MUSUBI.id, **asdict(engines.MUSUBI.use(ws, args.path, args.python))}


def _show_status(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        _show_one(row)


def _show_one(row: dict[str, Any]) -> None:
    state = t("engine_cli.found") if row["found"] else t("engine_cli.missing")
    print(f"{row['id']:14} {state:10} {row['version']:8} {row['path']}")
    for line in (row["python"], row["message"]):
        if line:
            print(f"{'':14} {line}")
