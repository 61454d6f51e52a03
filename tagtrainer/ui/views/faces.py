"""The faces view: people and their look-alike portraits, what is redundant and why, what to install. Must not touch pictures."""

from __future__ import annotations

import html

from tagtrainer.core import fields
from tagtrainer.datasets.curation.portraits import PortraitRules
from tagtrainer.ui.views.base import PICTURES, View
from tagtrainer.ui.wording import inert, texts_attribute, words

VIEW = View("faces", order=36, kinds=PICTURES)
SCRIPTS = ("faces.js",)


def template() -> str:
    """Static parts; everything that holds names or numbers comes by fetch."""
    text = words("view_faces.")
    keep, *rest = fields.specs(PortraitRules).values()
    return f"""<div {texts_attribute("view_faces.")}>
<div class="vw-panel">
 <div class="vw-row vw-faces-top">
  {_rule(keep, 1)}
  <button type="button" class="vw-button is-main vw-faces-find">{text["find"]}</button>
  <span class="vw-note vw-grow">{text["about"]}</span>
 </div>
 <details class="vw-faces-fold"><summary>{text["rules"]}</summary>
  <div class="vw-faces-rules">{"".join(_rule(spec, 0.01) for spec in rest)}</div></details>
 <details class="vw-faces-fold vw-faces-models"><summary>{text["models"]}</summary>
  <div class="vw-faces-weights"></div></details>
</div>
<div class="vw-faces-job"></div>
<div class="vw-faces-left"></div>
<div class="vw-bar vw-faces-bar" hidden>
 <span class="vw-faces-said"></span><span class="vw-grow"></span>
 <button type="button" class="vw-button is-danger vw-faces-remove"></button>
</div>
<div class="vw-faces-list"></div>
<div class="vw-faces-more"></div>
<div class="vw-empty vw-faces-empty" hidden></div>
</div>"""


def _rule(spec: fields.Spec, step: float) -> str:
    label, help_text = (inert(html.escape(text, quote=True)) for text in (spec.label, spec.help))
    top = 100 if step == 1 else 1
    return f"""<label class="vw-field" title="{help_text}"><span>{label}</span>
 <input type="number" class="vw-faces-rule" name="{spec.name}" min="{1 if step == 1 else 0}" max="{top}" step="{step}"
  value="{spec.default}"></label>"""
