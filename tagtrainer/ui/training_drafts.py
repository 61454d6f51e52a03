"""The training form as it was left, kept on the server for every page. Must not know widgets."""

from __future__ import annotations

from pathlib import Path

from tagtrainer.core.files import read_json, write_json
from tagtrainer.core.text import UserError
from tagtrainer.training.draft import Draft
from tagtrainer.workspace import Workspace


def _path(ws: Workspace, family: str) -> Path:
    return ws.runtime / "drafts" / f"training-{family}.json"


def kept(ws: Workspace, family: str) -> Draft:
    """The form as it was left; a new one when there is none."""
    try:
        return Draft.model_validate(read_json(_path(ws, family)))
    except (OSError, ValueError, UserError):
        return Draft(family=family)


def keep(ws: Workspace, draft: Draft) -> None:
    """Remember the form, unless nothing changed."""
    if draft != kept(ws, draft.family):
        write_json(_path(ws, draft.family), draft.model_dump(mode="json"))
