"""The command line of control images: import as control N, pairs, pair, unpair, reorder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagtrainer.cli import main
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg


@pytest.fixture
def run(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: object, code: int = 0) -> Any:
        assert main(["--workspace", str(ws.root), "--json", "dataset", *map(str, words)]) == code
        out = capsys.readouterr().out
        return json.loads(out) if out.strip() else None

    return call


def test_from_folders_to_reviewed_pairs(run: Any, ws: Workspace, tmp_path: Path, capsys: Any) -> None:
    dataset = run("create", "edits", "--kind", "multi_control_image")["id"]
    for n in range(3):
        jpeg(tmp_path / "a" / f"p{n}.jpg", n)
        jpeg(tmp_path / "b" / f"p{n}.jpg", 50 + n, (64, 96))
    jpeg(tmp_path / "b" / "extra.jpg", 90)
    assert run("import", dataset, tmp_path / "a")["added"] == 3
    report = run("import", dataset, tmp_path / "b", "--control", 1)
    assert report["controls"] == 3 and report["skipped"][0]["key"] == "pairs.reason.no_target"
    found = run("pairs", dataset, "--problems")
    assert found["flags"]["orientation"] == 3 and len(found["pairs"]) == 3
    item, waits = found["pairs"][0]["id"], found["waiting"][0]["id"]
    run("pair", dataset, item, waits, "--position", 1)
    run("pair", dataset, item, jpeg(tmp_path / "third.jpg", 91))
    assert [row["name"] for row in run("reorder", dataset, item, 3, 1, 2)] == ["third.jpg", "extra.jpg", "p0.jpg"]
    assert run("unpair", dataset, item, 2)["name"] == "extra.jpg"
    rows = {row["id"]: row for row in run("pairs", dataset)["pairs"]}
    assert [control["name"] for control in rows[item]["controls"]] == ["third.jpg", "p0.jpg"]
    assert main(["--workspace", str(ws.root), "dataset", "pairs", dataset]) == 0
    shown = capsys.readouterr().out
    assert "p0.jpg <- third.jpg, p0.jpg" in shown and "orientation differs" in shown
    run("unpair", dataset, item, 9, code=1)
    run("import", dataset, tmp_path / "a", "--control", 0, code=1)
