"""`dataset faces`: measure faces, list redundant portraits, remove them, fetch the networks. Must not decide anything itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tagtrainer.cli.dataset import on_dataset, save_result
from tagtrainer.core import fields
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """faces."""
    from tagtrainer.datasets.curation.portraits import PortraitRules

    faces = on_dataset(verbs, "faces", _faces, _show)
    faces.add_argument("--keep", type=int, dest="portrait_keep", metavar="N", help=t("curation.cli.keep"))
    for name, spec in fields.specs(PortraitRules).items():
        if name != "portrait_keep":
            faces.add_argument(f"--{name.replace('_', '-')}", type=float, dest=name, metavar="0..1", help=_help(spec))
    faces.add_argument("--detector", type=Path, metavar="PATH", help=t("curation.cli.detector"))
    faces.add_argument("--embedder", type=Path, metavar="PATH", help=t("curation.cli.embedder"))
    faces.add_argument("--download", action="store_true", help=t("curation.cli.download"))
    faces.add_argument("--apply", action="store_true", help=t("curation.cli.remove"))


def _help(spec: fields.Spec) -> str:
    return f"{spec.help} ({spec.default})".replace("%", "%%")


def rules_of(values: dict[str, Any]) -> Any:
    """Portrait rules from what was given. Raises UserError for a value out of bounds."""
    from tagtrainer.datasets.curation.portraits import PortraitRules

    known = fields.specs(PortraitRules)
    rules, _ = fields.load(PortraitRules, {name: values[name] for name in known if values.get(name) is not None})
    for problem in fields.problems(rules):
        raise UserError(problem.key, **problem.values)
    return rules


def _faces(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.datasets import index, store
    from tagtrainer.datasets.curation import face_weights, faces, redundancy

    rules = rules_of(vars(args))
    store.get(ws, args.id)
    index.sync(ws, args.id)
    if args.download:
        for name in face_weights.WEIGHTS:
            face_weights.download(ws, name, Printer("download"))
    detector, embedder = face_weights.detector(ws, args.detector), face_weights.embedder(ws, args.embedder)
    for name, path in (("yunet", args.detector), ("sface", args.embedder)):
        if path is not None:
            face_weights.use(ws, name, path)
    items, tool = store.items(ws, args.id), faces.tool_of(detector, embedder)
    report = faces.measure(ws, args.id, items, detector, embedder, Printer("faces"))
    verdict = redundancy.judge(ws, args.id, items, tool, rules)
    numbers = {"tool": tool, "with_face": report.with_face, "without": report.without, "known": report.known}
    numbers |= {
        "people": len(verdict.people),
        "apart": verdict.apart,
        "failed": report.failed,
        "left_out": verdict.left_out,
    }
    why = redundancy.reasons(verdict)
    names = {item.id: item.name for item in items}
    result: dict[str, Any] = {
        **numbers, "redundant": [{"item": item, "name": names[item], "reason": text} for item, text in why.items()]
    }  # fmt: skip
    if args.apply:
        result["removed"] = redundancy.remove(ws, args.id, verdict)
    return save_result(result)


def _show(result: dict[str, Any]) -> None:
    said = "curation.cli.faces" if result["apart"] else "curation.cli.faces_together"
    print(t(said, **{name: result[name] for name in ("with_face", "without", "people")}))
    for row in result["redundant"]:
        print(f"  {row['name']}: {row['reason']}")
    for sentence in [*result["left_out"], *(f"{row['name']}: {row['reason']}" for row in result["failed"])]:
        print(sentence)
    if "removed" in result:
        print(t("curation.cli.removed", count=result["removed"]))
