"""Datasets tab: choose, make, describe, delete datasets; the pictures are the gallery's. Must not touch files itself."""

from __future__ import annotations

import time
from typing import Any, get_args

import gradio as gr

from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import sample, store
from tagtrainer.datasets.models import DatasetMeta, Kind
from tagtrainer.ui.gallery import gallery, value
from tagtrainer.ui.page import Page, info, script
from tagtrainer.ui.views import base
from tagtrainer.workspace import Workspace

REMEMBERED = "() => sessionStorage.getItem('tagtrainer.dataset') || localStorage.getItem('tagtrainer.dataset') || ''"
"""The dataset that was looked at last in this browser tab, else in this browser; the gallery notes it."""


class Tab:
    """The tab's components and what its handlers do with them."""

    def __init__(self, page: Page) -> None:
        self.ws: Workspace = page.ws
        self.page = page
        self._toolbar()
        self._new()
        self._about()
        self.welcome = gr.HTML(_welcome(), elem_id="datasets_welcome", visible=False, apply_default_css=False)
        self._views()
        texts = [self.name, self.trigger, self.text]
        self.shown = [self.pick, self.open_about, self.about, self.gallery, self.welcome, *texts, self.question]
        self.shown += [self.tabs, self.fitting, *self.views]
        self.form = [self.new, self.new_name]
        self._wire()

    def _toolbar(self) -> None:
        with gr.Row(elem_classes="ds-toolbar", equal_height=True):
            self.pick = gr.Dropdown(
                [], label=t("datasets_tab.pick"), elem_id="datasets_pick", container=False, scale=3, min_width=240
            )
            self.open_about = _button("about", "datasets_open_about", 100, visible=False)
            self.open_new = _button("new", "datasets_new", 140)
            self.sample = _button("sample", "datasets_sample", 200)
            self.wanted = gr.Textbox(visible=False)
            self.about_open = gr.State(False)
        with gr.Row(visible=False, elem_id="datasets_undo", equal_height=True) as self.undo:
            gr.Markdown(t("datasets_tab.deleted"))
            self.back = _button("undo", "datasets_back", 110, size="sm")
            self.gone = gr.State("")

    def _new(self) -> None:
        kinds = [(t(f"datasets_tab.kind.{kind}"), kind) for kind in get_args(Kind)]
        with gr.Column(visible=False, elem_id="datasets_form", elem_classes="ds-panel") as self.new:
            with gr.Row():
                self.new_name = gr.Textbox(label=t("datasets_tab.name"), elem_id="datasets_new_name", max_lines=1)
                self.kind = gr.Dropdown(
                    kinds, value="image", label=t("datasets_tab.kind_label"), elem_id="datasets_kind", filterable=False
                )
            with gr.Row():
                self.create = _button("create", "datasets_create", 120, variant="primary")
                self.cancel = _button("cancel", "datasets_cancel", 100)

    def _about(self) -> None:
        with gr.Column(visible=False, elem_id="datasets_about", elem_classes="ds-panel") as self.about:
            with gr.Row():
                self.name = _line("name", "datasets_name")
                self.trigger = _line("trigger", "datasets_trigger", info=t("datasets_tab.trigger_info"))
            self.text = gr.Textbox(label=t("datasets_tab.description"), elem_id="datasets_description", lines=2)
            with gr.Row():
                self.save = _button("save", "datasets_save", 110, variant="primary")
                self.delete = _button("delete", "datasets_delete", 170)
            with gr.Row(visible=False, elem_id="datasets_question") as self.question:
                gr.Markdown(t("datasets_tab.delete_question"))
                self.yes = _button("delete_yes", "datasets_yes", 170, variant="stop")
                self.no = _button("delete_no", "datasets_no", 110)

    def _views(self) -> None:
        """The gallery and every other view of a dataset, each a sub-tab."""
        self.modules = base.find()
        self.views: list[gr.HTML] = []
        with gr.Tabs(elem_id="dataset_views", overflow_behavior="wrap") as self.tabs:
            with gr.Tab(t("views.pictures"), elem_id="view_pictures"):
                self.gallery = gallery("datasets_gallery")
            for module in self.modules:
                with gr.Tab(t(f"views.{module.VIEW.name}"), elem_id=f"view_{module.VIEW.name}"):
                    self.views.append(base.component(module))
        kinds = {f"view_{module.VIEW.name}": list(module.VIEW.kinds) for module in self.modules}
        self.fitting = gr.HTML(
            {"kind": "image", "kinds": kinds},
            elem_id="view_fitting",
            apply_default_css=False,
            html_template="<style></style>",
            js_on_load=script("fitting.js"),
        )
        self.kinds = kinds

    def _wire(self) -> None:
        page, on = self.page, self.page.on
        on(page.blocks.load, self.refresh, self.wanted, self.shown, js=REMEMBERED)
        if page.tab is not None:
            on(page.tab.select, self.refresh, self.wanted, self.shown, js=REMEMBERED)
        on(self.pick.input, self.refresh, self.pick, self.shown)
        on(
            self.open_about.click,
            lambda on: (gr.update(visible=not on), not on),
            self.about_open,
            [self.about, self.about_open],
        )
        on(self.open_new.click, lambda: gr.update(visible=True), None, self.new)
        on(self.cancel.click, lambda: gr.update(visible=False), None, self.new)
        for event in (self.create.click, self.new_name.submit):
            on(event, self.make, [self.new_name, self.kind], self.shown + self.form)
        on(self.sample.click, self.make_sample, None, self.shown, show_progress="minimal", show_progress_on=self.sample)
        on(self.save.click, self.describe, [self.pick, self.name, self.trigger, self.text], self.pick)
        on(self.delete.click, lambda: gr.update(visible=True), None, self.question)
        on(self.no.click, lambda: gr.update(visible=False), None, self.question)
        on(self.yes.click, self.remove, self.pick, [*self.shown, self.undo, self.gone, self.about_open])
        on(self.back.click, self.restore, self.gone, [*self.shown, self.undo])

    def refresh(self, wanted: str | None) -> list[Any]:
        """Fill everything for the dataset `wanted`, or the newest one when it is gone; the list is read anew."""
        known = store.list_all(self.ws)
        chosen = next((meta for meta in known if meta.id == wanted), known[0] if known else None)
        choices = [(_label(meta, known), meta.id) for meta in known]
        now = time.time()
        seen = base.value(chosen.id, chosen.kind, now) if chosen else base.value("", "image", now)
        return [
            gr.update(choices=choices, value=chosen.id if chosen else None, visible=bool(known)),
            gr.update(visible=chosen is not None),
            gr.update() if chosen else gr.update(visible=False),
            value(chosen.id if chosen else "", now, chosen.kind if chosen else "image"),
            gr.update(visible=chosen is None),
            chosen.name if chosen else "",
            chosen.trigger_word if chosen else "",
            chosen.description if chosen else "",
            gr.update(visible=False),
            gr.update(visible=chosen is not None),
            {"kind": chosen.kind if chosen else "image", "kinds": self.kinds},
            *(seen for _ in self.modules),
        ]

    def make(self, name: str, kind: str) -> list[Any]:
        """Create a dataset and show it; the form closes."""
        if not (name or "").strip():
            raise UserError("datasets_tab.name_missing")
        meta = store.create(self.ws, name.strip(), kind)
        return [*self.refresh(meta.id), gr.update(visible=False), ""]

    def make_sample(self) -> list[Any]:
        """Draw the sample dataset and show it."""
        return self.refresh(sample.make_sample(self.ws))

    def describe(self, dataset: str, name: str, trigger: str, text: str) -> Any:
        """Save name, trigger word and description."""
        if not (name or "").strip():
            raise UserError("datasets_tab.name_missing")
        store.update(self.ws, dataset, name=name.strip(), trigger_word=(trigger or "").strip(), description=text or "")
        info("datasets_tab.saved")
        known = store.list_all(self.ws)
        return gr.update(choices=[(_label(meta, known), meta.id) for meta in known], value=dataset)

    def remove(self, dataset: str) -> list[Any]:
        """Move the dataset to the trash and offer it back."""
        store.delete(self.ws, dataset)
        updates = self.refresh(None)
        updates[self.shown.index(self.about)] = gr.update(visible=False)
        return [*updates, gr.update(visible=True), dataset, False]

    def restore(self, dataset: str) -> list[Any]:
        """Take a deleted dataset back."""
        store.restore(self.ws, dataset)
        return [*self.refresh(dataset), gr.update(visible=False)]


def build(page: Page) -> None:
    """Build the tab inside the current gr.Tab."""
    Tab(page)


def _button(key: str, elem_id: str, width: int, **details: Any) -> gr.Button:
    """A button as wide as its text, at least `width` pixels."""
    return gr.Button(t(f"datasets_tab.{key}"), elem_id=elem_id, scale=0, min_width=width, **details)


def _line(key: str, elem_id: str, **details: Any) -> gr.Textbox:
    return gr.Textbox(label=t(f"datasets_tab.{key}"), elem_id=elem_id, max_lines=1, **details)


def _label(meta: DatasetMeta, known: list[DatasetMeta]) -> str:
    """The name; with its id where two datasets have the same name."""
    twins = sum(other.name == meta.name for other in known)
    return meta.name if twins == 1 else f"{meta.name} ({meta.id})"


def _welcome() -> str:
    return f'<div class="ds-welcome"><h2>{t("datasets_tab.welcome")}</h2><p>{t("datasets_tab.welcome_how")}</p></div>'
