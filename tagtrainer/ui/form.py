"""From declared options to widgets and back. Must not know which options there are.

Numbers are text fields: what is typed is parsed and judged by the declaration, in the user's language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from tagtrainer.core import fields
from tagtrainer.core.fields import Spec
from tagtrainer.core.text import UserError, catalogue

FORM_LANGUAGE = "zh-CN"


def widget(spec: Spec, prefix: str = "opt") -> Any:
    """The component for one option, showing its default."""
    common = {
        "label": spec.label,
        "info": spec.help or None,
        "elem_id": f"{prefix}_{spec.name}",
        "value": shown(spec, spec.default),
    }
    if spec.kind == "bool":
        return gr.Checkbox(**common)
    if spec.choices:
        choices = list(spec.choices) if not spec.optional or spec.default else ["", *spec.choices]
        return gr.Dropdown(
            [(choice or "–", choice) for choice in choices],
            allow_custom_value=spec.free_choice,
            filterable=spec.free_choice,
            **common,
        )
    if spec.kind == "list" or spec.multiline:
        return gr.Textbox(lines=2 if spec.kind == "list" else 3, max_lines=8, **common)
    return gr.Textbox(max_lines=1, **common)


def shown(spec: Spec, value: Any) -> Any:
    """An option's value as its widget holds it."""
    if spec.kind == "bool":
        return bool(value)
    if value is None:
        return ""
    if spec.kind == "list":
        return "\n".join(str(part) for part in value)
    return fields.number_text(value)


def differences(known: Mapping[str, Spec], values: Mapping[str, Any]) -> dict[str, Any]:
    """Widget values that differ from the defaults, by option name. What cannot be parsed is kept as typed, for the checks."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        spec = known[name]
        try:
            parsed = fields.parse(spec, value)
        except UserError:
            found[name] = value
            continue
        if parsed != spec.default and not (parsed in (None, "") and spec.default in (None, "")):
            found[name] = list(parsed) if isinstance(parsed, tuple) else parsed
    return found


def texts(spec: Spec) -> str:
    """Everything a search may find an option by: name, label and help in every language."""
    chinese = catalogue(FORM_LANGUAGE)
    more = [chinese.get(f"field.{spec.name}.{part}", "") for part in ("label", "help")]
    return " ".join([spec.name, spec.flag, spec.label_en, spec.help_en, *more]).casefold()


def matches(spec: Spec, query: str) -> bool:
    """Whether every word of the query is somewhere in the option's texts."""
    words = query.casefold().split()
    found = texts(spec)
    return all(word in found for word in words)


def rows(specs: Sequence[Spec], columns: int = 2) -> list[list[Spec]]:
    """Options in rows; long texts get a row of their own."""
    lines: list[list[Spec]] = [[]]
    for spec in specs:
        wide = spec.multiline or spec.kind == "list"
        if lines[-1] and (wide or len(lines[-1]) >= columns):
            lines.append([])
        lines[-1].append(spec)
        if wide:
            lines.append([])
    return [line for line in lines if line]


def place(specs: Sequence[Spec], prefix: str = "opt") -> dict[str, Any]:
    """Build the widgets of some options in rows of two; option name -> component."""
    made: dict[str, Any] = {}
    for line in rows(specs):
        with gr.Row(equal_height=False):
            for spec in line:
                made[spec.name] = widget(spec, prefix)
    return made
