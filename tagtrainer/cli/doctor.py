"""`doctor`: what is wrong on this machine. Must not examine anything itself."""

from __future__ import annotations

import argparse
from typing import Any

from tagtrainer.cli import add_verb
from tagtrainer.core.text import t
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """Add `doctor`."""
    verb = add_verb(groups, "doctor", t("doctor.cli.about"), _examine, _show)
    verb.set_defaults(code=lambda result: 0 if result["ok"] else 1)


def _examine(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.flows import doctor

    found = doctor.examine(ws)
    rows = [{"level": one.level, "key": one.key, "where": one.where, "message": str(one)} for one in found]
    return {"ok": not any(one.level == "error" for one in found), "findings": rows}


def _show(result: dict[str, Any]) -> None:
    for row in result["findings"]:
        print(t("doctor.line", level=t(f"doctor.level.{row['level']}"), message=row["message"]))
    print(t("doctor.fine" if result["ok"] else "doctor.not_fine"))
