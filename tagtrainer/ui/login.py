"""The log-in page, its throttle, and the small pages shown before anyone is in. Must not know the app behind it."""

from __future__ import annotations

import hmac
import html
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from tagtrainer.core.text import LANGUAGES, language, speaking, t

if TYPE_CHECKING:
    from tagtrainer.ui.guard import Access

log = logging.getLogger(__name__)
PATH = "/login"
LONGEST_WAIT = 60.0
LARGEST_FORM = 4096


def address(wanted: str) -> str:
    """Where to send someone who asked for the page `wanted` and is not in yet."""
    code = wanted.strip("/")
    up = "../" if wanted.endswith("/") and code else ""  # relative, so that a proxy may put us under a prefix
    return f"{up}login?lang={code}" if code in LANGUAGES else "login"


def bounce() -> str:
    """A page that asks for itself again, so that the request comes from our own origin."""
    return '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0"><title>TagTrainer</title>'


def sentence_page(sentence: str) -> str:
    """A page with nothing but one sentence, for who is refused at the door."""
    return _frame(f"<p>{html.escape(sentence)}</p>")


class Throttle:
    """Wrong passwords cost time: after the third one, 1, 2, 4 ... up to 60 seconds in which no attempt is looked at.

    Counted per sender; behind a tunnel all senders are one, which is the safe side.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float]] = {}

    def wait(self, sender: str) -> float:
        """Seconds until `sender` may try again; 0 when now."""
        _, until = self._failures.get(sender, (0, 0.0))
        return max(0.0, until - self._clock())

    def failed(self, sender: str) -> None:
        """Count a wrong password."""
        count = self._failures.get(sender, (0, 0.0))[0] + 1
        delay = 0.0 if count < 3 else min(LONGEST_WAIT, 2.0 ** (count - 3))
        if len(self._failures) > 10_000:
            self._failures.clear()
        self._failures[sender] = (count, self._clock() + delay)

    def passed(self, sender: str) -> None:
        """Forget the failures of someone who knew the password."""
        self._failures.pop(sender, None)


def router(access: Access, prefer: Callable[[Request], str]) -> APIRouter:
    """GET and POST /login, POST /api/logout. `prefer` gives the language of a request."""
    from tagtrainer.ui.guard import session_cookie

    routes = APIRouter()
    throttle = Throttle()

    def speak(request: Request) -> str:
        asked = request.query_params.get("lang", "")
        return asked if asked in LANGUAGES else prefer(request)

    @routes.get(PATH)
    def form(request: Request) -> Response:
        with speaking(speak(request)):
            return HTMLResponse(_page(), headers={"cache-control": "no-store"})

    @routes.post(PATH)
    async def enter(request: Request) -> Response:
        sender = request.client.host if request.client else ""
        with speaking(speak(request)):
            wait = throttle.wait(sender)
            if wait > 0:
                return _again(t("login.wait", seconds=int(wait) + 1), 429)
            given = await _password(request)
            if not access.password or not hmac.compare_digest(given.encode(), access.password.encode()):
                throttle.failed(sender)
                log.warning("a wrong password was given from %s", sender)
                return _again(t("login.wrong"), 401)
            throttle.passed(sender)
            secure = request.headers.get("x-forwarded-proto", "").startswith("https")
            cookie = session_cookie(access, secure)
            return Response(status_code=303, headers={"location": f"{speak(request)}/", "set-cookie": cookie})

    @routes.post("/api/logout")
    def leave() -> Response:
        cookie = f"{access.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
        return Response(status_code=204, headers={"set-cookie": cookie})

    return routes


async def _password(request: Request) -> str:
    data = b""
    async for block in request.stream():
        data += block
        if len(data) > LARGEST_FORM:
            return ""
    return parse_qs(data.decode("utf-8", "replace")).get("password", [""])[0]


def _again(sentence: str, status: int) -> Response:
    return HTMLResponse(_page(sentence), status_code=status, headers={"cache-control": "no-store"})


def _page(problem: str = "") -> str:
    shown = {name: html.escape(t(f"login.{name}")) for name in ("title", "password", "enter", "where")}
    others = " · ".join(f'<a href="?lang={code}">{name}</a>' for code, name in LANGUAGES.items())
    return _frame(f"""<p>{shown["title"]}</p><form method="post">
<label for="password">{shown["password"]}</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>
<p class="bad" role="alert">{html.escape(problem)}</p><button>{shown["enter"]}</button></form>
<p class="quiet">{shown["where"]}</p><p class="quiet">{others}</p>""")


def _frame(content: str) -> str:
    return f"""<!doctype html><html lang="{language()}"><head><meta charset="utf-8"><title>TagTrainer</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head><body><main>
<h1>TagTrainer</h1>{content}</main></body></html>"""


STYLE = """
:root{color-scheme:light dark;--bg:#f6f5f1;--card:#fff;--text:#23282b;--quiet:#6b7378;--line:#dcd9d0;--accent:#0f766e}
@media(prefers-color-scheme:dark){:root{--bg:#14181a;--card:#1c2124;--text:#e6e8e6;--quiet:#98a1a5;--line:#333b3f;--accent:#2dafa2}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--text);
font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{width:min(22rem,86vw);background:var(--card);border:1px solid var(--line);border-radius:14px;padding:2rem}
h1{margin:0;font-size:1.35rem;letter-spacing:-.01em}p{margin:.3rem 0 1.2rem}label{font-size:.875rem}
input{width:100%;box-sizing:border-box;margin-top:.35rem;padding:.6rem .7rem;border:1px solid var(--line);border-radius:8px;
background:transparent;color:inherit;font:inherit}input:focus{outline:2px solid var(--accent);border-color:transparent}
button{width:100%;padding:.65rem;border:0;border-radius:8px;background:var(--accent);color:#fff;font:inherit;cursor:pointer}
.bad{color:#b42318;min-height:1.5em;font-size:.875rem;margin:.4rem 0}
@media(prefers-color-scheme:dark){.bad{color:#ff8a7a}}
.quiet{color:var(--quiet);font-size:.8125rem;margin:.9rem 0 0}a{color:inherit}"""
