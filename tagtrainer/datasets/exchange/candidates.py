"""Finds what an import should look at: files, folders of any depth, zips, and what lies beside them. Decodes no picture.

What is passed over is named, except what nobody would miss.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions, index, media
from tagtrainer.datasets.exchange import layout_lists, layouts, listed
from tagtrainer.datasets.exchange.archive import Archive, Entry, content, is_litter, open_archive, unpack
from tagtrainer.datasets.exchange.layouts import Facts, Told, Tree
from tagtrainer.datasets.models import Skipped

CAPTION_ENDINGS = (".txt", ".caption")
CAPTION_BYTES = 1 << 20
LONGEST_TOLD = 2000
_SOURCES = {".txt": "txt", ".caption": "caption"}
CLIPS = media.VIDEOS | {".gif", ".webp"}
NO_PICTURE = frozenset(
    {".txt", ".caption", ".json", ".jsonl", ".toml", ".yaml", ".yml", ".csv", ".md", ".npz", ".safetensors"}
)


@dataclass(frozen=True)
class Beside:
    """The caption of a candidate, where it stood (a key of layouts.source), and what is to be said about that."""

    text: str = ""
    source: str = ""
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A file to look at: its name for people, and how to get at it."""

    label: str
    name: str
    folder: str
    fetch: Callable[[], Path]
    """Where it lies on disk now; unpacks it first when it is in a zip."""
    caption: Callable[[], Beside]
    temporary: bool = False
    facts: Facts = field(default_factory=Facts)
    """What lists and folder names say of it."""
    controls: tuple[Candidate, ...] = ()
    """The control images that a list gives it, in their order; these are no candidates of their own."""


@dataclass
class Gatherer:
    """Unpacks into `scratch`, keeps zips open until `stack` ends, writes into `skipped` what it passes over."""

    scratch: Path
    stack: ExitStack
    zip_entries: int
    zip_bytes: int
    skipped: list[Skipped]
    clips: bool = False
    """For a dataset of clips: these are looked for instead of pictures."""
    zips: list[Path] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)
    """Trigger word and description of a dataset that was exported before."""

    def gather(self, sources: Sequence[Path]) -> list[Candidate]:
        """Candidates of files, folders, zips and lists (.jsonl, dataset.toml). UserError datasets.no_source: nothing there."""
        found: list[Candidate] = []
        for source in sources:
            source = source.expanduser().absolute()
            if source.is_dir():
                found += self._from_folder(source)
            elif not source.exists():
                raise UserError("datasets.no_source", path=source)
            elif source.suffix.lower() == ".zip":
                found += self._from_zip(source)
            elif source.suffix.lower() in listed.LISTS:
                found += self._from_list(source)
            elif self._looks_like_picture(source.name, source.name):
                found.append(_from_file(source, source.name))
        return sorted(found, key=lambda candidate: candidate.facts.trash)  # what is wanted first

    def _looks_like_picture(self, name: str, label: str) -> bool:
        """By its ending; what is none is named unless nobody would miss it."""
        ending = Path(name).suffix.lower()
        if ending in (CLIPS if self.clips else media.PICTURES):
            return True
        if ending in media.VIDEOS:
            self.skipped.append(Skipped(label, "datasets.skip.video"))
        elif ending in media.PICTURES:
            self.skipped.append(Skipped(label, "datasets.skip.still"))
        elif ending == ".zip":
            self.skipped.append(Skipped(label, "datasets.zip.nested"))
        elif ending not in NO_PICTURE and not is_litter(name):
            self.skipped.append(Skipped(label, "datasets.skip.unknown"))
        return False

    def _from_folder(self, root: Path) -> Iterator[Candidate]:
        """Every picture below a folder, links to folders not followed; zips inside it are taken too."""
        paths = {path.relative_to(root).as_posix(): path for path in self._walk(root)}
        tree = Tree(list(paths), lambda name, limit: _start(paths[name], limit), root=root.name)
        wanted = [label for label, path in paths.items() if self._looks_like_picture(path.name, label)]
        yield from self._tell(tree, {label: _from_file(paths[label], label) for label in wanted})
        for path in self.zips:
            yield from self._from_zip(path)
        self.zips.clear()

    def _from_list(self, source: Path) -> Iterator[Candidate]:
        """What a list names, wherever it lies; told by its full path, placed in the folder it lies in."""
        paths = listed.files_of(source)
        tree = Tree(list(paths), lambda name, limit: _start(paths[name], limit), Path(source.anchor).as_posix())
        shown = {name: path for name, path in paths.items() if path.suffix.lower() in media.PICTURES | media.VIDEOS}
        wanted = [name for name, path in shown.items() if self._looks_like_picture(path.name, str(path))]
        for found in self._tell(tree, {name: _from_file(paths[name], name) for name in wanted}):
            folder = found.folder if found.facts.folder is not None else found.folder.rpartition("/")[2]
            yield replace(found, label=str(paths[found.label]), folder=folder)

    def _walk(self, root: Path) -> Iterator[Path]:
        """All files in order, without zips, which wait in `zips`."""

        def unreadable(error: OSError) -> None:
            values = {"reason": error.strerror or str(error)}
            self.skipped.append(Skipped(str(error.filename), "datasets.skip.unreadable", values))

        for place, folders, names in os.walk(root, onerror=unreadable):
            folders[:] = sorted(name for name in folders if not is_litter(name) and name != "__MACOSX")
            for name in sorted(names, key=index.natural):
                path = Path(place) / name
                if path.suffix.lower() == ".zip":
                    self.zips.append(path)
                else:
                    yield path

    def _from_zip(self, path: Path) -> list[Candidate]:
        try:
            archive = open_archive(path, max_entries=self.zip_entries, max_bytes=self.zip_bytes)
        except UserError as error:
            self.skipped.append(skipped(path.name, error))
            return []
        self.stack.callback(archive.zip.close)
        self.skipped += archive.skipped
        by_name = {entry.name: entry for entry in archive.entries}
        label = f"{path.name}: "
        tree = Tree(list(by_name), lambda name, limit: content(archive, by_name[name], limit), label, path.stem)
        wanted = [entry for entry in archive.entries if self._looks_like_picture(entry.name, label + entry.name)]
        return self._tell(tree, {entry.name: self._from_entry(archive, by_name, entry) for entry in wanted})

    def _from_entry(self, archive: Archive, by_name: Mapping[str, Entry], entry: Entry) -> Candidate:
        target = self.scratch / f"{uuid.uuid4().hex}{Path(entry.name).suffix.lower()}"

        def fetch() -> Path:
            unpack(archive, entry, target)
            return target

        return Candidate(
            label=f"{archive.path.name}: {entry.name}", name=Path(entry.name).name, folder=entry.name.rpartition("/")[0],
            fetch=fetch, caption=Beside, temporary=True,
        )  # fmt: skip

    def _tell(self, tree: Tree, found: Mapping[str, Candidate]) -> list[Candidate]:
        """The candidates of a tree, each knowing what lists and names beside it say."""
        told = layout_lists.read_all(tree)
        self.skipped += told.skipped
        self.about |= told.about
        controls = told.controls
        return [_told(tree, told, found, name) for name in found if name not in controls]


