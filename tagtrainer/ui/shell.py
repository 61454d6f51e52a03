"""Routes of the page's frame: which language, notices, and how errors of our own routes look. Must not know any tab."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from tagtrainer import settings
from tagtrainer.core.text import LANGUAGES, UserError, match_language, set_language, t
from tagtrainer.settings import Notice
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect x="7" y="7" width="18" height="18" rx="4" fill="#0f766e" transform="rotate(45 16 16)"/></svg>'
)


class Dismissal(BaseModel):
    id: int


class Choice(BaseModel):
    language: str


def preferred(ws: Workspace, request: Request) -> str:
    """The language of a request: what the page says, else the settings, else what the browser asks for."""
    said = request.headers.get("x-tagtrainer-language", "")
    if said in LANGUAGES:
        return said
    return settings.load(ws).ui.language or match_language(request.headers.get("accept-language", ""))


def router(ws: Workspace, notices: Sequence[Notice], has_password: bool) -> APIRouter:
    """`/` and `/<language>` redirects, /api/shell, /api/notices/dismiss, /api/language."""
    routes = APIRouter()
    left = dict(enumerate(notices))

    def shown() -> list[dict[str, Any]]:
        return [{"id": ident, "text": str(notice)} for ident, notice in left.items()]

    @routes.get("/")
    def start(request: Request) -> Response:
        return RedirectResponse(f"{preferred(ws, request)}/", 303)

    @routes.get("/favicon.ico")
    def icon() -> Response:
        return Response(ICON, media_type="image/svg+xml", headers={"cache-control": "private, max-age=86400"})

    @routes.get("/{code}")
    def slash(code: str) -> Response:
        if code not in LANGUAGES:
            return JSONResponse({"error": "not_found", "message": t("server.not_found")}, 404)
        return RedirectResponse(f"{code}/", 303)

    @routes.get("/api/shell")
    def shell() -> dict[str, Any]:
        return {"notices": shown(), "log_out": has_password}

    @routes.post("/api/notices/dismiss")
    def dismiss(which: Dismissal) -> dict[str, Any]:
        left.pop(which.id, None)
        return {"notices": shown()}

    @routes.post("/api/language")
    def choose(choice: Choice) -> dict[str, Any]:
        if choice.language not in LANGUAGES:
            raise UserError("server.no_such_language", language=choice.language[:20])
        settings.change(ws, lambda chosen: setattr(chosen.ui, "language", choice.language))
        return {"language": choice.language}

    return routes


def install(app: FastAPI, ws: Workspace) -> None:
    """Errors of our own routes as `{"error": key, "message": sentence}`: 400 the user's, 500 ours (logged)."""

    @app.exception_handler(UserError)
    async def mendable(request: Request, error: UserError) -> Response:
        set_language(preferred(ws, request))
        missing = error.key.endswith(("not_found", "no_such_item", "no_such"))
        return JSONResponse({"error": error.key, "message": str(error)}, 404 if missing else 400)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        set_language(preferred(ws, request))
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        sentence = t("server.bad_request", place=place, reason=first["msg"])
        return JSONResponse({"error": "server.bad_request", "message": sentence}, 422)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        set_language(preferred(ws, request))
        return JSONResponse({"error": "not_found", "message": t("server.not_found")}, error.status_code)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        set_language(preferred(ws, request))
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return JSONResponse({"error": "unexpected", "message": t("ui.unexpected")}, 500)


class Speaking:
    """ASGI middleware: our routes run in the language of the request."""

    def __init__(self, app: Any, language_of: Callable[[Request], str]) -> None:
        self.app = app
        self.language_of = language_of

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            set_language(self.language_of(Request(scope)))
        await self.app(scope, receive, send)
