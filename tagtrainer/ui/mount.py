"""Puts one Gradio page per language under /<language>/, built when first asked for. Must not know routes or tabs."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from tagtrainer.core.text import LANGUAGES, set_language
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
# Runs before anything of Gradio's. Its own texts follow navigator.language alone, so that says what the page speaks;
# `tagtrainer` is how our scripts reach our routes under any mount.
BOOT = """<script>(()=>{const language=%s,languages=%s;
Object.defineProperty(navigator,'language',{get:()=>language});
Object.defineProperty(navigator,'languages',{get:()=>[language]});
document.documentElement.lang=language;
const root=location.pathname.replace(/[^/]+\\/?$/,'');
const url=path=>root+'api/'+path;
async function fetchJson(path,options={}){
 const headers={'X-TagTrainer-Language':language,...(options.headers||{})};
 if(options.json!==undefined){headers['Content-Type']='application/json';options={method:'POST',...options,body:JSON.stringify(options.json)};}
 const answer=await fetch(url(path),{...options,headers});
 let data=null;try{data=await answer.json();}catch(e){}
 if(!answer.ok){const error=new Error(data&&data.message||answer.status+' '+answer.statusText);error.status=answer.status;
  error.key=data&&data.error;error.data=data;throw error;}
 return data;}
window.tagtrainer={language,languages,root,url,fetchJson};})();</script>"""


def boot_script(language: str) -> bytes:
    """The script that has to stand first in the page's head."""
    return (BOOT % (json.dumps(language), json.dumps(LANGUAGES, ensure_ascii=False))).encode()


class LanguagePage:
    """ASGI app of one language. The first request builds it; `close` ends what Gradio started.

    `building` is shared by all languages: Gradio collects components in a global while a page is built.
    """

    def __init__(self, ws: Workspace, language: str, building: asyncio.Lock) -> None:
        self.ws = ws
        self.language = language
        self._building = building
        self._app: Any = None
        self._stack = AsyncExitStack()

    async def ready(self) -> Any:
        """Build and start the page unless that is done."""
        async with self._building:
            if self._app is None:
                started = time.monotonic()
                app = await asyncio.to_thread(_mounted, self.ws, self.language)
                await self._stack.enter_async_context(app.router.lifespan_context(app))
                self._app = app
                gc.freeze()  # what stands now stays: collecting need not look at it again
                gc.enable()
                log.info("page %s built in %.2f s", self.language, time.monotonic() - started)
        return self._app

    async def close(self) -> None:
        """End the page's background work."""
        await self._stack.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self._app or await self.ready()
        if scope["path"] != f"/{self.language}/" or scope["method"] != "GET":
            await app(scope, receive, send)
            return
        headers = [(key, value) for key, value in scope["headers"] if key.lower() != b"accept-encoding"]
        packs = any(key.lower() == b"accept-encoding" and b"gzip" in value for key, value in scope["headers"])
        await app({**scope, "headers": headers}, receive, _injecting(send, boot_script(self.language), packs))


def _mounted(ws: Workspace, language: str) -> Any:
    import gradio as gr
    from fastapi import FastAPI

    from tagtrainer.ui import theme
    from tagtrainer.ui.build import build

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    set_language(language)  # this thread is ours alone
    return gr.mount_gradio_app(
        app,
        build(ws, language),
        path=f"/{language}",
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        show_error=False,
        mcp_server=False,
        enable_monitoring=False,
        pwa=False,
        theme=theme.theme(),
        css=theme.css(),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )


def _injecting(send: Callable[[Any], Awaitable[None]], script: bytes, packs: bool) -> Callable[[Any], Awaitable[None]]:
    """Collects an HTML answer, puts `script` first in its head, packs it; other answers pass as they are."""
    start: dict[str, Any] = {}
    body = bytearray()

    async def out(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        if message["type"] != "http.response.body":
            await send(message)
            return
        body.extend(message.get("body", b""))
        if message.get("more_body"):
            return
        data = bytes(body).replace(b"<head>", b"<head>" + script, 1)
        keep = [(k, v) for k, v in start["headers"] if k.lower() not in (b"content-length", b"content-encoding")]
        if packs:
            data = await asyncio.to_thread(gzip.compress, data, 4)
            keep.append((b"content-encoding", b"gzip"))
        keep += [(b"content-length", str(len(data)).encode()), (b"cache-control", b"no-store")]
        await send({**start, "headers": keep})
        await send({"type": "http.response.body", "body": data})

    return out
