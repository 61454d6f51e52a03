"""Who finds the subject of a picture, from a word: auto, face, saliency or vision:PROFILE. Must not know a page or a terminal.

Here captioning's profiles and the datasets' finders meet, which do not know each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tagtrainer.core import fields
from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import face_weights
from tagtrainer.datasets.curation.answers import QUESTION
from tagtrainer.datasets.curation.focus import By
from tagtrainer.datasets.curation.proposals import Finder
from tagtrainer.workspace import Workspace

if TYPE_CHECKING:
    from tagtrainer.captioning.profiles import Profile

WAYS = ("auto", "face", "saliency")
VISION = "vision:"


def checked_way(ws: Workspace, by: str) -> str:
    """The word if it names a way of finding. Raises UserError flows.no_way, captioning.no_profile."""
    if by.startswith(VISION):
        from tagtrainer.captioning import profiles

        profiles.get(ws, by.removeprefix(VISION))
        return by
    if by not in WAYS:
        raise UserError("flows.no_way", value=by[:40], known=", ".join((*WAYS, f"{VISION}PROFILE")))
    return by


def host_of(ws: Workspace, by: str) -> str:
    """Where pictures are sent when this way of finding is chosen; "" when nothing leaves this machine."""
    if not by.startswith(VISION):
        return ""
    from tagtrainer.captioning import profiles

    return profiles.remote_host(profiles.get(ws, by.removeprefix(VISION)))


def can_see(profile: Profile) -> bool:
    """Whether a profile's provider can be asked a question of ours about a picture."""
    from tagtrainer.captioning import profiles

    try:
        return "prompt" in fields.specs(profiles.provider_of(profile).options)
    except UserError:
        return False


@contextmanager
def finder(ws: Workspace, by: str) -> Iterator[Finder]:
    """A finder ready for work; a vision model's connection is closed at the end. Raises UserError."""
    checked_way(ws, by)
    if by.startswith(VISION):
        with _vision(ws, by.removeprefix(VISION)) as asking:
            yield asking
        return
    detector = None
    if by == "auto":
        detector = face_weights.detector_if_any(ws)
    elif by == "face":
        detector = face_weights.detector(ws)
    yield Finder(cast(By, by), detector)


@contextmanager
def _vision(ws: Workspace, profile_id: str) -> Iterator[Finder]:
    from tagtrainer.captioning import profiles
    from tagtrainer.captioning.base import CaptionRequest

    profile = profiles.get(ws, profile_id)
    provider = profiles.provider_of(profile)
    known = fields.specs(provider.options)
    if not can_see(profile):
        raise UserError("flows.cannot_see", name=profile.name)
    asked = {"prompt": QUESTION, "prefix": "", "system_prompt": "", "temperature": 0, "one_line": True}
    options = profiles.options_of(profile, {name: value for name, value in asked.items() if name in known})
    with provider.open(options, profiles.key_of(ws, profile)) as session:

        def ask(path: Path) -> str:
            return session.caption(CaptionRequest(path.stem, path, path.name)).text

        yield Finder("vision", None, ask, profile_id, max(1, provider.concurrency(options)))
