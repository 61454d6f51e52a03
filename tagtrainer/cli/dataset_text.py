"""`dataset replace tag tags tidy trigger affix tokens`: captions in bulk. Must not touch files itself."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tagtrainer.cli.dataset import on_dataset
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace

ACTIONS = ("add", "remove", "rename", "merge", "front", "end")
SHOWN = 10


def extend(verbs: Any) -> None:
    """Called by the group `dataset`."""
    replace = _changing(verbs, "replace", _replace)
    replace.add_argument("old")
    replace.add_argument("new")
    for name in ("regex", "case", "word"):
        replace.add_argument(f"--{name}", action="store_true", help=t(f"bulk.field.{name}"))
    tag = _changing(verbs, "tag", _tag)
    tag.add_argument("action", choices=ACTIONS)
    tag.add_argument("tags", nargs="+", help=t("bulk.cli.tags_help"))
    tag.add_argument("--at-front", action="store_true", help=t("bulk.choice.front"))
    tag.add_argument("--after", default="", metavar="TAG", help=t("bulk.field.after"))
    trigger = _changing(verbs, "trigger", _trigger)
    trigger.add_argument("mode", choices=("everywhere", "nowhere"))
    trigger.add_argument("--trigger", default="", metavar="WORD", help=t("bulk.field.trigger"))
    affix = _changing(verbs, "affix", _affix)
    affix.add_argument("--prefix", default="")
    affix.add_argument("--suffix", default="")
    tidy = _changing(verbs, "tidy", _tidy)
    tidy.add_argument("--dedupe", action="store_true", help=t("bulk.op.dedupe"))
    tidy.add_argument("--sort", nargs="?", const="name", choices=("name", "count"), help=t("bulk.op.sort"))
    tidy.add_argument("--keep-first", type=int, default=0, metavar="N", help=t("bulk.field.keep_first"))
    tags = on_dataset(verbs, "tags", _tags, _show_tags)
    tags.add_argument("--top", type=int, default=50, metavar="N")
    tags.add_argument("--search", default="")
    tags.add_argument("--partners", default="", metavar="TAG", help=t("bulk.cli.partners_help"))
    tokens = on_dataset(verbs, "tokens", _tokens, _show_tokens)
    tokens.add_argument("--family", default="qwen_image")
    tokens.add_argument("--limit", type=int)
    tokens.add_argument("--tokenizer", metavar="DIR", help=t("bulk.cli.tokenizer_help"))


def _changing(verbs: Any, name: str, run: Any) -> argparse.ArgumentParser:
    verb = on_dataset(verbs, name, run, _show_change)
    verb.add_argument("--filter", metavar="EXPR", help=t("datasets.cli.filter"))
    verb.add_argument("--items", nargs="+", metavar="ITEM", help=t("bulk.cli.items_help"))
    verb.add_argument("--dry-run", action="store_true", help=t("bulk.cli.dry_run_help"))
    return verb


def _run(ws: Workspace, args: argparse.Namespace, *wanted: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    from tagtrainer.datasets.text import bulk
    from tagtrainer.datasets.text.operations import operation

    chosen = [operation(name, values) for name, values in wanted]
    one = chosen[0] if len(chosen) == 1 else bulk.Several(tuple(chosen))
    scope = bulk.Scope(args.items, args.filter)
    if not args.dry_run:
        return asdict(bulk.apply(ws, args.id, one, scope, who="command line"))
    seen = bulk.preview(ws, args.id, one, scope, SHOWN)
    hits = [{"item": hit.item.id, "name": hit.item.name, "old": hit.old, "new": hit.new} for hit in seen.hits]
    return {"count": seen.count, "total": seen.total, "sentences": seen.sentences, "hits": hits}


def _replace(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    values = {"old": args.old, "new": args.new, "regex": args.regex, "case": args.case, "word": args.word}
    return _run(ws, args, ("replace", values))


def _tag(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    if args.action in ("rename", "merge"):
        *old, new = args.tags
        if not old or (args.action == "rename" and len(old) > 1):
            raise UserError("bulk.cli.old_and_new")
        return _run(ws, args, ("rename", {"old": old[0], "new": new}) if args.action == "rename" else
                    ("merge", {"tags": old, "new": new}))  # fmt: skip
    if args.action == "remove":
        return _run(ws, args, ("remove", {"tags": args.tags}))
    if args.action in ("front", "end"):
        return _run(ws, args, ("move", {"tags": args.tags, "where": args.action}))
    where = "after" if args.after else "front" if args.at_front else "end"
    return _run(ws, args, ("add", {"tags": args.tags, "where": where, "after": args.after}))


def _trigger(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    return _run(ws, args, ("trigger", {"mode": args.mode, "trigger": args.trigger}))


def _affix(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    return _run(ws, args, ("affix", {"prefix": args.prefix, "suffix": args.suffix}))


def _tidy(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    wanted: list[tuple[str, dict[str, Any]]] = [("tidy", {})]
    if args.dedupe:
        wanted.append(("dedupe", {}))
    if args.sort:
        wanted.append(("sort", {"order": args.sort, "keep_first": args.keep_first}))
    return _run(ws, args, *wanted)


def _show_change(result: dict[str, Any]) -> None:
    if "hits" not in result:
        print(t("bulk.cli.changed", count=result["changed"]))
        return
    print(t("bulk.cli.would_change", count=result["count"], total=result["total"]))
    for hit in result["hits"]:
        print(f"{hit['name']}\n  - {hit['old']}\n  + {hit['new']}")


def _tags(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import index, store
    from tagtrainer.datasets.text import texts

    store.get(ws, args.id)
    index.sync(ws, args.id)
    table, _ = texts.table(ws, args.id)
    numbers = {"different": len(table.names), "captions": table.captions, "sentences": table.sentences}
    if args.partners:
        rows = [asdict(row) for row in table.partners(args.partners, max(0, args.top))]
        return {**numbers, "tag": args.partners, "count": table.count_of(args.partners), "partners": rows}
    return {**numbers, "tags": [asdict(row) for row in table.top(max(0, args.top), search=args.search)]}


def _show_tags(result: dict[str, Any]) -> None:
    for row in result.get("tags", []):
        print(f"{row['count']:7}  {row['tag']}")
    for row in result.get("partners", []):
        print(f"{row['together']:7}  {row['jaccard']:.2f}  {row['lift']:6.1f}  {row['tag']}")
    print(t("bulk.cli.tag_numbers", **{name: result[name] for name in ("different", "captions", "sentences")}))


def _tokens(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import index, store
    from tagtrainer.flows import caption_tokens

    store.get(ws, args.id)
    index.sync(ws, args.id)
    if args.tokenizer is not None:
        caption_tokens.set_tokenizer(ws, args.family, args.tokenizer)
    found = asdict(caption_tokens.report(ws, args.id, args.family, args.limit))
    names = {item.id: item.name for item in store.select(ws, args.id, items=[ident for ident, _ in found["over"]])}
    return {**found, "over": [{"item": ident, "name": names[ident], "tokens": count} for ident, count in found["over"]]}


def _show_tokens(result: dict[str, Any]) -> None:
    kind = "exact" if result["exact"] else "about"
    print(t(f"bulk.cli.tokens_{kind}", longest=result["longest"], mean=round(result["mean"]), name=result["name"]))
    print(t("bulk.cli.tokens_over", count=len(result["over"]), limit=result["limit"] or "–"))
    for row in result["over"][:50]:
        print(f"{row['tokens']:7}  {row['name']}")
