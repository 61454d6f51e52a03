"""The gallery component: filter, virtual grid, viewer and adding of pictures in one gr.HTML. Must not hold dataset text.

The template is static: names and captions reach the page by fetch and are set as textContent or value only, because
Gradio evaluates whatever passes through a template.
"""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from tagtrainer.datasets.models import SORTS
from tagtrainer.ui.page import script
from tagtrainer.ui.wording import inert, texts_attribute, words

SCRIPTS = (
    "words.js", "selection.js", "grid.js", "clip.js", "partners.js", "viewer.js", "looking.js", "actions.js", "intake.js",
    "gallery.js",
)  # fmt: skip
TEXTS = "datasets_tab.gallery."
RULES = (
    ("caption", "no_caption captioned"), ("flag", "flagged unflagged"), ("tag", 'tag:cat tag:"red hat"'),
    ("side", "side<1024 side>=512"), ("aspect", "aspect:portrait"), ("media", "kind:video"), ("sort", "sort:-added"),
)  # fmt: skip
"""What the search understands beside words."""
KEYS = (
    ("move", ("←", "→", "↑", "↓")), ("edit", ("Enter",)), ("save_next", ("Ctrl+Enter",)), ("leave", ("Esc",)),
    ("uncaptioned", ("J",)), ("flag", ("F",)), ("select", ("Space",)), ("range", ("Shift+←", "→")), ("all", ("Ctrl+A",)),
    ("delete", ("Delete",)), ("search", ("/",)), ("help", ("?",)),
)  # fmt: skip


def gallery(elem_id: str) -> gr.HTML:
    """The component; its value is {"dataset": id or "", "rev": any}: a new value makes it look again."""
    return gr.HTML(
        value(""),
        elem_id=elem_id,
        apply_default_css=False,
        html_template=_template(),
        js_on_load="\n".join(script(name) for name in SCRIPTS),
    )


def value(dataset: str, rev: float = 0, kind: str = "image") -> dict[str, Any]:
    """A value for the component."""
    return {"dataset": dataset, "rev": rev, "kind": kind}


def _template() -> str:
    """Static HTML in the current language; braces and dollars are written so that no template language sees them."""
    text = words(TEXTS)
    return f"""<section class="gl" hidden {texts_attribute(TEXTS)}>
{_bar(text)}{_adding(text)}
<div class="gl-body"><div class="gl-left"><div class="gl-grid" tabindex="0" role="listbox" aria-multiselectable="true"
 aria-label="{text["grid"]}"></div><p class="gl-empty" hidden></p>{_float(text)}</div>{_view(text)}</div>
<div class="gl-drop">{text["drop_here"]}</div>{_help(text)}</section>"""


def _bar(text: dict[str, str]) -> str:
    sorts = "".join(f'<option value="{name}">{text[f"sort_{name}"]}</option>' for name in SORTS)
    return f"""<div class="gl-bar"><div class="gl-find">
<input class="gl-search" type="search" placeholder="{text["search"]}" aria-label="{text["search"]}">
<button type="button" class="gl-about" aria-expanded="false" aria-label="{text["about_search"]}">?</button>
<div class="gl-hint gl-pop" hidden>{_hint(text)}</div></div>
<div class="gl-anchor"><button type="button" class="gl-button gl-filter" aria-expanded="false">{text["filter"]}</button>
<div class="gl-panel gl-pop" hidden>{_panel(text)}</div></div>
<div class="gl-sorting"><select class="gl-sort" aria-label="{text["sort"]}">{sorts}</select>
<button type="button" class="gl-button gl-way">↑</button></div>
<span class="gl-count" role="status"></span><button type="button" class="gl-link gl-trash" hidden></button>
<button type="button" class="gl-button gl-keys" aria-label="{text["help"]}" title="{text["help"]}">⌨</button>
<button type="button" class="gl-button gl-toggle" aria-expanded="false">{text["add"]}</button></div>
<div class="gl-rules"><div class="gl-chips"></div><button type="button" class="gl-link gl-all" hidden></button></div>"""


def _panel(text: dict[str, str]) -> str:
    """Rules to choose; the words of an option are also those of its chip."""
    choices = {
        "caption": ("true", "false"), "flagged": ("true", "false"), "aspect": ("portrait", "landscape", "square"),
        "media": ("image", "video"),
    }  # fmt: skip
    rows = []
    for name, values in choices.items():
        options = "".join(f'<option value="{value}">{text[f"f_{name}_{value}"]}</option>' for value in values)
        rows.append(
            f'<label>{text[f"f_{name}"]}<select class="gl-f-{name}"><option value="">{text["f_any"]}</option>{options}'
            "</select></label>"
        )
    sides = "".join(
        f'<input class="gl-f-{end}" type="number" min="0" step="64" placeholder="{text[f"f_{end}"]}"'
        f' aria-label="{text["f_side"]}, {text[f"f_{end}"]}">'
        for end in ("min", "max")
    )
    return f"""{"".join(rows)}<label>{text["f_side"]}<span class="gl-pair">{sides}</span></label>
<label>{text["f_tag"]}<input class="gl-f-tag" type="text" spellcheck="false" autocomplete="off"></label>
<button type="button" class="gl-link gl-f-none">{text["f_none"]}</button>"""


def _hint(text: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td><code>{inert(html.escape(rule))}</code></td><td>{text[f'hint_{name}']}</td></tr>"
        for name, rule in RULES
    )
    return f"<p>{text['hint_words']}</p><table>{rows}</table>"


def _float(text: dict[str, str]) -> str:
    return f"""<div class="gl-float"><div class="gl-notice gl-undo" role="status" hidden><span></span>
<button type="button" class="gl-link gl-back">{text["undo"]}</button>
<button type="button" class="gl-link gl-close">{text["dismiss"]}</button></div>
<div class="gl-notice gl-selection" hidden><span></span><button type="button" class="gl-link gl-every" hidden></button>
<div class="gl-idle"><button type="button" class="gl-link gl-flag">{text["flag"]}</button>
<button type="button" class="gl-link gl-unflag">{text["unflag"]}</button>
<button type="button" class="gl-link gl-repeats">{text["repeats"]}</button>
<button type="button" class="gl-link gl-delete">{text["delete"]}</button>
<button type="button" class="gl-link gl-clear">{text["clear"]}</button></div>
<div class="gl-often"><label>{text["repeats_how"]}
<input class="gl-repeats-n" type="number" min="1" max="10000" value="1"></label>
<button type="button" class="gl-button gl-repeats-go">{text["repeats_go"]}</button></div>
<div class="gl-ask"><em>{text["delete_question"]}</em>
<button type="button" class="gl-button is-danger gl-yes">{text["delete_yes"]}</button>
<button type="button" class="gl-button gl-keep">{text["delete_no"]}</button></div></div></div>"""


def _help(text: dict[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{' '.join(f'<kbd>{key}</kbd>' for key in keys)}</td><td>{text[f'key_{name}']}</td></tr>"
        for name, keys in KEYS
    )
    return f"""<div class="gl-help" role="dialog" aria-modal="true" aria-label="{text["help"]}" hidden><div>
<h3>{text["help"]}</h3><table>{rows}</table><button type="button" class="gl-button">{text["help_close"]}</button></div></div>"""


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
