"""bootstrap: says what is missing, knows its own command. The whole way is walked by starting from a fresh clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tagtrainer import bootstrap

ROOT = Path(__file__).resolve().parent.parent


def test_nothing_is_missing_where_the_tests_run() -> None:
    assert bootstrap.missing([ROOT / "requirements.txt"]) == []


def test_absent_and_too_old_are_named(tmp_path: Path) -> None:
    need = tmp_path / "requirements.txt"
    need.write_text("# comment\npillow>=1  # fine\npillow>=9999\nno-such-package-xyz\n", "utf-8")
    assert bootstrap.missing([need]) == ["pillow", "no-such-package-xyz"]


def test_a_second_round_that_still_misses_something_ends_with_a_sentence(tmp_path: Path) -> None:
    need = tmp_path / "requirements.txt"
    need.write_text("no-such-package-xyz\n", "utf-8")
    script = (
        "import os, sys; from pathlib import Path; os.environ['TAGTRAINER_BOOTSTRAPPED'] = '1'\n"
        "from tagtrainer import bootstrap; bootstrap.ensure(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(need)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "no-such-package-xyz" in done.stderr and "Traceback" not in done.stderr
