"""A Chromium tab whose memory can be measured: driven by scripts alone, because a watched network keeps every picture it saw."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil


class Tab:
    """One page; `run` evaluates a script in it and waits for what it promises."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self.process, self.to, self.back = process, to, back
        self.number, self.rest, self.session = 0, b"", ""

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        os.write(self.to, json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                self.rest += os.read(self.back, 1 << 16)
            data, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(data)
            if answer.get("id") == self.number:
                return answer["result"]

    def attach(self) -> None:
        """To the first page there is."""
        while not self.session:
            pages = [row for row in self.ask("Target.getTargets")["targetInfos"] if row["type"] == "page"]
            if pages:
                self.session = self.ask("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)[
                    "sessionId"
                ]
            time.sleep(0.2)

    def run(self, script: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 120) -> None:
        """Until a condition holds in the page."""
        end = time.monotonic() + seconds
        while not self.run(condition):
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.2)

    def megabytes(self) -> float:
        """Private memory of the tab as Chromium's own task manager counts it: resident anonymous and swapped pages."""
        self.ask("HeapProfiler.collectGarbage")
        time.sleep(1)
        found = [0.0]
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError):
                if "--type=renderer" in process.cmdline():
                    lines = Path(f"/proc/{process.pid}/status").read_text("ascii", "replace").splitlines()
                    found.append(
                        sum(int(row.split()[1]) for row in lines if row.startswith(("RssAnon", "VmSwap"))) / 1e3
                    )
        return max(found)


@contextlib.contextmanager
def open_tab(url: str) -> Iterator[Tab]:
    """A new Chromium that shows `url`, 1440 x 900."""
    profile = tempfile.mkdtemp()
    argv = [shutil.which("chromium") or "chromium", "--headless=new", "--no-sandbox", "--remote-debugging-pipe"]
    argv += [f"--user-data-dir={profile}", "--window-size=1440,900", url]
    (hear, to), (back, say) = os.pipe(), os.pipe()
    shell = ["sh", "-c", f'exec "$@" 3<&{hear} 4>&{say}', "sh", *argv]
    process = subprocess.Popen(shell, pass_fds=(hear, say), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(hear), os.close(say)
    try:
        tab = Tab(process, to, back)
        tab.attach()
        yield tab
    finally:
        process.terminate()
        process.wait(20)
        os.close(to), os.close(back)
        shutil.rmtree(profile, ignore_errors=True)
