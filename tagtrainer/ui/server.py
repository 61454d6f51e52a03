"""Puts the app together and runs it: guard, own routes, one page per language, one process per workspace.

Must not know what the tabs and routes do.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import importlib
import logging
import os
import pkgutil
import secrets
import shutil
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from tagtrainer import settings
from tagtrainer.core.text import LANGUAGES, UserError, match_language, set_language, t
from tagtrainer.settings import Notice
from tagtrainer.ui import logfile, login, options, shell
from tagtrainer.ui.guard import Access, Guard, is_loopback
from tagtrainer.ui.mount import LanguagePage
from tagtrainer.ui.options import Options
from tagtrainer.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)
SESSION_KEY = "ui.session_key"
TRIED_PORTS = 30


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app until it is told to stop. Exit code 0, or 1 after a sentence on stderr."""
    gc.disable()  # until the first page stands: importing makes millions of objects, none of which can go
    set_language(match_language(os.environ.get("LC_ALL") or os.environ.get("LANG") or ""))
    given = options.parse(sys.argv[1:] if argv is None else argv)
    try:
        ws = open_workspace(given.workspace, given.config)
        chosen, notices = settings.load_with_notices(ws)
        set_language(chosen.ui.language or match_language(os.environ.get("LC_ALL") or os.environ.get("LANG") or ""))
        lock = _alone(ws)
        try:
            return _run(ws, given, notices, "DEBUG" if given.debug else chosen.logging.level)
        finally:
            lock.release()
    except UserError as error:
        print(str(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _alone(ws: Workspace) -> Any:
    """The lock that says this workspace has its app; UserError server.second when another process holds it."""
    from tagtrainer.core.system import FileLock

    lock = FileLock(ws.runtime / "app.lock")
    if not lock.acquire():
        raise UserError("server.second", workspace=ws.root)
    return lock


def _run(ws: Workspace, given: Options, notices: list[Notice], level: str) -> int:
    access = _access(ws, given)
    sock = _bind(given)
    access.port = sock.getsockname()[1]
    logfile.start(ws.runtime / "app.log", level, _hidden(ws, access))
    _clean(ws)
    _recover(ws)
    _announce(given, access)
    _serve(create_app(ws, access, notices), sock, given, access)
    return 0


def _hidden(ws: Workspace, access: Access) -> Callable[[], list[str]]:
    """Everything that must not stand in a log: stored secrets, read again whenever their file changes."""
    seen: tuple[int, list[str]] = (0, [])

    def now() -> list[str]:
        nonlocal seen
        stamp = ws.secrets.stat().st_mtime_ns if ws.secrets.exists() else 0
        if stamp != seen[0]:
            seen = (stamp, settings.secret_values(ws))
        return [access.password, access.key, *seen[1]]

    return now


def _access(ws: Workspace, given: Options) -> Access:
    key = settings.secret(ws, SESSION_KEY)
    if not key:
        key = secrets.token_hex(32)
        settings.set_secret(ws, SESSION_KEY, key)
    password = given.password
    if given.public and not password:
        password = secrets.token_urlsafe(12)
        print(t("server.password_made", password=password), flush=True)
    wide = not is_loopback(given.host)
    names = {socket.gethostname().lower()} if wide else set()
    return Access(port=0, key=key, password=password, wide=wide, hosts=names | set(given.allow_hosts))


def _bind(given: Options) -> socket.socket:
    """A listening socket on the wanted port, or the first free one when none was asked for."""
    ports = [given.port] if given.port else range(options.PORT, options.PORT + TRIED_PORTS)
    family = socket.AF_INET6 if ":" in given.host else socket.AF_INET
    reason: OSError | None = None
    for port in ports:
        sock = socket.socket(
            family, socket.SOCK_STREAM, socket.IPPROTO_TCP
        )  # named, or asyncio leaves Nagle's delay on
        if os.name != "nt":  # on Windows this option would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((given.host, port))
        except (OSError, OverflowError) as error:
            sock.close()
            reason = error if isinstance(error, OSError) else OSError(str(error))
            continue
        return sock
    raise UserError("server.no_port", host=given.host, port=ports[0], reason=(reason and reason.strerror) or reason)


def _clean(ws: Workspace) -> None:
    """Gradio's copies of earlier visits go; its folder is named before Gradio is imported, which reads it then."""
    folder = ws.temporary / "gradio"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


def _recover(ws: Workspace) -> None:
    """Tasks that a crash left as running are told the truth, and waiting ones get their worker back."""
    from tagtrainer.jobs import worker

    for line in worker.recover(ws):
        log.warning("%s", line)


def create_app(ws: Workspace, access: Access, notices: Sequence[Notice] = ()) -> Guard:
    """The whole app as ASGI: guard around own routes and one Gradio page per language."""
    from fastapi import FastAPI

    building = asyncio.Lock()
    pages = {code: LanguagePage(ws, code, building) for code in LANGUAGES}

    @contextlib.asynccontextmanager
    async def life(_: Any) -> AsyncIterator[None]:
        first = settings.load(ws).ui.language or match_language(os.environ.get("LANG", ""))
        warming = asyncio.create_task(pages[first].ready())
        yield
        warming.cancel()
        for page in pages.values():
            await page.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    shell.install(app, ws)
    app.include_router(login.router(access, lambda request: shell.preferred(ws, request)))
    for route in _route_modules():
        app.include_router(route.router(ws))
    app.include_router(shell.router(ws, notices, bool(access.password)))
    return Guard(_Split(shell.Speaking(app, lambda request: shell.preferred(ws, request)), pages), access)


def _route_modules() -> list[Any]:
    """Every ui/routes_<name>.py: `router(ws) -> APIRouter` with paths under /api/<name>/."""
    import tagtrainer.ui

    names = [info.name for info in pkgutil.iter_modules(tagtrainer.ui.__path__) if info.name.startswith("routes_")]
    return [importlib.import_module(f"tagtrainer.ui.{name}") for name in sorted(names)]


class _Split:
    """/en/... and /zh-CN/... to their pages, everything else to our own routes."""

    def __init__(self, own: Any, pages: dict[str, LanguagePage]) -> None:
        self.own = own
        self.pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        first, slash, _ = scope.get("path", "").lstrip("/").partition("/")
        target = self.pages.get(first) if slash and scope["type"] == "http" else None
        await (target or self.own)(scope, receive, send)


def _announce(given: Options, access: Access) -> None:
    local = "localhost" if is_loopback(given.host) or given.host in ("0.0.0.0", "::") else given.host
    address = f"http://{local}:{access.port}/"
    print(t("server.ready", address=address), flush=True)
    entry = f"{address}?ticket={access.ticket}" if access.password else address
    if access.password:
        print(t("server.ticket", address=entry), flush=True)
    if given.browser and not given.share and _has_screen():
        threading.Thread(target=webbrowser.open, args=(entry,), daemon=True).start()


def _has_screen() -> bool:
    """Whether a browser window can be opened here; a text browser in the terminal would be worse than none."""
    if not sys.stdout.isatty():
        return False
    return (
        os.name == "nt"
        or sys.platform == "darwin"
        or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    )


def _serve(app: Any, sock: socket.socket, given: Options, access: Access) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the guard must see the true peer; who forwards is known by its headers
        timeout_graceful_shutdown=2,
        lifespan="on",
        ws="none",
    )
    server = uvicorn.Server(config)
    if given.share:
        speaking = contextvars.copy_context()  # a thread would start with the default language
        threading.Thread(target=speaking.run, args=(_share, access), daemon=True).start()
    server.run(sockets=[sock])


def _share(access: Access) -> None:
    """Open Gradio's tunnel to the running port, let its host in and print the link; failure is a sentence."""
    from tagtrainer.ui import share

    try:
        link, host = share.open_tunnel(access.port)
    except UserError as error:
        print(str(error), file=sys.stderr, flush=True)
        return
    access.hosts.add(host)
    print(t("server.shared", address=link), flush=True)
