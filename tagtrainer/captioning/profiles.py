"""Provider profiles: shipped TOML and the user's own in the settings; keys apart. Must not ask any server anything."""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tagtrainer import settings
from tagtrainer.captioning.base import PROVIDERS, Provider
from tagtrainer.core import fields
from tagtrainer.core.files import safe_id, slug
from tagtrainer.core.text import UserError, language
from tagtrainer.workspace import PRESETS, Workspace


@dataclass(frozen=True)
class Profile:
    """A provider with its options. `options` holds only differences from the provider's defaults."""

    id: str
    name: str
    provider: str
    options: Mapping[str, Any] = field(default_factory=dict)
    shipped: bool = False
    has_key: bool = False


def profiles(ws: Workspace) -> dict[str, Profile]:
    """Every profile by id, the template first; the user's own win over shipped ones of the same id."""
    found = {profile.id: profile for profile in _shipped(ws)}
    for ident, raw in settings.load(ws).captioning.profiles.items():
        options, provider = raw.get("options", {}), str(raw.get("provider"))
        if provider in PROVIDERS.all() and isinstance(options, dict):  # the file may have been edited by hand
            found[ident] = Profile(ident, str(raw.get("name", ident)), provider, options, False, _has_key(ws, ident))
    return dict(sorted(found.items(), key=lambda pair: (pair[0] != "template", pair[1].name.casefold())))


def _shipped(ws: Workspace) -> list[Profile]:
    found = []
    for path in sorted((PRESETS / "captioning").glob("*.toml")):
        raw = tomllib.loads(path.read_text("utf-8"))
        name = raw.get(f"name_{language().split('-')[0]}", raw["name"])
        found.append(Profile(path.stem, name, raw["provider"], raw.get("options", {}), True, _has_key(ws, path.stem)))
    return found


def _has_key(ws: Workspace, profile: str) -> bool:
    return bool(settings.secret(ws, f"captioning.{profile}"))


def get(ws: Workspace, profile: str) -> Profile:
    """One profile. Raises UserError captioning.no_profile."""
    known = profiles(ws)
    if profile not in known:
        raise UserError("captioning.no_profile", id=profile, known=", ".join(known))
    return known[profile]


def provider_of(profile: Profile) -> Provider:
    """The provider of a profile. Raises UserError captioning.no_provider."""
    found = PROVIDERS.get(profile.provider)
    if found is None:
        raise UserError("captioning.no_provider", id=profile.provider, known=", ".join(PROVIDERS.all()))
    return found


def options_of(profile: Profile, overrides: Mapping[str, Any] | None = None) -> Any:
    """The profile's option set. Raises UserError for the first value that cannot be."""
    kind = provider_of(profile).options
    blank = {name for name, spec in fields.specs(kind).items() if spec.kind == "str" and spec.default == ""}
    values = {**profile.options, **(overrides or {})}
    loaded, _ = fields.load(
        kind, {name: value for name, value in values.items() if name not in blank or str(value or "").strip()}
    )
    for problem in fields.problems(loaded):
        raise UserError(problem.key, **problem.values)
    return loaded


def key_of(ws: Workspace, profile: Profile) -> str:
    """The key: from the environment variable that the options name, else the stored one; "" when there is none."""
    name = str(profile.options.get("key_env", "")).strip()
    return (os.environ.get(name, "") if name else "") or settings.secret(ws, f"captioning.{profile.id}")


def save_profile(
    ws: Workspace, name: str, provider: str, options: Mapping[str, Any], *, profile_id: str = "", key: str | None = None
) -> Profile:
    """Keep a profile of the user's own. `key` None keeps the stored key, "" removes it. Raises UserError."""
    if not name.strip():
        raise UserError("captioning.no_name")
    ident = safe_id(profile_id) if profile_id else _new_id(ws, name)
    draft = Profile(ident, name.strip(), provider, options)
    kept = _differences(options_of(draft))
    row = {"name": draft.name, "provider": provider, "options": kept}
    settings.change(ws, lambda known: known.captioning.profiles.update({ident: row}))
    if key is not None:
        settings.set_secret(ws, f"captioning.{ident}", key.strip())
    return get(ws, ident)


def _differences(options: Any) -> dict[str, Any]:
    """What differs from the defaults; "" for an option that has a default and was emptied."""
    specs = fields.specs(options)
    emptied = {name: "" for name, spec in specs.items() if getattr(options, name) is None and spec.default is not None}
    return {**fields.dump(options), **emptied}


def _new_id(ws: Workspace, name: str) -> str:
    known, first = profiles(ws), slug(name, fallback="profile")
    others = (f"{first}-{number}" for number in itertools.count(2))
    return first if first not in known else next(ident for ident in others if ident not in known)


def shipped_ids() -> set[str]:
    """Profiles that come with the app; deleting one's own version of such a profile brings the shipped one back."""
    return {path.stem for path in (PRESETS / "captioning").glob("*.toml")}


def delete_profile(ws: Workspace, profile: str) -> None:
    """Forget one of the user's own profiles and its key. Raises UserError captioning.shipped."""
    found = get(ws, profile)
    if found.shipped:
        raise UserError("captioning.shipped", name=found.name)

    def forget(known: settings.Settings) -> None:
        known.captioning.profiles.pop(profile, None)

    settings.change(ws, forget)
    settings.set_secret(ws, f"captioning.{profile}", "")


def remote_host(profile: Profile) -> str:
    """Where pictures go with this profile when they leave this machine; "" when they stay."""
    return provider_of(profile).remote(options_of(profile))
