"""Pairs: every target with its control images and instruction in one row, a swipe compare, what waits. Must not read files."""

from __future__ import annotations

from tagtrainer.ui.views.base import CONTROLS, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("pairs", order=15, kinds=CONTROLS)
SCRIPTS = ("pairs_compare.js", "pairs_waiting.js", "pairs_row.js", "pairs.js")


def template() -> str:
    """The frame; rows and waiting files are drawn by the scripts."""
    said = words("view_pairs.")
    numbers = "".join(f'<option value="{number}">{number}</option>' for number in range(1, 10))
    return f"""<div class="vw-pairs-frame" {texts_attribute("view_pairs.")} {texts_attribute("pairs.flag.", "flags")}>
<div class="vw-bar">
 <div class="vw-pairs-filters" role="group" aria-label="{said["filter"]}"></div>
 <button type="button" class="vw-button vw-pairs-add" aria-expanded="false">{said["add_folder"]}</button>
</div>
<div class="vw-panel vw-pairs-intake" hidden>
 <p>{said["add_how"]}</p>
 <div class="vw-row">
  <label class="vw-check vw-pairs-as">{said["as_control"]} <select class="vw-pairs-number">{numbers}</select></label>
  <button type="button" class="vw-button vw-pairs-files">{said["choose_files"]}</button>
  <button type="button" class="vw-button vw-pairs-folder">{said["choose_folder"]}</button>
  <input type="text" class="vw-pairs-path vw-grow" placeholder="{said["path"]}" aria-label="{said["path"]}" spellcheck="false">
  <button type="button" class="vw-button vw-pairs-go">{said["path_go"]}</button>
 </div>
</div>
<div class="vw-pairs-job"></div>
<section class="vw-panel vw-pairs-waiting" aria-label="{said["waiting"]}" hidden></section>
<p class="vw-note vw-pairs-note" role="status"></p>
<div class="vw-pairs-list"></div>
<div class="vw-empty vw-pairs-empty" hidden></div>
<div class="vw-pairs-end" aria-hidden="true"></div>
<dialog class="vw-pairs-compare" aria-label="{said["compare"]}"></dialog>
</div>"""
