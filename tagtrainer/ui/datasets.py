"""Datasets tab: collect, look, caption, tidy. Must not touch files itself: it calls the datasets service and our routes."""

from __future__ import annotations

import gradio as gr

from tagtrainer.core.text import t
from tagtrainer.ui.page import Page


def build(page: Page) -> None:
    """Build the tab inside the current gr.Tab."""
    gr.Markdown(t("ui.tab.datasets"))