def _told(tree: Tree, told: Told, found: Mapping[str, Candidate], name: str) -> Candidate:
    plain, facts = found[name], layouts.of(told, tree, name)
    endings = (*((told.endings[plain.folder],) if plain.folder in told.endings else ()), *CAPTION_ENDINGS)

    def caption() -> Beside:
        stem = name.rpartition(".")[0]
        for ending in endings:
            for beside in map(tree.named, (stem + ending, name + ending)):
                if beside is not None:
                    return _chosen(plain.label, _read(tree, beside), ending, facts)
        return _chosen(plain.label, None, "", facts)

    folder = plain.folder if facts.folder is None else facts.folder
    controls = tuple(
        replace(found[control], name=(facts.control_names or facts.controls)[place].rpartition("/")[2])
        for place, control in enumerate(facts.controls)
        if control in found
    )
    return replace(plain, name=facts.name or plain.name, folder=folder, caption=caption, facts=facts, controls=controls)


def _read(tree: Tree, name: str) -> bytes | None:
    try:
        return tree.read(name, CAPTION_BYTES)
    except (OSError, UserError):
        return None


def _start(path: Path, limit: int) -> bytes:
    with path.open("rb") as handle:
        return handle.read(limit)


def _chosen(label: str, data: bytes | None, ending: str, facts: Facts) -> Beside:
    """A file of its own beside the picture wins over a list; the words of the folder's name are better than nothing."""
    said: list[Skipped] = []
    text = captions.decode(data) if data is not None else ""
    if text is None:
        said.append(Skipped(label, "datasets.skip.caption_encoding"))
    listed = facts.caption or ""
    if text and text.strip():
        if listed.strip() and listed.strip() != text.strip():
            said.append(Skipped(label, "layouts.two_captions", {"text": listed[:LONGEST_TOLD]}))
        return Beside(text, _SOURCES.get(ending, "other"), tuple(said))
    if listed.strip():
        return Beside(listed, facts.caption_from, tuple(said))
    if data is None and facts.caption is None and facts.class_words:
        return Beside(facts.class_words, "folder", tuple(said))
    return Beside(skipped=tuple(said))


def skipped(file: str, error: UserError) -> Skipped:
    """A sentence about a file as a row of the report."""
    return Skipped(file, error.key, {name: str(value) for name, value in error.values.items() if name != "file"})


def _from_file(path: Path, label: str) -> Candidate:
    """A picture of its own; `label` is its place in the folder that is imported."""
    return Candidate(label, path.name, label.rpartition("/")[0], lambda: path, lambda: _caption_beside(path, label))


def _caption_beside(picture: Path, label: str) -> Beside:
    for ending in CAPTION_ENDINGS:
        for name in (picture.stem + ending, picture.name + ending):
            try:
                return _chosen(label, _start(picture.with_name(name), CAPTION_BYTES), ending, Facts())
            except OSError:
                continue
    return Beside()
