"""Where the weights of the face networks lie: downloaded from OpenCV's model zoo, or a file that the user names.

Must not use them. A download goes on where it was cut, is checked, and only then gets its name.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tagtrainer.core.files import read_json, sha256_of, write_error, write_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import extras
from tagtrainer.datasets.curation.face_models import Detector, Embedder, Haar, open_sface, open_yunet
from tagtrainer.workspace import Workspace

Name = Literal["yunet", "sface"]
BLOCK = 1 << 16
TIMEOUT = 30.0


@dataclass(frozen=True)
class Weights:
    """A file of weights: where it comes from (tried in this order), what it must be, under which licence."""

    name: Name
    file: str
    urls: tuple[str, ...]
    sha256: str
    bytes: int
    licence: str


_HUB, _ZOO = "https://huggingface.co/opencv", "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models"
_YUNET, _SFACE = "face_detection_yunet_2023mar.onnx", "face_recognition_sface_2021dec.onnx"
WEIGHTS: dict[Name, Weights] = {
    "yunet": Weights(
        "yunet", _YUNET,
        (f"{_HUB}/face_detection_yunet/resolve/main/{_YUNET}", f"{_ZOO}/face_detection_yunet/{_YUNET}"),
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", 232_589, "MIT",
    ),
    "sface": Weights(
        "sface", _SFACE,
        (f"{_HUB}/face_recognition_sface/resolve/main/{_SFACE}", f"{_ZOO}/face_recognition_sface/{_SFACE}"),
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79", 38_696_353, "Apache-2.0",
    ),
}  # fmt: skip
"""Sums and sizes are those in the zoo's own Git LFS pointers."""


def folder(ws: Workspace) -> Path:
    """Where downloaded weights lie."""
    return ws.runtime / "faces"


def _check(name: Name, path: Path) -> None:
    """Raises UserError when OpenCV cannot use the file."""
    if name == "yunet":
        open_yunet(path)
    else:
        open_sface(path)


def use(ws: Workspace, name: Name, path: Path | None) -> None:
    """Use the user's own file from now on (None: the downloaded one again). Raises UserError when it cannot be used."""
    if path is not None:
        _check(name, path.expanduser().resolve())
    known = _chosen(ws)
    known.pop(name, None)
    if path is not None:
        known[name] = str(path.expanduser().resolve())
    write_json(folder(ws) / "weights.json", known)


def _chosen(ws: Workspace) -> dict[str, str]:
    try:
        found = read_json(folder(ws) / "weights.json")
    except (FileNotFoundError, UserError):
        return {}
    return {str(name): str(path) for name, path in found.items()} if isinstance(found, dict) else {}


def path_of(ws: Workspace, name: Name) -> Path | None:
    """The file of a model if there is one: the user's own, else the downloaded one."""
    own = _chosen(ws).get(name)
    paths = ([Path(own)] if own else []) + [folder(ws) / WEIGHTS[name].file]
    return next((path for path in paths if path.is_file()), None)


def detector(ws: Workspace, given: Path | None = None) -> Detector:
    """The best face finder there is: the given file, YuNet, else Haar. Raises UserError curation.no_opencv, ..."""
    path = given or path_of(ws, "yunet")
    return open_yunet(path) if path is not None else Haar()


def detector_if_any(ws: Workspace) -> Detector | None:
    """As `detector`, None where OpenCV is not installed or has lost its face finder."""
    try:
        return detector(ws) if extras.has_opencv() else None
    except UserError as error:
        if error.key in ("curation.opencv_5", "curation.no_opencv"):
            return None
        raise


def embedder(ws: Workspace, given: Path | None = None) -> Embedder | None:
    """SFace from the given file or what was chosen or downloaded; None when there is none."""
    path = given or path_of(ws, "sface")
    return open_sface(path) if path is not None else None


def download(ws: Workspace, name: Name, on_progress: OnProgress = silent, weights: Weights | None = None) -> Path:
    """Fetch weights unless they are here; goes on with what an earlier attempt left. Progress counts kilobytes.

    Raises UserError curation.download_failed (no address answers), curation.wrong_file, curation.bad_weights.
    """
    wanted = weights or WEIGHTS[name]
    target = folder(ws) / wanted.file
    if target.is_file():
        return target
    part = target.with_name(f"{wanted.file}.part")
    reasons = []
    for url in wanted.urls:
        try:
            _fetch(url, part, wanted.bytes, lambda n, total: on_progress(n // 1024, total // 1024, wanted.file))
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, EOFError) as error:
            reasons.append(f"{url}: {error}")
            continue
        _finish(name, wanted, part, target)
        return target
    raise UserError("curation.download_failed", file=wanted.file, reason="; ".join(reasons), folder=folder(ws))


def _finish(name: Name, wanted: Weights, part: Path, target: Path) -> None:
    if wanted.sha256 and sha256_of(part) != wanted.sha256:
        part.unlink(missing_ok=True)
        raise UserError("curation.wrong_file", file=wanted.file)
    try:
        _check(name, part)
    except UserError:
        part.unlink(missing_ok=True)
        raise
    part.replace(target)


def _fetch(url: str, part: Path, size: int, report: Callable[[int, int], None]) -> None:
    """Bring `part` to its full length. EOFError when the connection ended early; what came stays for the next attempt."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
    except OSError as error:
        raise write_error(part, error) from error
    request = urllib.request.Request(url, headers={"User-Agent": "tagtrainer", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what lies here is as long as the file, or longer: it is judged, or begun anew
            return
        raise
    with answer:
        resumed = answer.status == 206
        rest = int(answer.headers.get("Content-Length") or 0)
        have = have if resumed else 0
        total = have + rest if rest else size
        _copy(answer, part, "ab" if resumed else "wb", have, total, report)


def _copy(answer: Any, part: Path, mode: str, have: int, total: int, report: Callable[[int, int], None]) -> None:
    try:
        handle = part.open(mode)
    except OSError as error:
        raise write_error(part, error) from error
    with handle:
        while block := answer.read(BLOCK):
            try:
                handle.write(block)
            except OSError as error:
                raise write_error(part, error) from error
            have += len(block)
            report(min(have, total), total)
    if have < total:
        raise EOFError(f"{have} of {total} bytes")
