"""datasets/curation/face_weights: downloads that go on, checks before use, the user's own files. A local server, real sockets."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import face_weights
from tagtrainer.datasets.curation.face_weights import WEIGHTS, Weights, download
from tagtrainer.workspace import Workspace

DATA = bytes(range(256)) * 2000


@dataclass
class Hub:
    """A server of one file. `cut`: bytes after which the connection ends; `ranges`: whether it goes on."""

    url: str = ""
    cut: int = 0
    ranges: bool = True
    status: int = 200
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def hub() -> Iterator[Hub]:
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range") or ""
            state.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if state.ranges else 0
            if state.status != 200 or start >= len(DATA):
                self.send_error(state.status if state.status != 200 else 416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(DATA) - start))
            self.end_headers()
            end, state.cut = state.cut or len(DATA), 0
            self.wfile.write(DATA[start:end])

        def log_message(self, *rest: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/model.onnx"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of these tests are no network; tests of the check itself put it back."""
    monkeypatch.setattr(face_weights, "_check", lambda name, path: None)


def weights(*urls: str, sha256: str = hashlib.sha256(DATA).hexdigest()) -> Weights:
    return Weights("yunet", "model.onnx", urls, sha256, len(DATA), "MIT")


def test_a_download_that_is_cut_goes_on_where_it_stopped(ws: Workspace, hub: Hub) -> None:
    hub.cut, seen = 200_000, []
    with pytest.raises(UserError) as caught:
        download(ws, "yunet", weights=weights(hub.url))
    assert caught.value.key == "curation.download_failed" and face_weights.path_of(ws, "yunet") is None
    path = download(ws, "yunet", lambda n, total, _: seen.append((n, total)), weights(hub.url))
    assert path.read_bytes() == DATA and hub.asked == ["", "bytes=200000-"]
    assert seen[0][0] >= 200_000 // 1024 and seen[-1] == (500, 500) and list(path.parent.glob("*.part")) == []
    download(ws, "yunet", weights=weights(hub.url))
    assert len(hub.asked) == 2, "what is here is not fetched again"


def test_a_server_that_cannot_go_on_sends_all_of_it_again(ws: Workspace, hub: Hub) -> None:
    hub.cut, hub.ranges = 100_000, False
    with pytest.raises(UserError):
        download(ws, "yunet", weights=weights(hub.url))
    assert download(ws, "yunet", weights=weights(hub.url)).read_bytes() == DATA


def test_the_second_address_is_tried_when_the_first_fails(ws: Workspace, hub: Hub) -> None:
    assert download(ws, "yunet", weights=weights("http://127.0.0.1:9/x", hub.url)).read_bytes() == DATA


def test_a_wrong_file_is_thrown_away(ws: Workspace, hub: Hub) -> None:
    with pytest.raises(UserError) as caught:
        download(ws, "yunet", weights=weights(hub.url, sha256="0" * 64))
    assert caught.value.key == "curation.wrong_file" and list(face_weights.folder(ws).iterdir()) == []


def test_a_part_that_is_whole_already_is_taken(ws: Workspace, hub: Hub) -> None:
    part = face_weights.folder(ws) / "model.onnx.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA)
    assert download(ws, "yunet", weights=weights(hub.url)).read_bytes() == DATA


def test_an_error_of_the_server_is_a_sentence_with_the_folder_for_doing_it_by_hand(ws: Workspace, hub: Hub) -> None:
    hub.status = 503
    with pytest.raises(UserError) as caught:
        download(ws, "yunet", weights=weights(hub.url))
    assert str(face_weights.folder(ws)) in str(caught.value) and "503" in str(caught.value)


def test_files_that_opencv_cannot_load_are_refused(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2")
    monkeypatch.undo()
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"no network")
    for name in ("yunet", "sface"):
        with pytest.raises(UserError) as caught:
            face_weights.use(ws, name, junk)  # type: ignore[arg-type]
        assert caught.value.key == "curation.bad_weights"
    with pytest.raises(UserError) as caught:
        face_weights.use(ws, "yunet", tmp_path / "nothing.onnx")
    assert caught.value.key == "curation.no_weights"


def test_the_users_own_file_comes_first_and_can_be_taken_back(ws: Workspace, tmp_path: Path, hub: Hub) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"x")
    face_weights.use(ws, "yunet", own)
    assert face_weights.path_of(ws, "yunet") == own and face_weights.path_of(ws, "sface") is None
    face_weights.use(ws, "yunet", None)
    assert face_weights.path_of(ws, "yunet") is None


def test_the_real_addresses_are_opencvs_and_their_licences_are_free() -> None:
    for known in WEIGHTS.values():
        assert known.licence in ("MIT", "Apache-2.0") and len(known.sha256) == 64
        assert all(url.startswith("https://") and "opencv" in url and url.endswith(known.file) for url in known.urls)
