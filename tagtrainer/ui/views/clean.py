"""The clean view: copies and bad pictures, each looked for by a job, looked through, and removed as one change."""

from __future__ import annotations

from tagtrainer.datasets.curation import duplicates, quality
from tagtrainer.ui.views.base import View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("clean", order=30)
SCRIPTS = ("clean_shared.js", "clean_copies.js", "clean_quality.js", "clean.js")


def template() -> str:
    """The frame; groups and lists are drawn by the scripts."""
    said = words("view_clean.")
    return f"""<div {texts_attribute("view_clean.")}>
<div class="vw-bar vw-clean-sections" role="tablist">
 <button type="button" class="vw-clean-section" role="tab" data-section="copies">{said["copies"]}</button>
 <button type="button" class="vw-clean-section" role="tab" data-section="quality">{said["quality"]}</button>
</div>
<div class="vw-clean-job"></div>
{_copies(said)}
{_quality(said)}
<dialog class="vw-clean-large"><img alt=""><p class="vw-note"></p></dialog>
</div>"""


def _copies(said: dict[str, str]) -> str:
    return f"""<div class="vw-clean-copies">
<div class="vw-bar">
 <button type="button" class="vw-button vw-clean-find">{said["find_copies"]}</button>
 <span class="vw-note vw-clean-known"></span>
</div>
<div class="vw-panel vw-clean-settings" hidden>
 <label class="vw-clean-slide"><span>{said["distance"]}</span>
  <small>{said["near"]}</small><input type="range" min="0" max="16" step="1" value="{duplicates.USUAL}" class="vw-clean-distance">
  <small>{said["far"]}</small></label>
 <output class="vw-clean-number"></output>
 <label class="vw-check"><input type="checkbox" class="vw-clean-mirrored">{said["mirrored"]}</label>
</div>
<div class="vw-clean-groups"></div>
<div class="vw-empty vw-clean-none" hidden></div>
<div class="vw-clean-end" aria-hidden="true"></div>
<div class="vw-clean-foot" hidden>
 <span class="vw-clean-sum"></span><span class="vw-grow"></span>
 <button type="button" class="vw-link vw-clean-reset" hidden>{said["reset"]}</button>
 <button type="button" class="vw-button is-main vw-clean-remove"></button>
</div>
</div>"""


def _quality(said: dict[str, str]) -> str:
    names = "".join(
        f'<button type="button" class="vw-button vw-clean-list" role="tab" data-list="{rule.name}">'
        f"{said['list_' + rule.name]} <small></small></button>"
        for rule in quality.RULES
    )
    return f"""<div class="vw-clean-quality" hidden>
<div class="vw-bar">
 <button type="button" class="vw-button vw-clean-find">{said["find_quality"]}</button>
 <span class="vw-note vw-clean-known"></span>
</div>
<div class="vw-clean-lists" role="tablist">{names}</div>
<div class="vw-panel vw-clean-settings">
 <p class="vw-clean-hint"></p>
 <div class="vw-row">
  <label class="vw-clean-slide"><span class="vw-clean-limit"></span>
   <input type="range" min="0" max="100" step="1" class="vw-clean-threshold"></label>
  <label class="vw-check">{said["side"]}
   <input type="number" class="vw-clean-side" min="16" max="100000" step="64" value="{quality.SIDE}"></label>
  <output class="vw-clean-number"></output>
 </div>
</div>
<div class="vw-tiles vw-clean-tiles"></div>
<div class="vw-empty vw-clean-none" hidden></div>
<div class="vw-clean-end" aria-hidden="true"></div>
<div class="vw-clean-foot" hidden>
 <button type="button" class="vw-link vw-clean-all"></button>
 <button type="button" class="vw-link vw-clean-nothing">{said["select_none"]}</button>
 <span class="vw-clean-sum"></span><span class="vw-grow"></span>
 <button type="button" class="vw-button vw-clean-cut" hidden></button>
 <button type="button" class="vw-button vw-clean-flag"></button>
 <button type="button" class="vw-button is-main vw-clean-remove"></button>
</div>
</div>"""
