"""The History view of a dataset: its changes, what each did, undo and redo. Must not read anything: its script fetches."""

from __future__ import annotations

from tagtrainer.ui.views.base import ALL, View
from tagtrainer.ui.wording import texts_attribute, words

VIEW = View("history", order=80, kinds=ALL)
SCRIPTS = ("history_diff.js", "history.js")


def template() -> str:
    """Static HTML in the current language."""
    text = {**words("history_view."), **words("view_history.")}
    return f"""<div {texts_attribute("view_history.")}><div class="vw-bar"><p class="vw-grow vw-hi-about">{text["about"]}</p>
<span class="vw-note vw-hi-count" role="status"></span></div><div class="vw-hi-list"></div>
<p class="vw-empty vw-hi-none" hidden>{text["none"]}</p>
<div class="vw-row"><button type="button" class="vw-button vw-hi-older" hidden>{text["older"]}</button></div></div>"""
