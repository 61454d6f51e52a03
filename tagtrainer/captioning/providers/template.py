"""Captions without a model: trigger word, words of the file name and of its folders. Nothing leaves the machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagtrainer.captioning.base import CaptionRequest, CaptionResult, fill
from tagtrainer.core.fields import option

CAMERA = frozenset(
    {"img", "dsc", "dscn", "dscf", "pxl", "mvimg", "pict", "photo", "image", "p", "gopr", "dji", "wp", "screenshot", "copy",
     "edited", "final", "untitled"}
)  # fmt: skip


@dataclass(frozen=True)
class TemplateOptions:
    """What the caption is made of, in this order."""

    template: str = option(
        "{trigger}, {name_words}, {folder_words}", "Template",
        "{trigger}, {name_words}, {folder_words}, {filename}, {folder}, {caption}, {width}, {height}. Empty parts vanish.",
        group="prompt", roles=(), basic=True, optional=False,
    )  # fmt: skip
    fallback: str = option(
        "a photo",
        "If nothing is left",
        "For names such as IMG_0001 that tell nothing.",
        group="prompt",
        roles=(),
        basic=True,
    )


class _Session:
    def __init__(self, options: TemplateOptions) -> None:
        self.options = options

    def caption(self, request: CaptionRequest) -> CaptionResult:
        """The filled template; parts between commas that are empty or said already vanish."""
        values = {
            **request.variables,
            "name_words": " ".join(words(Path(request.name).stem)),
            "folder_words": ", ".join(" ".join(words(part)) for part in request.folder.split("/")),
        }
        parts = [part.strip() for part in fill(self.options.template, values).split(",")]
        kept = list(dict.fromkeys(part for part in parts if part))
        if not [part for part in kept if part != request.trigger] and self.options.fallback:
            kept.append(self.options.fallback)
        return CaptionResult(", ".join(kept), model="template")

    def models(self) -> list[str]:
        """None."""
        return []


class Template:
    """See the module."""

    id = "template"
    options = TemplateOptions

    def remote(self, options: Any) -> str:
        """Nowhere."""
        return ""

    def concurrency(self, options: Any) -> int:
        """One: it takes no time."""
        return 1

    @contextmanager
    def open(self, options: Any, key: str) -> Iterator[_Session]:
        """Nothing to get ready."""
        yield _Session(options)


def words(text: str) -> list[str]:
    """Words of a name: split at signs and between aB; numbers, camera marks and kohya repeats left out."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    found = re.split(r"[\s_\-.,+()\[\]{}#&@~=]+", text)
    return [
        word
        for word in found
        if word and not re.fullmatch(r"\d+[a-z]?|[0-9a-f]{8,}", word, re.I) and word.lower() not in CAMERA
    ]


PROVIDER = Template()
