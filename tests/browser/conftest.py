"""The real app in a process of its own and a real Chromium.

`app` (one per test file): .url, .ws, .start(), .kill(), .stop(), .log(). `open_page(language, dark, width)` opens a fresh
browser context; at the end of the test no script error and no request to another host may have happened.
A test that fails is run again with the same `app`: it must not count on names, files or runs that its first try took.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tagtrainer.jobs import store as jobs
from tagtrainer.workspace import Workspace, open_workspace

ROOT = Path(__file__).resolve().parent.parent.parent
playwright_api = pytest.importorskip("playwright.sync_api")
playwright_api.expect.set_options(timeout=30_000)  # a busy machine; what is there already is not waited for
CHROMIUM = [os.environ.get("TAGTRAINER_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "chrome"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A browser on a busy machine may be late once: such a test is run a second time, and the report counts it as rerun."""
    if config.pluginmanager.hasplugin("rerunfailures"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class App:
    """One app process on its own workspace and port."""

    ws: Workspace
    port: int = field(default_factory=free_port)
    env: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, timeout: float = 90) -> App:
        """Start the app and wait until it serves a page."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TAGTRAINER_")}
        argv = [sys.executable, str(ROOT / "app.py"), "--workspace", str(self.ws.root), "--port", str(self.port)]
        out = (self.ws.root / "app.out").open("ab")
        self.process = subprocess.Popen(
            [*argv, "--no-browser", *self.options], cwd=ROOT, stdout=out, stderr=out, env={**clean, **self.env}
        )
        out.close()
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the app ended with {self.process.returncode}:\n{self.output()}")
            try:
                with urllib.request.urlopen(f"{self.url}/login", timeout=60) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the app did not start:\n{self.output()}")

    def output(self) -> str:
        path = self.ws.root / "app.out"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def log(self) -> str:
        path = self.ws.runtime / "app.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def wake(self) -> None:
        """Start the app again when a test has left it dead."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def rest(self, timeout: float = 60) -> None:
        """End what still waits or runs: the next test, or this one run again, is not to queue behind it."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            left = [task.id for task, state in jobs.list_tasks(self.ws) if state.status in jobs.ACTIVE]
            if not left:
                return
            for task in left:
                jobs.request_stop(self.ws, task)
            time.sleep(0.1)

    def _end(self, how: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(15)
        self.process = None


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The running app; prepare its workspace through `app.ws` and the services."""
    running = App(open_workspace(tmp_path_factory.mktemp("app") / "workspace")).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[playwright_api.Browser]:
    found = next((path for name in CHROMIUM if name and (path := shutil.which(name))), None)
    with playwright_api.sync_playwright() as api:
        try:
            running = api.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        except playwright_api.Error as error:
            pytest.skip(f"no Chromium to drive: {error}")
        yield running
        running.close()


def until(page: playwright_api.Page, what: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a fact. A plain sleep would hold up the requests of the page: they go through this process."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        page.wait_for_timeout(50)


def turn_to(page: playwright_api.Page, dataset: str) -> None:
    """Show a dataset: only when the page has settled on the newest one, else it would note that one over ours."""
    noted = "id => { const at = sessionStorage.getItem('tagtrainer.dataset'); return id ? at === id : at; }"
    page.wait_for_function(noted, arg="")
    page.evaluate("id => sessionStorage.setItem('tagtrainer.dataset', id)", dataset)
    page.reload()
    page.wait_for_function(noted, arg=dataset)


def fits(page: playwright_api.Page, width: int) -> None:
    """Nothing sticks out sideways."""
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


OpenPage = Callable[..., "playwright_api.Page"]


@pytest.fixture
def open_page(app: App, browser: playwright_api.Browser) -> Iterator[OpenPage]:
    """open_page(language="en", dark=False, width=1440, tab="") -> playwright Page with the app loaded.

    `tab` names a tab to open ("runs"). page.problems collects script errors, page.foreign requests to other hosts; both
    must be empty when the test ends.
    """
    pages: list[playwright_api.Page] = []
    app.wake()

    def opened(
        language: str = "en", dark: bool = False, width: int = 1440, tab: str = "", height: int = 900
    ) -> playwright_api.Page:
        context = browser.new_context(locale=language, viewport={"width": width, "height": height})
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.problems, page.foreign = [], []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.route(re.compile(r"^(?!blob:|data:).*"), lambda route: _only_own(route, app, page))
        pages.append(page)
        page.goto(f"{app.url}/{language}/?__theme={'dark' if dark else 'light'}")
        page.locator("#tab_datasets-button").wait_for()
        page.locator(".tt-head nav button").first.wait_for()  # from now on it is remembered which tab is open
        if tab:
            page.locator(f"#tab_{tab}-button").click()
        return page

    yield opened
    for page in pages:
        page.context.close()
    app.rest()
    assert [problem for page in pages for problem in page.problems] == []
    assert [url for page in pages for url in page.foreign] == []


def _only_own(route: playwright_api.Route, app: App, page: playwright_api.Page) -> None:
    if route.request.url.startswith(app.url):
        route.continue_()
    else:
        page.foreign.append(route.request.url)
        route.abort()
