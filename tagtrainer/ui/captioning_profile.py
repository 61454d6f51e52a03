"""The form of a captioning profile, made from its provider's declared options. Must never show or hold a stored key.

What is typed is saved on leaving a field, so that a trial and a batch use what the form shows.
"""

from __future__ import annotations

import itertools
import json
import os
from functools import partial
from typing import Any

import gradio as gr

from tagtrainer.captioning import batch, profiles, prompts
from tagtrainer.captioning.base import PROVIDERS
from tagtrainer.captioning.profiles import Profile
from tagtrainer.core import fields
from tagtrainer.core.fields import Spec
from tagtrainer.core.text import UserError, t
from tagtrainer.ui import form
from tagtrainer.ui.page import Page
from tagtrainer.workspace import Workspace

Given = dict[Any, Any]
NAME = "name of the profile"
NO_AUTOFILL = gr.InputHTMLAttributes(autocomplete="off")


class ProfileForm:
    """Components of the form. Handlers take {component: value} of `inputs` and return {component: update}.

    `seen` holds which profile the form shows and with which values. It lives in the page, not in a session, so that it
    always belongs to the values that are sent with it.
    """

    def __init__(self, page: Page) -> None:
        self.ws: Workspace = page.ws
        self.seen = gr.Textbox(visible="hidden", value=_pack("", {}), elem_id="captioning_seen")
        self.options: dict[str, dict[str, Any]] = {}
        self.panels: dict[str, gr.Column] = {}
        self.prompts: dict[str, gr.Dropdown] = {}
        self.lists: dict[str, tuple[gr.Button, gr.Dropdown]] = {}
        with gr.Row():
            self.name = gr.Textbox(label=t("captioning_tab.name"), elem_id="captioning_name", max_lines=1)
            self.key = gr.Textbox(
                type="password", label=t("captioning_tab.key"), elem_id="captioning_key", max_lines=1, visible=False,
                html_attributes=NO_AUTOFILL,
            )  # fmt: skip
        for provider in PROVIDERS:
            with gr.Column(visible=False, elem_classes="cp-panel") as self.panels[provider.id]:
                self.options[provider.id] = self._panel(provider.id, fields.specs(provider.options))
        self._buttons()
        every = [field for group in self.options.values() for field in group.values()]
        self.inputs = {self.seen, self.name, self.key, *every}
        listed = [part for pair in self.lists.values() for part in pair]
        self.outputs = [
            *self.inputs, self.drop_key, self.reset, self.question, *listed, *self.panels.values(), *self.prompts.values()
        ]  # fmt: skip

    def _panel(self, ident: str, specs: dict[str, Spec]) -> dict[str, Any]:
        """Widgets of one provider: what matters first, what fills its model and its prompt, the rest folded."""
        prefix = f"cap_{ident}"
        first = {name: spec for name, spec in specs.items() if spec.basic}
        made = form.place([spec for spec in first.values() if spec.group != "prompt"], prefix) if first else {}
        if "model" in specs:
            self.lists[ident] = self._models(prefix)
        made |= form.place([spec for spec in first.values() if spec.group == "prompt"], prefix)
        if "prompt" in specs:
            known = [(prompt.name, prompt.id) for prompt in prompts.shipped()]
            self.prompts[ident] = gr.Dropdown(
                known, value=None, label=t("captioning_tab.prompts"), elem_id=f"{prefix}_prompts", filterable=False
            )
        rest = [spec for spec in specs.values() if not spec.basic]
        if rest:
            with gr.Accordion(t("captioning_tab.more"), open=False, elem_id=f"{prefix}_more"):
                made |= form.place(rest, prefix)
        return made

    def _models(self, prefix: str) -> tuple[gr.Button, gr.Dropdown]:
        with gr.Row(equal_height=True, elem_classes="cp-buttons"):
            button = _button("list_models", f"{prefix}_list_models", 130)
            listed = gr.Dropdown(
                [], label=t("captioning_tab.models"), elem_id=f"{prefix}_models", visible=False, scale=2, value=None
            )
        return button, listed

    def _buttons(self) -> None:
        with gr.Row(elem_classes="cp-buttons"):
            self.copy = _button("copy", "captioning_copy", 200)
            self.reset = _button("delete", "captioning_delete", 110, visible=False)
            self.drop_key = _button("drop_key", "captioning_drop_key", 140, visible=False)
        with gr.Row(visible=False, equal_height=True, elem_id="captioning_question") as self.question:
            gr.Markdown(t("captioning_tab.delete_question"))
            self.yes = _button("delete_yes", "captioning_yes", 110, variant="stop")
            self.no = _button("delete_no", "captioning_no", 110)

    def left(self) -> Any:
        """The event of leaving a field (or choosing in one), as one: what `page.on` binds."""
        every = [self.name, self.key, *(field for group in self.options.values() for field in group.values())]
        return partial(gr.on, [field.blur if isinstance(field, gr.Textbox) else field.input for field in every])

    def values(self, given: Given, provider: str) -> dict[str, Any]:
        """What the form holds for the options of a provider."""
        return {name: given[field] for name, field in self.options[provider].items()}

    def show(self, profile: Profile) -> Given:
        """Updates that fill the form."""
        options = profiles.provider_of(profile).options
        loaded, _ = fields.load(options, profile.options)
        values = {name: form.shown(spec, getattr(loaded, name)) for name, spec in fields.specs(options).items()}
        updates = self.around(profile) | {self.name: profile.name, self.question: gr.update(visible=False)}
        updates |= {self.options[profile.provider][name]: value for name, value in values.items()}
        updates |= {listed: gr.update(choices=[], value=None, visible=False) for _, listed in self.lists.values()}
        updates |= {panel: gr.update(visible=name == profile.provider) for name, panel in self.panels.items()}
        return {**updates, self.seen: _pack(profile.id, {**values, NAME: profile.name})}

    def around(self, profile: Profile) -> Given:
        """What is said about the key (never the key), and which buttons make sense."""
        takes_key = "key_env" in fields.specs(profiles.provider_of(profile).options)
        mine = profile.id in profiles.shipped_ids()
        return {
            self.key: gr.update(value="", placeholder=_key_note(profile), visible=takes_key),
            self.drop_key: gr.update(visible=profile.has_key),
            self.reset: gr.update(
                visible=not profile.shipped, value=t(f"captioning_tab.{'reset' if mine else 'delete'}")
            ),
        }

    def profile(self, given: Given) -> Profile:
        """The profile that the form shows, as it is stored."""
        return profiles.get(self.ws, json.loads(given[self.seen])["id"])

    def changed(self, given: Given) -> bool:
        """Whether the form holds something else than what it was filled with."""
        seen = json.loads(given[self.seen])
        known = profiles.profiles(self.ws).get(seen["id"])
        typed_key = bool((given[self.key] or "").strip())
        return known is not None and (typed_key or self._values(given, known.provider) != seen["values"])

    def _values(self, given: Given, provider: str) -> dict[str, Any]:
        return {**{name: given[field] for name, field in self.options[provider].items()}, NAME: given[self.name]}

    def keep(self, given: Given) -> Profile:
        """Save what was changed since the form was filled. Raises UserError for values that cannot be."""
        profile = self.profile(given)
        if not self.changed(given):
            return profile
        values = self._values(given, profile.provider)
        name, key = str(values.pop(NAME) or ""), (given[self.key] or "").strip() or None
        return profiles.save_profile(self.ws, name, profile.provider, values, profile_id=profile.id, key=key)

    def kept(self, given: Given) -> Given:
        """After `keep`: the form shows what is stored; fields stay as they are, for somebody may be typing in one."""
        profile = self.profile(given)
        return {**self.around(profile), self.seen: _pack(profile.id, self._values(given, profile.provider))}

    def use_prompt(self, provider: str, prompt: str) -> Given:
        """Put a ready-made prompt into the form."""
        found = next((known.text for known in prompts.shipped() if known.id == prompt), None)
        return {self.options[provider]["prompt"]: found if found else gr.skip()}

    def ask_models(self, given: Given) -> Given:
        """Save the form, then ask the server which models it has."""
        profile = self.keep(given)
        names = batch.list_models(self.ws, profile.id)
        if not names:
            raise UserError("captioning.no_model", url=profiles.options_of(profile).base_url)
        return {self.lists[profile.provider][1]: gr.update(choices=names, value=None, visible=True)}

    def use_model(self, provider: str, model: str | None) -> Given:
        """Put a listed model into the form."""
        return {self.options[provider]["model"]: model or gr.skip()}

    def make_copy(self, given: Given) -> Profile:
        """A new profile of one's own with the options shown (not the key)."""
        profile = self.profile(given)
        taken = {known.name for known in profiles.profiles(self.ws).values()}
        name = next(name for number in itertools.count(2) if (name := f"{profile.name} {number}") not in taken)
        values = self._values(given, profile.provider)
        values.pop(NAME)
        return profiles.save_profile(self.ws, name, profile.provider, values)


def _pack(ident: str, values: dict[str, Any]) -> str:
    return json.dumps({"id": ident, "values": values})


def _key_note(profile: Profile) -> str:
    variable = str(profile.options.get("key_env") or "")
    if variable and os.environ.get(variable):
        return t("captioning_tab.key_env", name=variable)
    return t("captioning_tab.key_stored" if profile.has_key else "captioning_tab.key_none")


def _button(key: str, elem_id: str, width: int, **details: Any) -> gr.Button:
    return gr.Button(t(f"captioning_tab.{key}"), elem_id=elem_id, scale=0, min_width=width, size="sm", **details)
