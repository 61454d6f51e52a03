"""`docs`: the reference of all declared options, to a folder or to the terminal. Must not compose it itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tagtrainer.cli import add_verb
from tagtrainer.core.files import write_text
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """Add `docs`."""
    verb = add_verb(groups, "docs", t("reference.cli.about"), _docs, _show)
    verb.add_argument("folder", metavar="DIR", nargs="?", type=Path, help=t("reference.cli.folder"))


def _docs(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.training import reference

    pages = reference.pages(ws)
    if args.folder is None:
        return {"pages": pages}
    folder = args.folder.expanduser().absolute()
    for name, text in pages.items():
        write_text(folder / name, text)
    return {"files": [str(folder / name) for name in pages]}


def _show(result: dict[str, Any]) -> None:
    print("\n".join(result.get("files") or result["pages"].values()))
