"""core/registry: adding a file adds a plug-in; a broken one is named and the others work; doubles are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tagtrainer.core.registry import Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / f"plugins_{tmp_path.name.replace('-', '_')}"
    folder.mkdir()
    (folder / "__init__.py").write_text("", "utf-8")
    (folder / "alpha.py").write_text("PLUGIN = 'a'\n", "utf-8")
    (folder / "both.py").write_text("PLUGIN = ['b', 'c']\n", "utf-8")
    (folder / "nothing.py").write_text("x = 1\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop(folder.name, None)
    return folder


def registry(package: Path) -> Registry[str]:
    return Registry(package.name, "PLUGIN", key=lambda plugin: plugin)


def test_finds_every_file(package: Path) -> None:
    found = registry(package)
    assert list(found) == ["a", "b", "c"] and found.get("b") == "b" and found.get("z") is None


def test_a_broken_plugin_is_named_and_the_rest_works(package: Path) -> None:
    (package / "broken.py").write_text("import no_such_module_xyz\n", "utf-8")
    found = registry(package)
    assert list(found.all()) == ["a", "b", "c"]
    assert "no_such_module_xyz" in found.broken[f"{package.name}.broken"]


def test_two_with_one_id_are_refused(package: Path) -> None:
    (package / "zeta.py").write_text("PLUGIN = 'a'\n", "utf-8")
    with pytest.raises(ValueError, match="twice"):
        registry(package).all()
