"""Model paths tab: one line per weights file a model needs, with what lies there. Must not judge files itself."""

from __future__ import annotations

import html
from itertools import groupby

import gradio as gr

from tagtrainer.core.files import human_size
from tagtrainer.core.text import t
from tagtrainer.training import model_paths
from tagtrainer.training.model_paths import SlotStatus
from tagtrainer.ui.page import Page


def build(page: Page) -> None:
    """Series after series; what is typed is saved on leaving the field."""
    with gr.Column(elem_id="models_page", elem_classes="tt-narrow"):
        gr.Markdown(t("models_tab.about"))
        for series, slots in groupby(model_paths.slots(page.ws), key=lambda slot: slot.series):
            gr.Markdown(f"### {series}")
            for slot in slots:
                _slot(page, slot)


def _slot(page: Page, slot: SlotStatus) -> None:
    name = slot.key.replace(".", "_")
    with gr.Group(elem_classes="tt-slot"):
        path = gr.Textbox(
            label=slot.label,
            info=slot.help,
            elem_id=f"path_{name}",
            max_lines=1,
            placeholder=t("models_tab.placeholder"),
        )
        mark = gr.HTML(elem_id=f"mark_{name}", apply_default_css=False)
    page.shown(lambda: _shown(_status(page, slot.key)), None, [path, mark])
    for event in (path.blur, path.submit):
        page.on(event, lambda text: _shown(model_paths.set_path(page.ws, slot.key, text or "")), path, [path, mark])


def _status(page: Page, key: str) -> SlotStatus:
    return next(slot for slot in model_paths.slots(page.ws) if slot.key == key)


def _shown(slot: SlotStatus) -> tuple[str, str]:
    """(path, mark) of a slot; all values escaped."""
    size = f"<span>{human_size(slot.size)}</span>" if slot.size else ""
    return slot.path, f'<p class="tt-mark is-{slot.state}">{html.escape(slot.message)}{size}</p>'
