"""A small server that speaks OpenAI's API badly on purpose, and notes what it is asked. Real sockets, no mocks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-right-key"


def answer(text: str | None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **more}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "tiny", "choices": [choice], "usage": usage}


@dataclass
class Fake:
    """`behave(number, body, reply)` answers call `number` (from 1); default: a caption."""

    behave: Callable[[int, dict[str, Any], Reply], None]
    calls: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None
    needs_key: bool = False

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> Fake:
        fake = self
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                rows = [{"id": name, "object": "model", "created": 1, "owned_by": "me"} for name in ("tiny", "large")]
                Reply(self).json({"object": "list", "data": rows})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    fake.calls.append(body)
                    fake.headers.append(dict(self.headers.items()))
                    number = len(fake.calls)
                if fake.needs_key and self.headers.get("authorization") != f"Bearer {KEY}":
                    said = self.headers.get("authorization", "")
                    Reply(self).json({"error": {"message": f"Incorrect API key provided: {said}"}}, 401)
                    return
                fake.behave(number, body, Reply(self))

            def log_message(self, *rest: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *rest: object) -> None:
        assert self.server is not None
        self.server.shutdown()
        self.server.server_close()


class Reply:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.handler = handler

    def json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.raw(json.dumps(value).encode(), "application/json", status, headers)

    def raw(self, data: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.handler.send_response(status)
        self.handler.send_header("content-type", kind)
        self.handler.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def cut(self) -> None:
        self.handler.send_response(200)
        self.handler.send_header("content-type", "application/json")
        self.handler.send_header("content-length", "5000")
        self.handler.end_headers()
        self.handler.wfile.write(b'{"id": "x"')
        self.handler.wfile.flush()
        self.handler.connection.close()
        self.handler.close_connection = True


def says(text: str, pause: float = 0.0) -> Callable[[int, dict[str, Any], Reply], None]:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        time.sleep(pause)
        reply.json(answer(text.replace("{n}", str(number))))

    return behave
