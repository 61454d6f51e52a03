"""Starts the app, or a bare Gradio app to compare with, and measures it from outside. Shared by the benches."""

from __future__ import annotations

import http.cookiejar
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
BARE = """
import sys, gradio
with gradio.Blocks() as demo:
    gradio.Label("one")
demo.launch(server_port=int(sys.argv[1]), quiet=True, inbrowser=False)
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("TAGTRAINER_")}
    return {**own, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}


def app_argv(workspace: Path, port: int) -> list[str]:
    return [
        sys.executable, str(ROOT / "app.py"), "--workspace", str(workspace), "--port", str(port), "--no-browser",
    ]  # fmt: skip


def bare_argv(port: int) -> list[str]:
    return [sys.executable, "-c", BARE, str(port)]


@contextmanager
def running(argv: Sequence[str], port: int, path: str) -> Iterator[tuple[psutil.Process, float]]:
    """(the process, seconds until it served `path`)."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
    began = time.perf_counter()
    process = subprocess.Popen(argv, cwd=ROOT, env=environment(), stdout=output, stderr=output)
    try:
        if not wait_for(f"http://127.0.0.1:{port}{path}", process):
            output.seek(0)
            raise RuntimeError(f"it ended before it served {path}: {output.read().decode('utf-8', 'replace')[-2000:]}")
        yield psutil.Process(process.pid), time.perf_counter() - began
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Ask for a page, with cookies as a browser does, until it comes; False when the process ended before."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    while process.poll() is None:
        try:
            with opener.open(url, timeout=60) as answer:
                if answer.status == 200 and b"gradio" in answer.read():
                    return True
        except OSError:
            time.sleep(0.02)
    return False


def cpu_share(processes: Sequence[psutil.Process], seconds: float) -> float:
    """Percent of one core that the processes use, over `seconds`; children that live all the time are counted."""
    family = [member for process in processes for member in (process, *process.children(recursive=True))]
    before = [_used(member) for member in family]
    time.sleep(seconds)
    return sum(_used(member) - start for member, start in zip(family, before, strict=True)) / seconds * 100


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
