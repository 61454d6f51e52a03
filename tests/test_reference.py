"""The reference of options: every declared option stands in it once, in both languages, as a whole Markdown table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tagtrainer.cli import main
from tagtrainer.core.fields import specs
from tagtrainer.core.text import LANGUAGES, speaking
from tagtrainer.training import reference
from tagtrainer.training.family import FAMILIES
from tagtrainer.workspace import Workspace


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_option_stands_in_the_reference(ws: Workspace, code: str) -> None:
    with speaking(code):
        pages = reference.pages(ws)
    for family in FAMILIES:
        lines = pages[f"{family.id}.md"].splitlines()
        for name, spec in specs(family.options).items():
            assert sum(line.startswith(f"| `{name}` |") for line in lines) == (not spec.ui_hidden), name
        assert all(family.slot_key(slot) in pages[f"{family.id}.md"] for slot in family.slots)


def test_every_row_has_the_cells_of_its_table(ws: Workspace) -> None:
    for text in reference.pages(ws).values():
        assert "reference." not in text and "training_tab." not in text
        for table in text.split("\n\n"):
            rows = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
            assert len({row.count("|") for row in rows}) <= 1, table


def test_to_a_folder_or_as_one_document(ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--workspace", str(ws.root), "--json", "docs"]) == 0
    pages = json.loads(capsys.readouterr().out)["pages"]
    assert main(["--workspace", str(ws.root), "--json", "docs", str(tmp_path / "out")]) == 0
    files = [Path(name) for name in json.loads(capsys.readouterr().out)["files"]]
    assert {path.name: path.read_text("utf-8") for path in files} == pages
