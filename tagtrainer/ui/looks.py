"""What a page looks at, and what is chosen in it, as requests say it. Must not change anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, Field

from tagtrainer.core.text import UserError
from tagtrainer.datasets import filters, index
from tagtrainer.datasets.models import Aspect, ItemFilter, Sort
from tagtrainer.workspace import Workspace

LARGEST_SIDE = 1_000_000
_RULES = ("no_caption", "flagged", "media", "tag", "min_side", "max_side", "aspect")


class Look(BaseModel):
    """What the grid shows: rules, and a text that may hold rules too. Sent as query or, with a selection, as part of a body."""

    text: str = Field(default="", max_length=500)
    no_caption: bool | None = None
    flagged: bool | None = None
    media: Literal["", "image", "video"] = ""
    tag: str = Field(default="", max_length=200)
    min_side: int = Field(default=0, ge=0, le=LARGEST_SIDE)
    max_side: int = Field(default=0, ge=0, le=LARGEST_SIDE)
    aspect: Aspect = ""
    sort: Sort = "name"
    descending: bool = False

    def filter(self) -> ItemFilter:
        """Both together; a rule of its own stands above one in the text. Raises UserError datasets.filter.bad."""
        rules: dict[str, Any] = {
            name: value for name in _RULES if (value := getattr(self, name)) is False or value not in (None, "", 0)
        }
        if self.sort != "name" or self.descending:
            rules |= {"sort": self.sort, "descending": self.descending}
        return replace(filters.parse(self.text), **rules)


class Selection(Look):
    """Ids; or places in the filtered list as [first, last] pairs, good for the revision they were chosen in; or all of it.

    `total`: how many the filter had when all of it was chosen; another number now means another list.
    """

    items: list[str] = Field(default_factory=list, max_length=1_000_000)
    ranges: list[tuple[int, int]] = Field(default_factory=list, max_length=100_000)
    all: bool = False
    rev: int | str = ""
    total: int | None = None

    def ids(self, ws: Workspace, dataset: str) -> list[str]:
        """The items meant. UserError datasets_tab.list_changed when the list is not the one that was chosen in."""
        if self.items:
            return self.items
        found, total, rev = index.ids(ws, dataset, self.filter(), None if self.all else self.ranges)
        if (self.total is not None and self.total != total) if self.all else (self.ranges and rev != self.rev):
            raise UserError("datasets_tab.list_changed")
        return found
