"""`dataset pairs|pair|unpair|reorder`: targets and their control images. Must not touch files itself."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tagtrainer.cli import add_verb
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """pairs pair unpair reorder."""
    listing = add_verb(verbs, "pairs", t("pairs.cli.pairs"), _pairs, _show_pairs)
    listing.add_argument("id")
    listing.add_argument("--problems", action="store_true", help=t("pairs.cli.problems"))
    giving = add_verb(verbs, "pair", t("pairs.cli.pair"), _pair)
    giving.add_argument("id")
    giving.add_argument("item")
    giving.add_argument("file", metavar="FILE_OR_WAITING")
    giving.add_argument("--position", type=int, metavar="N", help=t("pairs.cli.position"))
    taking = add_verb(verbs, "unpair", t("pairs.cli.unpair"), _unpair)
    taking.add_argument("id")
    taking.add_argument("item")
    taking.add_argument("number", type=int, metavar="N")
    order = add_verb(verbs, "reorder", t("pairs.cli.reorder"), _reorder)
    order.add_argument("id")
    order.add_argument("item")
    order.add_argument("order", nargs="+", type=int)


def _pairs(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import index
    from tagtrainer.datasets.pairs import controls, waiting
    from tagtrainer.datasets.pairs import flags as pair_flags

    controls.control_kind(ws, args.id)
    index.sync(ws, args.id)
    done = pair_flags.review(ws, args.id)
    items = done.with_flag("any" if args.problems else "")
    rows = [
        {"id": item.id, "name": item.name, "flags": list(done.flags[item.id]), "controls": _controls(item)}
        for item in items
    ]
    waits = [{**asdict(entry), "reason": entry.reason} for entry in waiting.entries(ws, args.id)]
    paired = sum(bool(item.controls) for item in done.items)
    return {"count": len(done.items), "paired": paired, "flags": dict(done.counts), "pairs": rows, "waiting": waits}


def _controls(item: Any) -> list[dict[str, Any]]:
    return [asdict(control) for control in item.controls]


def _show_pairs(result: dict[str, Any]) -> None:
    print(t("pairs.cli.summary", count=result["count"], paired=result["paired"], waiting=len(result["waiting"])))
    for row in result["pairs"]:
        names = ", ".join(control["name"] for control in row["controls"]) or "-"
        flags = ", ".join(t(f"pairs.flag.{flag}") for flag in row["flags"])
        print(f"  {row['name']} <- {names}" + (f"  [{flags}]" if flags else ""))
    if result["waiting"]:
        print(t("pairs.cli.waiting"))
    for row in result["waiting"]:
        print(f"  {row['id']}  {row['label']}: {row['reason']}")


def _pair(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets.pairs import controls, waiting

    path = Path(args.file).expanduser()
    if path.is_file():
        return asdict(controls.attach(ws, args.id, args.item, path.absolute(), position=args.position))
    controls.control_kind(ws, args.id)
    return asdict(waiting.pair(ws, args.id, args.item, args.file, position=args.position))


def _unpair(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets.pairs import controls

    return asdict(controls.detach(ws, args.id, args.item, args.number))


def _reorder(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    from tagtrainer.datasets.pairs import controls

    return _controls(controls.reorder(ws, args.id, args.item, args.order))
