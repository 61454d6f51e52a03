"""The dataset grid in a real browser with 100,000 pictures: first pictures, jumps, filters, what one fetch costs, and memory.

    python -m tests.bench.bench_page_grid [ITEMS]

Aims: first pictures within 1 s of opening the dataset, a jump to any place within 0.3 s, a fetch under 50 ms, the tab's memory
under 200 MB after walking all over the list.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tagtrainer.datasets import index
from tagtrainer.workspace import open_workspace
from tests.bench import many
from tests.bench.quiet_tab import open_tab
from tests.browser.conftest import App

WALK = 150
VISIBLE = """() => { const grid = document.querySelector('.gl-grid');
if (!grid) return false;
const box = grid.getBoundingClientRect();
const seen = [...document.querySelectorAll('.gl-tile')].filter((tile) => { const r = tile.getBoundingClientRect();
return r.width && r.top >= box.top && r.bottom <= box.bottom; });
const drawn = (tile) => { const i = tile.querySelector('img'); return i.complete && i.naturalWidth; };
return seen.length > 5 && seen.every(drawn); }"""
JUMP = """async (share) => { const box = document.querySelector('.gl-grid'), visible = %s, started = performance.now();
box.scrollTop = box.scrollHeight * share;
await new Promise((done) => { const look = () => (visible() ? done() : requestAnimationFrame(look));
requestAnimationFrame(look); });
return performance.now() - started; }"""


def open_seconds(page: Page, name: str) -> float:
    """From choosing the dataset in the list until every tile in sight shows its picture."""
    page.locator("#datasets_pick input").click()
    option = page.get_by_role("option", name=name, exact=True)
    option.wait_for()
    started = time.monotonic()
    option.click()
    page.wait_for_function(
        "(total) => document.querySelector('.gl-count').textContent.startsWith(total)", arg=name.split()[-1]
    )
    page.wait_for_function(VISIBLE)
    return time.monotonic() - started


def fetch_ms(page: Page, dataset: str, count: int) -> float:
    """Median time of a fetch of 200 rows, seen from the page."""
    times = []
    for number in range(12):
        offset = number * count // 12
        times.append(
            page.evaluate(
                "async (p) => { const s = performance.now(); await tagtrainer.fetchJson(p); return performance.now() - s; }",
                f"datasets/{dataset}/items?offset={offset}&limit=200",
            )
        )
    return statistics.median(times)


WALKING = """(async () => { const box = document.querySelector('.gl-grid'), steps = STEPS;
for (let step = 0; step < steps; step++) { box.scrollTop = box.scrollHeight * ((step * 37 % steps) / steps);
await new Promise((done) => setTimeout(done, 120)); } })()""".replace("STEPS", str(WALK))


def tab_megabytes(url: str) -> tuple[float, float]:
    """Memory of a tab that nobody watches: when it shows the dataset, and after jumps all over it."""
    with open_tab(f"{url}/en/") as tab:
        tab.wait(f"({VISIBLE})()")
        time.sleep(3)
        first = tab.megabytes()
        tab.run(WALKING)
        return first, tab.megabytes()


def choose_seconds(page: Page, total: int) -> tuple[float, float]:
    """Seconds until a filter is shown, and until all of it is selected."""
    page.locator(".gl-filter").click()
    started = time.monotonic()
    page.locator(".gl-f-caption").select_option("true")
    page.wait_for_function("() => document.querySelector('.gl-count').textContent.includes('shown')")
    page.wait_for_function(VISIBLE)
    filtered = time.monotonic() - started
    page.keyboard.press("Escape")
    page.locator(".gl-chip button").click()
    page.wait_for_function("() => !document.querySelector('.gl-count').textContent.includes('shown')")
    page.locator(".gl-grid").focus()
    started = time.monotonic()
    page.keyboard.press("Control+a")
    page.wait_for_function(
        "(total) => document.querySelector('.gl-selection > span').textContent.startsWith(total)", arg=str(total)
    )
    chosen = time.monotonic() - started
    page.keyboard.press("Escape")
    return filtered, chosen


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp())
    app = App(open_workspace(folder / "workspace"))
    try:
        source = many.draw(folder / "source")
        small, large = many.fill(app.ws, "Small 200", 200, source), many.fill(app.ws, f"Large {count}", count, source)
        index.sync(app.ws, small), index.sync(app.ws, large)
        app.start()
        with sync_playwright() as api:
            browser = api.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{app.url}/en/")
            page.wait_for_function(VISIBLE, timeout=120_000)
            page.wait_for_timeout(8_000)  # the page is built and the machine is quiet again
            open_seconds(page, "Small 200")
            opened = open_seconds(page, f"Large {count}")
            jumps = [page.evaluate(JUMP % VISIBLE, share) / 1000 for share in (0.5, 0.9, 0.13, 0.99, 0.31, 0.72)]
            print("each jump:", " ".join(f"{jump:.2f}" for jump in jumps))
            fetches = fetch_ms(page, small, 200), fetch_ms(page, large, count)
            filtered, chosen = choose_seconds(page, count)
            browser.close()
        memory = tab_megabytes(app.url)
    finally:
        app.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{count} pictures: first ones after {opened:.2f} s = {opened:.2f} of the limit (1 s)")
    print(
        f"jump {statistics.median(jumps):.2f} s, worst {max(jumps):.2f} s = {max(jumps) / 0.3:.2f} of the limit (0.3 s)"
    )
    slower = fetches[1] / fetches[0]
    print(
        f"fetch of 200 rows {fetches[1]:.0f} ms = {fetches[1] / 50:.2f} of the limit; {slower:.2f} x that of 200 pictures"
    )
    print(f"filter shown after {filtered:.2f} s, all {count} selected after {chosen:.2f} s")
    print(
        f"tab {memory[0]:.0f} MB, after {WALK} jumps {memory[1]:.0f} MB = {memory[1] / 200:.2f} of the limit (200 MB)"
    )


if __name__ == "__main__":
    main()
