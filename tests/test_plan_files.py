"""What a task is frozen into: dataset.toml and its lines, scripts that run by hand, upright copies, fitting caches."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tagtrainer.core.buckets import bucket_for
from tagtrainer.core.steps import Step
from tagtrainer.core.text import UserError
from tagtrainer.training import dataset_config, readable, sample_prompts, scripts, staleness
from tagtrainer.training.dataset_config import Picture, Shape, Source
from tagtrainer.workspace import Workspace
from tests.profiles import DISPLAY_P3, SRGB, rgb_profile

SHAPE = Shape((128, 128), True, False)


def picture(path: Path, size: tuple[int, int] = (300, 200), caption: str = "a cat") -> Picture:
    return Picture(path.stem, path, size, caption)


def write_cache(path: Path, keys: dict[str, list[int]], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file of float32 zeros."""
    entries: dict[str, object] = {"__metadata__": metadata or {}}
    end = 0
    for name, shape in keys.items():
        size = 4
        for side in shape:
            size *= side
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    head = json.dumps(entries).encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(end))


def write_both(folder: Path, one: Picture, shape: Shape = SHAPE, caption: str | None = None) -> None:
    width, height = bucket_for(one.size, shape.resolution, shape.enable_bucket, shape.no_upscale)
    name = f"latents_1x{height // 8}x{width // 8}_float32"
    write_cache(folder / staleness.latent_name(one, "qi"), {name: [16, 1, height // 8, width // 8]})
    words = {"caption1": one.caption if caption is None else caption}
    write_cache(folder / staleness.text_name(one, "qi"), {"varlen_vl_embed_float32": [3, 4]}, words)


# dataset.toml


def test_config_says_everything(tmp_path: Path) -> None:
    one = picture(tmp_path / "a-1.png", caption="  a cat\nsecond line  ")
    source = Source(
        "pets", 3, 2, SHAPE, tmp_path / "cache", (one, picture(tmp_path / "猫 2.jpg", caption="雪 “quoted”"))
    )
    path = dataset_config.write(tmp_path / "task", [source])
    table = tomllib.loads(path.read_text("utf-8"))["datasets"][0]
    assert table["resolution"] == [128, 128] and table["num_repeats"] == 3 and table["batch_size"] == 2
    assert table["enable_bucket"] is True and table["bucket_no_upscale"] is False
    raw = (tmp_path / "task" / "dataset_0.jsonl").read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf") and not raw.endswith(b"\n") and b"\n\n" not in raw
    rows = [json.loads(line) for line in raw.decode("utf-8").split("\n")]
    assert rows[0] == {"image_path": (tmp_path / "a-1.png").as_posix(), "caption": "a cat\nsecond line"}
    assert rows[1]["caption"] == "雪 “quoted”"


def test_a_line_break_that_only_unicode_knows_stays_in_its_line(tmp_path: Path) -> None:
    text = dataset_config.jsonl([picture(tmp_path / "a.png", caption="one\u2028two\u0085three\x0bfour")])
    (tmp_path / "x").write_text(text, "utf-8")
    with (tmp_path / "x").open(encoding="utf-8") as handle:
        assert len(list(handle)) == 1


def test_unlike_shapes_never_share_a_cache(ws: Workspace) -> None:
    shapes = [SHAPE, Shape((128, 128), False, False), Shape((128, 128), True, True), Shape((128, 144), True, False)]
    folders = {dataset_config.cache_folder(ws, "d", "rehearsal", "qwen_image", "original", shape) for shape in shapes}
    folders |= {dataset_config.cache_folder(ws, "d", "musubi-tuner", "qwen_image", "edit", SHAPE)}
    assert len(folders) == 5
    assert not any(letter in str(folder.relative_to(ws.root)) for folder in folders for letter in "[]*?")


# caches


def test_fresh_caches_stay(tmp_path: Path) -> None:
    one, two = picture(tmp_path / "a-1.png"), picture(tmp_path / "b-2.png", (200, 300))
    for each in (one, two):
        write_both(tmp_path / "c", each)
    staleness.remember(tmp_path / "c", {"latents": "v", "text": "t"})
    found = staleness.survey(tmp_path / "c", [one, two], SHAPE, "qi", made_with={"latents": "v", "text": "t"})
    assert (found.fresh, found.missing, found.stale, found.foreign) == (4, 0, {}, [])


def test_exactly_the_changed_ones_go(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    kept, edited, cut, removed = (picture(tmp_path / f"{name}.png") for name in ("kept", "edited", "cut", "removed"))
    for one in (kept, edited, cut, removed):
        write_both(folder, one, caption="old" if one is edited else None)
    whole = (folder / staleness.latent_name(cut, "qi")).read_bytes()
    (folder / staleness.latent_name(cut, "qi")).write_bytes(whole[:-5])
    found = staleness.survey(folder, [kept, edited, cut], SHAPE, "qi")
    assert {path.name: why for path, why in found.stale.items()} == {
        "edited_qi_te.safetensors": "caption",
        "cut_0300x0200_qi.safetensors": "broken",
    }
    assert sorted(path.name for path in found.foreign) == [
        "removed_0300x0200_qi.safetensors",
        "removed_qi_te.safetensors",
    ]
    assert staleness.clean(found) == 4
    assert len(list(folder.glob("*.safetensors"))) == 4


def test_another_bucket_is_stale(tmp_path: Path) -> None:
    one = picture(tmp_path / "a.png")
    write_both(tmp_path / "c", one)
    found = staleness.survey(tmp_path / "c", [one], Shape((256, 256), True, False), "qi")
    assert list(found.stale.values()) == ["size"]


def test_other_weights_make_only_their_part_stale(tmp_path: Path) -> None:
    one = picture(tmp_path / "a.png")
    write_both(tmp_path / "c", one)
    staleness.remember(tmp_path / "c", {"latents": "v", "text": "t"})
    found = staleness.survey(tmp_path / "c", [one], SHAPE, "qi", made_with={"latents": "other", "text": "t"})
    assert [path.name for path in found.stale] == ["a_0300x0200_qi.safetensors"]


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\x10\0\0\0\0\0\0\0{not json......}", b"<html>" * 20])
def test_garbage_is_not_a_cache(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    assert staleness.header(tmp_path / "x.safetensors") is None


# pictures the engine would read wrongly


def test_a_turned_photograph_is_copied_upright(tmp_path: Path) -> None:
    source = Image.new("RGB", (60, 40), "blue")
    source.paste("red", (0, 0, 20, 40))
    exif = source.getexif()
    exif[0x0112] = 6  # turn right to see it upright
    source.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    seen = readable.look(tmp_path / "photo.jpg")
    assert seen.needs_copy and seen.size == (40, 60)
    readable.make(tmp_path / "photo.jpg", tmp_path / "copy.png")
    with Image.open(tmp_path / "copy.png") as copy:
        assert copy.size == (40, 60) and copy.mode == "RGB"
        top, bottom = copy.getpixel((20, 5)), copy.getpixel((20, 55))
    assert isinstance(top, tuple) and isinstance(bottom, tuple)
    assert top[0] > 200 and bottom[2] > 200


def test_plain_pictures_need_no_copy(tmp_path: Path) -> None:
    for mode in ("RGB", "L", "P"):
        Image.new(mode, (10, 12)).save(tmp_path / "x.png")
        assert readable.look(tmp_path / "x.png") == readable.Look((10, 12), False, False)


def test_see_through_becomes_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "x.png")
    assert readable.look(tmp_path / "x.png").needs_copy
    readable.make(tmp_path / "x.png", tmp_path / "y.png")
    with Image.open(tmp_path / "y.png") as copy:
        assert copy.getpixel((4, 4)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    picture16 = Image.new("I;16", (4, 4), 32768)
    picture16.save(tmp_path / "x.png")
    readable.make(tmp_path / "x.png", tmp_path / "y.png")
    with Image.open(tmp_path / "y.png") as copy:
        assert copy.getpixel((1, 1)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_wide_colours_become_srgb_under_a_name_of_their_own(tmp_path: Path, mode: str) -> None:
    plain = Image.new("RGB", (8, 8), (200, 80, 60))
    shown = plain.quantize(4) if mode == "P" else plain.convert(mode)
    shown.save(tmp_path / "x.png", icc_profile=rgb_profile(DISPLAY_P3))
    seen = readable.look(tmp_path / "x.png")
    assert seen.needs_copy and seen.recoloured
    target = readable.copy_path(tmp_path / "copies", tmp_path / "x.png", None, seen.recoloured)
    assert target.stem == "x-srgb", "caches that an earlier run made of the plain numbers must not fit"
    readable.make(tmp_path / "x.png", target)
    with Image.open(target) as copy:
        red, green, blue = copy.getpixel((4, 4))  # type: ignore[misc]
        assert copy.mode == "RGB" and "icc_profile" not in copy.info
    # by the published matrices: P3 (200, 80, 60) lies at sRGB (216, 69, 50)
    assert max(abs(red - 216), abs(green - 69), abs(blue - 50)) <= 2


def test_srgb_under_any_name_and_broken_profiles_need_no_copy(tmp_path: Path) -> None:
    for profile in (rgb_profile(SRGB, "camera"), b"not a profile", rgb_profile(DISPLAY_P3)[:150]):
        Image.new("RGB", (8, 8), "red").save(tmp_path / "x.jpg", icc_profile=profile)
        assert not readable.look(tmp_path / "x.jpg").needs_copy
    Image.new("L", (8, 8)).save(tmp_path / "x.jpg", icc_profile=rgb_profile(DISPLAY_P3))
    assert not readable.look(tmp_path / "x.jpg").needs_copy, "a profile for colours says nothing of greys"


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("<html>", "utf-8")
    with pytest.raises(UserError, match=r"x\.jpg"):
        readable.look(tmp_path / "x.jpg")


# sample prompts


class Options:
    sample_prompts_text = "I love cats --w 9\n\n# not this\n  雪 "
    sample_width, sample_height = 1000, 513
    sample_cfg_scale = 4.0
    sample_seed = 0
    sample_flow_shift = None
    discrete_flow_shift = 2.2


def test_prompts_are_objects_with_a_flow_shift() -> None:
    rows = json.loads(sample_prompts.text(Options()))
    assert [row["prompt"] for row in rows] == ["I love cats --w 9", "雪"]
    assert rows[0]["discrete_flow_shift"] == 2.2 and rows[0]["seed"] == 0 and rows[0]["cfg_scale"] == 4.0
    assert (rows[0]["width"], rows[0]["height"]) == (1000, 512)


# scripts


def show_argv(path: Path) -> list[str]:
    """A program that prints its arguments as JSON."""
    path.write_text("import json, sys; print(json.dumps(sys.argv[1:]))", "utf-8")
    return [sys.executable, str(path)]


WORDS = ["a b", "it's", 'say "hi"', "100%", "$HOME", "a&b|c<d>e^f", "back\\slash\\", "雪 猫", "", "!x!", "*?", "(1)"]


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_sh_gives_every_word_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "it's $here"
    folder.mkdir()
    step = Step(
        name="train", argv=[*show_argv(tmp_path / "p.py"), *WORDS], cwd=str(folder), env={"A": "x 'y'", "B": None}
    )
    script = tmp_path / "train.sh"
    script.write_text(scripts.render([step], "sh"), "utf-8")
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == WORDS


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_sh_stops_at_a_failure(tmp_path: Path) -> None:
    bad = Step(name="one", argv=[sys.executable, "-c", "raise SystemExit(3)"])
    good = Step(name="two", argv=[sys.executable, "-c", "print('second')"])
    (tmp_path / "x.sh").write_text(scripts.render([bad, good], "sh"), "utf-8")
    done = subprocess.run(["sh", str(tmp_path / "x.sh")], capture_output=True, text=True)
    assert done.returncode == 3 and "second" not in done.stdout


def cmd_reads(line: str) -> str:
    """What cmd.exe hands to a program for one line of a batch file: percent signs first, then carets and quotes."""
    assert not re.search(r"(?<!%)%(%%)*(?!%)", line), "a lone percent sign starts a variable"
    line = line.replace("%%", "%")
    out, quoted, index = "", False, 0
    while index < len(line):
        letter = line[index]
        if letter == "^" and not quoted:
            index += 1
            out += line[index : index + 1]
        else:
            assert quoted or letter not in "&|<>()", "cmd would take this for its own"
            quoted ^= letter == '"'
            out += letter
        index += 1
    return out


def runtime_splits(line: str) -> list[str]:
    """How the C runtime splits a command line into arguments (its documented rules)."""
    words, word, quoted, started, index = [], "", False, False, 0
    while index < len(line):
        slashes = len(line[index:]) - len(line[index:].lstrip("\\"))
        index += slashes
        letter = line[index] if index < len(line) else ""
        if letter == '"':
            word += "\\" * (slashes // 2)
            started = True
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
        else:
            word += "\\" * slashes
            started = started or bool(slashes)
            if letter in (" ", "\t") and not quoted:
                if started:
                    words.append(word)
                word, started = "", False
            elif letter:
                word, started = word + letter, True
        index += 1
    return [*words, word] if started else words


@given(
    st.lists(st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), max_size=12), min_size=1, max_size=4)
)
def test_bat_gives_every_word_as_it_is(words: list[str]) -> None:
    assert runtime_splits(cmd_reads(" ".join(scripts.bat_word(word) for word in words))) == words


def test_bat_of_known_words() -> None:
    assert runtime_splits(cmd_reads(" ".join(scripts.bat_word(word) for word in WORDS))) == WORDS
    text = scripts.render([Step(name="train", argv=["C:\\py.exe", *WORDS], cwd="C:\\a b", env={"X": "50%"})], "bat")
    assert "\r\n" in text and 'set "X=50%%"' in text and "chcp 65001" in text


def test_json_is_the_steps() -> None:
    step = Step(name="train", argv=["x", "y z"], cwd="/a", env={"A": "1"}, total=3)
    assert json.loads(scripts.render([step], "json")) == [
        {"name": "train", "argv": ["x", "y z"], "cwd": "/a", "env": {"A": "1"}}
    ]
