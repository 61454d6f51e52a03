"""The rehearsal beside the real engine, both run now on the same dataset: what the app reads of them has the same shape."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tagtrainer.jobs import store as jobs
from tagtrainer.training.results import places
from tagtrainer.workspace import Workspace
from tests import walk
from tests.engine.conftest import Trained
from tests.likeness import Likeness, measure

pytestmark = pytest.mark.engine


def likeness_of(ws: Workspace, task: str) -> Likeness:
    assert jobs.state(ws, task).status == "completed", walk.text_of_log(ws, task)[-3000:]
    place = places(ws, task)
    step = next(step for step in jobs.load(ws, task).steps if step.name == "cache_latents")
    config = step.argv[step.argv.index("--dataset_config") + 1]
    folder = tomllib.loads(Path(config).read_text("utf-8"))["datasets"][0]["cache_directory"]
    return measure(place.log, place.tensorboard, place.output, Path(folder))


@pytest.mark.parametrize(
    "part", ["patterns", "tags", "metadata", "files", "samples", "caches", "cache_metadata", "tensors"]
)
def test_the_rehearsal_leaves_what_the_engine_leaves(both: tuple[Likeness, Likeness], part: str) -> None:
    real, rehearsed = both
    assert getattr(rehearsed, part) == getattr(real, part)


@pytest.fixture(scope="module")
def both(trained: Trained) -> tuple[Likeness, Likeness]:
    task = walk.train(trained.ws, walk.make_draft(trained.dataset, "rehearsal"))
    return likeness_of(trained.ws, trained.task), likeness_of(trained.ws, task)
