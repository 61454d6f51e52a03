"""What a view is, and how its module becomes a component. Must not know any view.

A view module has VIEW (a View), template() (static HTML in the current language) and SCRIPTS (files of ui/js/, run after kit.js).
Its component's value is {"dataset": id or "", "kind": kind, "rev": number}; data comes by fetch and is set as text only, because
Gradio evaluates whatever passes through a template.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import gradio as gr

from tagtrainer.datasets.models import CONTROL_KINDS, KINDS, Kind
from tagtrainer.ui.page import script
from tagtrainer.ui.wording import texts_attribute

ALL = KINDS
PICTURES: tuple[Kind, ...] = ("image", *CONTROL_KINDS)
CONTROLS = CONTROL_KINDS
KIT = "view_kit."


@dataclass(frozen=True)
class View:
    """A view: its label is the text views.<name>; `kinds` are the kinds of dataset that it makes sense for."""

    name: str
    order: int
    kinds: tuple[Kind, ...] = ALL


def find() -> list[ModuleType]:
    """Every view module, in the order of their sub-tabs."""
    import tagtrainer.ui.views as package

    names = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "base"]
    modules = [importlib.import_module(f"{package.__name__}.{name}") for name in names]
    return sorted((module for module in modules if hasattr(module, "VIEW")), key=lambda module: module.VIEW.order)


def component(module: ModuleType) -> gr.HTML:
    """The view as a component inside the current container."""
    name = module.VIEW.name
    return gr.HTML(
        value("", "image"),
        elem_id=f"view_{name}_box",
        apply_default_css=False,
        html_template=f'<section class="vw vw-{name}" {texts_attribute(KIT, "kit")}>{module.template()}</section>',
        js_on_load="\n".join(script(file) for file in ("words.js", "kit.js", *module.SCRIPTS)),
    )


def value(dataset: str, kind: str, rev: float = 0) -> dict[str, Any]:
    """A value for a view's component; another `rev` makes it look again."""
    return {"dataset": dataset, "kind": kind, "rev": rev}
