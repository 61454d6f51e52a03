"""Groups of copies in a dataset, the best of each, and removing the rest. Must not measure: see measuring and links."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import trash
from tagtrainer.datasets.curation import faces, links, measures, measuring
from tagtrainer.datasets.curation.likeness import SURE
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
    older: int = 0
    """How many of those pending an earlier version looked at, in another way."""

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
    places = {item.id: place for place, item in enumerate(table.items)}
    seen = table.known["duplicates"]  # what an earlier version measured is not judged before it is looked at anew
    whole = (link for link in known if seen[places[link.one]] and seen[places[link.other]])
    wanted = [link for link in whole if mirrored or not link.mirrored]
    worth = _worth(ws, dataset, table, places, wanted)
    made = [_group(table, places, names, near, worth) for names, near in _linked(wanted, worth, distance)]
    made.sort(key=lambda group: (-len(group.members), group.members[0].item.name))
    sizes = [[len(names) for names, _ in _linked(wanted, worth, most)] for most in range(furthest + 1)]
    counts = [(len(each), sum(each) - len(each)) for each in sizes]
    return Found(made, pending, furthest, counts, table.older.get("duplicates", 0))


def _worth(
    ws: Workspace, dataset: str, table: Table, places: Mapping[str, int], known: Sequence[Link]
) -> dict[str, float]:
    """How good every linked picture is; faces count where they were measured."""
    names = sorted({name for link in known for name in (link.one, link.other)})
    items = {name: table.items[places[name]] for name in names}
    tools = faces.tools_used(ws, dataset)
    found = faces.faces(ws, dataset, list(items.values()), tools[-1]) if tools else []
    areas = {face.item.id: face.area for face in found}
    detail = {name: float(table.rows["detail"][places[name]]) for name in names}
    return {name: links.rank(items[name], detail[name], areas.get(name, 0.0)) for name in names}


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

    def join(self, one: str, other: str) -> None:
        self.parent[self.root(one)] = self.root(other)


def _linked(known: Sequence[Link], worth: Mapping[str, float], distance: int) -> Iterator[tuple[list[str], list[Link]]]:
    """Groups with the links inside: the best picture and whatever is a copy of it, then the best of the rest, and so on.

    Copies of copies join only where they are all but equal: a series that changes bit by bit is not one picture.
    """
    near = [link for link in known if link.distance <= distance]
    sets = _Sets()
    for link in near:
        equal = link.distance <= links.CROWD and link.likeness >= SURE
        sets.join(link.one, link.other if equal else link.one)
        sets.root(link.other)
    members: dict[str, list[str]] = {}
    for name in list(sets.parent):
        members.setdefault(sets.root(name), []).append(name)
    around: dict[str, list[tuple[str, Link]]] = {}
    for link in near:
        one, other = sets.root(link.one), sets.root(link.other)
        around.setdefault(one, []).append((other, link))
        around.setdefault(other, []).append((one, link))
    free = set(members)
    for top in sorted(members, key=lambda root: (-max(worth[name] for name in members[root]), root)):
        if top not in free:
            continue
        inside = {top} | {root for root, _ in around[top] if root in free}
        free -= inside
        names = [name for root in sorted(inside) for name in members[root]]
        if len(names) > 1:
            yield names, [link for root, link in around[top] if root in inside]


def _group(
    table: Table,
    places: Mapping[str, int],
    names: Sequence[str],
    near: Sequence[Link],
    worth: Mapping[str, float],
) -> Group:
    rows: dict[str, Any] = {name: table.rows[places[name]] for name in names}
    items = {name: table.items[places[name]] for name in names}
    order = sorted(names, key=lambda name: (-worth[name], name))
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
