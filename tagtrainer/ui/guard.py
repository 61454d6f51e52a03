"""Who may talk to the app: hosts, origins, the session cookie, security headers. Must not know what lies behind it.

Without a password the app listens on loopback only, and any page navigation from this machine is given the cookie: what
must be kept out there are other web pages (also of other programs on localhost), and those can neither be such a
navigation nor send or read a SameSite=Strict cookie's answers. Other people with an account on the same machine are
kept out by a password only. Everything that is not plainly local needs the password.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tagtrainer.core.text import LANGUAGES, match_language, speaking, t
from tagtrainer.ui import login

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
PAGES = frozenset({"/", *(f"/{code}" for code in LANGUAGES), *(f"/{code}/" for code in LANGUAGES)})
OPEN = frozenset({login.PATH, "/favicon.ico"})
SESSION_DAYS = 30
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
# Gradio builds its handlers with `new Function` and starts from inline scripts, so both must stay allowed for scripts.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # no-referrer would make our own forms say "Origin: null"
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def is_loopback(address: str) -> bool:
    """Whether a host to bind, or a peer's address, is this machine only."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@dataclass
class Access:
    """The rules for one running app. `password` empty: open to page navigations from this machine.

    `wide`: bound to more than loopback, so it is reached by addresses we cannot know; an IP literal is then always
    accepted as host, because a foreign web page cannot pretend to be one.
    """

    port: int
    key: str
    password: str = ""
    wide: bool = False
    hosts: set[str] = field(default_factory=set)
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def cookie(self) -> str:
        """Name of the cookie; browsers do not separate cookies by port, so the name does."""
        return f"tagtrainer_{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a Host header (or an origin's host) is one we answer to."""
        name = host_name(host)
        if name in LOCAL_NAMES or name in self.hosts:
            return True
        return self.wide and _is_address(name)

    def session(self) -> str:
        """A new cookie value: end of validity and a signature that a changed password makes void."""
        end = str(int(time.time()) + SESSION_DAYS * 86_400)
        return f"{end}.{self._sign(end)}"

    def admits(self, value: str) -> bool:
        """Whether a cookie value is one of ours and still valid."""
        end, _, signature = value.partition(".")
        if not (end.isascii() and end.isdigit() and len(end) < 16 and int(end) > time.time()):
            return False
        return hmac.compare_digest(signature.encode(), self._sign(end).encode())

    def use_ticket(self, value: str) -> bool:
        """True for the one link printed at start, once."""
        good = bool(self.ticket) and hmac.compare_digest(value.encode(), self.ticket.encode())
        if good:
            self.ticket = ""
        return good

    def _sign(self, end: str) -> str:
        text = f"{end}|{self.port}|{self.password}"
        return hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()


