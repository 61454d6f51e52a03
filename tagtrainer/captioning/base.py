"""What a captioner is: options, a session, a caption for one picture. Must not know any provider; they are found by scanning."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tagtrainer.core.registry import Registry


@dataclass(frozen=True)
class CaptionRequest:
    """One picture to caption. `image` is its medium thumbnail (JPEG or WebP, at most 1280 pixels a side)."""

    item_id: str
    image: Path
    name: str
    folder: str = ""
    trigger: str = ""
    width: int = 0
    height: int = 0
    caption: str = ""
    """The caption it has now."""

    @property
    def variables(self) -> dict[str, str]:
        """What `{...}` in prompts may stand for."""
        return {
            "trigger": self.trigger, "filename": Path(self.name).stem, "folder": self.folder, "caption": self.caption,
            "width": str(self.width), "height": str(self.height),
        }  # fmt: skip


@dataclass(frozen=True)
class CaptionResult:
    """An answer, cleaned. `thinking` is what a reasoning model thought, kept apart."""

    text: str
    thinking: str = ""
    seconds: float = 0.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    model: str = ""


class Session(Protocol):
    """An open captioner; `caption` may be called from several threads at once."""

    def caption(self, request: CaptionRequest) -> CaptionResult:
        """Raises UserError captioning.* with the reason for this picture."""
        ...

    def models(self) -> list[str]:
        """Names of the models it offers; empty when it cannot tell."""
        ...


class Provider(Protocol):
    """A way to get captions. `options` is an option set (core.fields) with an instance's defaults."""

    id: str
    options: type[Any]

    def remote(self, options: Any) -> str:
        """Where pictures go when they leave this machine; "" when they stay."""
        ...

    def concurrency(self, options: Any) -> int:
        """How many pictures may be asked about at once."""
        ...

    def open(self, options: Any, key: str) -> AbstractContextManager[Session]:
        """Get ready (load a model, make a client). Raises UserError."""
        ...


PROVIDERS: Registry[Provider] = Registry(
    "tagtrainer.captioning.providers", "PROVIDER", key=lambda provider: provider.id
)

_PLACE = re.compile(r"\{([a-z_]+)\}")


def fill(text: str, variables: dict[str, str]) -> str:
    """`text` with `{name}` places filled in one pass; unknown places stay as they are."""
    return _PLACE.sub(lambda match: variables.get(match[1], match[0]), text)
