"""Pictures and clips drawn while training, as a grid of moments x prompts. Must not draw or change them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tagtrainer.core.files import read_json
from tagtrainer.core.text import UserError, t
from tagtrainer.training.results.places import output_file, places
from tagtrainer.training.results.resumes import BEGINNING, Resume, before
from tagtrainer.workspace import Workspace

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
VIDEOS = frozenset({".mp4", ".webm", ".mov", ".mkv", ".avi", ".gif"})

PNG_END = b"IEND\xaeB`\x82"

_MOMENT = (
    r"^(?P<name>.+)_(?:e(?P<epoch>\d{6,})|(?P<step>\d{6,}))_(?P<prompt>\d{2,})_(?P<time>\d{14})(?:_(?P<seed>\d+))?"
)
_PICTURE = re.compile(_MOMENT + r"_(?P<index>\d{3,})$")
_VIDEO = re.compile(_MOMENT + r"$")


@dataclass(frozen=True)
class Sample:
    """One drawn picture or clip. `moment` is (epoch, None) or (None, step); `time` is when it was drawn, YYYYmmddHHMMSS."""

    file: str
    name: str
    prompt: int
    epoch: int | None
    step: int | None
    time: str
    seed: int | None
    video: bool
    size: int
    modified: float

    @property
    def moment(self) -> tuple[int | None, int | None]:
        return self.epoch, self.step


@dataclass(frozen=True)
class Row:
    """The samples of one moment, one cell a prompt; None where that prompt was not drawn (or not yet)."""

    epoch: int | None
    step: int | None
    cells: tuple[Sample | None, ...]

    @property
    def label(self) -> str:
        """`epoch 2`, `step 250`, in the current language; 0 is what the engine draws before the first step."""
        if not self.epoch and not self.step:
            return t("results.samples.start")
        return t("results.samples.epoch", n=self.epoch) if self.epoch else t("results.samples.step", n=self.step)


@dataclass(frozen=True)
class Grid:
    """`prompts` are the texts of the columns; `rows` stand in the order they were drawn, the newest last."""

    prompts: tuple[str, ...]
    rows: tuple[Row, ...]


def parse_name(file: str) -> dict[str, str] | None:
    """What a sample's file name says: name, epoch or step, prompt, time, seed, index. None when it is no sample's name."""
    stem, _, suffix = file.rpartition(".")
    suffix = f".{suffix.lower()}"
    pattern = _PICTURE if suffix in PICTURES else _VIDEO if suffix in VIDEOS else None
    found = pattern.match(stem) if pattern else None
    return {key: value for key, value in found.groupdict().items() if value is not None} if found else None


def list_samples(folder: Path) -> list[Sample]:
    """Every sample in a folder by the time it was drawn. A missing folder has none."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        named = parse_name(path.name)
        if named is None:
            continue
        try:
            state = path.stat()
        except OSError:
            continue
        if _whole(path, state.st_size):
            found.append(_sample(path.name, named, state.st_size, state.st_mtime))
    return sorted(found, key=lambda sample: (sample.time, sample.prompt, sample.file))


def _whole(path: Path, size: int) -> bool:
    """Not a picture that is being written: browsers would keep its half for ever, because its address never changes."""
    if path.suffix.lower() != ".png":
        return size > 0
    try:
        with path.open("rb") as handle:
            handle.seek(max(0, size - len(PNG_END)))
            return handle.read() == PNG_END
    except OSError:
        return False


def _sample(file: str, named: dict[str, str], size: int, modified: float) -> Sample:
    def whole(key: str) -> int | None:
        return int(named[key]) if key in named else None

    video = Path(file).suffix.lower() in VIDEOS
    return Sample(
        file,
        named["name"],
        int(named["prompt"]),
        whole("epoch"),
        whole("step"),
        named["time"],
        whole("seed"),
        video,
        size,
        modified,
    )


def prompts(path: Path) -> tuple[str, ...]:
    """The prompts' texts in a task's sample_prompts.json (strings or objects); () when there is none."""
    try:
        rows: Any = read_json(path)
    except (OSError, UserError):
        return ()
    if not isinstance(rows, list):
        return ()
    return tuple(str(row.get("prompt", "")) if isinstance(row, dict) else str(row) for row in rows)


def samples(ws: Workspace, task_id: str) -> Grid:
    """A run's samples as rows of moments x columns of prompts; of several drawn at one moment the newest is shown."""
    place = places(ws, task_id)
    done = before(ws, task_id)
    found = [_moved(sample, done.get(sample.name, BEGINNING)) for sample in list_samples(place.samples)]
    texts = prompts(place.prompts)
    width = max([len(texts), *(sample.prompt + 1 for sample in found)], default=0)
    newest: dict[tuple[int | None, int | None], dict[int, Sample]] = {}
    for sample in found:
        row = newest.pop(sample.moment, {})
        newest[sample.moment] = {**row, sample.prompt: sample}
    rows = tuple(Row(*moment, tuple(cells.get(i) for i in range(width))) for moment, cells in newest.items())
    return Grid(texts + ("",) * (width - len(texts)), rows)


def _moved(sample: Sample, done: Resume) -> Sample:
    """Counted from the beginning of the task, not of the start that drew it."""
    epoch, step = sample.moment
    return replace(
        sample, epoch=None if epoch is None else epoch + done.epoch, step=None if step is None else step + done.step
    )


def sample_path(ws: Workspace, task_id: str, file: str) -> Path:
    """The sample to serve. Raises UserError core.bad_id, core.outside, results.no_file."""
    if parse_name(file) is None:
        raise UserError("results.no_file", name=file[:120])
    return output_file(places(ws, task_id).samples, file, PICTURES | VIDEOS)
