"""Captioning tab: choose dataset and captioner, try it on one picture, run the batch. Must not caption: it asks the services."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from tagtrainer import flows, settings
from tagtrainer.captioning import batch, profiles
from tagtrainer.captioning.base import CaptionResult
from tagtrainer.captioning.profiles import Profile
from tagtrainer.core.text import DEFAULT_LANGUAGE, UserError, catalogue, t
from tagtrainer.datasets import store
from tagtrainer.jobs.store import ACTIVE
from tagtrainer.ui.captioning_profile import Given, ProfileForm
from tagtrainer.ui.page import Page, info, script
from tagtrainer.ui.routes_captioning import newest

REMEMBERED = """(_, ...more) => [sessionStorage.getItem('tagtrainer.dataset') || localStorage.getItem('tagtrainer.dataset') || '',
 ...more]"""
"""The dataset that was looked at last, in whichever tab; the Datasets gallery and this tab's script note it."""
TEXTS = "captioning_tab.live."


class Tab:
    """The tab's components and what its handlers do with them."""

    def __init__(self, page: Page) -> None:
        self.page, self.ws = page, page.ws
        self.wanted = gr.Textbox(visible=False)
        with gr.Row(equal_height=False, elem_id="captioning_page"):
            with gr.Column(scale=6, min_width=430):
                self._choices()
                with gr.Accordion(t("captioning_tab.settings"), open=False, elem_id="captioning_settings"):
                    self.form = ProfileForm(page)
                self._batch()
            with gr.Column(scale=5, min_width=380):
                self._trial()
        self._wire()

    def _choices(self) -> None:
        with gr.Row():
            self.dataset = gr.Dropdown([], label=t("captioning_tab.dataset"), elem_id="captioning_dataset")
            self.profile = gr.Dropdown(
                [], label=t("captioning_tab.profile"), elem_id="captioning_profile", filterable=False
            )
        self.where = gr.HTML(elem_id="captioning_where", apply_default_css=False)

    def _batch(self) -> None:
        gr.Markdown(f"### {t('captioning_tab.batch')}")
        modes = [(t(f"captioning_tab.mode.{mode}"), mode) for mode in batch.MODES]
        self.mode = gr.Radio(modes, value="missing", label=t("captioning_tab.mode_label"), elem_id="captioning_mode")
        self.start = gr.Button(t("captioning_tab.start"), variant="primary", elem_id="captioning_start")
        self.live = _script_box("captioning_live", "captioning_live.js", _LIVE)

    def _trial(self) -> None:
        gr.Markdown(f"### {t('captioning_tab.trial')}")
        self.picture = _script_box("captioning_picture", "captioning_picture.js", _PICTURE)
        self.ask = gr.Button(t("captioning_tab.ask"), elem_id="captioning_ask")
        self.facts = gr.HTML(elem_id="captioning_facts", apply_default_css=False)
        self.answer = gr.Textbox(
            label=t("captioning_tab.answer"),
            lines=3,
            max_lines=14,
            visible=False,
            elem_id="captioning_answer",
            interactive=True,
        )
        with gr.Accordion(
            t("captioning_tab.thinking"), open=False, visible=False, elem_id="captioning_thinking"
        ) as self.fold:
            self.thinking = gr.Textbox(
                show_label=False,
                container=False,
                lines=4,
                max_lines=16,
                interactive=False,
                elem_id="captioning_thoughts",
            )
        self.use = gr.Button(t("captioning_tab.use"), visible=False, size="sm", elem_id="captioning_use")
        self.tried = gr.State({})

    def _wire(self) -> None:
        page, form = self.page, self.form
        self.shown = [
            *form.outputs,
            self.dataset,
            self.profile,
            self.where,
            self.picture,
            self.live,
            self.start,
            self.ask,
        ]
        visit = [self.wanted, *form.inputs]
        self._in_line(page.blocks.load, self.visit, visit, js=REMEMBERED)
        if page.tab is not None:
            self._in_line(page.tab.select, self.visit, visit, js=REMEMBERED)
        page.on(self.dataset.input, self.boxes, self.dataset, [self.picture, self.live])
        self._in_line(self.profile.input, self.pick, {self.profile, *form.inputs})
        self._in_line(form.left(), self.left, form.inputs)
        self._in_line(form.copy.click, self.copy, form.inputs)
        self._in_line(form.drop_key.click, self.drop_key, form.inputs)
        self._in_line(form.yes.click, self.delete, form.inputs)
        page.on(form.reset.click, lambda: gr.update(visible=True), None, form.question)
        page.on(form.no.click, lambda: gr.update(visible=False), None, form.question)
        page.on(self.start.click, self.run, {self.dataset, self.mode, *form.inputs}, self.live)
        answer = [self.facts, self.answer, self.fold, self.thinking, self.use, self.tried]
        page.on(self.ask.click, self.ask_one, {self.picture, *form.inputs}, answer)
        page.on(self.use.click, self.use_answer, [self.tried, self.answer], [self.use, self.picture])
        self._wire_fillers()

    def _wire_fillers(self) -> None:
        """What puts a text into a field, which is then saved as if it had been typed."""
        on, form = self.page.on, self.form
        for ident, prompt in form.prompts.items():
            field = form.options[ident]["prompt"]
            taken = on(prompt.input, lambda name, ident=ident: form.use_prompt(ident, name), prompt, field)
            self._in_line(taken.then, self.left, form.inputs)
        for ident, (button, models) in form.lists.items():
            on(button.click, form.ask_models, form.inputs, models, show_progress="minimal", show_progress_on=button)
            field = form.options[ident]["model"]
            taken = on(models.input, lambda name, ident=ident: form.use_model(ident, name), models, field)
            self._in_line(taken.then, self.left, form.inputs)

    def _in_line(self, event: Any, fn: Any, inputs: Any, **details: Any) -> None:
        """Events that fill the form wait for each other: none may answer after a later one and mix two profiles."""
        self.page.on(event, fn, inputs, self.shown, concurrency_limit=1, concurrency_id="captioning_form", **details)

    def visit(self, wanted: str, *given: Any) -> Given:
        """The tab is opened: lists anew; what is typed and not saved yet stays."""
        form = dict(zip(self.form.inputs, given, strict=True))
        known = store.list_all(self.ws)
        chosen = next((meta for meta in known if meta.id == wanted), known[0] if known else None)
        twins = [meta.name for meta in known]
        names = [(meta.name if twins.count(meta.name) == 1 else f"{meta.name} ({meta.id})", meta.id) for meta in known]
        updates: Given = {self.dataset: gr.update(choices=names, value=chosen.id if chosen else None)}
        updates |= dict(zip((self.picture, self.live), self.boxes(chosen.id if chosen else ""), strict=True))
        updates |= {button: gr.update(interactive=chosen is not None) for button in (self.start, self.ask)}
        if self.form.changed(form):
            return updates
        ident = json.loads(form[self.form.seen])["id"] or settings.load(self.ws).captioning.last_profile
        return updates | self.filled(profiles.profiles(self.ws).get(ident) or profiles.get(self.ws, "template"))

    def boxes(self, dataset: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values for the two scripts: a new number makes them look again."""
        value = {"dataset": dataset or "", "rev": time.time()}
        return value, value

    def filled(self, profile: Profile) -> Given:
        """Updates that show a profile."""
        return {**self.form.show(profile), **self.around(profile)}

    def around(self, profile: Profile) -> Given:
        """The list of profiles, and where pictures go with this one."""
        names = [(known.name, known.id) for known in profiles.profiles(self.ws).values()]
        return {self.profile: gr.update(choices=names, value=profile.id), self.where: _where(profile)}

    def pick(self, given: Given) -> Given:
        """Another profile is chosen; what was typed for the one before is saved if it can be."""
        profile = profiles.get(self.ws, given[self.profile])
        try:
            self.form.keep(given)
        except UserError as error:
            gr.Warning(html.escape(str(error)))
        settings.change(self.ws, lambda known: setattr(known.captioning, "last_profile", profile.id))
        return self.filled(profile)

    def left(self, given: Given) -> Given:
        """A field was left."""
        if not self.form.changed(given):
            return {}
        return {**self.around(self.form.keep(given)), **self.form.kept(given)}

    def copy(self, given: Given) -> Given:
        made = self.form.make_copy(given)
        settings.change(self.ws, lambda known: setattr(known.captioning, "last_profile", made.id))
        info("captioning_tab.copied", name=made.name)
        return self.filled(made)

    def drop_key(self, given: Given) -> Given:
        profile = self.form.profile(given)
        settings.set_secret(self.ws, f"captioning.{profile.id}", "")
        info("captioning_tab.key_dropped")
        return self.form.around(profiles.get(self.ws, profile.id))

    def delete(self, given: Given) -> Given:
        """Forget the profile; the shipped one of the same name comes back, else the template is shown."""
        ident = self.form.profile(given).id
        profiles.delete_profile(self.ws, ident)
        return self.filled(profiles.profiles(self.ws).get(ident) or profiles.get(self.ws, "template"))

    def run(self, given: Given) -> Given:
        """Queue a batch with what the form shows."""
        dataset = given[self.dataset]
        if not dataset:
            raise UserError("captioning_tab.no_dataset")
        found = newest(self.ws, dataset)
        if found and found[1].status in ACTIVE:
            raise UserError("captioning_tab.running")
        stats = store.stats(self.ws, dataset)
        if given[self.mode] == "missing" and stats.captioned >= stats.count:
            raise UserError("captioning_tab.nothing_missing" if stats.count else "captioning_tab.no_picture")
        flows.start_captioning(self.ws, dataset, self.form.keep(given).id, given[self.mode])
        return {self.live: self.boxes(dataset)[1]}

    def ask_one(self, given: Given) -> Iterator[Given]:
        """Ask about the chosen picture; nothing is written. Whatever goes wrong stands where the answer would."""
        chosen = given[self.picture] or {}
        gone = {field: gr.update(visible=False) for field in (self.answer, self.fold, self.use)}
        try:
            if not chosen.get("item"):
                raise UserError("captioning_tab.no_picture")
            profile = self.form.keep(given)
            yield {**gone, self.facts: _note(t("captioning_tab.asking"), "cp-busy")}
            old = store.caption(self.ws, chosen["dataset"], chosen["item"])
            result = batch.try_one(self.ws, profile.id, chosen["dataset"], chosen["item"])
        except UserError as error:
            yield {**gone, self.facts: _note(str(error), "cp-bad")}
            return
        tried = {"dataset": chosen["dataset"], "item": chosen["item"], "old": old, "who": f"caption:{profile.id}"}
        yield {**self._answered(result), self.tried: tried}

    def _answered(self, result: CaptionResult) -> Given:
        return {
            self.facts: _note(_numbers(result)),
            self.answer: gr.update(value=result.text, visible=True),
            self.thinking: result.thinking,
            self.fold: gr.update(visible=bool(result.thinking)),
            self.use: gr.update(visible=True),
        }

    def use_answer(self, tried: dict[str, str], text: str) -> Given:
        """Write the tried caption (as edited) to its picture."""
        dataset, item = tried["dataset"], tried["item"]
        title = t("captioning_tab.history", name=store.item(self.ws, dataset, item).name)
        store.write_captions(
            self.ws, dataset, {item: text or ""}, who=tried["who"], title=title, expected={item: tried["old"]}
        )
        info("captioning_tab.used")
        return {
            self.use: gr.update(visible=False),
            self.picture: {"dataset": dataset, "item": item, "rev": time.time()},
        }


def build(page: Page) -> None:
    """Build the tab inside the current gr.Tab."""
    Tab(page)


def _where(profile: Profile) -> str:
    """Whether pictures leave this machine. Escaped: the host is what somebody typed."""
    try:
        host = profiles.remote_host(profile)
    except UserError as error:
        return _note(str(error), "cp-bad")
    text = t("captioning_tab.remote", host=host) if host else t("captioning_tab.here")
    return f'<p class="cp-where {"is-remote" if host else "is-here"}">{html.escape(text)}</p>'


def _numbers(result: CaptionResult) -> str:
    parts = [t("captioning_tab.seconds", seconds=f"{result.seconds:.1f}")]
    if result.tokens_in is not None or result.tokens_out is not None:
        values = {"sent": result.tokens_in or 0, "got": result.tokens_out or 0}
        parts.append(t("captioning_tab.tokens", **values))
    return " · ".join([*parts, result.model])


def _note(text: str, kind: str = "") -> str:
    return f'<p class="tt-note {kind}" role="status">{html.escape(text)}</p>'


def _script_box(elem_id: str, name: str, template: str) -> gr.HTML:
    """A component of our own: static template, texts as a property, everything else by fetch and textContent."""
    names = [key for key in catalogue(DEFAULT_LANGUAGE) if key.startswith(TEXTS)]
    texts = {key.removeprefix(TEXTS): t(key) for key in names}
    return gr.HTML(
        {"dataset": "", "rev": 0}, elem_id=elem_id, apply_default_css=False, html_template=template, js_on_load=script(name),
        texts=texts,
    )  # fmt: skip


_LIVE = """<section class="cp-live"><p class="cp-todo" role="status"></p><div class="cp-job" hidden>
<div class="cp-head"><b></b><span class="cp-clock"></span><button type="button" class="gl-link cp-stop"></button></div>
<progress></progress><p class="cp-note" role="status"></p><p class="cp-why"></p>
<details class="cp-errors" hidden><summary></summary><div><table class="tt-table"><tbody></tbody></table></div></details>
<div class="cp-acts"><button type="button" class="gl-button cp-again"></button>
<button type="button" class="gl-link cp-look"></button></div></div></section>"""
_PICTURE = """<section class="cp-picture" hidden><div class="cp-stage"><img alt="">
<button type="button" class="cp-previous">‹</button><button type="button" class="cp-next">›</button></div>
<div class="cp-bar"><b></b><span></span><button type="button" class="gl-link cp-random"></button></div>
<input type="search" class="cp-search" spellcheck="false"><p class="cp-caption"></p></section>"""
