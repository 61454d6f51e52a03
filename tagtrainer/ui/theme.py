"""How the page looks: Gradio theme and style sheet. Must not know what is on the page, beyond class names of the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tagtrainer.core.text import t

FONTS = ["system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Noto Sans Mono CJK SC", "monospace"]
STYLES = Path(__file__).resolve().parent / "css"


def theme() -> Any:
    """Quiet warm greys, one accent (a deep teal), system fonts: nothing is fetched from anywhere."""
    import gradio as gr

    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        font=FONTS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_lg,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
    )
    return base.set(
        body_background_fill="#f7f6f3",
        body_background_fill_dark="#141716",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1b1f1e",
        background_fill_secondary="#f1efea",
        background_fill_secondary_dark="#232827",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1b1f1e",
        border_color_primary="#e2dfd8",
        border_color_primary_dark="#303735",
        block_border_color="#e2dfd8",
        block_border_color_dark="#303735",
        body_text_color_subdued="#6f6961",
        input_placeholder_color="#7d776f",
        input_placeholder_color_dark="#8f8a83",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_text_color="*neutral_500",
        block_title_text_weight="500",
        block_shadow="none",
        block_shadow_dark="none",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_background_fill="#ffffff",
        input_background_fill_dark="#171b1a",
        input_border_color="#d8d4cb",
        input_border_color_dark="#39413f",
        input_border_color_focus="#0f766e",
        input_border_color_focus_dark="#2dafa2",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px rgba(15,118,110,.14)",
        input_shadow_focus_dark="0 0 0 3px rgba(45,175,162,.2)",
        color_accent="#0f766e",
        color_accent_soft="#e3f1ef",
        color_accent_soft_dark="#1d3835",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#0b5f58",
        button_primary_background_fill_dark="#14857b",
        button_primary_background_fill_hover_dark="#199a8f",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#f1efea",
        button_secondary_background_fill_dark="#232827",
        button_secondary_background_fill_hover_dark="#2d3432",
        button_secondary_border_color="#d8d4cb",
        button_secondary_border_color_dark="#39413f",
        button_large_text_size="*text_md",
        button_large_text_weight="500",
        button_medium_text_size="*text_md",
        button_medium_text_weight="500",
        button_small_text_weight="500",
        button_large_padding="0.45rem 1rem",
        button_medium_padding="0.45rem 1rem",
        button_border_width="1px",
        button_border_width_dark="1px",
        slider_color="#0f766e",
        slider_color_dark="#2dafa2",
        checkbox_background_color_selected="#0f766e",
        checkbox_background_color_selected_dark="#14857b",
        checkbox_border_color_selected="#0f766e",
        link_text_color="#0f766e",
        link_text_color_dark="#2dafa2",
    )


def css() -> str:
    """Every style sheet of ui/css, by name (a tab that needs its own adds a file there), and titles of toasts.

    Gradio shows the English word for the kind of a toast whatever title it is given, so ours are set as CSS content.
    """
    sheets = [path.read_text("utf-8") for path in sorted(STYLES.glob("*.css"))]
    for kind in ("info", "warning", "error"):
        sheets.append(
            f".toast-title.{kind}::before {{ content: {json.dumps(t(f'ui.toast.{kind}'), ensure_ascii=False)}; }}"
        )
    return "\n".join(sheets)
