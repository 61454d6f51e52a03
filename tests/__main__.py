"""`python -m tests`: says whether you are right. ruff, mypy, then every test; `fast` leaves out browser and crash tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tagtrainer import bootstrap  # noqa: E402


def commands(words: list[str]) -> list[list[str]]:
    """The commands in order. `fast` skips browser and crash tests, other words go to pytest."""
    python = sys.executable
    fast = "fast" in words
    rest = [word for word in words if word != "fast"]
    marks = ["-m", "not browser and not crash and not engine"] if fast else []
    return [
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "mypy"],
        [python, "-m", "pytest", "-n", "2", "--dist", "loadfile", *marks, *rest],  # a file's tests share one app
    ]


def main() -> int:
    """Run all commands; the first failure's exit code, but pytest always runs so that its summary stands last."""
    bootstrap.ensure(ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt")
    code = 0
    for argv in commands(sys.argv[1:]):
        print("$", " ".join(["python", *argv[1:]]), flush=True)
        done = subprocess.run(argv, cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"})
        code = code or done.returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
