"""ui/work: what a page shows of a dataset's background work, and who sees to it that it is done."""

from __future__ import annotations

import pytest

from tagtrainer import flows
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.ui import work
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
