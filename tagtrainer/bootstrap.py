"""First start on a bare machine: makes .venv, installs requirements there, starts again inside it. Standard library only.

Must not import anything that is not shipped with Python, because nothing else may be there yet.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OLDEST = (3, 11)
if sys.version_info < OLDEST:  # said here in both languages: our catalogues need a newer Python to be read at all
    sys.exit(
        f"TagTrainer needs Python 3.11 or newer; this is {sys.version.split()[0]}.\n"
        f"TagTrainer 需要 Python 3.11 或更高版本，当前是 {sys.version.split()[0]}。"
    )

from tagtrainer.core.text import match_language, set_language, t  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
_MARK = "TAGTRAINER_BOOTSTRAPPED"


def ensure(*requirements: Path) -> None:
    """Return when everything in `requirements` is importable here; else install it in .venv and run again from there.

    Ends the process with a sentence when a virtual environment cannot be made, or pip fails.
    """
    set_language(match_language(os.environ.get("LC_ALL") or os.environ.get("LANG") or ""))
    if missing(requirements) == []:
        return
    if os.environ.get(_MARK) == "1":
        _stop(t("bootstrap.still_missing", names=", ".join(missing(requirements)), venv=VENV))
    python = _venv_python()
    if not python.exists():
        _make_venv()
    _install(python, requirements)
    _run_again(python)


def missing(requirements: Sequence[Path]) -> list[str]:
    """Names of required distributions that are absent here or of a version that does not fit."""
    lines = [line for path in requirements for line in _lines(path)]
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return lines
    absent = []
    for line in lines:
        need = Requirement(line)
        try:
            version = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        if not version or not need.specifier.contains(version, prereleases=True):
            absent.append(need.name)
    return absent


def _lines(path: Path) -> list[str]:
    texts = (line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [text for text in texts if text]


def _venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _make_venv() -> None:
    print(t("bootstrap.making", venv=VENV), flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode != 0:
        _stop(t("bootstrap.no_venv", reason=(made.stdout + made.stderr).strip()[-400:]))


def _install(python: Path, requirements: Sequence[Path]) -> None:
    """pip install into .venv, unless the same requirement files were installed there before."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in requirements)).hexdigest()[:16]
    stamp = VENV / f".installed-{digest}"
    if stamp.exists():
        return
    print(t("bootstrap.installing"), flush=True)
    argv = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-warn-script-location", "-q"]
    for path in requirements:
        argv += ["-r", str(path)]
    if subprocess.run(argv).returncode != 0:
        _stop(t("bootstrap.pip_failed"))
    stamp.write_text("", "utf-8")


def _run_again(python: Path) -> None:
    env = {**os.environ, _MARK: "1"}
    argv = [str(python), *_own_command()]
    if os.name == "nt":  # os.execve on Windows detaches from the console
        sys.exit(subprocess.run(argv, env=env).returncode)
    sys.stdout.flush()
    os.execve(str(python), argv, env)


def _own_command() -> list[str]:
    """How this program was started, without the interpreter: `app.py ...` or `-m tests ...`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name:
        return ["-m", spec.name.removesuffix(".__main__"), *sys.argv[1:]]
    return [str(Path(sys.argv[0]).resolve()), *sys.argv[1:]]


def _stop(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(1)
