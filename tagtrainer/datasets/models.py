"""What a dataset and its items are. Must not read or write anything."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tagtrainer.core.text import t

Kind = Literal["image", "video", "single_control_image", "multi_control_image"]
KINDS: tuple[Kind, ...] = ("image", "video", "single_control_image", "multi_control_image")
CONTROL_KINDS: tuple[Kind, ...] = ("single_control_image", "multi_control_image")
Media = Literal["image", "video"]
Aspect = Literal["", "portrait", "landscape", "square"]
Sort = Literal["name", "added", "size", "aspect", "caption"]
SORTS: tuple[Sort, ...] = ("name", "added", "size", "aspect", "caption")
SQUARE = 0.02
"""How far width / height may be from 1 in a picture that counts as square."""
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the upright original."""


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


@dataclass(frozen=True, slots=True)
class Control:
    """A control image of an item: its file in control/, its original name, its upright size in pixels."""

    file: str
    name: str
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or clip. `name` is the original file name, `folder` the folders it came from; sizes are upright pixels.

    `duration` is in seconds; duration, fps and frames are 0 for pictures. `turned` is by
    how many degrees against the clock players turn a clip. `crop` is a change, the original stays whole.
    """

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
    media: Media = "image"
    duration: float = 0.0
    fps: float = 0.0
    frames: int = 0
    controls: tuple[Control, ...] = ()
    flagged: bool = False
    repeats: int = 1
    crop: Box | None = None
    turned: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is shown and trained: the crop's, if there is one."""
        return (self.crop[2], self.crop[3]) if self.crop else (self.width, self.height)

    @property
    def stamp(self) -> str:
        """Another one as soon as the picture to show is another one."""
        return self.sha256[:8] + ("".join(f"-{number}" for number in self.crop) if self.crop else "")


@dataclass(frozen=True)
class ItemFilter:
    """What to show. `text`: words in name or caption, case does not matter. Sides are of the shorter side, 0 means any."""

    text: str = ""
    no_caption: bool | None = None
    flagged: bool | None = None
    media: str = ""
    tag: str = ""
    min_side: int = 0
    max_side: int = 0
    aspect: Aspect = ""
    sort: Sort = "name"
    descending: bool = False


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
    flagged: int = 0
    cropped: int = 0


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
    """What an import did. `items` are the ids of the added pictures; `sources` counts where captions and repeats came from."""

    added: int = 0
    duplicates: int = 0
    captions: int = 0
    controls: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)
