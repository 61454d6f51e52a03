"""Where the weights of every family lie: the slots that families declare, what is set, and whether it fits. Moves no file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Literal

from tagtrainer import settings
from tagtrainer.core import pasted
from tagtrainer.core.text import UserError, t
from tagtrainer.training import weights
from tagtrainer.training.family import FAMILIES, Family, PathSlot
from tagtrainer.workspace import Workspace

SlotState = Literal["empty", "found", "missing", "bad"]


@dataclass(frozen=True)
class SlotStatus:
    """One slot as the page shows it. `message` is a sentence in the current language; `size` is bytes."""

    key: str
    label: str
    help: str
    series: str
    path: str
    state: SlotState
    size: int
    message: str


def slots(ws: Workspace, family_id: str = "") -> list[SlotStatus]:
    """Every slot of every family (or of one), by series; a slot that is shared in its series stands once."""
    chosen = settings.load(ws).model_paths
    return [
        status(family, slot, chosen.get(family.slot_key(slot), "")) for family, slot in _slots(family_id)
    ]  # fmt: skip


def _slots(family_id: str = "") -> Iterator[tuple[Family, PathSlot]]:
    seen: set[tuple[str, str]] = set()
    for family in sorted(FAMILIES, key=lambda family: (family.series, family.id)):
        if family_id and family.id != family_id:
            continue
        for slot in family.slots:
            if slot.shared and (family.series, slot.name) in seen:
                continue
            seen.add((family.series, slot.name))
            yield family, slot


def status(family: Family, slot: PathSlot, path: str) -> SlotStatus:
    """What is wrong with the file in a slot, or that it fits."""
    found = weights.look(pasted.path(path)) if path else weights.Weights(Path())
    state, message = _judge(slot, path, found)
    return SlotStatus(family.slot_key(slot), slot.label, slot.help, family.series, path, state, found.size, message)


def _judge(slot: PathSlot, path: str, found: weights.Weights) -> tuple[SlotState, str]:
    if not path:
        return "empty", t("weights.empty")
    if not pasted.path(path).is_absolute() and not PureWindowsPath(path).is_absolute():
        return "bad", t("weights.not_absolute", path=path)
    if found.problem == "weights.missing":
        return "missing", t("weights.missing", path=path)
    key = problem(slot, found)
    if key:
        return "bad", t(key, path=path, kind=_part(found.kind), model=found.model, wanted=slot.label)
    if not found.kind:
        return "found", t("weights.not_recognised")
    return "found", t("weights.fits", model=found.model, kind=_part(found.kind))


def problem(slot: PathSlot, found: weights.Weights) -> str:
    """Text key of why a file cannot stand in a slot; "" when it can, or when nothing is known against it."""
    if found.problem:
        return found.problem
    if found.fp8_scaled:
        return "weights.fp8_scaled"
    if found.kind and found.kind != slot.kind:
        return "weights.wrong_part"
    if found.kind == "dit" and slot.kind == "dit" and not slot.label_en.startswith(found.model):
        return "weights.wrong_model"
    return ""


def _part(kind: str) -> str:
    return t(f"weights.part.{kind}") if kind else ""


def set_path(ws: Workspace, key: str, path: str) -> SlotStatus:
    """Store a path (also for the other families of the series when the slot is shared) and say what is there.

    An empty path clears the slot. Raises UserError weights.no_slot.
    """
    family, slot = find(key)
    plain = pasted.plain(path)
    keys = [key]
    if slot.shared:
        keys = [
            other.slot_key(same) for other in FAMILIES for same in other.slots
            if other.series == family.series and same.name == slot.name and same.shared
        ]  # fmt: skip

    def edit(known: settings.Settings) -> None:
        for name in keys:
            if plain:
                known.model_paths[name] = plain
            else:
                known.model_paths.pop(name, None)

    settings.change(ws, edit)
    return status(family, slot, plain)


def find(key: str) -> tuple[Family, PathSlot]:
    """The family and slot of a key such as `qwen_image.dit_path`. Raises UserError weights.no_slot."""
    for family in FAMILIES:
        for slot in family.slots:
            if family.slot_key(slot) == key:
                return family, slot
    known = ", ".join(family.slot_key(slot) for family, slot in _slots())
    raise UserError("weights.no_slot", key=key, known=known)


def check(ws: Workspace, family_id: str = "") -> list[SlotStatus]:
    """The slots that are missing or hold the wrong thing; empty ones too."""
    return [found for found in slots(ws, family_id) if found.state != "found"]
