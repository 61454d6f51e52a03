"""`dataset`: everything about datasets. Must not touch files itself.

Every module dataset_<something>.py beside this one adds verbs: `extend(verbs)`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tagtrainer.cli
from tagtrainer.cli import add_group, add_verb
from tagtrainer.core.files import human_size, write_json
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """create list show import delete restore items caption search stats reindex sample."""
    verbs = add_group(groups, "dataset", t("datasets.cli.about"))
    create = add_verb(verbs, "create", t("datasets.cli.create"), _create)
    create.add_argument("name")
    create.add_argument(
        "--kind", default="image", choices=["image", "video", "single_control_image", "multi_control_image"]
    )
    create.add_argument("--trigger", default="", help=t("datasets.cli.trigger"))
    add_verb(verbs, "list", t("datasets.cli.list"), _list, _show_list)
    add_verb(verbs, "sample", t("datasets.cli.sample"), _sample)
    taking = on_dataset(verbs, "import", _import, _show_report)
    taking.add_argument("paths", nargs="+", type=Path)
    taking.add_argument("--control", type=int, metavar="N", help=t("pairs.cli.control"))
    on_dataset(verbs, "delete", _delete).add_argument("items", nargs="*")
    on_dataset(verbs, "restore", _restore).add_argument("items", nargs="*")
    items = on_dataset(verbs, "items", _items)
    items.add_argument("--filter", default="", help=t("datasets.cli.filter"))
    items.add_argument("--limit", type=int, default=100)
    items.add_argument("--offset", type=int, default=0)
    caption = on_dataset(verbs, "caption", _caption)
    caption.add_argument("item")
    caption.add_argument("text", nargs="?")
    on_dataset(verbs, "search", _search).add_argument("text")
    for name, run in (("show", _show), ("stats", _stats)):
        on_dataset(verbs, name, run)
    add_verb(verbs, "reindex", t("datasets.cli.reindex"), _reindex).add_argument("id", nargs="?")

    for info in sorted(pkgutil.iter_modules(tagtrainer.cli.__path__), key=lambda i: i.name):
        if info.name.startswith("dataset_"):
            importlib.import_module(f"tagtrainer.cli.{info.name}").extend(verbs)


def on_dataset(verbs: Any, name: str, run: Any, show: Any = None) -> argparse.ArgumentParser:
    """A verb whose first argument is a dataset's id; its help is the text datasets.cli.<name>."""
    verb = add_verb(verbs, name, t(f"datasets.cli.{name}"), run, show)
    verb.add_argument("id")
    return verb


def _create(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import store

    return store.create(ws, args.name, args.kind, trigger_word=args.trigger).model_dump()


def _list(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    from tagtrainer.datasets import store

    return [{**meta.model_dump(), **asdict(store.stats(ws, meta.id))} for meta in store.list_all(ws)]


def _show_list(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['id']:32} {row['count']:7} {human_size(row['bytes']):>10}  {row['name']}")
    if not rows:
        print(t("datasets.cli.none"))


def _show(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import store

    return {**store.get(ws, args.id).model_dump(), **asdict(store.stats(ws, args.id))}


def _stats(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import store

    return asdict(store.stats(ws, args.id))


def _sample(ws: Workspace, args: argparse.Namespace) -> dict[str, str]:
    from tagtrainer.datasets import sample

    return {"id": sample.make_sample(ws)}


def _import(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import transfer

    report = transfer.import_paths(ws, args.id, args.paths, Printer("import"), control=args.control)
    rows = [{"file": row.file, "reason": row.reason, "key": row.key, "values": row.values} for row in report.skipped]
    numbers = {"added": report.added, "duplicates": report.duplicates, "captions": report.captions}
    numbers |= {"controls": report.controls} if report.controls else {}
    return save_result({**numbers, "sources": report.sources, "skipped": rows, "items": report.items})


def save_result(result: dict[str, Any]) -> dict[str, Any]:
    """Leave the result of a verb in the folder of its task, if it runs as one; the result."""
    task = os.environ.get("TAGTRAINER_TASK")
    if task:
        write_json(Path(task) / "result.json", result)
    return result


def _show_report(result: dict[str, Any]) -> None:
    print(
        t("datasets.cli.imported", added=result["added"], duplicates=result["duplicates"], captions=result["captions"])
    )
    took = [t(f"layouts.source.{name}", n=count) for name, count in result["sources"].items()]
    if took:
        print(t("layouts.took", what=t("layouts.comma").join(took)))
    if result.get("controls"):
        print(t("datasets_tab.gallery.controls", n=result["controls"]))
    for row in result["skipped"]:
        print(f"  {row['file']}: {row['reason']}")


def _delete(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import store

    if args.items:
        return {"items": store.delete_items(ws, args.id, args.items)}
    store.delete(ws, args.id)
    return {"id": args.id}


def _restore(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import store

    if args.items or ws.dataset(args.id).exists():
        return {"items": store.restore_items(ws, args.id, args.items or None)}
    store.restore(ws, args.id)
    return {"id": args.id}


def _items(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import filters, index, store

    store.get(ws, args.id)
    index.sync(ws, args.id)
    page = index.page(ws, args.id, filters.parse(args.filter), max(0, args.offset), max(0, args.limit))
    return {"total": page.total, "items": [asdict(item) for item in page.items]}


def _caption(ws: Workspace, args: argparse.Namespace) -> dict[str, str]:
    from tagtrainer.datasets import store

    store.item(ws, args.id, args.item)
    if args.text is not None:
        store.write_captions(ws, args.id, {args.item: args.text}, who="user", title="command line")
    return {"item": args.item, "caption": store.caption(ws, args.id, args.item)}


def _search(ws: Workspace, args: argparse.Namespace) -> list[str]:
    from tagtrainer.datasets import index, store

    store.get(ws, args.id)
    index.sync(ws, args.id)
    return index.search(ws, args.id, args.text)


def _reindex(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import index, store

    if args.id:
        store.get(ws, args.id)
    return {"datasets": index.rebuild(ws, args.id)}
