"""Bulk text on the command line: change, dry run, tags, tokens; each change is one entry that can be undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagtrainer.cli import main
from tagtrainer.datasets import history, store, transfer
from tagtrainer.workspace import Workspace, open_workspace

from .pictures import jpeg


@pytest.fixture
def home(tmp_path: Path) -> tuple[Workspace, str]:
    for n, text in enumerate(["red hat, smile", "b ,b,  red hat", "A woman in a red hat, smiling at you."]):
        jpeg(tmp_path / "in" / f"p{n}.jpg", n)
        (tmp_path / "in" / f"p{n}.txt").write_text(text, "utf-8")
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "text", trigger_word="zwx").id
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    return ws, dataset


@pytest.fixture
def run(home: tuple[Workspace, str], capsys: pytest.CaptureFixture[str]) -> Any:
    ws, dataset = home

    def runs(verb: str, *words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["--workspace", str(ws.root), "--json", "dataset", verb, dataset, *words]) == code
        return json.loads(capsys.readouterr().out)

    return runs


def texts(home: tuple[Workspace, str]) -> list[str]:
    known = store.captions(*home)
    return [known[item.id] for item in store.items(*home)]


def test_replace_with_a_dry_run_and_undo(home: tuple[Workspace, str], run: Any) -> None:
    before = texts(home)
    seen = run("replace", "RED", "blue", "--dry-run", "--filter", "smile")
    assert (seen["count"], seen["total"]) == (1, 1) and seen["hits"][0]["new"] == "blue hat, smile"
    assert texts(home) == before
    assert run("replace", "RED", "blue", "--case")["changed"] == 0
    assert run("replace", r"(red) (hat)", r"\2 \1", "--regex", "--word")["changed"] == 3
    assert texts(home)[0] == "hat red, smile"
    history.undo(*home)
    assert texts(home) == before
    assert run("replace", "(", "", "--regex", code=1)["error"] == "bulk.bad_pattern"


def test_tags_are_changed_and_counted(home: tuple[Workspace, str], run: Any) -> None:
    assert run("tag", "rename", "red hat", "cap")["changed"] == 2
    assert run("tag", "merge", "smile", "b", "z")["changed"] == 2
    assert run("tag", "add", "x", "y", "--at-front")["changed"] == 3
    assert run("tag", "front", "z")["changed"] == 2
    assert run("tag", "remove", "x")["changed"] == 3
    assert texts(home) == ["z, y, cap", "z, y,  cap", "y, A woman in a red hat, smiling at you."]
    listed = run("tags", "--top", "2")
    assert [row["tag"] for row in listed["tags"]] == ["y", "cap"] and listed["sentences"] == 1
    assert run("tags", "--partners", "z")["partners"][0]["together"] == 2
    assert run("tag", "rename", "only one", code=1)["error"] == "bulk.cli.old_and_new"


def test_tidy_is_one_change(home: tuple[Workspace, str], run: Any) -> None:
    before = history.entries(*home)[1]
    assert run("tidy", "--dedupe", "--sort")["changed"] == 1
    assert texts(home)[1] == "b, red hat"
    assert history.entries(*home)[1] == before + 1
    assert run("trigger", "everywhere")["changed"] == 3
    assert run("trigger", "nowhere")["changed"] == 3
    assert run("affix", "--prefix", "photo, ")["changed"] == 3
    one = store.items(*home)[0].id
    assert run("affix", "--suffix", "!", "--items", one)["changed"] == 1
    assert texts(home)[0] == "photo, red hat, smile!"


def test_tokens_over_a_limit(
    home: tuple[Workspace, str], run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    found = run("tokens", "--limit", "8")
    assert not found["exact"] and [row["name"] for row in found["over"]] == ["p2.jpg"]
    assert run("tokens", "--tokenizer", str(tmp_path / "in"), code=1)["error"] == "tokens.not_here"


def test_what_people_read(home: tuple[Workspace, str], capsys: pytest.CaptureFixture[str]) -> None:
    ws, dataset = home
    for words, says in (
        (["replace", dataset, "red", "blue", "--dry-run"], "3 of 3 captions would change."),
        (["tags", dataset], "red hat"),
        (["tokens", dataset], "about"),
        (["tag", dataset, "add", "x"], "Captions changed: 3."),
    ):
        assert main(["--workspace", str(ws.root), "dataset", *words]) == 0
        assert says in capsys.readouterr().out
