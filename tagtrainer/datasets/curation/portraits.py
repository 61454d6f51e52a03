"""Rules for portraits: same face, pose and framing is redundant; the best of each such group is kept. Must not measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.fields import option
from tagtrainer.datasets.curation.faces import PERSON, Face, people

Ssim = Callable[[Face, Face], float]
"""How alike two face patches are, pixel by pixel: -1..1."""
Angles = tuple[float, float, float]
"""Roll, yaw and pitch of a head in degrees, estimated from five landmarks."""
TURN = 60.0
"""Degrees between two poses that have nothing in common."""
COULD_BE = 0.6
"""Faces whose miniatures correlate less are not compared further."""


@dataclass(frozen=True)
class PortraitRules:
    """When two portraits say the same."""

    portrait_keep: int = option(
        2, "Keep per group", "How many pictures of each group of look-alikes stay: the largest faces.", group="portraits",
        roles=(), basic=True, lo=1, hi=100,
    )  # fmt: skip
    face_likely: float = option(
        0.75, "Face similarity, likely", "From here on it may be the same face; the face patches must agree too. 1 is equal.",
        group="portraits", roles=(), lo=0, hi=1,
    )  # fmt: skip
    face_sure: float = option(
        0.85, "Face similarity, sure", "From here on it is the same face, whatever the patches say.", group="portraits", roles=(),
        lo=0, hi=1,
    )  # fmt: skip
    pose_similar: float = option(
        0.7, "Pose similarity", "From here on the head is held the same way: 1 is equal, 0.7 is 18 degrees apart.",
        group="portraits", roles=(), lo=0, hi=1,
    )  # fmt: skip
    ssim_likely: float = option(
        0.8, "Face SSIM, likely", "How alike the patches of two likely faces must be (structural similarity).", group="portraits",
        roles=(), lo=0, hi=1,
    )  # fmt: skip
    ssim_sure: float = option(
        0.9, "Face SSIM, alone", "How alike two patches must be where no embedding model tells faces apart.", group="portraits",
        roles=(), lo=0, hi=1,
    )  # fmt: skip
    box_tolerance: float = option(
        0.1, "Framing tolerance", "How far the face's middle and size may differ, as shares of the picture.", group="portraits",
        roles=(), lo=0, hi=1,
    )  # fmt: skip


@dataclass(frozen=True)
class Likeness:
    """Why a picture is redundant: how it compares with `like`. None: not measured."""

    like: str
    face: float | None
    pose: float | None
    ssim: float | None


@dataclass
class Group:
    """Portraits that say the same, the best first, each with its likeness to the best (None for that one itself)."""

    members: list[tuple[Face, Likeness | None]]

    def redundant(self, keep: int) -> list[tuple[Face, Likeness]]:
        """What is more than enough."""
        return [(face, likeness) for face, likeness in self.members[max(1, keep) :] if likeness is not None]


@dataclass
class Person:
    """Groups of one person, those with look-alikes first."""

    groups: list[Group] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Pictures of this person."""
        return sum(len(group.members) for group in self.groups)


def persons(
    faces: Sequence[Face], rules: PortraitRules, ssim: Ssim | None, *, group_people: bool = True
) -> list[Person]:
    """Everybody, the one with most pictures first. Without vectors (or `group_people`) all faces count as one person's.

    Without `ssim` only vectors decide; without landmarks poses are not compared.
    """
    whole = [face for face in faces if face.vector is not None]
    if len(whole) == len(faces) and faces and group_people:
        labels = people(np.stack([face.vector for face in whole if face.vector is not None]), PERSON)
    else:
        labels = np.zeros(len(faces), dtype=np.int64)
    found = []
    for label in np.unique(labels):
        mine = [faces[int(at)] for at in np.flatnonzero(labels == label)]
        found.append(Person(_groups(mine, rules, ssim)))
    return sorted(found, key=lambda person: -person.count)


