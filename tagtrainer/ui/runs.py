"""Runs tab: the list of tasks and the view of one, in one gr.HTML that polls our own routes. Must not hold any run's text.

The template is static; everything that changes is fetched and set as text, so nothing is lost by a reload or a second tab.
"""

from __future__ import annotations

import html
import json

import gradio as gr

from tagtrainer.core.text import DEFAULT_LANGUAGE, catalogue, t
from tagtrainer.ui.page import Page, script
from tagtrainer.ui.wording import inert

TEXTS = "runs.text."


def build(page: Page) -> None:
    """Build the tab inside the current gr.Tab."""
    gr.HTML("", elem_id="runs_page", apply_default_css=False, html_template=_template(), js_on_load=script("runs.js"))


def _template() -> str:
    names = [key for key in catalogue(DEFAULT_LANGUAGE) if key.startswith(TEXTS)]
    texts = {key.removeprefix(TEXTS): t(key) for key in names}
    packed = inert(html.escape(json.dumps(texts, ensure_ascii=True), quote=True))
    text = {name: html.escape(words) for name, words in texts.items()}
    return f"""<section class="rn" data-texts="{packed}">
<nav class="rn-list" aria-label="{text["list"]}"></nav>
<div class="rn-none" hidden><h2>{text["none"]}</h2><p>{text["none_how"]}</p></div>
<div class="rn-view" hidden>
<header class="rn-head"><div><h2 class="rn-title"></h2><p class="rn-sub"></p></div>
<div class="rn-acts"><button type="button" class="rn-button rn-stop">{text["stop"]}</button>
<button type="button" class="rn-button rn-again">{text["again"]}</button>
<button type="button" class="rn-button rn-reuse">{text["reuse"]}</button>
<button type="button" class="rn-button rn-delete">{text["delete"]}</button></div></header>
<ol class="rn-stages"></ol>
<progress class="rn-bar" max="1"></progress>
<dl class="rn-facts"></dl>
<p class="rn-message" role="status"></p>
<div class="rn-plots" hidden><div class="rn-plot-head"><h3>{text["loss"]}</h3>
<label><input type="checkbox" class="rn-raw" checked> {text["raw"]}</label>
<label><input type="checkbox" class="rn-log-axis"> {text["log_axis"]}</label>
<a class="rn-link rn-csv" download>{text["csv"]}</a><span class="rn-hover"></span></div>
<canvas class="rn-loss" height="240" role="img" aria-label="{text["loss"]}"></canvas>
<div class="rn-plot-head"><h3>{text["rate"]}</h3></div>
<canvas class="rn-rate" height="90" role="img" aria-label="{text["rate"]}"></canvas></div>
<div class="rn-samples" hidden><h3>{text["samples"]}</h3><div class="rn-grid"></div></div>
<div class="rn-checkpoints" hidden><h3>{text["checkpoints"]}</h3><table class="tt-table"><tbody></tbody></table>
<p class="rn-states"></p></div>
<div class="rn-log-head"><h3>{text["log"]}</h3>
<button type="button" class="rn-link rn-bottom" hidden>{text["bottom"]}</button></div>
<textarea class="rn-log" readonly spellcheck="false" wrap="off" aria-label="{text["log"]}"></textarea>
</div>
<div class="rn-large" hidden><figure><img alt=""><figcaption></figcaption></figure></div>
</section>"""
