"""The windows that the real engine cuts out of clips are ours, and the facts kept for the offline test are the engine's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tagtrainer.datasets import trainer_view
from tagtrainer.datasets.clips import frames
from tagtrainer.datasets.models import Item
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


def test_what_is_kept_of_pictures_is_the_engines(rig: Rig) -> None:
    sizes = [(250, 100), (100, 250), (255, 255), (64, 48), (200, 199), (250, 30), (90, 160), (48, 64)]
    cases = [
        (size, place, bucket)
        for size in sizes
        for place in ((64, 64), (96, 64), (128, 128))
        for bucket in (True, False)
    ]
    script = Path(__file__).with_name("cuts_of_engine.py")
    environment = {**os.environ, "PYTHONPATH": str(rig.engine / "src")}
    done = subprocess.run(
        [str(rig.python), str(script)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for (size, place, bucket), answer in zip(cases, json.loads(done.stdout.splitlines()[-1]), strict=True):
        picture = Item("a", "a.png", ".png", *size, 1, "0" * 64, 1.0)
        ours = trainer_view.fit(picture, trainer_view.Setup(place, bucket))
        x, y, width, height = ours.box
        pixel = 1 / ours.scale
        kept = [x + pixel / 2 - 0.5, x + width - pixel / 2 - 0.5, y + pixel / 2 - 0.5, y + height - pixel / 2 - 0.5]
        assert list(ours.bucket) == answer[0]
        assert all(abs(a - b) <= 1.5 for a, b in zip(kept, answer[1:], strict=True)), (
            size,
            place,
            bucket,
            kept,
            answer,
        )
