"""Any server that speaks OpenAI's chat completions: OpenAI, LM Studio, Ollama, vLLM and others, through the real SDK.

Must not put a key anywhere but into the client. The stored thumbnail is sent as it is: no decoding, no resizing.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlsplit

from tagtrainer.captioning import chat_answer
from tagtrainer.captioning.base import CaptionRequest, CaptionResult, fill
from tagtrainer.captioning.chat_errors import sentences
from tagtrainer.captioning.clean import clean
from tagtrainer.core.fields import option
from tagtrainer.core.text import UserError

if TYPE_CHECKING:
    import openai

TOKENS = "max_completion_tokens"
MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
PROMPT = (
    "Describe this picture for training an image model: subject, clothing, pose, background, light and style, in one or two "
    "plain sentences. Do not guess names. Answer with the description only."
)


@dataclass(frozen=True)
class OpenAIOptions:
    """Endpoint, model, prompt, and how hard to ask."""

    base_url: str = option(
        "https://api.openai.com/v1", "Base URL", "Ends in /v1 for most servers; LM Studio: http://127.0.0.1:1234/v1",
        group="server", roles=(), basic=True, optional=False,
    )  # fmt: skip
    model: str = option(
        "", "Model", "Name as the server knows it; empty: the first one that it offers.", group="server", roles=(), basic=True
    )  # fmt: skip
    key_env: str = option(
        "", "Key from environment variable", "Name of a variable that holds the key, instead of storing one.",
        group="server", roles=(),
    )  # fmt: skip
    prompt: str = option(
        PROMPT, "Prompt", "{trigger}, {filename}, {folder}, {caption}, {width} and {height} are filled in.", group="prompt",
        roles=(), multiline=True, basic=True, optional=False,
    )  # fmt: skip
    system_prompt: str = option(
        "", "System prompt", "Said before the prompt.", group="prompt", roles=(), multiline=True
    )
    prefix: str = option(
        "{trigger}", "Put first", "Stands before every caption that lacks it, with a comma. Empty places add nothing.",
        group="prompt", roles=(), optional=True,
    )  # fmt: skip
    one_line: bool = option(True, "On one line", "Line breaks in answers become spaces.", group="prompt", roles=())
    temperature: float = option(
        0.3,
        "Temperature",
        "0 is exact, higher is freer. Empty: the server's own.",
        group="sampling",
        roles=(),
        lo=0,
        hi=2,
        optional=True,
    )
    top_p: float = option(
        None, "Top-p", "Empty: the server's own.", kind="float", group="sampling", roles=(), lo=0, hi=1
    )
    max_tokens: int = option(
        500,
        "Max tokens",
        "Longest answer; thinking models need more. Empty: the server's own.",
        group="sampling",
        roles=(),
        lo=1,
        hi=100_000,
        optional=True,
    )
    detail: str = option(
        "auto", "Image detail", "low is cheaper with OpenAI.", group="sampling", roles=(), choices=("auto", "low", "high")
    )  # fmt: skip
    timeout: float = option(120.0, "Timeout", "Seconds to wait for an answer.", group="limits", roles=(), lo=1, hi=3600)
    retries: int = option(
        4, "Retries", "After busy servers, errors and cut connections.", group="limits", roles=(), lo=0, hi=20
    )
    delay: float = option(
        0.0, "Delay between calls", "Seconds; for servers with strict limits.", group="limits", roles=(), lo=0, hi=600
    )
    concurrency: int = option(
        2, "Calls at once", "Local servers usually do one or two well.", group="limits", roles=(), lo=1, hi=64
    )


class _Session:
    def __init__(self, client: openai.OpenAI, options: OpenAIOptions, key: str) -> None:
        self.client, self.options, self.key = client, options, key
        self._lock = threading.Lock()
        self._next_call = 0.0
        self._model = (options.model or "").strip()
        self._names = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens"}

    def caption(self, request: CaptionRequest) -> CaptionResult:
        """Ask about one picture. UserError captioning.* when there is no usable answer."""
        messages = self._messages(request)
        model = self._chosen_model()
        self._wait()
        began = time.monotonic()
        answer = self._ask(model, messages)
        text, thinking = clean(chat_answer.content(answer), one_line=self.options.one_line)
        if not text:
            raise UserError("captioning.empty", model=model)
        sent, got = chat_answer.tokens(answer)
        return CaptionResult(
            text=_prefixed(fill(self.options.prefix or "", request.variables).strip(" ,，"), text),
            thinking=thinking or chat_answer.reasoning(answer),
            seconds=time.monotonic() - began,
            tokens_in=sent,
            tokens_out=got,
            model=getattr(answer, "model", "") or model,
        )

    def models(self) -> list[str]:
        """Names that the server lists."""
        with sentences(self.options.base_url, self.key, timeout=self.options.timeout):
            listed = self.client.models.list()
            return sorted(str(found.id) for found in getattr(listed, "data", None) or [])

    def _chosen_model(self) -> str:
        with self._lock:
            if not self._model:
                offered = self.models()
                if not offered:
                    raise UserError("captioning.no_model", url=self.options.base_url)
                self._model = offered[0]
            return self._model

    def _messages(self, request: CaptionRequest) -> list[dict[str, Any]]:
        kind = MEDIA.get(request.image.suffix.lower(), "image/jpeg")
        data = base64.b64encode(request.image.read_bytes()).decode("ascii")
        picture = {
            "type": "image_url",
            "image_url": {"url": f"data:{kind};base64,{data}", "detail": self.options.detail or "auto"},
        }
        asked = {"type": "text", "text": fill(self.options.prompt, request.variables)}
        system = fill(self.options.system_prompt, request.variables).strip()
        first = [{"role": "system", "content": system}] if system else []
        return [*first, {"role": "user", "content": [picture, asked]}]

    def _wait(self) -> None:
        """Keep calls `delay` seconds apart, over all threads."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_call)
            self._next_call = start + (self.options.delay or 0.0)
        time.sleep(max(0.0, start - now))

    def _ask(self, model: str, messages: list[dict[str, Any]]) -> Any:
        import openai

        while True:
            names = self._names
            asked = {new: value for old, new in names.items() if (value := getattr(self.options, old)) is not None}
            try:
                with sentences(self.options.base_url, self.key, model, self.options.timeout):
                    return self.client.chat.completions.create(model=model, messages=cast(Any, messages), **asked)
            except UserError as error:
                cause = error.__cause__
                if not isinstance(cause, openai.BadRequestError) or not self._learns(names, str(cause.message)):
                    raise

    def _learns(self, names: dict[str, str], complaint: str) -> bool:
        """Some models refuse `max_tokens` or a temperature of one's own: noted for the rest of the batch."""
        refused = re.search(r"nsupported \w+: '(\w+)'", complaint)
        option = next((old for old, new in names.items() if refused and new == refused[1]), None)
        if option is None:
            return False
        if self._names is names:  # else another thread was told already
            renamed = {option: TOKENS} if names[option] == "max_tokens" and TOKENS in complaint else {}
            self._names = {old: new for old, new in names.items() if old != option} | renamed
        return True


