"""The view "text": captions changed in bulk, the tag table, token counts. Must not hold dataset text: it comes by fetch."""

from __future__ import annotations

from tagtrainer.ui.views.base import ALL, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("text", order=30, kinds=ALL)
SCRIPTS = ("text_form.js", "text_tags.js", "text_tokens.js", "text.js")
PREFIX = "view_text."


def template() -> str:
    """The frame; everything in it is filled by the scripts."""
    text = words(PREFIX)
    return f"""<div class="vw-text-frame" {texts_attribute(PREFIX)}>
<div class="vw-text-left">{_change(text)}</div><div class="vw-text-right">{_tags(text)}{_tokens(text)}</div></div>"""


def _change(text: dict[str, str]) -> str:
    return f"""<form class="vw-panel vw-text-form"><h3>{text["change"]}</h3>
<div class="vw-row"><label class="vw-field vw-grow">{text["operation"]}<select class="vw-text-operation"></select></label></div>
<p class="vw-text-about"></p><div class="vw-text-fields"></div>
<fieldset class="vw-text-scope"><legend>{text["scope"]}</legend>
<label class="vw-check"><input type="radio" name="vw_text_scope" value="all" checked> {text["scope_all"]}</label>
<label class="vw-check"><input type="radio" name="vw_text_scope" value="items">
<span class="vw-text-selection">{text["scope_items"]}</span></label>
<label class="vw-check"><input type="radio" name="vw_text_scope" value="filter"> {text["scope_filter"]}</label>
<input class="vw-text-filter" type="search" maxlength="500" placeholder="{text["filter_example"]}"
 aria-label="{text["scope_filter"]}">
</fieldset>
<div class="vw-row vw-text-do"><span class="vw-text-count vw-grow" role="status"></span>
<button type="submit" class="vw-button is-main vw-text-apply" title="Ctrl+Enter" disabled>{text["apply"]}</button></div></form>
<div class="vw-text-hits" aria-label="{text["preview"]}"></div>"""


def _tags(text: dict[str, str]) -> str:
    return f"""<section class="vw-panel vw-text-tags"><h3>{text["tags"]}</h3>
<div class="vw-row"><input class="vw-text-search vw-grow" type="search" maxlength="200"
 placeholder="{text["search"]}" aria-label="{text["search"]}">
<select class="vw-text-order" aria-label="{text["order"]}"><option value="count">{text["by_count"]}</option>
<option value="name">{text["by_name"]}</option></select></div>
<div class="vw-text-numbers vw-note" role="status"></div>
<div class="vw-text-list" role="group" aria-label="{text["tags"]}"></div>
<div class="vw-row vw-text-chosen" hidden><span class="vw-grow"></span>
<button type="button" class="vw-button vw-text-rename">{text["rename"]}</button>
<button type="button" class="vw-button vw-text-merge">{text["merge"]}</button>
<button type="button" class="vw-button vw-text-remove">{text["remove"]}</button>
<button type="button" class="vw-link vw-text-clear">{text["clear"]}</button></div>
<div class="vw-text-tag" hidden></div></section>"""


def _tokens(text: dict[str, str]) -> str:
    return f"""<section class="vw-panel vw-text-tokens"><h3>{text["tokens"]}</h3>
<div class="vw-row"><select class="vw-text-family" aria-label="{text["family"]}" hidden></select>
<span class="vw-text-longest vw-grow" role="status"></span></div>
<div class="vw-text-over"></div>
<details class="vw-text-tokenizer"><summary>{text["tokenizer"]}</summary><p>{text["tokenizer_about"]}</p>
<div class="vw-row"><input class="vw-text-folder vw-grow" type="text" maxlength="2000" spellcheck="false" autocomplete="off"
 placeholder="{text["tokenizer_example"]}" aria-label="{text["tokenizer"]}">
<button type="button" class="vw-button vw-text-folder-go">{text["tokenizer_save"]}</button></div></details></section>"""
