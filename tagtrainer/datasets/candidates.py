"""Finds what an import should look at: files, folders of any depth, zips, and the captions beside them. Decodes nothing.

What is passed over is named, except what nobody would miss.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, media
from tagtrainer.datasets.archive import Archive, Entry, content, is_litter, open_archive, unpack
from tagtrainer.datasets.models import Skipped

CAPTION_ENDINGS = (".txt", ".caption")
CAPTION_BYTES = 1 << 20
NO_PICTURE = frozenset(
    {".txt", ".caption", ".json", ".jsonl", ".toml", ".yaml", ".yml", ".csv", ".md", ".npz", ".safetensors"}
)


@dataclass(frozen=True)
class Candidate:
    """A file to look at: its name for people, and how to get at it."""

    label: str
    name: str
    folder: str
    fetch: Callable[[], Path]
    """Where it lies on disk now; unpacks it first when it is in a zip."""
    caption: Callable[[], bytes | None]
    temporary: bool = False


@dataclass
class Gatherer:
    """Unpacks into `scratch`, keeps zips open until `stack` ends, writes into `skipped` what it passes over."""

    scratch: Path
    stack: ExitStack
    zip_entries: int
    zip_bytes: int
    skipped: list[Skipped]

    def gather(self, sources: Sequence[Path]) -> list[Candidate]:
        """Candidates of files, folders and zips. UserError datasets.no_source for a path that does not exist."""
        found: list[Candidate] = []
        for source in sources:
            source = source.expanduser().absolute()
            if source.is_dir():
                found += self._from_folder(source)
            elif not source.exists():
                raise UserError("datasets.no_source", path=source)
            elif source.suffix.lower() == ".zip":
                found += self._from_zip(source)
            elif self._looks_like_picture(source.name, source.name):
                found.append(_from_file(source, source.parent, ""))
        return found

    def _looks_like_picture(self, name: str, label: str) -> bool:
        """By its ending; what is none is named unless nobody would miss it."""
        ending = Path(name).suffix.lower()
        if ending in media.PICTURES:
            return True
        if ending in media.VIDEOS:
            self.skipped.append(Skipped(label, "datasets.skip.video"))
        elif ending == ".zip":
            self.skipped.append(Skipped(label, "datasets.zip.nested"))
        elif ending not in NO_PICTURE and not is_litter(name):
            self.skipped.append(Skipped(label, "datasets.skip.unknown"))
        return False

    def _from_folder(self, root: Path) -> Iterator[Candidate]:
        """Every picture below a folder, links to folders not followed; zips inside it are taken too."""

        def unreadable(error: OSError) -> None:
            values = {"reason": error.strerror or str(error)}
            self.skipped.append(Skipped(str(error.filename), "datasets.skip.unreadable", values))

        for place, folders, names in os.walk(root, onerror=unreadable):
            folders[:] = sorted(name for name in folders if not is_litter(name) and name != "__MACOSX")
            for name in sorted(names, key=index.natural):
                path = Path(place) / name
                label = path.relative_to(root).as_posix()
                if path.suffix.lower() == ".zip":
                    yield from self._from_zip(path)
                elif self._looks_like_picture(name, label):
                    yield _from_file(path, Path(place), label)

    def _from_zip(self, path: Path) -> list[Candidate]:
        try:
            archive = open_archive(path, max_entries=self.zip_entries, max_bytes=self.zip_bytes)
        except UserError as error:
            self.skipped.append(skipped(path.name, error))
            return []
        self.stack.callback(archive.zip.close)
        self.skipped += archive.skipped
        by_name = {entry.name: entry for entry in archive.entries}
        wanted = [
            entry for entry in archive.entries if self._looks_like_picture(entry.name, f"{path.name}: {entry.name}")
        ]
        return [self._from_entry(archive, by_name, entry) for entry in wanted]

    def _from_entry(self, archive: Archive, by_name: Mapping[str, Entry], entry: Entry) -> Candidate:
        target = self.scratch / f"{uuid.uuid4().hex}{Path(entry.name).suffix.lower()}"

        def fetch() -> Path:
            unpack(archive, entry, target)
            return target

        return Candidate(
            label=f"{archive.path.name}: {entry.name}", name=Path(entry.name).name, folder=entry.name.rpartition("/")[0],
            fetch=fetch, caption=lambda: _caption_inside(archive, by_name, entry.name), temporary=True,
        )  # fmt: skip


def skipped(file: str, error: UserError) -> Skipped:
    """A sentence about a file as a row of the report."""
    return Skipped(file, error.key, {name: str(value) for name, value in error.values.items() if name != "file"})


def _from_file(path: Path, place: Path, label: str) -> Candidate:
    folder = Path(label).parent.as_posix() if label else ""
    return Candidate(
        label or path.name,
        path.name,
        "" if folder == "." else folder,
        lambda: path,
        lambda: _caption_beside(place, path),
    )


def _caption_beside(place: Path, picture: Path) -> bytes | None:
    for ending in CAPTION_ENDINGS:
        for name in (picture.stem + ending, picture.name + ending):
            try:
                with (place / name).open("rb") as handle:
                    return handle.read(CAPTION_BYTES)
            except OSError:
                continue
    return None


def _caption_inside(archive: Archive, by_name: Mapping[str, Entry], name: str) -> bytes | None:
    stem = name.rpartition(".")[0]
    for ending in CAPTION_ENDINGS:
        for wanted in (stem + ending, name + ending):
            if wanted in by_name:
                try:
                    return content(archive, by_name[wanted], CAPTION_BYTES)
                except UserError:
                    return None
    return None
