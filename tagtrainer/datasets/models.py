"""What a dataset and its items are. Must not read or write anything."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tagtrainer.core.text import t

Kind = Literal["image", "video", "single_control_image", "multi_control_image"]
Sort = Literal["name", "added"]


class DatasetMeta(BaseModel):
    """metadata.json of a dataset; unknown keys are kept."""

    model_config = ConfigDict(extra="allow")

    version: int = 1
    id: str
    name: str
    kind: Kind = "image"
    description: str = ""
    trigger_word: str = ""
    created: float = Field(default_factory=time.time)


@dataclass(frozen=True)
class Item:
    """One picture. `name` is the original file name, `folder` the folders it came from; size is upright, in pixels."""

    id: str
    name: str
    ext: str
    width: int
    height: int
    bytes: int
    sha256: str
    added: float
    folder: str = ""
    has_caption: bool = False


@dataclass(frozen=True)
class ItemFilter:
    """What to show: words in name or caption (case does not matter), only those with or without a caption."""

    text: str = ""
    no_caption: bool | None = None
    sort: Sort = "name"


@dataclass(frozen=True)
class Page:
    """A slice of the filtered list. `rev` changes whenever anything in the dataset changed."""

    total: int
    rev: int
    items: list[Item]


@dataclass(frozen=True)
class Stats:
    """Numbers of a dataset; bytes are the originals'."""

    count: int
    captioned: int
    bytes: int
    trash: int = 0


@dataclass(frozen=True)
class Skipped:
    """A file that was not taken, and why, as key + values."""

    file: str
    key: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The sentence in the current language."""
        return t(self.key, **{"file": self.file, **self.values})


@dataclass
class ImportReport:
    """What an import did. `items` are the ids of the added pictures."""

    added: int = 0
    duplicates: int = 0
    captions: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
