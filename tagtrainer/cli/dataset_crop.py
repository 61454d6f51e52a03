"""`dataset focus` and `dataset crop`: find subjects, propose crops, apply and reset them. Must not touch pictures itself."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tagtrainer.cli.dataset import on_dataset, save_result
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace

SHOWN = 20


def extend(verbs: Any) -> None:
    """focus crop."""
    focus = on_dataset(verbs, "focus", _focus, _show_focus)
    focus.add_argument("--by", default="auto", metavar="auto|face|saliency|vision:PROFILE", help=t("curation.cli.by"))
    _choosing(focus)
    crop = on_dataset(verbs, "crop", _crop, _show_crop)
    shape = crop.add_mutually_exclusive_group()
    shape.add_argument("--size", metavar="WxH", help=t("curation.cli.size"))
    shape.add_argument("--aspect", metavar="A:B", help=t("curation.cli.aspect"))
    shape.add_argument("--buckets", metavar="WxH", help=t("curation.cli.buckets"))
    crop.add_argument("--by", default="auto", metavar="auto|face|saliency|vision:PROFILE", help=t("curation.cli.by"))
    doing = crop.add_mutually_exclusive_group()
    doing.add_argument("--apply", action="store_true", help=t("curation.cli.apply"))
    doing.add_argument("--reset", action="store_true", help=t("curation.cli.reset"))
    _choosing(crop)


def _choosing(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--items", nargs="+", metavar="ITEM", help=t("curation.cli.items"))
    verb.add_argument("--filter", default="", metavar="EXPR", help=t("curation.cli.filter"))


def _chosen(ws: Workspace, args: argparse.Namespace) -> list[Any]:
    from tagtrainer.datasets import index, store

    store.get(ws, args.id)
    index.sync(ws, args.id)
    return store.select(ws, args.id, items=args.items, expr=args.filter or None)


def _focus(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets.curation import proposals
    from tagtrainer.flows import looking

    items = _chosen(ws, args)
    with looking.finder(ws, args.by) as finder:
        report = proposals.find_all(ws, args.id, items, finder, Printer("focus"))
        found = {"by": finder.key, "tool": finder.tool, **asdict(report)}
    return save_result(found)


def _show_focus(result: dict[str, Any]) -> None:
    sources = ", ".join(f"{t(f'curation.source.{name}')} {count}" for name, count in result["sources"].items())
    print(t("curation.cli.focused", found=result["found"], known=result["known"], sources=sources or "-"))
    for row in result["failed"]:
        print(f"  {row['name']}: {row['reason']}")


def _target(args: argparse.Namespace) -> str:
    if args.aspect:
        return str(args.aspect)
    return f"buckets:{args.buckets}" if args.buckets else str(args.size or "1024x1024")


def _crop(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    """Proposals for the pictures whose subject is known; those not looked at yet are looked at first."""
    from tagtrainer.datasets.curation import crops, proposals
    from tagtrainer.flows import looking

    if args.reset:
        return {"reset": proposals.reset(ws, args.id, _chosen(ws, args))}
    target = crops.parse_target(_target(args))
    items = _chosen(ws, args)
    with looking.finder(ws, args.by) as finder:
        report = proposals.find_all(ws, args.id, items, finder, Printer("crop"))
        by = finder.key
    offers = list(proposals.offers(ws, args.id, items, by, target))
    result: dict[str, Any] = {
        "target": str(target),
        "by": by,
        "failed": report.failed,
        "offers": list(map(row, offers)),
    }
    result["not_whole"] = sum(not offer.proposal.whole for offer in offers)
    result["enlarged"] = sum(offer.proposal.enlarged > 1 for offer in offers)
    if args.apply:
        if not offers:
            raise UserError("curation.nothing_to_crop")
        result["applied"] = proposals.apply(ws, args.id, offers, target)
    return save_result(result)


def row(offer: Any) -> dict[str, Any]:
    """An offer as JSON."""
    proposal, subject = offer.proposal, offer.subject
    found = {"item": offer.item.id, "name": offer.item.name, "size": [offer.item.width, offer.item.height]}
    crop = {"box": list(proposal.box), "aim": list(proposal.aim), "whole": proposal.whole}
    numbers = {"enlarged": round(proposal.enlarged, 3), "kept": round(proposal.kept, 4)}
    seen = {"subject": list(subject.box), "source": subject.source, "score": subject.score}
    return {**found, **crop, **numbers, **seen, "state": offer.state, "drawn": offer.drawn}


def _show_crop(result: dict[str, Any]) -> None:
    if "reset" in result:
        print(t("curation.cli.uncropped", count=result["reset"]))
        return
    for one in result["offers"][:SHOWN]:
        x, y, width, height = one["box"]
        source = t(f"curation.source.{one['source']}")
        print(f"{one['name'][:40]:40} {width} x {height} + {x} + {y}  {source}")
    if len(result["offers"]) > SHOWN:
        print(f"… {len(result['offers']) - SHOWN}")
    counts = {"count": len(result["offers"]), "not_whole": result["not_whole"], "enlarged": result["enlarged"]}
    print(t("curation.cli.proposed", **counts))
    if "applied" in result:
        print(t("curation.cli.cropped", count=result["applied"]))