def _prefixed(first: str, text: str) -> str:
    return text if not first or first.casefold() in text.casefold() else f"{first}, {text}"


class OpenAICompatible:
    """See the module."""

    id = "openai_compatible"
    options = OpenAIOptions

    def remote(self, options: Any) -> str:
        """The host, unless it is this machine."""
        host = urlsplit(options.base_url).hostname or ""
        return "" if _is_here(host) else host

    def concurrency(self, options: Any) -> int:
        """As set in the profile."""
        return max(1, int(options.concurrency or 1))

    @contextmanager
    def open(self, options: Any, key: str) -> Iterator[_Session]:
        """A client. UserError captioning.no_key, captioning.key_letters, captioning.bad_url."""
        import openai

        parts = urlsplit(options.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise UserError("captioning.bad_url", url=options.base_url.rpartition("@")[2])
        if not key and not _is_near(parts.hostname):
            raise UserError("captioning.no_key", url=options.base_url)
        if not key.isascii() or any(letter.isspace() for letter in key):
            raise UserError("captioning.key_letters")
        here = _is_here(parts.hostname)
        if here:
            _knock(options.base_url, parts)
        client = openai.OpenAI(
            base_url=options.base_url,
            api_key=key or "none",
            timeout=options.timeout,
            max_retries=options.retries or 0,
            http_client=openai.DefaultHttpxClient(trust_env=False) if here else None,  # no proxy leads back to here
        )
        for name in ("openai", "httpx2", "httpcore2"):  # at DEBUG they would write whole pictures into the log
            logging.getLogger(name).setLevel(logging.WARNING)
        with client:
            yield _Session(client, options, key)


def _knock(url: str, parts: SplitResult) -> None:
    """A server that is not started refuses at once; the SDK would try again for half a minute."""
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), 2).close()
    except (ConnectionRefusedError, ValueError) as error:
        raise UserError("captioning.unreachable", url=url) from error
    except OSError:
        return  # slow or odd: the SDK finds out


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("localhost", "")


def _is_near(host: str) -> bool:
    """This machine or a private network, where servers usually want no key."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".lan", ".internal"))


PROVIDER = OpenAICompatible()
