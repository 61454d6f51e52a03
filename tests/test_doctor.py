"""doctor: what it finds, in which order, and the exit code that scripts rely on."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tagtrainer import settings
from tagtrainer.cli import main
from tagtrainer.core.text import has_text, speaking
from tagtrainer.engines import interpreter
from tagtrainer.flows import doctor
from tagtrainer.training import model_paths
from tagtrainer.workspace import Workspace
from tests.test_engines import make_checkout, make_packages, use_env


def found(ws: Workspace) -> dict[str, str]:
    return {one.key: one.level for one in doctor.examine(ws)}


def test_a_plain_machine_is_fine(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--workspace", str(ws.root), "--json", "doctor"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and {"doctor.python", "doctor.disk", "doctor.paths"} <= {row["key"] for row in told["findings"]}


def test_what_is_wrong_stands_first_and_is_exit_code_1(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    model_paths.set_path(ws, "qwen_image.vae_path", str(ws.root / "gone.safetensors"))
    settings.change(ws, lambda known: setattr(known.storage, "keep_free_gb", 1e9))
    assert main(["--workspace", str(ws.root), "doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith("error: ") for line in lines[:3]] == [True, True, False]
    assert "gone.safetensors" in lines[1] and "Only " in lines[0]


def test_an_engine_that_was_pointed_to_and_does_not_work_is_an_error(ws: Workspace, tmp_path: Path) -> None:
    assert found(ws)["doctor.no_engine"] == "note"
    settings.change(ws, lambda known: setattr(known.engine, "musubi_path", str(tmp_path)))
    assert found(ws)["doctor.engine_broken"] == "error"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("raise OSError('libcudart is missing')", "doctor.torch_broken"),
        ("__version__ = '2.9.0+cpu'\nclass version: cuda = None\nclass cuda: is_available = lambda: False", ""),
    ],
)
def test_torch_is_asked_by_the_engines_own_python(ws: Workspace, tmp_path: Path, body: str, key: str) -> None:
    packages = make_packages(tmp_path / "packages")
    (tmp_path / "packages" / "torch" / "__init__.py").write_text(body, "utf-8")
    use_env(ws, PYTHONPATH=packages)
    told = interpreter.ask_torch(sys.executable, {"PYTHONPATH": packages})
    assert (told.version, told.cuda, told.card) == (("", "", "") if key else ("2.9.0+cpu", "", ""))
    assert ("libcudart" in told.error) == bool(key)
    if (3, 10) <= sys.version_info[:2] < (3, 13):
        checkout = make_checkout(tmp_path / "engine")
        settings.change(ws, lambda known: setattr(known.engine, "musubi_path", str(checkout)))
        settings.change(ws, lambda known: setattr(known.engine, "musubi_python", sys.executable))
        assert (key or "doctor.torch_no_card") in found(ws)


@pytest.mark.skipif(os.name == "nt", reason="no modes on Windows")
def test_keys_that_others_can_read_are_named(ws: Workspace) -> None:
    settings.set_secret(ws, "hub.token", "hf_abc")
    assert "doctor.loose_secrets" not in found(ws)
    ws.secrets.chmod(0o644)
    assert found(ws)["doctor.loose_secrets"] == "warning"
    ws.secrets.write_text("{", "utf-8")
    assert found(ws)["settings.secrets_damaged"] == "warning"


def test_every_missing_package_has_a_sentence_in_both_languages() -> None:
    for code in ("en", "zh-CN"):
        with speaking(code):
            assert all(has_text(f"doctor.without_{module}") for module in doctor.OPTIONAL)
