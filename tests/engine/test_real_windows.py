"""The windows that the real engine cuts out of clips are ours, and the facts kept for the offline test are the engine's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tagtrainer.datasets import frames
from tests.engine.conftest import Rig
from tests.window_cases import COUNTS, FACTS, cases, print_of, taking


def test_windows_are_the_engines(rig: Rig) -> None:
    asked = json.dumps({"counts": COUNTS, "cases": cases()})
    script = Path(__file__).with_name("windows_of_engine.py")
    environment = {**os.environ, "PYTHONPATH": str(rig.engine / "src")}
    done = subprocess.run(
        [str(rig.python), str(script)], input=asked, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout.splitlines()[-1])
    for case, answer in zip(cases(), answers, strict=True):
        for count in COUNTS:
            ours = [list(window) for window in frames.windows(count, taking(case))]
            assert ours == answer[str(count)], (case, count)
    facts = [{count: print_of(rows) for count, rows in answer.items()} for answer in answers]
    if os.environ.get("TAGTRAINER_TEST_WRITE_FACTS"):
        FACTS.write_text(json.dumps(facts, indent=0, sort_keys=True) + "\n", "utf-8")
    assert json.loads(FACTS.read_text("utf-8")) == facts
