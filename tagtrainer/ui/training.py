"""Training tab: choose, see at once what it means, start. Must not build commands nor judge options: it asks the services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from tagtrainer import engines, flows
from tagtrainer.core import fields
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import store
from tagtrainer.training import presets
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.training.family import FAMILIES
from tagtrainer.training.groups import GROUPS
from tagtrainer.ui import form, training_drafts
from tagtrainer.ui.page import Page, info
from tagtrainer.ui.training_sheet import Sheet

DATASET_ROWS = 4
REFRESH = "() => tagtrainer.refreshTraining?.()"
CHOSEN_RUN = "() => [localStorage.getItem('tagtrainer.run') || '']"
SHOW_RUN = """(id) => { if (id) { localStorage.setItem('tagtrainer.run', id);
 document.querySelector('#tab_runs-button')?.click(); } return [] }"""


class Tab:
    """The form for the first family, and beside it what the services say of it."""

    def __init__(self, page: Page) -> None:
        self.page, self.ws = page, page.ws
        self.family = next(iter(FAMILIES))
        self.specs = {n: s for n, s in fields.specs(self.family.options).items() if not s.ui_hidden and s.persist}
        self.options: dict[str, Any] = {}
        self.folds: dict[str, gr.Accordion] = {}
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=400, elem_id="training_form"):
                self._choices()
                self._fields()
            with gr.Column(scale=2, min_width=280, elem_id="training_sheet", elem_classes="tr-sheet"):
                self.sheet = Sheet(self.ws, self.specs, self.folds)
        self._wire()

    def _choices(self) -> None:
        with gr.Row():
            self.name = gr.Textbox(
                label=t("training_tab.name"), elem_id="training_name", max_lines=1, value=t("training_tab.default_name")
            )
            self.model = gr.Dropdown(
                [(known.name, known.id) for known in FAMILIES], value=self.family.id, label=t("training_tab.family"),
                elem_id="training_family", filterable=False,
            )  # fmt: skip
        with gr.Row():
            names = [(t(f"training_tab.engine.{ident.replace('-', '_')}"), ident) for ident in engines.ENGINES]
            self.engine = gr.Radio(
                names, value="rehearsal", label=t("training_tab.engine_label"), elem_id="training_engine", scale=3
            )
        with gr.Row(equal_height=False):
            self.preset = gr.Dropdown(
                [], label=t("training_tab.preset"), elem_id="training_preset", filterable=False, scale=3, min_width=130
            )
            self.preset_name = gr.Textbox(
                label=t("training_tab.preset_name"), elem_id="training_preset_name", max_lines=1, scale=2, min_width=110
            )
            self.keep = gr.Button(t("training_tab.keep"), elem_id="training_keep", size="sm", scale=0, min_width=76)
        self.rows: list[tuple[Any, Any, Any]] = [self._dataset_row(number) for number in range(DATASET_ROWS)]
        self.more = gr.Button(t("training_tab.more"), elem_id="training_more", size="sm")
        self.shown_rows = gr.State(1)

    def _dataset_row(self, number: int) -> tuple[Any, Any, Any]:
        with gr.Row(visible=number == 0) as row:
            label = t("training_tab.dataset") if number == 0 else t("training_tab.dataset_n", n=number + 1)
            chosen = gr.Dropdown([("–", "")], value="", label=label, elem_id=f"training_dataset_{number}", scale=4)
            repeats = gr.Textbox(
                "1", label=t("training_tab.repeats"), elem_id=f"training_repeats_{number}", max_lines=1, min_width=90
            )
        return row, chosen, repeats

    def _fields(self) -> None:
        self.search = gr.Textbox(
            placeholder=f"{t('training_tab.search')} · {t('training_tab.search_hint')}", label=t("training_tab.search"),
            show_label=False, container=False, elem_id="training_search", max_lines=1,
        )  # fmt: skip
        self.nothing = gr.Markdown(t("training_tab.nothing_found"), visible=False, elem_id="training_nothing")
        basic = [spec for spec in self.specs.values() if spec.basic]
        self.options |= form.place(basic)
        for group in GROUPS:
            rest = [spec for spec in self.specs.values() if spec.group == group and not spec.basic]
            if rest:
                with gr.Accordion(
                    t(f"training_tab.group.{group}"), open=False, elem_id=f"training_group_{group}"
                ) as fold:
                    self.options |= form.place(rest)
                self.folds[group] = fold

    @property
    def inputs(self) -> set[Any]:
        """Everything that makes the draft."""
        rows = {part for _, chosen, repeats in self.rows for part in (chosen, repeats)}
        return {self.name, self.model, self.engine, self.preset, *rows, *self.options.values()}

    def _wire(self) -> None:
        page, on, everything = self.page, self.page.on, list(self.options.values())
        rows = [part for row in self.rows for part in row]
        asked, sheet = {*self.inputs, self.sheet.shell}, self.sheet.parts
        loaded = [self.name, self.engine, self.preset, *rows, self.shown_rows, *everything]
        on(page.blocks.load, self.load, None, loaded).then(None, js=REFRESH)
        on(self.sheet.reuse.click, self.reuse, self.sheet.started, loaded, js=CHOSEN_RUN).then(None, js=REFRESH)
        if page.tab is not None:
            datasets = [chosen for _, chosen, _ in self.rows]
            on(page.tab.select, self.renew, datasets, [self.preset, *datasets]).then(None, js=REFRESH)
        on(self.sheet.refresh.click, self.look, asked, sheet, trigger_mode="always_last")
        on(self.sheet.shell.change, self.look, asked, sheet)
        on(self.preset.input, self.take_preset, self.preset, everything)
        on(self.keep.click, self.keep_preset, {*self.inputs, self.preset_name}, [self.preset, self.preset_name])
        on(
            self.search.change,
            self.find,
            self.search,
            [self.nothing, *everything, *self.folds.values()],
            trigger_mode="always_last",
        )
        on(
            self.more.click,
            self.add_row,
            self.shown_rows,
            [self.shown_rows, *[row for row, _, _ in self.rows], self.more],
        )
        going = on(
            self.sheet.start.click, self.go, self.inputs, self.sheet.started, show_progress="minimal",
            show_progress_on=self.sheet.start,
        )  # fmt: skip
        going.success(None, self.sheet.started, None, js=SHOW_RUN)

    # reading and writing the form

    def draft(self, values: dict[Any, Any]) -> Draft:
        """The draft that the form holds."""
        uses = []
        for _, chosen, repeats in self.rows:
            if values[chosen]:
                uses.append(DatasetUse(id=values[chosen], repeats=_whole(values[repeats])))
        options = form.differences(self.specs, {name: values[widget] for name, widget in self.options.items()})
        return Draft(
            name=values[self.name] or "", family=values[self.model], engine=values[self.engine], preset=values[self.preset] or "",
            datasets=uses, options=options,
        )  # fmt: skip

    def load(self) -> dict[Any, Any]:
        """The draft as it was left, on whatever page it was typed."""
        return self._filled(training_drafts.kept(self.ws, self.family.id))

    def reuse(self, run: str) -> dict[Any, Any]:
        """The settings of a run, over whatever the form holds: what they leave out is its default."""
        draft = flows.draft_of(self.ws, run)
        return {self.options[name]: form.shown(spec, spec.default) for name, spec in self._in_order()} | self._filled(
            draft
        )

    def _filled(self, draft: Draft) -> dict[Any, Any]:
        choices = self._dataset_choices()
        known = {ident for _, ident in choices}
        uses = [use for use in draft.datasets if use.id in known] or [DatasetUse(id=ident) for _, ident in choices[1:2]]
        found: dict[Any, Any] = {
            self.name: draft.name or t("training_tab.default_name"), self.engine: draft.engine,
            self.preset: gr.update(choices=self._preset_choices(), value=draft.preset), self.shown_rows: max(1, len(uses)),
        }  # fmt: skip
        for number, (row, chosen, repeats) in enumerate(self.rows):
            use = uses[number] if number < len(uses) else None
            found |= {
                row: gr.update(visible=number == 0 or use is not None),
                chosen: gr.update(choices=choices, value=use.id if use else ""),
                repeats: str(use.repeats) if use else "1",
            }
        for name, value in draft.options.items():
            if name in self.options:
                spec = self.specs[name]
                found[self.options[name]] = form.shown(spec, _parsed(spec, value))
        return found

    def renew(self, *chosen: str) -> list[Any]:
        """Lists that may have grown since the page was loaded. What is chosen stays; where nothing is, a dataset is proposed."""
        choices = self._dataset_choices()
        rows = [gr.update(choices=choices) for _ in chosen]
        if not any(chosen) and len(choices) > 1:
            rows[0] = gr.update(choices=choices, value=choices[1][1])
        return [gr.update(choices=self._preset_choices()), *rows]

    def _dataset_choices(self) -> list[tuple[str, str]]:
        return [("–", ""), *((meta.name, meta.id) for meta in store.list_all(self.ws))]

    def _preset_choices(self) -> list[tuple[str, str]]:
        return [(t("training_tab.no_preset"), ""), *((p.name, p.id) for p in presets.presets(self.ws, self.family.id))]

    def add_row(self, count: int) -> list[Any]:
        """One more dataset."""
        count = min(DATASET_ROWS, count + 1)
        rows = [gr.update(visible=number < count) for number in range(DATASET_ROWS)]
        return [count, *rows, gr.update(visible=count < DATASET_ROWS)]

    def take_preset(self, preset: str) -> list[Any]:
        """Defaults + the preset's file, never what was on the screen."""
        values = presets.get(self.ws, self.family.id, preset).values if preset else {}
        return [form.shown(spec, values.get(name, spec.default)) for name, spec in self._in_order()]

    def _in_order(self) -> Iterator[tuple[str, fields.Spec]]:
        return ((name, self.specs[name]) for name in self.options)

    def keep_preset(self, values: dict[Any, Any]) -> list[Any]:
        """Keep the options on the screen as the user's own preset."""
        kept = presets.save(self.ws, self.family.id, values[self.preset_name] or "", self.draft(values).options)
        info("training_tab.kept", name=kept.name)
        return [gr.update(choices=self._preset_choices(), value=kept.id), ""]

    def find(self, query: str) -> list[Any]:
        """Show only the options that the query finds, in folds that are open."""
        query = (query or "").strip()
        hits = {name: form.matches(spec, query) for name, spec in self.specs.items()}
        fields_shown = [gr.update(visible=hits[name] or not query) for name in self.options]
        folds = []
        for group in self.folds:
            some = any(hits[name] for name, spec in self.specs.items() if spec.group == group and not spec.basic)
            folds.append(gr.update(open=bool(query) and some, visible=some or not query))
        return [gr.update(visible=not any(hits.values())), *fields_shown, *folds]

    def look(self, values: dict[Any, Any]) -> list[Any]:
        """What the services say of the draft on the screen; it is kept for the next visit."""
        draft = self.draft(values)
        training_drafts.keep(self.ws, draft)
        return self.sheet.told(draft, values[self.sheet.shell])

    def go(self, values: dict[Any, Any]) -> str:
        """Freeze and queue; the Runs tab shows it then."""
        draft = self.draft(values)
        training_drafts.keep(self.ws, draft)
        task = flows.start_training(self.ws, draft)
        info("training_tab.started", name=draft.name)
        return task


def build(page: Page) -> None:
    """Build the tab inside the current gr.Tab."""
    Tab(page)


def _parsed(spec: fields.Spec, value: Any) -> Any:
    try:
        return fields.parse(spec, value)
    except UserError:
        return value


def _whole(text: Any) -> int:
    """Repeats as typed; 0, which the check list refuses with a sentence, for what is no whole number."""
    try:
        return int(str(text).strip() or "1")
    except ValueError:
        return 0