def _groups(faces: list[Face], rules: PortraitRules, ssim: Ssim | None) -> list[Group]:
    """Every face joins the first better one that it is redundant to, or leads a group of its own."""
    ordered = sorted(faces, key=lambda face: (-face.area * face.score, face.item.id))
    table = _Table(ordered)
    groups: dict[int, Group] = {}
    for at, face in enumerate(ordered):
        leaders = np.fromiter(groups, dtype=np.int64, count=len(groups))
        for leader in table.framed_alike(at, leaders, rules.box_tolerance):
            likeness = compare(ordered[leader], face, rules, ssim)
            if likeness is not None:
                groups[int(leader)].members.append((face, likeness))
                break
        else:
            groups[at] = Group([(face, None)])
    return sorted(groups.values(), key=lambda group: (-len(group.members), group.members[0][0].item.id))


class _Table:
    """Boxes and miniatures of many faces as arrays, for comparing one with many at once."""

    def __init__(self, faces: Sequence[Face]) -> None:
        boxes = np.array([face.box for face in faces], dtype=np.float64).reshape(-1, 4)
        self.place = np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
        self.tiny = np.stack([face.tiny for face in faces]) if faces else np.zeros((0, 1), np.float32)
        self.with_vectors = all(face.vector is not None for face in faces)

    def framed_alike(self, at: int, leaders: NDArray[np.int64], tolerance: float) -> NDArray[np.int64]:
        """Those leaders whose face stands at the same place in the same size, the most alike first."""
        near = np.all(np.abs(self.place[leaders] - self.place[at]) <= tolerance + 1e-9, axis=1)
        found = leaders[near]
        alike = self.tiny[found] @ self.tiny[at]
        if not self.with_vectors:
            found, alike = found[alike >= COULD_BE], alike[alike >= COULD_BE]
        return np.asarray(found[np.argsort(-alike, kind="stable")], dtype=np.int64)


def compare(one: Face, other: Face, rules: PortraitRules, ssim: Ssim | None) -> Likeness | None:
    """How alike two faces in the same framing are, if they are redundant; None if they are not."""
    face = float(one.vector @ other.vector) if one.vector is not None and other.vector is not None else None
    if face is not None and face < rules.face_likely:
        return None
    pose = pose_similarity(one, other)
    if pose is not None and pose < rules.pose_similar:
        return None
    patches = ssim(one, other) if ssim is not None else None
    if face is None:
        same = patches is not None and patches >= rules.ssim_sure
    else:
        same = face >= rules.face_sure or (patches is not None and patches >= rules.ssim_likely)
    return Likeness(one.item.id, face, pose, patches) if same else None


def pose_similarity(one: Face, other: Face) -> float | None:
    """1 for the same pose, 0 from TURN degrees on; None where a face has no landmarks."""
    first, second = pose_of(one), pose_of(other)
    if first is None or second is None:
        return None
    return max(0.0, 1 - math.dist(first, second) / TURN)


def pose_of(face: Face) -> Angles | None:
    """Angles of the head from eyes, nose and mouth: a nose stands 0.6 eye distances in front, half way down to the mouth."""
    if len(face.landmarks) != 5:
        return None
    width, height = face.item.size
    right_eye, left_eye, nose, right_mouth, left_mouth = (np.array([x * width, y * height]) for x, y in face.landmarks)
    across = left_eye - right_eye
    distance = float(np.hypot(*across))
    if distance < 1e-6:
        return None
    roll = math.atan2(across[1], across[0])
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    middle = (right_eye + left_eye) / 2
    tip, mouth = turn @ (nose - middle), turn @ ((right_mouth + left_mouth) / 2 - middle)
    yaw = math.atan2(float(tip[0]), 0.6 * distance)
    pitch = math.atan(2 * (float(tip[1]) / max(1e-6, float(mouth[1])) - 0.5)) if mouth[1] > 1e-6 else math.pi / 4
    return math.degrees(roll), math.degrees(yaw), math.degrees(pitch)
