"""Candidates of an import as names for pairing, and back: which of them carry which control images. Must not keep anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tagtrainer.core.text import UserError
from tagtrainer.datasets import intake, media
from tagtrainer.datasets.exchange.candidates import Beside, Candidate
from tagtrainer.datasets.pairs import pairing
from tagtrainer.datasets.pairs.pairing import File

OWN = ("txt", "caption")


def hashes(candidate: Candidate) -> list[str]:
    """Of its control images, in their order; "" for one that cannot be read."""
    found = []
    for control in candidate.controls:
        try:
            with fetched(control) as path:
                found.append(intake.hashed(path))
        except UserError:
            found.append("")
    return found


def key_of(sha256: str, control_hashes: Sequence[str]) -> str:
    """What makes a pair the same pair: the picture and its control images."""
    return ":".join([sha256, *control_hashes])


@contextmanager
def fetched(candidate: Candidate) -> Iterator[Path]:
    """The file on disk; what was unpacked for it goes afterwards."""
    path = candidate.fetch()
    try:
        yield path
    finally:
        if candidate.temporary:
            path.unlink(missing_ok=True)


def is_picture(candidate: Candidate) -> bool:
    """By its ending."""
    return Path(candidate.label).suffix.lower() in media.PICTURES  # the name may be one that a list gives


def files_of(groups: Sequence[tuple[str, Sequence[Candidate]]]) -> dict[File, Candidate]:
    """Names for pairing. With several sources, a source's own name is a folder too: /x/target and /x/control."""
    found: dict[File, Candidate] = {}
    for source, some in groups:
        top = [Path(source).stem] if len({name for name, _ in groups}) > 1 else []
        for candidate in some:
            if candidate.controls or not is_picture(candidate):
                continue
            folder = "/".join([*top, candidate.folder]).strip("/")
            root = source + (candidate.label.partition(": ")[0] if candidate.temporary else "")
            file = File(candidate.label, candidate.name, folder, root)
            while file in found:
                file = replace(file, root=file.root + "+")
            found[file] = candidate
    return found


def joined(by_file: dict[File, Candidate], done: pairing.Pairing, target: File) -> Candidate:
    """A picture with its control images; a caption that lies beside one of these is better than none."""
    plain = by_file[target]
    partners = tuple(by_file[file] for file in done.controls.get(target, ()))
    if not partners:
        return plain

    def caption() -> Beside:
        own = plain.caption()
        others = (partner.caption() for partner in partners) if not own.text.strip() else ()
        return next((other for other in others if other.text.strip() and other.source in OWN), own)

    return replace(plain, controls=partners, caption=caption)
