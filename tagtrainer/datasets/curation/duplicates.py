"""Groups of copies in a dataset, the best of each, and removing the rest. Must not measure: see measuring and links."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import trash
from tagtrainer.datasets.curation import faces, links, measures, measuring
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
    linked = list(_linked(wanted, distance))
    areas = _face_areas(ws, dataset, [table.items[places[name]] for names, _ in linked for name in names])
    made = [_group(table, places, names, near, areas) for names, near in linked]
    counts = _counts(wanted, furthest)
    return Found(
        sorted(made, key=lambda group: (-len(group.members), group.members[0].item.name)), pending, furthest, counts
    )


class _Sets:
    """Union-find over ids."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        parent = self.parent
        while (up := parent.setdefault(name, name)) != name:
            parent[name] = parent[up]
            name = up
        return name

    def join(self, one: str, other: str) -> tuple[str, str]:
        """Their roots until now."""
        roots = self.root(one), self.root(other)
        self.parent[roots[0]] = roots[1]
        return roots


def _counts(known: Sequence[Link], furthest: int) -> list[tuple[int, int]]:
    """Links from near to far: each joins two pictures, a picture and a group, or two groups."""
    sets, sizes = _Sets(), dict[str, int]()
    groups = surplus = 0
    found: list[tuple[int, int]] = []
    rest = sorted(known, key=lambda link: -link.distance)
    for distance in range(furthest + 1):
        while rest and rest[-1].distance <= distance:
            link = rest.pop()
            one, other = sets.join(link.one, link.other)
            if one != other:
                many = [sizes.pop(name, 1) for name in (one, other)]
                sizes[other] = sum(many)
                groups += 1 - sum(size > 1 for size in many)
                surplus += 1
        found.append((groups, surplus))
    return found


def _linked(known: Sequence[Link], distance: int) -> Iterator[tuple[list[str], list[Link]]]:
    """Connected pictures with the links between them."""
    near = [link for link in known if link.distance <= distance]
    sets = _Sets()
    for link in near:
        sets.join(link.one, link.other)
    members: dict[str, list[str]] = {}
    for name in list(sets.parent):
        members.setdefault(sets.root(name), []).append(name)
    inside: dict[str, list[Link]] = {}
    for link in near:
        inside.setdefault(sets.root(link.one), []).append(link)
    yield from ((names, inside[top]) for top, names in members.items())


def _face_areas(ws: Workspace, dataset: str, items: Sequence[Item]) -> dict[str, float]:
    """Pixels of the largest face, of pictures whose faces were measured."""
    tools = faces.tools_used(ws, dataset)
    return {face.item.id: face.area for face in faces.faces(ws, dataset, items, tools[-1])} if tools else {}


def _group(
    table: Table,
    places: Mapping[str, int],
    names: Sequence[str],
    near: Sequence[Link],
    areas: Mapping[str, float],
) -> Group:
    rows: dict[str, Any] = {name: table.rows[places[name]] for name in names}
    items = {name: table.items[places[name]] for name in names}

    def worth(name: str) -> tuple[float, str]:
        return -links.rank(items[name], float(rows[name]["detail"]), areas.get(name, 0.0)), name

    order = sorted(names, key=worth)
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


def chosen(found: Found, keep: Collection[str], drop: Collection[str]) -> list[str]:
    """What to remove: the proposal, but not what somebody wants to keep, and also what somebody does not."""
    members = (member.item.id for group in found.groups for member in group.members)
    surplus = set(found.surplus)
    return [ident for ident in members if (ident in surplus or ident in drop) and ident not in keep]


def remove(ws: Workspace, dataset: str, items: Sequence[str], *, group: str = "") -> int:
    """Move copies to the trash as one change that can be undone. Raises UserError clean.nothing_chosen."""
    if not items:
        raise UserError("clean.nothing_chosen")
    title = Title("clean.change.duplicates", count=len(set(items)))
    return trash.delete_items(ws, dataset, list(items), title=title, group=group)
