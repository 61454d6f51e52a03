"""`dataset history`, `dataset undo`, `dataset redo`. Must not touch files itself."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import Any

from tagtrainer.cli.dataset import on_dataset
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """history undo redo."""
    listing = on_dataset(verbs, "history", _history, _show)
    listing.add_argument("--entry", default="", help=t("datasets.cli.history_entry"))
    listing.add_argument("--limit", type=int, default=50)
    listing.add_argument("--offset", type=int, default=0)
    for name, run in (("undo", _undo), ("redo", _redo)):
        on_dataset(verbs, name, run, _say).add_argument("entry", nargs="?", help=t("datasets.cli.turn_entry"))


def _history(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import history

    offset, limit = max(0, args.offset), max(0, args.limit)
    if args.entry:
        rows, total = history.diff(ws, args.id, args.entry, offset, limit)
        return {"total": total, "rows": rows}
    found, total = history.entries(ws, args.id, offset, limit)
    return {"total": total, "entries": [asdict(entry) for entry in found]}


def _show(result: dict[str, Any]) -> None:
    for entry in result.get("entries", ()):
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["at"]))
        mark = "refused" if entry["refused"] else "undone" if entry["undone"] else ""
        words = f"  ({t(f'view_history.is_{mark}')})" if mark else ""
        print(f"{entry['id']}  {at}  {entry['count']:6}  {entry['who']:14}  {entry['title']}{words}")
    for row in result.get("rows", ()):
        print(f"{row['name']}\n  - {row['old']}\n  + {row['new']}")


def _undo(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import history

    return {"verb": "undone", **asdict(history.undo(ws, args.id, args.entry, who="command line"))}


def _redo(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import history

    return {"verb": "redone", **asdict(history.redo(ws, args.id, args.entry, who="command line"))}


def _say(result: dict[str, Any]) -> None:
    key = f"view_history.{result['verb']}{'_but' if result['conflicts'] else ''}"
    print(t(key, changed=result["changed"], conflicts=result["conflicts"]))
