"""`dataset measure`, `dataset duplicates` and `dataset quality`: find copies and bad pictures. Must not touch pictures itself."""

from __future__ import annotations

import argparse
from typing import Any

from tagtrainer.cli.dataset import on_dataset, save_result
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace

SHOWN = 20


def extend(verbs: Any) -> None:
    """measure duplicates quality."""
    measure = on_dataset(verbs, "measure", _measure, _show_measured)
    measure.add_argument("--only", choices=["duplicates", "quality"], help=t("clean.cli.only"))
    copies = on_dataset(verbs, "duplicates", _duplicates, _show_groups)
    copies.add_argument("--distance", type=int, default=None, metavar="N", help=t("clean.cli.distance"))
    copies.add_argument("--mirrored", action="store_true", help=t("clean.cli.mirrored"))
    copies.add_argument("--apply", action="store_true", help=t("clean.cli.apply"))
    poor = on_dataset(verbs, "quality", _quality, _show_lists)
    poor.add_argument("--list", metavar="NAME", help=t("clean.cli.list"))
    poor.add_argument("--side", type=int, default=1024, metavar="PIXELS", help=t("clean.cli.side"))
    poor.add_argument("--threshold", action="append", default=[], metavar="NAME=NUMBER", help=t("clean.cli.below"))
    doing = poor.add_mutually_exclusive_group()
    doing.add_argument("--remove", action="store_true", help=t("clean.cli.remove"))
    doing.add_argument("--flag", action="store_true", help=t("clean.cli.flag"))


def _measure(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import index
    from tagtrainer.datasets.curation import duplicates, quality

    index.sync(ws, args.id)
    total = {"measured": 0, "known": 0, "failed": 0}
    for part, look in (("duplicates", duplicates.look), ("quality", quality.look)):
        if args.only in (None, part):
            report = look(ws, args.id, Printer("measure"))
            total = {name: count + getattr(report, name) for name, count in total.items()}
    return save_result({**total, "only": args.only})


def _show_measured(result: dict[str, Any]) -> None:
    print(t("clean.cli.measured", **result))


def _duplicates(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    """Groups of copies; what was not looked at yet is looked at first."""
    from tagtrainer.datasets import index
    from tagtrainer.datasets.curation import duplicates

    index.sync(ws, args.id)
    duplicates.look(ws, args.id, Printer("duplicates"))
    distance = duplicates.USUAL if args.distance is None else args.distance
    found = duplicates.find(ws, args.id, distance, args.mirrored)
    groups = [[_member(member) for member in group.members] for group in found.groups]
    result: dict[str, Any] = {"id": args.id, "distance": distance, "groups": groups, "surplus": len(found.surplus)}
    if args.apply:
        result["removed"] = duplicates.remove(ws, args.id, found.surplus) if found.surplus else 0
    return save_result(result)


def _member(member: Any) -> dict[str, Any]:
    item = member.item
    facts = {"item": item.id, "name": item.name, "size": list(item.size), "bytes": item.bytes}
    near = {"distance": member.distance, "likeness": member.likeness, "mirrored": member.mirrored}
    return {**facts, **near, "exact": member.exact}


def _show_groups(result: dict[str, Any]) -> None:
    for group in result["groups"][:SHOWN]:
        for place, one in enumerate(group):
            mark = t("clean.cli.kept") if place == 0 else f"{one['distance']:>4}"
            print(f"{mark:>6}  {one['size'][0]:>5} x {one['size'][1]:<5}  {one['name']}")
        print()
    if len(result["groups"]) > SHOWN:
        print(f"… {len(result['groups']) - SHOWN}")
    print(t("clean.cli.groups", groups=len(result["groups"]), surplus=result["surplus"]))
    if result.get("removed"):
        print(t("clean.cli.removed", count=result["removed"], id=result["id"]))


def _quality(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    """Lists of bad pictures; what was not looked at yet is looked at first."""
    from tagtrainer.datasets import index
    from tagtrainer.datasets.curation import quality

    chosen = [quality.rule(args.list)] if args.list else list(quality.RULES)
    limits = _limits(args.threshold)
    if (args.remove or args.flag) and not args.list:
        raise UserError("clean.bad_list", name="-", known=", ".join(rule.name for rule in quality.RULES))
    index.sync(ws, args.id)
    quality.look(ws, args.id, Printer("quality"))
    judged = quality.judge(ws, args.id, args.side)
    cuts = {rule.name: judged.cut(rule, limits.get(rule.name)) for rule in chosen}
    result: dict[str, Any] = {"id": args.id, "total": len(judged.table.items), "lists": {}}
    for name, found in cuts.items():
        rows = [{"item": one.item.id, "name": one.item.name, "value": round(one.value, 3)} for one in found]
        result["lists"][name] = {"count": len(found), "items": rows}
    items = [one.item.id for one in cuts.get(args.list, [])]
    if items and args.remove:
        result["removed"] = quality.remove(ws, args.id, items)
    if items and args.flag:
        result["flagged"] = quality.flag(ws, args.id, items)
    return save_result(result)


def _limits(words: list[str]) -> dict[str, float]:
    """NAME=NUMBER words. Raises UserError clean.bad_list."""
    from tagtrainer.datasets.curation import quality

    limits: dict[str, float] = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            limits[quality.rule(name).name] = float(number)
        except ValueError as error:
            raise UserError(
                "clean.bad_list", name=word, known=", ".join(rule.name for rule in quality.RULES)
            ) from error
    return limits


def _show_lists(result: dict[str, Any]) -> None:
    for name, found in result["lists"].items():
        print(f"{t(f'clean.list.{name}')}: {found['count']}")
        for one in found["items"][:SHOWN]:
            print(f"  {one['value']:>8.2f}  {one['name']}")
        if found["count"] > SHOWN:
            print(f"  … {found['count'] - SHOWN}")
    if "removed" in result:
        print(t("clean.cli.removed", count=result["removed"], id=result["id"]))
    if "flagged" in result:
        print(t("clean.cli.flagged", count=result["flagged"]))
