"""The view of the portrait pipeline: what to do, how far it is, what every stage did. Must not run anything itself."""

from __future__ import annotations

from tagtrainer.datasets.curation import duplicates, links
from tagtrainer.flows.portrait import STAGES
from tagtrainer.ui.views.base import PICTURES, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("portrait", order=70, kinds=PICTURES)
SCRIPTS = ("portrait.js",)
TARGETS = ("1024x1024", "768x768", "512x512", "832x1216", "1216x832", "3:4", "buckets:1024x1024")


def template() -> str:
    """Static HTML in the current language."""
    text = words("view_portrait.")
    names = words("portrait.stage.")
    stages = "".join(
        f'<label class="vw-check"><input type="checkbox" value="{name}" checked> {names[name]}</label>'
        for name in STAGES
        if name != "unpack"
    )
    targets = "".join(f'<option value="{target}">' for target in TARGETS)
    return f"""<div {texts_attribute("view_portrait.")}></div><div {texts_attribute("portrait.stage.", "stages")}></div>
<p>{text["what"]}</p>
<div class="vw-panel vw-portrait-form">
<label class="vw-field vw-portrait-wide">{text["source"]}<input class="vw-source" type="text" spellcheck="false"
 placeholder="{text["source_hint"]}"></label>
<div class="vw-row vw-stages" role="group" aria-label="{text["stages"]}">{stages}</div>
<div class="vw-row">
<label class="vw-field">{text["distance"]}<span><input class="vw-distance" type="number" min="0" max="{links.FURTHEST}"
 value="{duplicates.USUAL}">
 {text["distance_unit"]}</span></label>
<label class="vw-field">{text["keep"]}<input class="vw-keep" type="number" min="1" max="1000" value="2"></label>
<label class="vw-field">{text["by"]}<select class="vw-by"></select></label>
<label class="vw-field">{text["target"]}<input class="vw-target" type="text" list="portrait_targets" value="1024x1024"
 spellcheck="false" size="14"></label><datalist id="portrait_targets">{targets}</datalist>
<label class="vw-field">{text["profile"]}<select class="vw-profile"></select></label></div>
<div class="vw-row"><button type="button" class="vw-button is-main vw-start">{text["start"]}</button>
<span class="vw-where vw-note" role="status"></span></div></div>
<div class="vw-job-box"></div><div class="vw-report"></div>
<div class="vw-row vw-after" hidden><button type="button" class="vw-button vw-undo">{text["undo_all"]}</button>
<a class="vw-button vw-zip" download hidden>{text["download"]}</a></div>"""