def host_name(host: str) -> str:
    """`Example.org:7860` -> `example.org`, `[::1]:80` -> `::1`; "" when it makes no sense."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Request:
    """What the guard looks at, from an ASGI scope."""

    def __init__(self, scope: Any) -> None:
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self.headers: dict[str, str] = {
            key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]
        }
        self.peer: str = (scope.get("client") or ("", 0))[0]
        self.host = self.headers.get("host", "")
        self.site = self.headers.get("sec-fetch-site", "")

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def navigates(self) -> bool:
        """The address bar, a link or a reload of a whole tab; programs without these headers count as such."""
        mode, target = self.headers.get("sec-fetch-mode", "navigate"), self.headers.get("sec-fetch-dest", "document")
        return self.reads and mode == "navigate" and target == "document"

    @property
    def abroad(self) -> bool:
        """Sent by a page that is not ours."""
        return self.site in ("cross-site", "same-site")

    @property
    def local(self) -> bool:
        """Straight from this machine, not through a proxy or tunnel that says so."""
        return is_loopback(self.peer) and not any(name in self.headers for name in FORWARDED)

    @property
    def secure(self) -> bool:
        return self.headers.get("x-forwarded-proto", "").split(",")[0].strip() == "https"

    def own_origin(self, access: Access) -> bool:
        """For whatever changes state: the sender is our own page, or not a web page at all."""
        origin = self.headers.get("origin")
        if self.abroad:
            return False
        if origin is None:
            return True
        place: str = urlsplit(origin).netloc
        return bool(place) and access.knows(place) and (place == self.host or self.site == "same-origin")

    def cookie(self, name: str) -> str:
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""


class Guard:
    """Pure ASGI, so that streams stay streams. Lets through, redirects to the log-in, or answers with a sentence."""

    def __init__(self, app: Any, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if scope["type"] != "http":  # nothing of ours speaks websocket
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _hardened(send)
        with speaking(match_language(request.headers.get("accept-language", ""))):
            answer = self._answer(request)
        if answer is None:
            await self.app(scope, receive, send)
        elif answer.cookie_only:
            await self.app(scope, receive, _adding(send, self._set_cookie(request)))
        else:
            await answer.send(send, request, self._set_cookie(request) if answer.cookie else None)

    def _answer(self, request: Request) -> Answer | None:
        access = self.access
        if not access.knows(request.host):
            return _refuse(421, t("guard.host", host=host_name(request.host)[:100] or "?"))
        if request.abroad and not (request.navigates and request.path in PAGES):
            return _refuse(403, t("guard.foreign"))
        if not request.reads and not request.own_origin(access):
            return _refuse(403, t("guard.foreign"))
        if request.path in OPEN or access.admits(request.cookie(access.cookie)):
            return None
        if request.reads and request.path in PAGES:
            return self._enter(request)
        return _refuse(401, t("guard.log_in"))

    def _enter(self, request: Request) -> Answer:
        """A page was asked for without a session."""
        if request.abroad:  # the strict cookie is not sent along a link from elsewhere: ask again from our own page
            return Answer(200, login.bounce(), "text/html")
        ticket = parse_qs(request.query).get("ticket", [""])[0]
        if ticket and self.access.use_ticket(ticket):
            return Answer(303, location=".", cookie=True)
        if self.access.password:
            return Answer(303, location=login.address(request.path))
        if not request.local:
            return _refuse(403, t("guard.needs_password"))
        return Answer(200, cookie_only=True)

    def _set_cookie(self, request: Request) -> bytes:
        return session_cookie(self.access, request.secure).encode()


def session_cookie(access: Access, secure: bool) -> str:
    """A Set-Cookie value with a new session."""
    extra = "; Secure" if secure else ""
    age = SESSION_DAYS * 86_400
    return f"{access.cookie}={access.session()}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{extra}"


@dataclass(frozen=True)
class Answer:
    """What the guard says itself. `cookie_only`: let the app answer and add the cookie."""

    status: int
    body: str = ""
    kind: str = "application/json"
    location: str = ""
    cookie: bool = False
    cookie_only: bool = False

    async def send(self, send: Any, request: Request, cookie: bytes | None) -> None:
        """Say it: a refusal as a readable page to someone who typed an address, as JSON to a script."""
        body, kind = self.body, self.kind
        if self.status >= 400 and request.headers.get("sec-fetch-dest") == "document":
            body, kind = login.sentence_page(json.loads(body)["message"]), "text/html"
        headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"cache-control", b"no-store")]
        if self.location:
            headers.append((b"location", quote(self.location, safe="/?=&%.").encode()))
        if cookie:
            headers.append((b"set-cookie", cookie))
        data = body.encode()
        headers.append((b"content-length", str(len(data)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": data})


def _refuse(status: int, sentence: str) -> Answer:
    return Answer(status, json.dumps({"error": "guard", "message": sentence}, ensure_ascii=False))


def _hardened(send: Any) -> Any:
    """Adds the security headers to every answer and takes out what would open it to other origins."""

    async def out(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*_kept(message.get("headers", ())), *HEADERS]
        await send(message)

    return out


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    ours = {name for name, _ in HEADERS}
    for name, value in headers:
        lower = name.lower()
        if not lower.startswith(b"access-control-") and lower not in ours:
            yield name, value


def _adding(send: Any, cookie: bytes) -> Any:
    async def out(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"set-cookie", cookie)]
        await send(message)

    return out
