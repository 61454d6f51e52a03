"""engines/: finding a checkout and its Python, and saying what is wrong with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tagtrainer import engines, settings
from tagtrainer.core.text import UserError
from tagtrainer.engines import interpreter
from tagtrainer.engines.musubi import NEEDED, checkout_version
from tagtrainer.workspace import Workspace


def make_checkout(root: Path, version: str = "0.3.4") -> Path:
    """A folder that looks like the engine's checkout: its name, version, and the scripts of one family."""
    package = root / "src" / "musubi_tuner"
    package.mkdir(parents=True)
    (root / "pyproject.toml").write_text(f'[project]\nname = "musubi-tuner"\nversion = "{version}"\n', "utf-8")
    (package / "__init__.py").write_text("", "utf-8")
    for script in ("qwen_image_cache_latents", "qwen_image_cache_text_encoder_outputs", "qwen_image_train_network"):
        (root / f"{script}.py").write_text("", "utf-8")
    return root


def make_packages(folder: Path, names: tuple[str, ...] = NEEDED) -> str:
    """Empty packages of those names, importable when the returned folder is on PYTHONPATH."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("", "utf-8")
    return str(folder)


def use_env(ws: Workspace, **env: str) -> None:
    def edit(known: settings.Settings) -> None:
        known.engine.extra_env = env

    settings.change(ws, edit)


@pytest.fixture
def checkout(tmp_path: Path, ws: Workspace) -> Path:
    use_env(ws, PYTHONPATH=make_packages(tmp_path / "packages"))
    return make_checkout(tmp_path / "musubi tuner")


def _supported() -> bool:
    return (3, 10) <= sys.version_info[:2] < (3, 13)


def test_use_and_status(ws: Workspace, checkout: Path) -> None:
    if not _supported():
        pytest.skip("this Python is outside the engine's range")
    status = engines.MUSUBI.use(ws, checkout, sys.executable)
    assert status.found and status.version == "0.3.4" and status.python == sys.executable
    assert engines.MUSUBI.script_argv(ws, "qwen_image_train_network") == [
        sys.executable,
        str(checkout / "qwen_image_train_network.py"),
    ]


def test_source_is_added_only_when_not_installed(ws: Workspace, checkout: Path, tmp_path: Path) -> None:
    settings.change(ws, lambda s: setattr(s.engine, "musubi_path", str(checkout)))
    settings.change(ws, lambda s: setattr(s.engine, "musubi_python", sys.executable))
    path = engines.MUSUBI.env(ws)["PYTHONPATH"] or ""
    assert path.split(os.pathsep)[0] == str(checkout / "src")
    use_env(ws, PYTHONPATH=str(checkout / "src"))
    assert engines.MUSUBI.env(ws)["PYTHONPATH"] == str(checkout / "src")


def test_environment_is_safe_for_progress(ws: Workspace) -> None:
    env = engines.get("rehearsal").env(ws)
    assert env["PYTHONUTF8"] == "1" and env["PYTHONUNBUFFERED"] == "1"
    assert "TQDM_ASCII" in env and env["TQDM_ASCII"] is None


def test_nothing_there_is_a_sentence(ws: Workspace) -> None:
    status = engines.MUSUBI.status(ws)
    assert not status.found and "musubi-tuner" in status.message


def test_wrong_folder_is_refused_and_settings_stay(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a musubi-tuner checkout"):
        engines.MUSUBI.use(ws, tmp_path)
    assert settings.load(ws).engine.musubi_path == ""


def test_missing_packages_are_named(ws: Workspace, checkout: Path, tmp_path: Path) -> None:
    use_env(ws, PYTHONPATH=make_packages(tmp_path / "few", ("accelerate",)))
    with pytest.raises(UserError, match="voluptuous"):
        engines.MUSUBI.use(ws, checkout, sys.executable)


def test_python_that_does_not_start(ws: Workspace, checkout: Path) -> None:
    with pytest.raises(UserError, match="does not start"):
        engines.MUSUBI.use(ws, checkout, str(checkout / "no-python"))


def test_no_interpreter(ws: Workspace, checkout: Path) -> None:
    with pytest.raises(UserError, match=r"\.venv"):
        engines.MUSUBI.use(ws, checkout)


def test_unknown_engine() -> None:
    with pytest.raises(UserError, match="rehearsal"):
        engines.get("other")


def test_version_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n', "utf-8")
    assert checkout_version(tmp_path) is None


def test_interpreter_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = interpreter.ask(sys.executable, {"X": "1"})
    monkeypatch.setattr("subprocess.run", lambda *a, **k: pytest.fail("asked again"))
    assert interpreter.ask(sys.executable, {"X": "1"}) is first
    assert first.version == sys.version_info[:3]
