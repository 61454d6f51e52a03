"""The Settings tab: workspace, storage, engine, language, logging. Must not decide anything: it reads and saves settings."""

from __future__ import annotations

import html
import logging
import shutil
from collections.abc import Callable
from typing import Any

import gradio as gr

from tagtrainer import __version__, settings
from tagtrainer.core.files import folder_size, human_size
from tagtrainer.core.text import LANGUAGES, t
from tagtrainer.engines.musubi import Musubi
from tagtrainer.ui.page import Page, info
from tagtrainer.workspace import Workspace

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
PARTS = ("datasets", "models", "tasks", "cache", "runtime", "trash")
GO_HOME = "() => { location.href = new URL('../', location.href).href }"


def build(page: Page) -> None:
    """Three quiet blocks: how the page speaks, which engine trains, where everything lies."""
    with gr.Column(elem_id="settings_page", elem_classes="tt-narrow"):
        _speech(page)
        _engine(page)
        _storage(page)


def _speech(page: Page) -> None:
    gr.Markdown(f"### {t('settings_tab.page')}")
    with gr.Row():
        choices = [(t("settings_tab.follow_browser"), ""), *((name, code) for code, name in LANGUAGES.items())]
        language = gr.Radio(choices, label=t("settings_tab.language"), elem_id="settings_language")
        level = gr.Dropdown(LEVELS, label=t("settings_tab.level"), elem_id="settings_level", filterable=False)
    place = gr.HTML(elem_id="settings_log")
    page.shown(lambda: _speech_values(page.ws), None, [language, level, place])
    saved = page.on(language.input, lambda code: _save(page.ws, "ui", "language", code), language)
    saved.success(None, js=GO_HOME)
    page.on(level.input, lambda name: _save_level(page.ws, name), level)


def _speech_values(ws: Workspace) -> tuple[Any, ...]:
    known = settings.load(ws)
    note = t("settings_tab.log_file", path=ws.runtime / "app.log", version=__version__)
    return known.ui.language, known.logging.level, _note(note)


def _save(ws: Workspace, section: str, name: str, value: Any) -> None:
    settings.change(ws, lambda known: setattr(getattr(known, section), name, value))


def _save_level(ws: Workspace, name: str) -> None:
    if settings.load(ws).logging.level == name:  # a dropdown tells of one choice twice
        return
    _save(ws, "logging", "level", name)
    logging.getLogger("tagtrainer").setLevel(name)
    info("settings_tab.saved")


def _engine(page: Page) -> None:
    gr.Markdown(f"### {t('settings_tab.engine')}")
    status = gr.HTML(elem_id="engine_status", apply_default_css=False)
    with gr.Row(equal_height=False):
        path = gr.Textbox(
            label=t("settings_tab.checkout"), info=t("settings_tab.checkout_info"), elem_id="engine_path", scale=2
        )
        python = gr.Textbox(
            label=t("settings_tab.python"), info=t("settings_tab.python_info"), elem_id="engine_python", scale=2
        )
    use = gr.Button(t("settings_tab.use"), elem_id="engine_use", variant="primary", size="sm")
    _opened(page, lambda: _engine_values(page.ws), [status, path, python])
    page.on(use.click, lambda p, y: _use(page.ws, p, y), [path, python], [status, path, python])


def _engine_values(ws: Workspace) -> tuple[str, str, str]:
    chosen = settings.load(ws).engine
    return _engine_sentence(ws), chosen.musubi_path, chosen.musubi_python


def _use(ws: Workspace, path: str, python: str) -> tuple[str, str, str]:
    if not (path or "").strip():  # back to the checkout inside the workspace, if there is one
        settings.change(ws, _forget_engine)
        return _engine_values(ws)
    Musubi().use(ws, path, python or "")
    info("settings_tab.engine_in_use")
    return _engine_values(ws)


def _forget_engine(known: settings.Settings) -> None:
    known.engine.musubi_path = known.engine.musubi_python = ""


def _engine_sentence(ws: Workspace) -> str:
    status = Musubi().status(ws)
    if not status.found:
        return _mark("empty", t("settings_tab.engine_missing") + " " + status.message)
    values = {"version": status.version, "path": status.path, "python": status.python}
    return _mark("found", t("settings_tab.engine_found", **values) + " " + status.message)


def _mark(state: str, sentence: str) -> str:
    return f'<p class="tt-mark is-{state}">{html.escape(sentence)}</p>'


def _storage(page: Page) -> None:
    gr.Markdown(f"### {t('settings_tab.storage')}")
    table = gr.HTML(_note(t("settings_tab.measuring")), elem_id="storage_table")
    again = gr.Button(t("settings_tab.measure"), elem_id="storage_measure", size="sm")
    _opened(page, lambda: storage_table(page.ws), table)
    sign = {"show_progress": "minimal", "show_progress_on": again}
    page.on(again.click, lambda: storage_table(page.ws), None, table, **sign)


def _opened(page: Page, fn: Callable[[], Any], outputs: Any) -> None:
    """Fill in when the tab is opened, not with every page: asking the engine and measuring a disk take a while."""
    page.on((page.tab.select if page.tab is not None else page.blocks.load), fn, None, outputs)


def storage_table(ws: Workspace) -> str:
    """A small HTML table: each part of the workspace with its size, then what is free. All values escaped."""
    rows = [(t(f"settings_tab.part.{part}"), ws.root / part, folder_size(ws.root / part)) for part in PARTS]
    body = "".join(
        f"<tr><td>{html.escape(label)}</td><td><code>{html.escape(str(path))}</code></td><td>{human_size(size)}</td></tr>"
        for label, path, size in rows
    )
    free = t("settings_tab.free", path=ws.root, free=human_size(shutil.disk_usage(ws.root).free))
    return f'<table class="tt-table"><tbody>{body}</tbody></table>{_note(free)}'


def _note(sentence: str) -> str:
    return f'<p class="tt-note">{html.escape(sentence)}</p>'
