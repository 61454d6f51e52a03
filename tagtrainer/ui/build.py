"""Builds the page: heading, notices, and one tab per module, once per language. Must not know what a tab does."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import gradio as gr

from tagtrainer.core.text import LANGUAGES, speaking, t
from tagtrainer.ui.page import Page, script
from tagtrainer.workspace import Workspace

TABS = ("datasets", "captioning", "models", "training", "runs", "settings")
"""Modules of this package with `build(page)`, in the order of the work. Their tabs have the ids tab_<name>."""


def build(ws: Workspace, language: str) -> gr.Blocks:
    """The whole page in one language; every tab module builds inside its own gr.Tab."""
    with speaking(language), gr.Blocks(title="TagTrainer", analytics_enabled=False, fill_width=True) as blocks:
        page = Page(ws, language, blocks)
        _heading(language)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            for name in TABS:
                _tab(page, name)
    _tame(blocks)
    return blocks


def _heading(language: str) -> None:
    others = [{"code": code, "name": name} for code, name in LANGUAGES.items() if code != language]
    texts = {"dismiss": t("ui.dismiss"), "theme": t("ui.theme"), "log_out": t("ui.log_out")}
    gr.HTML(
        {"others": others, "texts": texts},
        elem_id="shell",
        apply_default_css=False,
        html_template=f'<header class="tt-head"><h1>TagTrainer</h1><p>{t("ui.subtitle")}</p><nav></nav></header>'
        '<div class="tt-notices" role="status"></div>',
        js_on_load=script("shell.js"),
    )


def _tab(page: Page, name: str) -> None:
    module = f"tagtrainer.ui.{name}"
    with gr.Tab(t(f"ui.tab.{name}"), elem_id=f"tab_{name}") as tab:
        importlib.import_module(module).build(dataclasses.replace(page, tab=tab))


def _tame(blocks: gr.Blocks) -> None:
    """Gradio's queue wakes a thousand times a second for ever (7 % of a core); twenty times is quick enough.

    Its second loop sends progress bars, which this page does not use.
    """
    queue: Any = getattr(blocks, "_queue", None)
    if hasattr(
        queue, "default_concurrency_limit"
    ):  # what blocks.queue() would set, without building Gradio's app once more
        queue.default_concurrency_limit = None
    for name, seconds in (("sleep_when_free", 0.05), ("progress_update_sleep_when_free", 0.5)):
        if hasattr(queue, name):
            setattr(queue, name, seconds)
