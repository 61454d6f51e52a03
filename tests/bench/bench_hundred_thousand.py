"""A dataset of 100,000 pictures in the running app: what each answer takes, the memory of the app, and undo of a large change.

    python -m tests.bench.bench_hundred_thousand [ITEMS]

Aims: page, filter, sort and search under 100 ms; a page at most 1.2 x one of a dataset of 1,000; opening under 1 s once the
dataset is indexed, also in a new process; the app under 600 MB; undo of 10,000 captions under 3 s.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from tagtrainer.datasets import history, index, store
from tagtrainer.workspace import Workspace, open_workspace
from tests.bench import many
from tests.browser.conftest import App

CHANGED = 10_000
CLIENT = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
LOOKS: dict[str, dict[str, Any]] = {
    "no caption": {"no_caption": True}, "captioned": {"no_caption": False}, "flagged": {"flagged": True},
    "clips": {"media": "video"}, "size": {"max_side": 600}, "aspect": {"aspect": "portrait"},
    "common tag": {"tag": "4k"}, "rare tag": {"tag": "number 4711"}, "sort added": {"sort": "added", "descending": True},
    "sort size": {"sort": "size"}, "sort aspect": {"sort": "aspect"}, "sort caption": {"sort": "caption"},
    "sort name down": {"descending": True}, "search: boat": {"text": "boat"}, "search: golden street": {"text": "golden street"},
    "search: 猫": {"text": "猫"}, "search: 夜晚的街道": {"text": "夜晚的街道"}, "search: nothing": {"text": "zebra"},
    "all together": {"text": "light boat", "flagged": False, "min_side": 300, "sort": "caption"},
}  # fmt: skip


def ask(app: App, path: str, body: dict[str, Any] | None = None, **query: Any) -> tuple[Any, float]:
    """(answer, milliseconds) of a route."""
    words = urllib.parse.urlencode(
        {key: str(value).lower() if value in (True, False) else value for key, value in query.items()}
    )
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{app.url}/api/{path}?{words}", data, {"content-type": "application/json"})
    began = time.perf_counter()
    with CLIENT.open(asked, timeout=120) as answer:
        found = json.load(answer)
    return found, (time.perf_counter() - began) * 1000


def pages(app: App, dataset: str, count: int) -> float:
    """Median of pages of 200 anywhere."""
    return statistics.median(
        ask(app, f"datasets/{dataset}/items", offset=turn * count // 40, limit=200)[1] for turn in range(40)
    )


def line(what: str, value: float, limit: float, unit: str) -> None:
    print(f"{what:44} {value:8.2f} {unit:3} = {value / limit:5.2f} of the limit ({limit:g} {unit})", flush=True)


def memory(app: App) -> float:
    assert app.process is not None
    return float(psutil.Process(app.process.pid).memory_info().rss) / 1e6


def opening(app: App, dataset: str) -> float:
    """Seconds of the first page and of the look for changes, in a process that has not seen the dataset yet."""
    first = ask(app, f"datasets/{dataset}/items", limit=200)[1]
    synced = ask(app, f"datasets/{dataset}/sync", {})[1]
    stats = ask(app, f"datasets/{dataset}/stats")[1]
    print(f"first page {first:.0f} ms, look for changes {synced:.0f} ms, numbers {stats:.0f} ms")
    return (first + stats) / 1000


def asking(app: App, dataset: str, small: str, count: int) -> None:
    pages(app, small, 1_000), pages(app, dataset, count)
    ratios = [pages(app, dataset, count) / pages(app, small, 1_000) for _ in range(5)]
    line("page against one of 1,000", statistics.median(ratios), 1.2, "x")
    for name, look in LOOKS.items():
        found, first = ask(app, f"datasets/{dataset}/items", limit=200, **look)
        line(f"{name} ({found['total']})", first, 100, "ms")
    item = ask(app, f"datasets/{dataset}/items", limit=1)[0]["items"][0]["id"]
    line("saving one caption", ask(app, f"datasets/{dataset}/caption/{item}", {"text": "new"})[1], 100, "ms")
    line("page after a change", ask(app, f"datasets/{dataset}/items", limit=200)[1], 100, "ms")
    line("search after a change", ask(app, f"datasets/{dataset}/items", limit=200, text="boat")[1], 100, "ms")
    line("next without caption", ask(app, f"datasets/{dataset}/next", after=500)[1], 100, "ms")
    line("flagging one", ask(app, f"datasets/{dataset}/flag", {"items": [item], "on": True})[1], 100, "ms")


def undoing(ws: Workspace, dataset: str) -> float:
    """Seconds of undo of a change of many captions, made by another process than the app."""
    texts = {item.id: f"bulk {item.id}" for item in store.items(ws, dataset)[:CHANGED]}
    began = time.perf_counter()
    store.write_captions(ws, dataset, texts, who="user", title="bulk")
    written = time.perf_counter() - began
    began = time.perf_counter()
    done = history.undo(ws, dataset)
    took = time.perf_counter() - began
    assert done.changed == CHANGED, done
    print(f"changing {CHANGED} captions took {written:.2f} s, undo {took:.2f} s")
    return took


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp())
    app = App(open_workspace(folder / "workspace"))
    try:
        source = many.draw(folder / "source")
        began = time.perf_counter()
        small, large = many.fill(app.ws, "small", 1_000, source), many.fill(app.ws, "large", count, source)
        made, began = time.perf_counter() - began, time.perf_counter()
        index.sync(app.ws, small), index.sync(app.ws, large)
        print(f"{count} items made in {made:.1f} s, indexed in {time.perf_counter() - began:.1f} s", flush=True)
        app.start()
        CLIENT.open(f"{app.url}/en/").close()
        line("opening in a new process", opening(app, large), 1, "s")
        time.sleep(6)
        asking(app, large, small, count)
        line(f"undo of {CHANGED} captions", undoing(app.ws, large), 3, "s")
        line("page after the undo elsewhere", ask(app, f"datasets/{large}/items", limit=200)[1], 100, "ms")
        done = ask(app, f"datasets/{large}/flag", {"all": True, "on": True})
        print(f"flagging all {done[0]['count']} took {done[1] / 1000:.1f} s")
        ask(app, f"datasets/{large}/items", limit=200, text="boat")
        line("memory of the app", memory(app), 600, "MB")
    finally:
        app.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
