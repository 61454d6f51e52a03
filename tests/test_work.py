"""ui/work: what a page shows of a dataset's background work, and who sees to it that it is done."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagtrainer import flows, ui
from tagtrainer.core.text import has_text, t
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.ui import routes_runs, work
from tagtrainer.workspace import Workspace


def test_work_that_lost_its_worker_gets_one_when_somebody_looks(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker may have been killed while the page was open: the page must not say that it waits its turn for ever."""
    asked: list[Workspace] = []
    monkeypatch.setattr(worker, "ensure_worker", lambda ws: bool(asked.append(ws)))
    dataset = store.create(ws, "one").id
    assert work.newest(ws, dataset, "measure") == {"task": None} and asked == []
    task = flows.start_work(ws, dataset, "measure")
    asked.clear()
    assert work.newest(ws, dataset, "measure")["status"] == "queued" and len(asked) == 1
    jobs.request_stop(ws, task)
    asked.clear()
    assert work.newest(ws, dataset, "measure")["status"] == "stopped" and asked == []


def verbs_started() -> Iterator[str]:
    """What the routes hand to start_work as the verb."""
    for path in sorted(Path(ui.__path__[0]).glob("routes_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "start_work":
                verb = node.args[2]
                module = importlib.import_module(f"tagtrainer.ui.{path.stem}")
                yield verb.value if isinstance(verb, ast.Constant) else getattr(module, verb.id)


def test_every_work_has_a_name_in_the_list_of_runs(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ensure_worker", lambda ws: False)
    verbs = set(verbs_started())
    assert {"measure", "portrait", "export"} <= verbs and all(has_text(f"runs.verb.{verb}") for verb in verbs)
    task = flows.start_work(ws, store.create(ws, "one").id, "measure")
    row = routes_runs._row(jobs.load(ws, task), jobs.state(ws, task))
    assert row["kind_label"] == t("runs.verb.measure")
