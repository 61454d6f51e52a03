"""A large selection of the gallery, kept on the server for the other views. Must not know what is done with it.

Files in runtime/chosen named by what they hold; the view "manage" removes old ones at start.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from tagtrainer.core.files import write_text
from tagtrainer.core.text import UserError
from tagtrainer.workspace import Workspace

_NAME = re.compile(r"[0-9a-f]{24}")


def keep(ws: Workspace, dataset: str, ids: Sequence[str]) -> str:
    """Keep a selection; the name to ask for it by."""
    text = "\n".join((dataset, *ids))
    name = hashlib.sha256(text.encode("utf-8")).hexdigest()[:24]
    write_text(ws.runtime / "chosen" / f"{name}.txt", text)
    return name


def kept(ws: Workspace, dataset: str, name: str) -> list[str]:
    """The items of a selection. UserError datasets_tab.selection_gone when it is not, or not this dataset's."""
    path = ws.runtime / "chosen" / f"{name}.txt"
    try:
        whose, *ids = path.read_text("utf-8").split("\n") if _NAME.fullmatch(name) else [""]
    except (OSError, UnicodeDecodeError):
        whose, ids = "", []
    if whose != dataset:
        raise UserError("datasets_tab.selection_gone")
    return ids
