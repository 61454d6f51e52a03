"""Presets: sparse TOML files with only what differs from a family's defaults, shipped and the user's own. Starts nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from tagtrainer.core import fields
from tagtrainer.core.files import move_to_trash, safe_id, slug, write_text
from tagtrainer.core.text import UserError, language
from tagtrainer.training.family import FAMILIES, Family
from tagtrainer.workspace import PRESETS, Workspace


@dataclass(frozen=True)
class Preset:
    """`values` by option name, in the option's own type. `unknown` are names that the family does not have."""

    id: str
    name: str
    about: str
    shipped: bool
    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    path: Path = Path()


def _family(family_id: str) -> Family:
    family = FAMILIES.get(family_id)
    if family is None:
        raise UserError("plan.no_family", id=family_id, known=", ".join(FAMILIES.all()))
    return family


def _folders(ws: Workspace, family: Family) -> Iterator[tuple[Path, bool]]:
    yield PRESETS / "training" / family.id, True
    yield ws.presets / "training" / family.id, False


def presets(ws: Workspace, family_id: str) -> list[Preset]:
    """Shipped ones first, then the user's own; a file that cannot be read is left out (see `broken`)."""
    found: list[Preset] = []
    for path, shipped in _files(ws, _family(family_id)):
        try:
            found.append(_read(path, _family(family_id), shipped))
        except UserError:
            continue
    return found


def broken(ws: Workspace, family_id: str) -> list[str]:
    """A sentence for every preset file that cannot be read."""
    sentences = []
    for path, shipped in _files(ws, _family(family_id)):
        try:
            _read(path, _family(family_id), shipped)
        except UserError as error:
            sentences.append(str(error))
    return sentences


def _files(ws: Workspace, family: Family) -> Iterator[tuple[Path, bool]]:
    for folder, shipped in _folders(ws, family):
        for path in sorted(folder.glob("*.toml")):
            yield path, shipped


def _read(path: Path, family: Family, shipped: bool) -> Preset:
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except (ValueError, OSError) as error:
        raise UserError("presets.damaged", path=path, reason=error) from error
    values = raw.get("options", {})
    known = fields.specs(family.options)
    typed = {name: fields.parse(known[name], value) for name, value in values.items() if name in known}
    unknown = tuple(name for name in values if name not in known)
    return Preset(path.stem, _text(raw, "name", path.stem), _text(raw, "about", ""), shipped, typed, unknown, path)


def _text(raw: Mapping[str, Any], name: str, default: str) -> str:
    """`name` or, for the current language, `name_zh`."""
    localized = raw.get(f"{name}_{language().split('-')[0].lower()}")
    return str(localized or raw.get(name, default))


def get(ws: Workspace, family_id: str, preset_id: str) -> Preset:
    """One preset; the user's own wins over a shipped one of the same id. Raises UserError presets.not_found."""
    found = [preset for preset in presets(ws, family_id) if preset.id == preset_id]
    if not found:
        raise UserError("presets.not_found", id=preset_id, known=", ".join(p.id for p in presets(ws, family_id)))
    return found[-1]


def save(ws: Workspace, family_id: str, name: str, values: Mapping[str, Any], about: str = "") -> Preset:
    """Keep the differences from the defaults under a name; one of the same name is replaced, the old one goes to the trash.

    Raises UserError presets.no_name, or a fields.* sentence for a value of the wrong type.
    """
    family = _family(family_id)
    if not name.strip():
        raise UserError("presets.no_name")
    options, _ = fields.load(family.options, values)
    path = ws.presets / "training" / family.id / f"{slug(name, fallback='preset')}.toml"
    if path.exists():
        move_to_trash(path, ws.trash / "presets")
    content = {"name": name.strip(), "about": about, "options": fields.dump(options)}
    write_text(path, tomli_w.dumps(content))
    return _read(path, family, shipped=False)


def delete(ws: Workspace, family_id: str, preset_id: str) -> None:
    """Move one of the user's own presets to the trash. Raises UserError presets.not_found, presets.shipped."""
    preset = get(ws, family_id, safe_id(preset_id))
    if preset.shipped:
        raise UserError("presets.shipped", name=preset.name)
    move_to_trash(preset.path, ws.trash / "presets")
