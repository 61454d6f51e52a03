"""The view "manage": export, duplicate, merge, split, trash, deleted datasets. Must not hold dataset text: it comes by fetch."""

from __future__ import annotations

from tagtrainer.ui.views.base import ALL, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("manage", order=90, kinds=ALL)
SCRIPTS = ("manage_trash.js", "manage.js")
PREFIX = "view_manage."
LAYOUTS = ("sidecar", "jsonl", "kohya", "zip")


def template() -> str:
    """The frame; numbers, names and tiles are filled in by the scripts."""
    text = words(PREFIX)
    return f"""<div class="vw-manage-frame" {texts_attribute(PREFIX)}>
<div class="vw-manage-side">{_export(text)}{_duplicate(text)}</div>
<div class="vw-manage-side">{_split(text)}{_merge(text)}</div>
<div class="vw-manage-wide">{_trash(text)}{_deleted(text)}</div></div>"""


def _export(text: dict[str, str]) -> str:
    layouts = "".join(f'<option value="{name}">{text[f"layout_{name}"]}</option>' for name in LAYOUTS)
    return f"""<form class="vw-panel vw-manage-export"><h3>{text["export"]}</h3><p>{text["export_about"]}</p>
<div class="vw-manage-ways" role="radiogroup" aria-label="{text["where"]}">
<label class="vw-manage-way"><input type="radio" name="vw_manage_where" value="download" checked>
<span><b>{text["download_way"]}</b><small>{text["download_about"]}</small></span></label>
<label class="vw-manage-way"><input type="radio" name="vw_manage_where" value="folder">
<span><b>{text["folder_way"]}</b><small>{text["folder_about"]}</small></span></label></div>
<div class="vw-manage-folder" hidden>
<label class="vw-field">{text["layout"]}<select class="vw-manage-layout">{layouts}</select></label>
<p class="vw-note vw-manage-layout-about"></p>
<label class="vw-field">{text["path"]}<input class="vw-manage-path" type="text" maxlength="2000" spellcheck="false"
 autocomplete="off" placeholder="{text["path_example"]}"></label></div>
{_scope(text, "export", everything=True)}
<div class="vw-manage-options"><label class="vw-check"><input type="checkbox" class="vw-manage-cut"> {text["as_trained"]}</label>
<label class="vw-check"><input type="checkbox" class="vw-manage-with-trash"> {text["with_trash"]}</label></div>
<div class="vw-row vw-manage-do"><button type="submit" class="vw-button is-main vw-manage-go">{text["export_go"]}</button>
<span class="vw-note vw-manage-total" role="status"></span></div>
<div class="vw-manage-export-job"></div><div class="vw-manage-done" role="status" hidden></div></form>"""


def _scope(text: dict[str, str], name: str, *, everything: bool) -> str:
    """Radio buttons: all, the gallery's selection, a filter."""
    every = f'<label class="vw-check"><input type="radio" name="vw_manage_{name}" value="all" checked> {text["all"]}</label>'
    return f"""<fieldset class="vw-manage-scope" data-scope="{name}"><legend>{text["which"]}</legend>
{every if everything else ""}
<label class="vw-check"><input type="radio" name="vw_manage_{name}" value="items"{"" if everything else " checked"}>
<span class="vw-manage-selection">{text["selection"]}</span></label>
<label class="vw-check"><input type="radio" name="vw_manage_{name}" value="filter"> {text["filter"]}</label>
<input class="vw-manage-filter" type="search" maxlength="500" placeholder="{text["filter_example"]}"
 aria-label="{text["filter"]}" hidden></fieldset>"""


def _duplicate(text: dict[str, str]) -> str:
    return f"""<form class="vw-panel vw-manage-duplicate"><h3>{text["duplicate"]}</h3><p>{text["duplicate_about"]}</p>
<label class="vw-field">{text["new_name"]}<input type="text" maxlength="200" class="vw-manage-copy-name"></label>
<div class="vw-manage-options"><label class="vw-check"><input type="checkbox" class="vw-manage-history" checked>
 {text["with_history"]}</label>
<label class="vw-check"><input type="checkbox" class="vw-manage-trash-too" checked> {text["with_trash"]}</label></div>
<div class="vw-row vw-manage-do"><button type="submit" class="vw-button">{text["duplicate_go"]}</button></div>
<div class="vw-manage-duplicate-job"></div></form>"""


def _split(text: dict[str, str]) -> str:
    return f"""<form class="vw-panel vw-manage-split"><h3>{text["split"]}</h3><p>{text["split_about"]}</p>
<label class="vw-field">{text["new_name"]}<input type="text" maxlength="200" class="vw-manage-split-name"></label>
{_scope(text, "split", everything=False)}
<div class="vw-manage-options"><label class="vw-check"><input type="checkbox" class="vw-manage-move"> {text["move"]}</label></div>
<div class="vw-row vw-manage-do"><button type="submit" class="vw-button vw-manage-split-go">{text["split_go"]}</button></div>
<div class="vw-manage-split-job"></div></form>"""


def _merge(text: dict[str, str]) -> str:
    return f"""<form class="vw-panel vw-manage-merge"><h3>{text["merge"]}</h3><p>{text["merge_about"]}</p>
<p class="vw-note vw-manage-no-other" hidden>{text["no_other"]}</p>
<div class="vw-manage-merge-fields">
<label class="vw-field">{text["merge_source"]}<select class="vw-manage-source"></select></label>
<label class="vw-field">{text["prefer"]}<select class="vw-manage-prefer"><option value="ours">{text["prefer_ours"]}</option>
<option value="theirs">{text["prefer_theirs"]}</option></select></label>
<div class="vw-manage-options"><label class="vw-check"><input type="checkbox" class="vw-manage-drop"> {text["drop"]}</label></div>
<div class="vw-row vw-manage-do">
<button type="submit" class="vw-button vw-manage-merge-go">{text["merge_go"]}</button></div></div>
<div class="vw-manage-merge-job"></div><div class="vw-manage-conflicts" hidden></div></form>"""


def _trash(text: dict[str, str]) -> str:
    return f"""<section class="vw-panel vw-manage-trash" aria-label="{text["trash"]}"><div class="vw-bar vw-manage-trash-bar">
<h3>{text["trash"]}</h3><span class="vw-note vw-manage-lying vw-grow" role="status"></span>
<span class="vw-row vw-manage-acts"><button type="button" class="vw-button vw-manage-restore">{text["restore_all"]}</button>
<button type="button" class="vw-button vw-manage-empty">{text["empty"]}</button></span>
<span class="vw-row vw-manage-ask" hidden><em></em>
<button type="button" class="vw-button is-danger vw-manage-yes">{text["empty_yes"]}</button>
<button type="button" class="vw-button vw-manage-no">{text["keep"]}</button></span></div>
<div class="vw-tiles vw-manage-tiles"></div>
<button type="button" class="vw-link vw-manage-more" hidden>{text["more"]}</button></section>"""


def _deleted(text: dict[str, str]) -> str:
    return f"""<section class="vw-panel vw-manage-deleted" aria-label="{text["deleted"]}" hidden><h3>{text["deleted"]}</h3>
<table class="vw-table"><thead><tr><th>{text["name"]}</th><th class="is-number">{text["count"]}</th>
<th class="is-number">{text["size"]}</th><th class="is-number">{text["when"]}</th><th></th></tr></thead>
<tbody></tbody></table></section>"""
