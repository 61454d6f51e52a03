"""What the trainer sees: buckets, batches, what is enlarged or cut, windows of clips, live. Must not compute anything."""

from __future__ import annotations

from tagtrainer.datasets.clips.frames import EXTRACTIONS, MODEL_FPS
from tagtrainer.ui.views.base import ALL, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("trainer", order=60, kinds=ALL)
SCRIPTS = ("trainer_draw.js", "trainer_clips.js", "trainer.js")
SIZES = (512, 768, 1024, 1328)
MODELS = {
    "wan": "Wan",
    "hunyuan_video": "HunyuanVideo",
    "hunyuan_video_1_5": "HunyuanVideo 1.5",
    "kandinsky5": "Kandinsky 5",
    "framepack": "FramePack",
}


def template() -> str:
    """The settings; everything else is drawn by the scripts."""
    said = words("view_trainer.")
    sizes = "".join(f'<button type="button" class="vw-button" data-side="{side}">{side}</button>' for side in SIZES)
    return f"""<div class="vw-trainer-frame" {texts_attribute("view_trainer.")}>
<p class="vw-trainer-about">{said["about"]}</p>
<div class="vw-panel vw-trainer-setup">
 <div class="vw-trainer-line">
  <label class="vw-field"><span>{said["size"]}</span><span class="vw-trainer-size">
   {_number("width", 1024, 32, 8192, said["width"], 16)} × {_number("height", 1024, 32, 8192, said["height"], 16)}</span></label>
  <div class="vw-trainer-sides" role="group" aria-label="{said["size"]}">{sizes}</div>
  <label class="vw-field"><span>{said["batch"]}</span>{_number("batch_size", 1, 1, 10000)}</label>
  <label class="vw-field"><span>{said["repeats"]}</span>{_number("repeats", 1, 1, 10000)}</label>
 </div>
 <div class="vw-trainer-line vw-trainer-checks">
  {_check("enable_bucket", said["enable_bucket"], True)}{_check("no_upscale", said["no_upscale"])}
  {_check("captioned", said["captioned"])}
 </div>
 <div class="vw-trainer-clips" hidden>{_clip_fields(said)}</div>
</div>
<div class="vw-trainer-notes"></div>
<div class="vw-trainer-numbers" role="status"></div>
<section class="vw-trainer-buckets" hidden><h3>{said["buckets"]}</h3><div class="vw-trainer-rects"></div></section>
<section class="vw-trainer-windows" hidden><h3></h3><div class="vw-trainer-rows"></div></section>
<section class="vw-trainer-cropped" hidden><h3></h3><p class="vw-note">{said["cropped_how"]}</p>
<div class="vw-trainer-tiles"></div></section>
<section class="vw-trainer-enlarged" hidden><h3></h3><p class="vw-note">{said["enlarged_how"]}</p>
<div class="vw-trainer-tiles"></div></section>
<div class="vw-empty vw-trainer-empty" hidden>{said["empty"]}</div>
</div>"""


def _clip_fields(said: dict[str, str]) -> str:
    ways = "".join(
        f'<button type="button" class="vw-button" data-way="{way}" title="{said[way + "_how"]}">{said[way]}</button>'
        for way in EXTRACTIONS
    )
    models = "".join(f'<option value="{name}">{MODELS[name]} ({MODEL_FPS[name]:g} fps)</option>' for name in MODELS)
    return f"""<div class="vw-trainer-line">
  <div class="vw-field"><span>{said["extraction"]}</span><div class="vw-trainer-ways" role="group"
   aria-label="{said["extraction"]}">{ways}</div></div>
  <label class="vw-field vw-trainer-for" data-for="head chunk slide uniform"><span>{said["frames"]}</span>
   <input type="text" data-set="frames" value="25" spellcheck="false" inputmode="numeric"></label>
  <label class="vw-field vw-trainer-for" data-for="slide"><span>{said["stride"]}</span>{_number("stride", 10, 1, 100000)}</label>
  <label class="vw-field vw-trainer-for" data-for="uniform"><span>{said["sample"]}</span>{_number("sample", 4, 1, 1000)}</label>
  <label class="vw-field vw-trainer-for" data-for="full"><span>{said["max_frames"]}</span>
   {_number("max_frames", 129, 1, 100000)}</label>
 </div>
 <div class="vw-trainer-line">
  <label class="vw-field"><span>{said["model"]}</span>
   <select data-set="model"><option value="">{said["no_model"]}</option>{models}</select></label>
  <label class="vw-field"><span>{said["source_fps"]}</span>
   <input type="number" data-set="source_fps" value="" min="0" max="1000" step="any" placeholder="{said["every_frame"]}"></label>
  <p class="vw-note vw-trainer-way"></p>
 </div>"""


def _number(name: str, value: int, least: int, most: int, label: str = "", step: int = 1) -> str:
    spoken = f' aria-label="{label}"' if label else ""
    return f'<input type="number" data-set="{name}" value="{value}" min="{least}" max="{most}" step="{step}"{spoken}>'


def _check(name: str, label: str, on: bool = False) -> str:
    box = f'<input type="checkbox" data-set="{name}"{" checked" if on else ""}>'
    return f'<label class="vw-check" data-check="{name}">{box} {label}</label>'
