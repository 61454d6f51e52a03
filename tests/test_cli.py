"""The command line's frame: exit codes, one JSON document, help in the language of the settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tagtrainer import settings
from tagtrainer.cli import build_parser, main
from tagtrainer.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent


def run(ws: Workspace, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def test_one_json_document_on_standard_output(ws: Workspace) -> None:
    done = run(ws, "--json", "dataset", "create", "猫 Cats")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) >= {"id"}


def test_a_user_error_is_exit_code_1_with_a_sentence_and_its_key(ws: Workspace) -> None:
    done = run(ws, "--json", "dataset", "show", "nothing-here")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert answer["error"].startswith("datasets.") and answer["message"] in done.stderr


def test_wrong_usage_is_exit_code_2(ws: Workspace) -> None:
    assert run(ws, "dataset", "fly").returncode == 2


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    groups = build_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert {"dataset", "caption", "paths", "train", "jobs", "engine", "run-all", "doctor", "docs"} <= set(groups)  # type: ignore[arg-type]
    for name, group in groups.items():  # type: ignore[union-attr]
        assert group.description, name
        for action in group._actions:
            for verb, parser in (getattr(action, "choices", None) or {}).items() if action.dest == "verb" else ():
                assert parser.description, f"{name} {verb}"


def test_help_speaks_the_language_of_the_settings(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    settings.change(ws, lambda s: setattr(s.ui, "language", "zh-CN"))
    with pytest.raises(SystemExit) as stopped:
        main(["--workspace", str(ws.root), "--help"])
    assert stopped.value.code == 0 and "数据" in capsys.readouterr().out


def test_a_damaged_settings_file_does_not_stop_a_command(ws: Workspace) -> None:
    ws.config.write_text("{", "utf-8")
    done = run(ws, "--json", "dataset", "list")
    assert done.returncode == 0 and json.loads(done.stdout) == []
    assert "config.json.damaged-" in done.stderr


def test_what_the_system_refuses_is_a_sentence_too(ws: Workspace) -> None:
    done = run(ws, "--json", "run-all", "--input", "x" * 300, "--output", str(ws.root / "out"))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert answer["error"] == "core.refused" and answer["message"] in done.stderr
