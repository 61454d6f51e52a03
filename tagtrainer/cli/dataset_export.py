"""`dataset export|duplicate|merge|split|empty-trash`. Must not touch files itself."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tagtrainer.cli import add_verb
from tagtrainer.cli.dataset import on_dataset, save_result
from tagtrainer.core.files import human_size
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """The verbs that write a dataset out or give it another shape."""
    out = on_dataset(verbs, "export", _export, _show_export)
    out.add_argument("dest", help=t("export.cli.dest"))
    out.add_argument("--layout", default="sidecar", choices=["sidecar", "jsonl", "kohya", "zip"])
    out.add_argument("--trash", action="store_true", help=t("export.cli.trash"))
    out.add_argument("--as-trained", action="store_true", help=t("export.cli.as_trained"))
    only = out.add_mutually_exclusive_group()
    only.add_argument("--filter", default="", help=t("export.cli.filter"))
    only.add_argument("--items-from", type=Path, metavar="FILE", help=t("shape.cli.items_from"))
    twin = on_dataset(verbs, "duplicate", _duplicate)
    twin.add_argument("--name", default="", help=t("shape.cli.name"))
    twin.add_argument("--no-history", action="store_true", help=t("shape.cli.no_history"))
    twin.add_argument("--no-trash", action="store_true", help=t("shape.cli.no_trash"))
    merge = on_dataset(verbs, "merge", _merge, _show_merge)
    merge.add_argument("source", help=t("shape.cli.source"))
    merge.add_argument("--prefer", default="ours", choices=["ours", "theirs"], help=t("shape.cli.prefer"))
    merge.add_argument("--delete-source", action="store_true", help=t("shape.cli.delete_source"))
    _extend_split(verbs)
    empty = on_dataset(verbs, "empty-trash", _empty)
    empty.add_argument("items", nargs="*")
    add_verb(verbs, "deleted", t("shape.cli.deleted"), _deleted)


def _extend_split(verbs: Any) -> None:
    split = on_dataset(verbs, "split", _split, _show_split)
    split.add_argument("name", help=t("shape.cli.new_name"))
    which = split.add_mutually_exclusive_group(required=True)
    which.add_argument("--filter", help=t("export.cli.filter"))
    which.add_argument("--items", nargs="+", help=t("shape.cli.items"))
    which.add_argument("--items-from", type=Path, metavar="FILE", help=t("shape.cli.items_from"))
    split.add_argument("--move", action="store_true", help=t("shape.cli.move"))


def _export(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets.exchange import export

    options = export.Options(args.layout, args.trash, args.as_trained, args.filter, _listed(args.items_from))
    return save_result(asdict(export.export(ws, args.id, args.dest, options, Printer("export"))))


def _listed(path: Path | None) -> tuple[str, ...] | None:
    """Ids from a file, one a line; more of them than a command line holds."""
    if path is None:
        return None
    try:
        return tuple(path.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("datasets.no_source", path=path) from error


def _show_export(result: dict[str, Any]) -> None:
    print(t("export.cli.done", path=result["path"], items=result["items"], size=human_size(result["bytes"])))


def _duplicate(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import shape

    ident = shape.duplicate(
        ws,
        args.id,
        args.name,
        history=not args.no_history,
        with_trash=not args.no_trash,
        on_progress=Printer("duplicate"),
    )
    return save_result({"id": ident})


def _merge(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import merge

    done = merge.merge(
        ws, args.id, args.source, prefer=args.prefer, delete_source=args.delete_source, on_progress=Printer("merge")
    )
    rows = [{"file": row.file, "key": row.key, "values": row.values, "reason": row.reason} for row in done.skipped]
    numbers = {"added": done.added, "same": done.same, "captions": done.captions}
    return save_result({**numbers, "conflicts": [asdict(row) for row in done.conflicts], "skipped": rows})


def _show_merge(result: dict[str, Any]) -> None:
    print(t("shape.cli.merged", added=result["added"], same=result["same"], conflicts=len(result["conflicts"])))
    for row in result["conflicts"]:
        print(f"  {row['name']}: {row['kept']!r} | {row['other']!r}")
    for row in result["skipped"]:
        print(f"  {row['file']}: {row['reason']}")


def _split(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import shape

    items = args.items if args.items_from is None else _listed(args.items_from)
    done = shape.split(
        ws, args.id, args.name, items=items, expr=args.filter, move=args.move, on_progress=Printer("split")
    )
    return save_result(asdict(done))


def _show_split(result: dict[str, Any]) -> None:
    print(t("shape.cli.split", id=result["id"], items=result["items"]))


def _empty(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import shape

    return {"items": shape.empty_trash(ws, args.id, args.items or None)}


def _deleted(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    from tagtrainer.datasets import deleted

    return [asdict(row) for row in deleted.entries(ws)]
