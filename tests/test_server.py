"""The app put together: options, redirects, languages, notices, errors of own routes, the log file, one app per workspace."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tagtrainer import settings
from tagtrainer.core.text import LANGUAGES, UserError
from tagtrainer.settings import Notice
from tagtrainer.ui import logfile, options, server
from tagtrainer.ui.guard import Access
from tagtrainer.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
NOTICE = Notice("settings.damaged", {"path": "<b>config.json</b>", "aside": "x", "reason": "y"})


@pytest.fixture
def client(ws: Workspace) -> TestClient:
    """The whole app, entered, without its background start: a page is built when a test asks for it."""
    app = server.create_app(ws, Access(port=7860, key="k" * 64), [NOTICE])
    found = TestClient(app, base_url="http://127.0.0.1:7860", client=("127.0.0.1", 5), follow_redirects=False)
    found.get("/")
    return found


def test_options() -> None:
    given = options.parse(["--workspace", "w", "--port", "9", "--allow-host", "Box.Example", "--no-browser"])
    assert (given.workspace, given.port, given.allow_hosts, given.browser) == ("w", 9, ("box.example",), False)
    assert not given.public
    assert options.parse(["--share"]).public
    assert options.parse(["--host", "0.0.0.0"]).public
    assert not options.parse(["--host", "::1"]).public


def test_options_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTRAINER_DEBUG", "1")
    monkeypatch.setenv("TAGTRAINER_PASSWORD", "p")
    given = options.parse([])
    assert given.debug and given.password == "p"
    monkeypatch.setenv("TAGTRAINER_DEBUG", "0")
    assert not options.parse([]).debug


def test_a_public_app_gets_a_password(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    access = server._access(ws, options.parse(["--share"]))
    assert len(access.password) >= 12 and access.password in capsys.readouterr().out
    assert server._access(ws, options.parse([])).password == ""
    assert server._access(ws, options.parse(["--host", "0.0.0.0"])).password


def test_sessions_outlive_a_restart(ws: Workspace) -> None:
    before, after = (server._access(ws, options.parse([])) for _ in range(2))
    before.port = after.port = 1
    assert after.admits(before.session())


def test_the_start_page_follows_the_browser_then_the_settings(client: TestClient, ws: Workspace) -> None:
    assert client.get("/").headers["location"] == "en/"
    assert client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9"}).headers["location"] == "zh-CN/"
    assert client.post("/api/language", json={"language": "zh-CN"}).status_code == 200
    assert settings.load(ws).ui.language == "zh-CN"
    assert client.get("/", headers={"accept-language": "en"}).headers["location"] == "zh-CN/"
    assert client.get("/en").headers["location"] == "en/"


def test_errors_are_sentences_in_the_language_of_the_page(client: TestClient) -> None:
    for code, words in (("en", "is not a language"), ("zh-CN", "不支持语言")):
        answer = client.post("/api/language", json={"language": "tlh"}, headers={"X-TagTrainer-Language": code})
        assert answer.status_code == 400
        assert answer.json()["error"] == "server.no_such_language" and words in answer.json()["message"]


def test_unknown_addresses(client: TestClient) -> None:
    for path in ("/nothing", "/../etc/passwd", "/api/none", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_notices_are_shown_until_dismissed(client: TestClient) -> None:
    shown = client.get("/api/shell").json()
    assert "<b>config.json</b>" in shown["notices"][0]["text"] and shown["log_out"] is False
    chinese = client.get("/api/shell", headers={"X-TagTrainer-Language": "zh-CN"}).json()
    assert chinese["notices"][0]["text"] != shown["notices"][0]["text"]
    assert client.post("/api/notices/dismiss", json={"id": 0}).json() == {"notices": []}
    assert client.get("/api/shell").json()["notices"] == []


def test_both_pages_are_served_with_their_language_first(client: TestClient) -> None:
    """Also: no other host in anything that loads, no marker of a missing translation, nothing kept in the browser."""
    with client:
        for code in LANGUAGES:
            answer = client.get(f"/{code}/", headers={"accept-encoding": "gzip"})
            assert answer.status_code == 200 and answer.headers["content-encoding"] == "gzip"
            text = answer.text
            head = text[text.index("<head>") + 6 :]
            assert head.startswith("<script>(()=>{const language=" + f'"{code}"')
            assert "__i18n__" not in text
            assert 'src="http' not in text and '<link rel="stylesheet" href="http' not in text
            assert "tab_datasets" in text
        assert client.get("/en/openapi.json").status_code == 404


def test_secrets_stay_out_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        logfile.start(path, "INFO", lambda: ["sk-very-secret", "ab"])
        logging.getLogger("tagtrainer.x").info("using %s now", "sk-very-secret")
        try:
            raise ValueError("bad key sk-very-secret")
        except ValueError:
            logging.getLogger("tagtrainer.x").exception("failed")
    finally:
        for handler in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
    text = path.read_text("utf-8")
    assert "using *** now" in text and "bad key ***" in text and "sk-very-secret" not in text


def test_a_busy_port_is_a_sentence_and_none_given_finds_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="--port"):
            server._bind(options.Options(port=taken.getsockname()[1]))
    with server._bind(options.Options()) as first, server._bind(options.Options(port=0)) as second:
        first.listen()
        assert first.getsockname()[1] >= options.PORT and second.getsockname()[1] >= options.PORT


@pytest.fixture
def running(ws: Workspace) -> Iterator[Any]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("TAGTRAINER_")}
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, str(ROOT / "app.py"), "--workspace", str(ws.root), "--no-browser", *words]
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.crash
def test_a_second_app_on_the_workspace_says_so(running: Any, ws: Workspace) -> None:
    first = running()
    assert first.stdout is not None and "http://localhost:" in first.stdout.readline()
    second = running()
    out, err = second.communicate(timeout=60)
    assert second.returncode == 1 and str(ws.root) in err and "Traceback" not in err and out == ""
    first.kill()
    first.wait()
    time.sleep(0.1)
    third = running()  # the lock of a killed app is nobody's
    assert third.stdout is not None and "http://localhost:" in third.stdout.readline()
