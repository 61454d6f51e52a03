"""Groups of copies in a dataset, the best of each, and removing the rest. Must not measure: see measuring and links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import trash
from tagtrainer.datasets.curation import links, measures, measuring
from tagtrainer.datasets.curation.links import Link
from tagtrainer.datasets.curation.measures import Table
from tagtrainer.datasets.history import Title
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

USUAL = 12
"""Distance at which copies that were cropped a little are still found."""


@dataclass(frozen=True)
class Member:
    """A picture of a group. `distance` (bits) and `likeness` are to the kept one; `sharp` is 0 to 100 if it was measured."""

    item: Item
    distance: int
    likeness: float
    mirrored: bool
    exact: bool
    detail: float
    sharp: float | None


@dataclass(frozen=True)
class Group:
    """Copies of one picture; the first is the one to keep."""

    members: tuple[Member, ...]


@dataclass(frozen=True)
class Found:
    """Groups at a distance, the largest first. `pending` pictures were not looked at yet; `furthest` is the largest distance."""

    groups: list[Group]
    pending: int
    furthest: int
    counts: list[tuple[int, int]]
    """For every distance 0 to furthest: how many groups, how many pictures to remove."""

    @property
    def surplus(self) -> list[str]:
        """What would be removed when the best of each group is kept."""
        return [member.item.id for group in self.groups for member in group.members[1:]]


def look(ws: Workspace, dataset: str, on_progress: OnProgress = silent, workers: int = 2) -> measuring.Report:
    """Measure what is new and compare; to be run as a job."""
    report = measuring.run(ws, dataset, ("duplicates",), on_progress=on_progress, workers=workers)
    table = measures.table(ws, dataset)
    if not links.read(ws, dataset, table)[1]:
        links.find(ws, dataset, on_progress)
    return report


def find(ws: Workspace, dataset: str, distance: int = USUAL, mirrored: bool = False) -> Found:
    """Groups from what was measured; no picture is read."""
    table = measures.table(ws, dataset)
    known, compared = links.read(ws, dataset, table)
    pending = table.pending("duplicates") or (0 if compared else int(table.known["duplicates"].sum()))
    furthest = links.furthest(len(table.items))
    wanted = [link for link in known if mirrored or not link.mirrored]
    places = {item.id: place for place, item in enumerate(table.items)}
    made = [_group(table, places, members, near) for members, near in _linked(wanted, distance)]
    counts = [_count(wanted, most) for most in range(furthest + 1)]
    return Found(
        sorted(made, key=lambda group: (-len(group.members), group.members[0].item.name)), pending, furthest, counts
    )


def _count(known: Sequence[Link], distance: int) -> tuple[int, int]:
    sizes = [len(members) for members, _ in _linked(known, distance)]
    return len(sizes), sum(sizes) - len(sizes)


def _linked(known: Sequence[Link], distance: int) -> Iterator[tuple[list[str], list[Link]]]:
    """Connected pictures with the links between them."""
    near = [link for link in known if link.distance <= distance]
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (up := parent.setdefault(name, name)) != name:
            parent[name] = parent.setdefault(up, up)
            name = up
        return name

    for link in near:
        parent[root(link.one)] = root(link.other)
    members: dict[str, list[str]] = {}
    for name in list(parent):
        members.setdefault(root(name), []).append(name)
    inside: dict[str, list[Link]] = {}
    for link in near:
        inside.setdefault(root(link.one), []).append(link)
    yield from ((names, inside[top]) for top, names in members.items())


def _group(table: Table, places: Mapping[str, int], names: Sequence[str], near: Sequence[Link]) -> Group:
    rows: dict[str, Any] = {name: table.rows[places[name]] for name in names}
    items = {name: table.items[places[name]] for name in names}
    order = sorted(names, key=lambda name: (-links.rank(items[name], float(rows[name]["detail"])), name))
    best = order[0]
    direct = {link.other if link.one == best else link.one: link for link in near if best in (link.one, link.other)}
    sharp = {name: bool(table.known["quality"][places[name]]) for name in names}
    members = [
        Member(
            items[name],
            *_nearness(best, name, rows, direct),
            exact=items[name].sha256 == items[best].sha256 and items[name].crop == items[best].crop,
            detail=float(rows[name]["detail"]),
            sharp=float(rows[name]["sharp"]) if sharp[name] else None,
        )
        for name in order
    ]
    return Group(tuple(members))


def _nearness(best: str, name: str, rows: Mapping[str, Any], direct: Mapping[str, Link]) -> tuple[int, float, bool]:
    """(distance, likeness, mirrored); likeness 0 where two are only linked through others."""
    if name == best:
        return 0, 1.0, False
    link = direct.get(name)
    if link is not None:
        return link.distance, link.likeness, link.mirrored
    return (int(rows[best]["plain"]) ^ int(rows[name]["plain"])).bit_count(), 0.0, False


def remove(ws: Workspace, dataset: str, items: Sequence[str], *, who: str = "user") -> int:
    """Move copies to the trash as one change that can be undone. Raises UserError clean.nothing_chosen."""
    if not items:
        raise UserError("clean.nothing_chosen")
    title = Title("clean.change.duplicates", count=len(set(items)))
    return trash.delete_items(ws, dataset, list(items), who=who, title=title)
