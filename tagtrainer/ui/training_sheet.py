"""Beside the training form: what the services say of the draft on the screen. Must not build commands nor judge options."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import gradio as gr

from tagtrainer.core import fields
from tagtrainer.core.files import human_size
from tagtrainer.core.text import UserError, t
from tagtrainer.training import checks, plan
from tagtrainer.training.draft import Draft
from tagtrainer.training.summary import Summary
from tagtrainer.ui.page import script
from tagtrainer.workspace import Workspace

MARKS = {"error": "✕", "warning": "!", "note": "i", "good": "✓"}
TABS = ("datasets", "captioning", "models", "settings")
FIELDS = {"name": "training_tab.name", "dataset_0": "training_tab.dataset"}
"""Fields of the form that are no options: what their elem_id ends with -> the key of their label."""
BUCKETS_SHOWN = 12


class Sheet:
    """Start, numbers, check list and command of a draft."""

    def __init__(self, ws: Workspace, specs: Mapping[str, fields.Spec], folded: Mapping[str, Any]) -> None:
        """`folded`: the groups of options that stand in folds of the form."""
        self.ws, self.specs, self.folded = ws, specs, folded
        self.start = gr.Button(t("training_tab.start"), variant="primary", elem_id="training_start")
        self.note = gr.HTML(elem_id="training_note", apply_default_css=False)
        self.numbers = gr.HTML(elem_id="training_numbers", apply_default_css=False)
        self.problems = gr.HTML(elem_id="training_problems", apply_default_css=False)
        with gr.Accordion(t("training_tab.command"), open=False, elem_id="training_command_fold"):
            self.shell = gr.Radio(
                ["sh", "bat"], value="sh", show_label=False, elem_id="training_shell", container=False
            )
            self.command = gr.Textbox(
                lines=12, max_lines=24, show_label=False, elem_id="training_command", interactive=False,
                buttons=["copy"],
            )  # fmt: skip
        self.refresh = gr.Button("refresh", elem_id="training_refresh", elem_classes="tt-hidden")
        self.reuse = gr.Button("reuse", elem_id="training_reuse", elem_classes="tt-hidden")
        self.started = gr.Textbox(elem_id="training_started", elem_classes="tt-hidden")
        gr.HTML("", elem_id="training_watch", apply_default_css=False, js_on_load=script("training.js"))

    @property
    def parts(self) -> list[Any]:
        """The components that `told` is for."""
        return [self.note, self.numbers, self.problems, self.command]

    def told(self, draft: Draft, shell: Any) -> list[Any]:
        """Engine note, numbers, problems and command of a draft; what cannot be computed is left out."""
        found = checks.check(self.ws, draft)
        try:
            numbers = _numbers(plan.summary(self.ws, draft))
        except UserError:
            numbers = ""
        try:
            command = plan.command(self.ws, draft, shell)
        except UserError as error:
            command = str(error)
        return [_note(draft.engine), numbers, self._list(found), command]

    def _list(self, found: list[checks.Problem]) -> str:
        items = [_item(problem.level, str(problem), self._way(problem.where)) for problem in found]
        if not any(problem.level == "error" for problem in found):
            items.insert(0, _item("good", t("training_tab.ready"), ""))
        return f'<h4>{t("training_tab.checks")}</h4><ul class="tr-checks">{"".join(items)}</ul>'

    def _way(self, where: str) -> str:
        """A button that leads to the place where a problem is mended."""
        target, place, fold = where, "", ""
        if where in self.specs:
            spec = self.specs[where]
            target = f"opt_{where}"
            fold = spec.group if not spec.basic and spec.group in self.folded else ""
            place = f"{t(f'training_tab.group.{fold}')} → {spec.label}" if fold else spec.label
        elif where in FIELDS:
            target, place = f"training_{where}", t(FIELDS[where])
        elif where in TABS:
            target, place = f"tab_{where}-button", t(f"ui.tab.{where}")
        if not place:
            return ""
        words = html.escape(t("training_tab.mend", place=place))
        opens = f' data-fold="training_group_{fold}"' if fold else ""
        return f'<button type="button" class="tr-mend" data-mend="{html.escape(target)}"{opens}>{words}</button>'


def _item(level: str, text: str, way: str) -> str:
    return f'<li class="is-{level}"><b>{MARKS[level]}</b><span>{html.escape(text)}{way}</span></li>'


def _note(engine: str) -> str:
    key = "training_tab.rehearsal_note" if engine == "rehearsal" else "training_tab.real_note"
    return f'<p class="tt-note">{html.escape(t(key))}</p>'


def _numbers(found: Summary) -> str:
    """The figures of a run as small tiles, then its buckets."""
    tiles = [
        ("pictures", found.pictures), ("batches", found.batches_per_epoch), ("epochs", found.epochs), ("steps", found.steps),
        ("checkpoints", found.checkpoints), ("disk", human_size(found.disk_needed)),
    ]  # fmt: skip
    body = "".join(f"<div><b>{value}</b><span>{t(f'training_tab.number.{name}')}</span></div>" for name, value in tiles)
    buckets = " · ".join(
        f"{row.width}×{row.height}: {row.count} ({row.batches})" for row in found.buckets[:BUCKETS_SHOWN]
    )
    more = f" · +{len(found.buckets) - BUCKETS_SHOWN}" if len(found.buckets) > BUCKETS_SHOWN else ""
    line = f'<p class="tr-buckets">{t("training_tab.buckets")} {buckets}{more}</p>' if buckets else ""
    return f'<div class="tr-numbers">{body}</div>{line}'
