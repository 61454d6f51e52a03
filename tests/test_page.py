"""The one way to bind events: language, sentences for what the user can mend, a calm one and a traceback for the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest

from tagtrainer.core.text import UserError, language, t
from tagtrainer.ui.page import Page
from tagtrainer.workspace import Workspace


def bound(ws: Workspace, fn: Callable[..., Any], **details: Any) -> Any:
    """What Gradio is given for `fn`, with the details it is given."""
    given: dict[str, Any] = {}

    def event(function: Any, inputs: Any, outputs: Any, **more: Any) -> None:
        given.update(more, fn=function)

    with gr.Blocks() as blocks:
        Page(ws, "zh-CN", blocks).on(event, fn, **details)
    return given


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: said.append(text))
    return said


def test_handlers_run_in_the_language_of_the_page(ws: Workspace) -> None:
    given = bound(ws, lambda: language())
    assert given["fn"]() == "zh-CN"
    assert given["api_visibility"] == "private" and given["concurrency_limit"] is None


def test_what_the_user_can_mend_is_a_warning_and_changes_nothing(ws: Workspace, warnings: list[str]) -> None:
    def handler(name: str) -> str:
        raise UserError("core.bad_id", id=name)

    assert bound(ws, handler)["fn"]("<b>x</b>") == gr.skip()
    assert len(warnings) == 1 and "不是有效" in warnings[0]
    assert "&lt;b&gt;" in warnings[0] and "<b>" not in warnings[0]


def test_the_unexpected_is_logged_and_said_calmly(
    ws: Workspace, warnings: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def handler() -> str:
        raise ZeroDivisionError("secret detail")

    with caplog.at_level(logging.ERROR):
        assert bound(ws, handler)["fn"]() == gr.skip()
    assert warnings == [t("ui.unexpected")]
    assert "secret detail" in caplog.text and "secret detail" not in warnings[0]


def test_outside_the_queue_it_is_an_error(ws: Workspace) -> None:
    def handler() -> None:
        raise UserError("core.bad_id", id="x")

    with pytest.raises(gr.Error, match="不是有效"):
        bound(ws, handler, queue=False)["fn"]()


def test_generators(ws: Workspace, warnings: list[str]) -> None:
    def handler(count: int) -> Iterator[str]:
        for number in range(count):
            yield f"{language()} {number}"
        raise UserError("core.bad_id", id="x")

    assert list(bound(ws, handler)["fn"](2))[:2] == ["zh-CN 0", "zh-CN 1"]
    assert len(warnings) == 1
