"""What every tab is given: workspace, language, and the one way to bind events. Must not know any tab."""

from __future__ import annotations

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from tagtrainer.core.text import UserError, set_language, t
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
SCRIPTS = Path(__file__).resolve().parent / "js"


@dataclass(frozen=True)
class Page:
    """One page in one language. `tab` is the gr.Tab being built (its `select` event fires when it is opened).

    `blocks` is the whole page. Values given while building are the same for every visitor and stay as they were at
    the start of the app: whatever changes is filled in by `shown(...)`.
    """

    ws: Workspace
    language: str
    blocks: gr.Blocks
    tab: gr.Tab | None = None

    def on(
        self,
        event: Callable[..., Any],
        fn: Callable[..., Any] | None,
        inputs: Any = None,
        outputs: Any = None,
        **details: Any,
    ) -> Any:
        """Bind `fn` to `event` (`button.click`, `timer.tick`, ...): every handler of the page goes through here.

        `fn` runs in this page's language. A UserError is shown as a warning and leaves every output, so also what was
        typed, as it is; anything unexpected is logged with its traceback and shown as one calm sentence. `details`
        are Gradio's own; the defaults here are: no progress overlay, private, any number at once.
        """
        details.setdefault("show_progress", "hidden")
        details.setdefault("api_visibility", "private")
        details.setdefault("concurrency_limit", None)
        if fn is not None:
            fn = _guarded(fn, self.language, queued=details.get("queue", True))
        return event(fn, inputs, outputs, **details)

    def shown(self, fn: Callable[..., Any], inputs: Any = None, outputs: Any = None, **details: Any) -> None:
        """Run `fn` when the page is loaded and each time this tab is opened: how lists stay fresh."""
        self.on(self.blocks.load, fn, inputs, outputs, **details)
        if self.tab is not None:
            self.on(self.tab.select, fn, inputs, outputs, **details)


def script(name: str) -> str:
    """The text of ui/js/<name>, for gr.HTML(js_on_load=...).

    In scripts `tagtrainer.fetchJson(path, options)` calls our own routes (`datasets/...` means /api/datasets/...) under
    any mount, in the page's language; `tagtrainer.url(path)` gives the address for an <img> or a link.
    """
    return (SCRIPTS / name).read_text("utf-8")


def info(key: str, /, **values: object) -> None:
    """A short message in the corner of the page. Values may hold anything: they are shown as text."""
    gr.Info(html.escape(t(key, **values)), title=t("ui.toast.info"))


def _guarded(fn: Callable[..., Any], language: str, *, queued: bool) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
            values = fn(*args, **kwargs)
            while True:  # each step may run in another thread, so the language is set again before it
                set_language(language)
                value = _call(lambda: next(values, _END), queued)
                if value is _END:
                    return
                yield value

        return steps

    @functools.wraps(fn)
    def once(*args: Any, **kwargs: Any) -> Any:
        set_language(language)
        return _call(lambda: fn(*args, **kwargs), queued)

    return once


_END = object()


def _call(fn: Callable[[], Any], queued: bool) -> Any:
    try:
        return fn()
    except UserError as error:
        return _say(str(error), t("ui.toast.warning"), queued)
    except gr.Error:
        raise
    except Exception:
        log.exception("a handler of the page failed")
        return _say(t("ui.unexpected"), t("ui.toast.error"), queued)


def _say(sentence: str, title: str, queued: bool) -> Any:
    """Show `sentence` and change nothing. Gradio can show a warning for queued events only; else it must be an error."""
    text = html.escape(sentence, quote=False)
    if not queued:
        raise gr.Error(text, title=title, print_exception=False)
    gr.Warning(text, title=title)
    return gr.skip()
