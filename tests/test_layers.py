"""Who may import whom (the layers of the design), read from the real imports; and what must not load at start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tagtrainer"
GROUND = {"core", "workspace", "settings"}
ALLOWED: dict[str, set[str]] = {
    "core": {"core"},
    "workspace": {"core", "workspace"},
    "settings": {"core", "workspace", "settings"},
    "bootstrap": {"core"},
    "datasets": GROUND | {"datasets"},
    "jobs": GROUND | {"jobs"},
    "engines": GROUND | {"engines"},
    "captioning": GROUND | {"captioning", "datasets"},
    "training": GROUND | {"training", "datasets", "engines"},
    "flows": GROUND | {"flows", "datasets", "jobs", "engines", "captioning", "training"},
    "cli": GROUND | {"cli", "flows", "datasets", "jobs", "engines", "captioning", "training"},
    "ui": GROUND | {"ui", "flows", "datasets", "jobs", "engines", "captioning", "training"},
    "__main__": {"cli"},
}
HEAVY = ("torch", "transformers", "openai", "sklearn", "onnxruntime", "cv2", "tensorboard")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(module, line, inside a function) for every import of a file; relative ones made absolute."""
    tree = ast.parse(path.read_text("utf-8"))
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.walk(node)
    }
    parts = ("tagtrainer", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) in inside
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level]) + "." if node.level else ""
            module = base + (node.module or "")
            yield module, node.lineno, id(node) in inside
            if module == "tagtrainer":
                for alias in node.names:
                    yield f"tagtrainer.{alias.name}", node.lineno, id(node) in inside


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_stay_in_their_layers(path: Path) -> None:
    """No layer reaches up; a tab never imports a tab; gradio, sqlite3 and subprocess live where the design says."""
    mine = layer(path)
    wrong = []
    for module, line, _ in imports(path):
        top = module.split(".")[0]
        ours = module.split(".")[1] if module.startswith("tagtrainer.") else ""
        if mine != "__init__" and ours and ours != "__version__" and ours not in ALLOWED[mine]:
            wrong.append(f"line {line}: {mine} must not import {module}")
        if top == "gradio" and mine != "ui":
            wrong.append(f"line {line}: gradio belongs in ui/ and app.py")
        if top == "sqlite3" and mine != "datasets":
            wrong.append(f"line {line}: sqlite3 belongs in datasets/")
        if top == "subprocess" and mine not in ("jobs", "engines", "core", "bootstrap"):
            wrong.append(f"line {line}: subprocess belongs in jobs/, engines/ or core/system")
    assert not wrong, "\n".join(wrong)


def test_no_tab_imports_a_tab() -> None:
    tabs = {"datasets", "captioning", "models", "training", "runs", "settings"}
    wrong = [
        f"{path.name}:{line} imports {module}"
        for path in (PACKAGE / "ui").glob("*.py")
        if path.stem in tabs
        for module, line, _ in imports(path)
        if module.startswith("tagtrainer.ui.") and module.split(".")[2] in tabs
    ]
    assert not wrong


def test_heavy_packages_load_inside_functions_only() -> None:
    """Importing the whole page must not import any of the heavy packages."""
    script = f"import sys, tagtrainer.ui.build\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_command_line_does_not_load_the_page() -> None:
    script = (
        "import sys, tagtrainer.cli as c\nc.build_parser()\nprint('gradio' in sys.modules, 'openai' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
