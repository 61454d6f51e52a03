"""`paths`: where the weights lie. Must not judge them itself."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from tagtrainer.cli import add_group, add_verb
from tagtrainer.core.files import human_size
from tagtrainer.core.text import t
from tagtrainer.training import model_paths
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """list, set, check."""
    verbs = add_group(groups, "paths", t("weights.cli.about"))
    add_verb(verbs, "list", t("weights.cli.list"), _list, _show)
    setting = add_verb(verbs, "set", t("weights.cli.set"), _set, lambda row: _show([row]))
    setting.add_argument("key", help="qwen_image.dit_path")
    setting.add_argument("path")
    add_verb(verbs, "check", t("weights.cli.check"), _check, _show)


def _list(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [asdict(slot) for slot in model_paths.slots(ws)]


def _set(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    return asdict(model_paths.set_path(ws, args.key, args.path))


def _check(ws: Workspace, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [asdict(slot) for slot in model_paths.check(ws)]


def _show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        size = human_size(row["size"]) if row["size"] else ""
        print(f"{row['state']:8} {row['key']:32} {size:>10}  {row['path']}\n         {row['message']}")
