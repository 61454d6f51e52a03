"""The gallery component: filter, virtual grid, viewer and adding of pictures in one gr.HTML. Must not hold dataset text.

The template is static: names and captions reach the page by fetch and are set as textContent or value only, because
Gradio evaluates whatever passes through a template.
"""

from __future__ import annotations

import html
import json
from typing import Any

import gradio as gr

from tagtrainer.core.text import DEFAULT_LANGUAGE, catalogue, t
from tagtrainer.ui.page import script

SCRIPTS = ("grid.js", "clip.js", "viewer.js", "intake.js", "gallery.js")
TEXTS = "datasets_tab.gallery."


def gallery(elem_id: str) -> gr.HTML:
    """The component; its value is {"dataset": id or "", "rev": any}: a new value makes it look again."""
    return gr.HTML(
        value(""),
        elem_id=elem_id,
        apply_default_css=False,
        html_template=_template(),
        js_on_load="\n".join(script(name) for name in SCRIPTS),
    )


def value(dataset: str, rev: float = 0) -> dict[str, Any]:
    """A value for the component."""
    return {"dataset": dataset, "rev": rev}


def _texts() -> dict[str, str]:
    names = [key for key in catalogue(DEFAULT_LANGUAGE) if key.startswith(TEXTS)]
    return {key.removeprefix(TEXTS): t(key) for key in names}


def _template() -> str:
    """Static HTML in the current language; braces and dollars are written so that no template language sees them."""
    text = {name: html.escape(words) for name, words in _texts().items()}
    packed = inert(html.escape(json.dumps(_texts(), ensure_ascii=True), quote=True))
    return f"""<section class="gl" hidden data-texts="{packed}">
{_bar(text)}{_adding(text)}
<div class="gl-body"><div class="gl-left"><div class="gl-grid" tabindex="0" role="listbox" aria-multiselectable="true"
 aria-label="{text["grid"]}"></div><p class="gl-empty" hidden></p>
<div class="gl-float"><div class="gl-notice gl-undo" role="status" hidden><span></span>
<button type="button" class="gl-link gl-back">{text["undo"]}</button>
<button type="button" class="gl-link gl-close">{text["dismiss"]}</button></div>
<div class="gl-notice gl-selection" hidden><span></span>
<div class="gl-idle"><button type="button" class="gl-link gl-delete">{text["delete"]}</button>
<button type="button" class="gl-link gl-clear">{text["clear"]}</button></div>
<div class="gl-ask"><em>{text["delete_question"]}</em>
<button type="button" class="gl-button is-danger gl-yes">{text["delete_yes"]}</button>
<button type="button" class="gl-button gl-keep">{text["delete_no"]}</button></div></div></div></div>{_view(text)}</div>
<div class="gl-drop">{text["drop_here"]}</div></section>"""


def _bar(text: dict[str, str]) -> str:
    return f"""<div class="gl-bar">
<input class="gl-search" type="search" placeholder="{text["search"]}" aria-label="{text["search"]}">
<label class="gl-check"><input class="gl-only" type="checkbox"> {text["only_no_caption"]}</label>
<span class="gl-count" role="status"></span><button type="button" class="gl-link gl-trash" hidden></button>
<button type="button" class="gl-button gl-toggle" aria-expanded="false">{text["add"]}</button></div>"""


def _adding(text: dict[str, str]) -> str:
    return f"""<div class="gl-add" hidden><strong hidden>{text["no_pictures"]}</strong><p>{text["add_how"]}</p>
<div class="gl-row"><button type="button" class="gl-button is-main gl-choose-files">{text["choose_files"]}</button>
<button type="button" class="gl-button gl-choose-folder">{text["choose_folder"]}</button></div>
<div class="gl-row"><input class="gl-path" type="text" spellcheck="false" autocomplete="off" placeholder="{text["path"]}"
 aria-label="{text["path"]}"><button type="button" class="gl-button gl-path-go">{text["path_go"]}</button></div></div>
<div class="gl-notice gl-job" role="status" hidden><span></span><progress></progress>
<button type="button" class="gl-link">{text["stop"]}</button></div><div class="gl-notice gl-report" role="status" hidden></div>"""


def _view(text: dict[str, str]) -> str:
    return f"""<aside class="gl-view" aria-label="{text["viewer"]}"><div class="gl-stage"><img class="gl-large" alt="">
<button type="button" class="gl-previous" aria-label="{text["previous"]}">‹</button>
<button type="button" class="gl-next" aria-label="{text["next"]}">›</button></div>
<div class="gl-title"><b class="gl-name"></b><span class="gl-place"></span></div><div class="gl-facts"></div>
<textarea class="gl-caption" rows="5" placeholder="{text["caption"]}" aria-label="{text["caption"]}" disabled></textarea>
<div class="gl-foot"><span class="gl-status" role="status"></span><span>{text["keys"]}</span></div>
<div class="gl-conflict" hidden><strong>{text["theirs"]}</strong><p></p>
<button type="button" class="gl-button gl-theirs">{text["take_theirs"]}</button>
<button type="button" class="gl-button gl-mine">{text["keep_mine"]}</button></div></aside>"""


def inert(text: str) -> str:
    """Braces and dollars as character references: the attribute's text stays, no template language finds its marks."""
    return text.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;").replace("`", "&#96;")
