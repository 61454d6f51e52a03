"""The crop view: who finds the subject, all proposals in a grid, one drawn by hand, all applied. Must not touch pictures."""

from __future__ import annotations

from tagtrainer.ui.views.base import PICTURES, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("crop", order=40, kinds=PICTURES)
SCRIPTS = ("crop_box.js", "crop.js")
TARGETS = (
    "1024x1024", "buckets:1024x1024", "768x1024", "1024x768", "832x1216", "1216x832", "512x512", "buckets:512x512", "1:1", "3:4",
    "4:3", "2:3", "9:16", "16:9",
)  # fmt: skip


def template() -> str:
    """Static parts; everything that holds names or numbers comes by fetch."""
    text = words("view_crop.")
    choices = "".join(f'<option value="{target}">{_label(target, text)}</option>' for target in TARGETS)
    return f"""<div {texts_attribute("view_crop.")}>
<div class="vw-panel vw-crop-choose">
 <div class="vw-row">
  <label class="vw-field"><span>{text["target"]}</span><select class="vw-crop-target">{choices}
   <option value="">{text["custom"]}</option></select></label>
  <label class="vw-field vw-crop-own" hidden><span>{text["own"]}</span>
   <input type="text" class="vw-crop-size" placeholder="832x1216" maxlength="24" autocomplete="off" spellcheck="false"></label>
  <label class="vw-field vw-crop-who"><span>{text["by"]}</span><select class="vw-crop-by"></select></label>
  <label class="vw-field vw-crop-which"><span>{text["which"]}</span>
   <input type="search" class="vw-crop-filter" placeholder="{text["which_example"]}" maxlength="500" spellcheck="false"></label>
  <button type="button" class="vw-button is-main vw-crop-find">{text["find"]}</button>
 </div>
 <div class="vw-note vw-crop-where"></div>
 <div class="vw-note vw-crop-faces"></div>
 <div class="vw-note vw-crop-pairs" hidden>{text["pairs"]}</div>
</div>
<div class="vw-crop-job"></div>
<div class="vw-bar vw-crop-bar" hidden>
 <div class="vw-crop-chips" role="group" aria-label="{text["show"]}"></div>
 <span class="vw-grow"></span>
 <button type="button" class="vw-link vw-crop-reset" hidden></button>
 <button type="button" class="vw-button is-main vw-crop-apply"></button>
</div>
<div class="vw-crop-grid"></div>
<div class="vw-crop-more"></div>
<div class="vw-empty vw-crop-empty" hidden></div>
</div>"""


def _label(target: str, text: dict[str, str]) -> str:
    if target.startswith("buckets:"):
        return text["buckets_for"].replace("&#123;size&#125;", target.removeprefix("buckets:").replace("x", " × "))
    return target.replace("x", " × ")
