"""`train bundle`: one zip of a training. Must not decide what goes in."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tagtrainer.cli import add_verb
from tagtrainer.core.files import human_size
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """bundle."""
    verb = add_verb(verbs, "bundle", t("bundle.cli.about"), _bundle, _show)
    verb.add_argument("id", metavar="ID")
    verb.add_argument("target", metavar="DEST", type=Path, help=t("bundle.cli.target"))
    choices = ("none", "final", "all")
    verb.add_argument("--checkpoints", choices=choices, default="none", help=t("bundle.cli.checkpoints"))


def _bundle(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.flows.bundle import bundle

    target = args.target.expanduser().absolute()
    return asdict(bundle(ws, args.id, target, args.checkpoints, Printer(t("bundle.cli.hashing"))))


def _show(result: dict[str, Any]) -> None:
    size = human_size(result["size"])
    print(t("bundle.done", path=result["path"], size=size, files=len(result["files"]), media=result["media"]))
    for path in result["missing"]:
        print(t("bundle.gone", path=path))
