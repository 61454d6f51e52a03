"""What requests look at and choose: rules beside rules in the text, ids, ranges of a revision, all of a filter."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, store, transfer
from tagtrainer.datasets.models import ItemFilter
from tagtrainer.ui.looks import Look, Selection
from tagtrainer.workspace import Workspace, open_workspace
from tests.pictures import jpeg


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "x").id
    for number in range(5):
        jpeg(tmp_path / "in" / f"{number}.jpg", number)
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    return ws


def test_rules_stand_above_those_in_the_text() -> None:
    typed = "red no_caption side>=512 sort:-size"
    assert Look(text=typed).filter() == ItemFilter("red", no_caption=True, min_side=512, sort="size", descending=True)
    look = Look(text=typed, no_caption=False, flagged=False, min_side=64, sort="added")
    assert look.filter() == ItemFilter("red", no_caption=False, flagged=False, min_side=64, sort="added")
    with pytest.raises(UserError):
        Look(text="aspect:round").filter()
    for bad in ({"min_side": -1}, {"aspect": "round"}, {"text": "x" * 501}, {"sort": "magic"}):
        with pytest.raises(ValidationError):
            Look(**bad)  # type: ignore[arg-type]


def test_what_is_chosen(ws: Workspace) -> None:
    every = [item.id for item in store.items(ws, "x")]
    rev = index.ensure(ws, "x")
    assert Selection(items=every[:2]).ids(ws, "x") == every[:2]
    assert Selection().ids(ws, "x") == []
    assert Selection(ranges=[(1, 2), (4, 99)], rev=rev).ids(ws, "x") == [*every[1:3], every[4]]
    assert Selection(all=True, total=5).ids(ws, "x") == every
    assert Selection(all=True, text="3.jpg").ids(ws, "x") == [every[3]]
    store.delete_items(ws, "x", every[:1])
    for stale in (Selection(ranges=[(1, 2)], rev=rev), Selection(all=True, total=5)):
        with pytest.raises(UserError, match="list changed"):
            stale.ids(ws, "x")
