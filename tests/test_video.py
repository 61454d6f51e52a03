"""datasets/clips/video.py and posters.py: real clips of every container, and files that only look like one."""

from __future__ import annotations

import builtins
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets.clips import posters, video
from tests import clips, pictures


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm", ".gif", ".avi"])
def test_every_container(tmp_path: Path, ending: str) -> None:
    fps = 10 if ending == ".gif" else 15
    found = video.probe(clips.clip(tmp_path / f"a{ending}", 30, fps))
    assert (found.width, found.height, found.frames, found.ext) == (96, 64, 30, ending)
    assert (round(found.fps, 2), found.variable, found.turned) == (fps, False, 0)
    assert abs(found.duration - 30 / fps) < 0.1


@pytest.mark.parametrize(("codec", "name"), [("mpeg4", "mpeg4"), ("libx264", "h264")])
def test_codec_is_named(tmp_path: Path, codec: str, name: str) -> None:
    assert video.probe(clips.clip(tmp_path / "a.mp4", codec=codec)).codec == name


def test_uneven_frames_are_noticed(tmp_path: Path) -> None:
    found = video.probe(clips.clip(tmp_path / "a.mkv", 31, uneven=True))
    assert found.variable and found.frames == 31
    assert abs(found.fps - 30 / (10 * 0.166)) < 0.2


@pytest.mark.parametrize("fps", [23.976, 29.97, 60])
def test_even_frames_are_even(tmp_path: Path, fps: float) -> None:
    for ending in (".mp4", ".mkv"):
        found = video.probe(clips.clip(tmp_path / f"a{ending}", 70, fps))
        assert not found.variable and abs(found.fps - fps) < 0.01


def test_packets_are_counted_where_decoding_would_take_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "CHEAP", 1)
    for ending in (".mp4", ".webm", ".mkv", ".gif", ".avi"):
        seen = video.look(clips.clip(tmp_path / f"a{ending}", 40, 10))
        assert seen.clip.frames == 40 and len(seen.pictures) == 5
        corner = [picture.convert("L").point(lambda grey: 255 * (grey > 160)).getbbox() for picture in seen.pictures]
        assert len(set(corner)) == 5, "five unlike places"


def test_turned_clip_is_upright_and_says_so(tmp_path: Path) -> None:
    seen = video.look(clips.clip(tmp_path / "a.mov", turned=90))
    assert (seen.clip.width, seen.clip.height, seen.clip.turned) == (64, 96, 90)
    assert seen.pictures[0].size == (64, 96)


def test_poster_is_not_black(tmp_path: Path) -> None:
    source = clips.clip(tmp_path / "a.mp4", 40, size=(640, 360), black=6)
    found = posters.make_previews(source, tmp_path / "medium", tmp_path / "preview")
    assert found.frames == 40
    with Image.open(tmp_path / "medium.jpg") as medium, Image.open(tmp_path / "preview.jpg") as preview:
        assert medium.size == (640, 360) and preview.size == (512, 288)
        assert sum(medium.resize((1, 1)).getpixel((0, 0))) > 100
    with Image.open(tmp_path / "preview.strip.jpg") as strip:
        assert strip.size == (1280, 180)


def test_strip_is_made_again(tmp_path: Path) -> None:
    source = clips.clip(tmp_path / "a.mp4", 1)
    made = posters.make_strip(source, tmp_path / "x")
    with Image.open(made) as strip:
        assert strip.size == (384, 64)


def test_moving_webp(tmp_path: Path) -> None:
    source = clips.moving_webp(tmp_path / "a.webp", 8)
    found = video.probe(source)
    assert video.is_clip(source) and (found.frames, found.fps, found.duration) == (8, 10.0, 0.8)
    pictures.picture(1).save(tmp_path / "still.webp")
    assert not video.is_clip(tmp_path / "still.webp")
    with pytest.raises(UserError) as caught:
        video.probe(tmp_path / "still.webp")
    assert caught.value.key == "datasets.skip.still"


def test_truncated_files_are_named(tmp_path: Path) -> None:
    for ending in (".mp4", ".mkv", ".webm", ".avi"):
        whole = clips.clip(tmp_path / f"a{ending}", 60, size=(320, 240))
        data = whole.read_bytes()
        for share in (0.3, 0.6):
            cut = tmp_path / f"cut{ending}"
            cut.write_bytes(data[: int(len(data) * share)])
            with pytest.raises(UserError) as caught:
                video.probe(cut)
            assert caught.value.key in (
                "datasets.skip.clip_cut", "datasets.skip.not_a_clip", "datasets.skip.clip_damaged", "datasets.skip.clip_no_frame",
            )  # fmt: skip


def playlist(path: Path, inner: Path) -> Path:
    rows = ["#EXTM3U", "#EXT-X-TARGETDURATION:10", "#EXTINF:10,", inner.as_uri(), "#EXT-X-ENDLIST"]
    path.write_text("\n".join(rows), "utf-8")
    return path


def test_hostile_files_are_sentences(tmp_path: Path) -> None:
    inner = clips.clip(tmp_path / "inner.mp4")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is not a clip " * 100, "utf-8")
    (tmp_path / "concat.mp4").write_text(f"ffconcat version 1.0\nfile '{inner.name}'\n", "utf-8")
    cases = {
        "empty.mp4": "empty",
        "text.mp4": "not_a_clip",
        "concat.mp4": "not_a_clip",
        playlist(tmp_path / "list.mp4", inner).name: "not_a_clip",
        pictures.jpeg(tmp_path / "photo.mp4").name: "not_a_clip",
        clips.song(tmp_path / "song.mp4").name: "clip_sound",
        clips.clip(tmp_path / "tiny.gif", size=(8, 8)).name: "tiny",
    }
    for name, key in cases.items():
        with pytest.raises(UserError) as caught:
            video.probe(tmp_path / name)
        assert caught.value.key == f"datasets.skip.{key}", name
        assert "datasets." not in str(caught.value)


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.clip(tmp_path / "a.mp4")
    for name, value, key in (
        ("MOST_FRAMES", 20, "clip_long"),
        ("MOST_PIXELS", 4000, "clip_large"),
        ("LONGEST_LOOK", -1.0, "clip_slow"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(video, name, value)
            with pytest.raises(UserError) as caught:
                video.probe(source)
            assert caught.value.key == f"datasets.skip.{key}"


def test_without_av_it_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clips.clip(tmp_path / "a.mp4")
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "av":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match="package av"):
        video.probe(source)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".gif", ".avi"])
def test_scribbled_files_are_clips_or_sentences(tmp_path: Path, ending: str) -> None:
    dice = random.Random(5)
    whole = clips.clip(tmp_path / f"a{ending}", 24, 10).read_bytes()
    for number in range(25):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 5, 50))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        target = tmp_path / f"x{ending}"
        target.write_bytes(bytes(data[: dice.randrange(1, len(data)) if number % 3 == 0 else len(data)]))
        try:
            assert video.look(target).pictures
        except UserError as error:
            assert error.key.startswith("datasets.skip.") and not str(error).startswith("datasets.")
