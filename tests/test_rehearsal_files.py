"""What the rehearsal reads, refuses and leaves behind: the engine's rules for datasets, caches, files and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tagtrainer.core.buckets import bucket_for
from tagtrainer.engines.rehearsal import architectures, caches, dataset_file, items, pictures, prompts, text, tokens
from tests.rehearsing import rows, stage

ROOT = Path(__file__).resolve().parent.parent
SOURCE = 'image_directory="pictures"\ncache_directory="cache"\n'


def load(tmp_path: Path, content: str, name: str = "dataset.toml") -> list[dataset_file.ImageSet]:
    (tmp_path / name).write_text(content, "utf-8")
    return dataset_file.load(tmp_path / name)


# What the engine says to each, recorded from version 0.3.4.
REFUSED = {
    '[general]\nbatch_sizes=1\n[[datasets]]\n' + SOURCE: "extra keys not allowed @ data['general']['batch_sizes']",
    '[[datasets]]\nfoo=1\n' + SOURCE: "extra keys not allowed @ data['datasets'][0]['foo']",
    'x=1\n[[datasets]]\n' + SOURCE: "extra keys not allowed @ data['x']",
    '[general]\nimage_directory="/x"\n[[datasets]]\n' + SOURCE: "extra keys not allowed @ data['general']['image_directory']",
    '[[datasets]]\nvideo_directory="/x"\n' + SOURCE: "extra keys not allowed @ data['datasets'][0]['image_directory']",
    '[[datasets]]\nresolution=512.0\n' + SOURCE: "expected int for dictionary value @ data['datasets'][0]['resolution']",
    '[[datasets]]\nresolution=[1,2,3]\n' + SOURCE: "expected int for dictionary value @ data['datasets'][0]['resolution']",
    '[[datasets]]\nresolution="512"\n' + SOURCE: "expected int for dictionary value @ data['datasets'][0]['resolution']",
    '[[datasets]]\nbatch_size="2"\n' + SOURCE: "expected int for dictionary value @ data['datasets'][0]['batch_size']",
    '[[datasets]]\nbatch_size=2.0\n' + SOURCE: "expected int for dictionary value @ data['datasets'][0]['batch_size']",
    '[[datasets]]\nenable_bucket=1\n' + SOURCE: "expected bool for dictionary value @ data['datasets'][0]['enable_bucket']",
    '[[datasets]]\ncaption_extension=1\n' + SOURCE: (
        "expected str for dictionary value @ data['datasets'][0]['caption_extension']"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), REFUSED.items())
def test_configurations_are_refused_in_the_engines_words(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(dataset_file.MultipleInvalid) as caught:
        load(tmp_path, content)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        ("[general]\n", AssertionError, "datasets should not be an empty iterable"),
        ("[[datasets]]\nbatch_size=1\n", ValueError, "Unsupported architecture"),
        ('[[datasets]]\nimage_jsonl_file="x.jsonl"\n', AssertionError, "cache_directory is required"),
        (f"[[datasets]]\n{SOURCE}[[datasets]]\n{SOURCE}", ValueError, "cache directory should be unique"),
        ("[[datasets]\n", ValueError, "Expected"),
    ],
)
def test_configurations_that_make_no_sense(tmp_path: Path, content: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        load(tmp_path, content)


def test_general_gives_way_to_the_dataset_and_json_is_read_too(tmp_path: Path) -> None:
    general = "[general]\nresolution=512\nbatch_size=3\n[[datasets]]\nbatch_size=1\nnum_repeats=4\n" + SOURCE
    found = load(tmp_path, general)[0]
    assert (found.resolution, found.batch_size, found.num_repeats, found.enable_bucket) == ((512, 512), 1, 4, False)
    told = {"datasets": [{"image_directory": "pictures"}]}
    assert load(tmp_path, json.dumps(told), "dataset.json")[0].cache_directory == "pictures"
    with pytest.raises(ValueError, match="not supported config file format"):
        load(tmp_path, "", "dataset.yaml")
    with pytest.raises(ValueError, match="file not found"):
        dataset_file.load(tmp_path / "nothing.toml")


def listed(tmp_path: Path, content: str) -> list[items.Item]:
    (tmp_path / "data.jsonl").write_text(content, "utf-8")
    return items.of(dataset_file.ImageSet(image_jsonl_file=str(tmp_path / "data.jsonl"), cache_directory="c"))


def test_lists_are_read_as_strictly_as_by_the_engine(tmp_path: Path) -> None:
    good = '{"image_path": "a.png", "caption": " snow 雪 "}'
    assert listed(tmp_path, good + "\n") == [items.Item("a.png", " snow 雪 ")]
    for bad in (good + "\n\n", "\ufeff" + good, '{"caption":'):
        with pytest.raises(json.JSONDecodeError):
            listed(tmp_path, bad)
    with pytest.raises(KeyError, match="caption"):
        listed(tmp_path, '{"image_path": "a.png"}')
    with pytest.raises(FileNotFoundError):
        items.of(dataset_file.ImageSet(image_jsonl_file=str(tmp_path / "no.jsonl"), cache_directory="c"))


def test_a_folders_pictures_without_caption_are_left_out(tmp_path: Path) -> None:
    for name in ("a.png", "b.PNG", "c.Png", "d.jpg"):
        Image.new("RGB", (64, 64)).save(tmp_path / name, format="PNG")
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text(f" {name} \n", "utf-8")
    known = dataset_file.ImageSet(image_directory=str(tmp_path), cache_directory="c", caption_extension=".txt")
    assert [(Path(item.key).name, item.caption) for item in items.of(known)] == [("a.png", "a"), ("b.PNG", "b")]
    with pytest.raises(FileNotFoundError):
        items.of(dataset_file.ImageSet(image_directory=str(tmp_path), cache_directory="c"))
    assert items.of(dataset_file.ImageSet(image_directory=str(tmp_path / "no"), cache_directory="c")) == []


def test_batches_come_as_they_fill_up(tmp_path: Path) -> None:
    found = []
    for number, size in enumerate([(192, 128), (128, 192), (160, 160), (200, 120), (160, 160), (192, 128)]):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
        found.append(items.Item(str(tmp_path / f"{number}.png"), ""))
    known = dataset_file.ImageSet(resolution=(128, 128), batch_size=2, enable_bucket=True, cache_directory="c")
    order = [[Path(one.item.key).stem for one in batch] for batch in items.batches(found, known, 16)]
    assert order == [["0", "3"], ["2", "4"], ["1"], ["5"]]  # as recorded from the engine


def test_caches_have_the_engines_names_and_headers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = stage(tmp_path)
    assert made.cache_latents() == made.cache_text() == 0
    said = capsys.readouterr()
    assert "Saving cache for item" in said.out and "3it [" not in said.out and "Item 0: " in said.out
    qwen = architectures.QWEN_IMAGE
    for row in rows(tmp_path / "pictures"):
        path = Path(row["image_path"])
        with Image.open(path) as picture:
            size = picture.size
        sized = items.Sized(items.Item(str(path), row["caption"]), size, bucket_for(size, (128, 128)))
        latents = caches.latents_path(str(made.caches), sized, qwen)
        assert latents.name == f"{path.stem}_{size[0]:04d}x{size[1]:04d}_qi.safetensors"
        header = told(latents)
        assert header["__metadata__"] == {
            "architecture": "qwen_image", "width": str(size[0]), "height": str(size[1]), "format_version": "1.0.1",
        }  # fmt: skip
        width, height = sized.bucket
        assert header[f"latents_1x{height // 8}x{width // 8}_float32"]["shape"] == [16, 1, height // 8, width // 8]
        words = told(caches.text_path(str(made.caches), sized.item, qwen))
        assert words["__metadata__"]["caption1"] == row["caption"]
        assert "varlen_vl_embed_float32" in words
    assert len(list(made.caches.iterdir())) == 8


def told(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file."""
    data = path.read_bytes()
    return dict(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]))


def test_existing_caches_are_kept_or_made_again_as_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = stage(tmp_path)
    made.cache_latents()
    made.cache_text()
    before = {path.name: path.stat().st_mtime_ns for path in made.caches.iterdir()}
    changed = rows(tmp_path / "pictures")
    changed[0]["caption"] = "another caption"
    made.write(changed, resolution=[256, 256])
    made.cache_latents("--skip_existing")
    made.cache_text("--skip_existing")
    assert {path.name: path.stat().st_mtime_ns for path in made.caches.iterdir()} == before
    made.cache_latents()
    with caplog.at_level("WARNING"):
        made.cache_text()
    assert "caption mismatch: existing=sks toy, toy 00 图, new=another caption, overwrite" in caplog.text
    assert {path.name for path in made.caches.iterdir()} == set(before)
    assert all(path.stat().st_mtime_ns != before[path.name] for path in made.caches.iterdir())


def test_caches_of_nobody_go_unless_they_are_to_be_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = stage(tmp_path)
    made.cache_latents()
    made.cache_text()
    made.write([])
    with caplog.at_level("INFO"):
        made.cache_latents("--keep_cache")
        assert len(list(made.caches.iterdir())) == 8
        made.cache_latents()
        made.cache_text()
    assert caplog.text.count("Removed old cache file: ") == 8
    assert list(made.caches.iterdir()) == []
    with pytest.raises(ValueError, match="No training items found"):
        made.train()


def test_training_reads_the_cache_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = stage(tmp_path)
    made.cache_latents()
    made.cache_text()
    assert len(made.training("--max_train_epochs", "1").work.data) == 2
    next(made.caches.glob("*_te.safetensors")).unlink()
    with caplog.at_level("WARNING"):
        assert made.training("--max_train_epochs", "1").work.data.items == 3
    assert "Text encoder output cache file not found: " in caplog.text
    made.write([])
    assert made.training("--max_train_epochs", "1").work.data.items == 3, "pictures that are gone are still trained"


def test_brackets_in_the_cache_folder_hide_the_caches(tmp_path: Path) -> None:
    (tmp_path / "set[1]").mkdir()
    made = stage(tmp_path / "set[1]")
    made.cache_latents()
    made.cache_text()
    assert len(list(made.caches.iterdir())) == 8
    with pytest.raises(ValueError, match="No training items found"):
        made.train()


def test_unlike_latents_cannot_be_one_batch(tmp_path: Path) -> None:
    made = stage(tmp_path, 4)
    made.cache_latents()
    made.cache_text()
    for path in list(made.caches.glob("toy 00*"))[:1]:
        path.unlink()
    made.write(rows(tmp_path / "pictures"), resolution=[256, 256])
    made.cache_latents("--skip_existing")
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        made.train("--max_train_epochs", "1")


def test_checkpoints_and_states_come_and_go(tmp_path: Path) -> None:
    made = stage(tmp_path, 4)
    made.cache_latents()
    made.cache_text()
    epochs = ["--max_train_epochs=6", "--save_every_n_epochs=2", "--save_last_n_epochs=1"]
    steps = ["--save_every_n_steps=3", "--save_last_n_steps=3"]
    assert made.train(*epochs, *steps, "--save_state", "--save_precision=bf16") == 0
    found = {path.name for path in made.output.iterdir()}
    stems = {"toy", "toy-000004", *(f"toy-step{step:08d}" for step in (9, 12))}
    assert found == {f"{stem}.safetensors" for stem in stems} | {f"{stem}-state" for stem in stems}
    header = told(made.output / "toy.safetensors")
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"BF16"}
    metadata = header["__metadata__"]
    assert metadata["tagtrainer.rehearsal"] == "1"
    assert (metadata["ss_steps"], metadata["ss_epoch"], metadata["ss_num_train_items"]) == ("12", "6", "4")
    assert told(made.output / "toy-step00000009.safetensors")["__metadata__"]["ss_epoch"] == "4"
    names = [name for name in header if name.endswith(".lora_down.weight")]
    assert len(names) == 24 and all(name.startswith("lora_unet_transformer_blocks_") for name in names)
    assert made.train("--max_train_epochs", "1", "--no_metadata", "--output_name", "bare") == 0
    kept = set(told(made.output / "bare.safetensors")["__metadata__"]) - {"tagtrainer.rehearsal"}
    assert kept <= {
        "ss_base_model_version",
        "ss_network_module",
        "ss_network_dim",
        "ss_network_alpha",
        "ss_network_args",
    }


def test_samples_are_drawn_when_and_as_asked(tmp_path: Path) -> None:
    made = stage(tmp_path, 4)
    made.cache_latents()
    made.cache_text()
    told = [
        {"prompt": "toy", "width": 100, "height": 64, "sample_steps": 2, "seed": 5, "cfg_scale": 3},
        {"prompt": "雪"},
    ]
    (tmp_path / "prompts.json").write_text(json.dumps(told), "utf-8")
    words = ["--sample_prompts", str(tmp_path / "prompts.json"), "--sample_every_n_epochs", "2", "--sample_at_first"]
    assert made.train("--max_train_epochs", "3", *words, "--sample_every_n_steps", "5") == 0
    found = sorted(path.name for path in (made.output / "sample").iterdir())
    moments = sorted("_".join((name.split("_")[1], name.split("_")[2], *name.split("_")[4:])) for name in found)
    assert moments == [
        "000005_00_5_000.png", "000005_01_000.png", "e000000_00_5_000.png", "e000000_01_000.png",
        "e000002_00_5_000.png", "e000002_01_000.png",
    ]  # fmt: skip
    with Image.open(made.output / "sample" / found[0]) as picture:
        assert picture.size == (96, 64)
    shown = [np.asarray(Image.open(path)) for path in sorted((made.output / "sample").glob("*_5_000.png"))]
    assert not np.array_equal(shown[0], shown[1]), "the same seed at two moments: the network has changed"


def test_prompt_files_are_read_as_the_engine_does(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(
        "# no\na cat --w 512 --h 256 --d 7 --s 9999 --l 2.5 --fs 3 --n bad hands --zz 1\n\n", "utf-8"
    )
    assert prompts.load(str(tmp_path / "p.txt")) == [
        {
            "prompt": "a cat", "width": 512, "height": 256, "seed": 7, "sample_steps": 1000, "cfg_scale": 2.5,
            "discrete_flow_shift": 3.0, "negative_prompt": "bad hands", "enum": 0,
        }
    ]  # fmt: skip
    (tmp_path / "p.toml").write_text(
        '[prompt]\nwidth=64\n[[prompt.subset]]\nprompt="a"\n[[prompt.subset]]\nprompt="b"\n'
    )
    assert [entry["prompt"] for entry in prompts.load(str(tmp_path / "p.toml"))] == ["a", "b"]
    with pytest.raises(ValueError, match="must be"):
        (tmp_path / "p.md").write_text("x")
        prompts.load(str(tmp_path / "p.md"))


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["--sage_attn"], ValueError, "SageAttention"),
        (["--fp8_scaled"], AssertionError, "fp8_scaled requires fp8_base"),
        (["--dit", "/no/dit.safetensors"], FileNotFoundError, "/no/dit.safetensors"),
        (["--max_data_loader_n_workers", "0", "--persistent_data_loader_workers"], ValueError, "num_workers > 0"),
        (["--network_module", "networks.lora_wan"], ModuleNotFoundError, "networks.lora_wan"),
        (["--log_with", "tensorboard"], ValueError, "logging_dir"),
        (["--model_version", "edit-2509"], ValueError, "edit-2509"),
        (["--optimizer_args", "a=b=c"], ValueError, "too many values"),
    ],
)
def test_training_that_cannot_be_is_refused(tmp_path: Path, words: list[str], kind: type[Exception], said: str) -> None:
    made = stage(tmp_path, 2)
    made.cache_latents()
    made.cache_text()
    with pytest.raises(kind, match=said):
        made.train("--max_train_epochs", "1", *words)


def test_a_picture_survives_encoding_at_a_quarter_of_its_size() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (48, 32, 3), np.uint8)
    latents = pictures.encode(pixels)
    assert latents.shape == (16, 1, 6, 4)
    means = (pixels.astype(np.float32) / 127.5 - 1).reshape(12, 4, 8, 4, 3).mean((1, 3))
    assert np.allclose(pictures.decode(latents), means, atol=1e-5)


def test_tokens_hold_a_picture_and_filtering_by_one_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    grid = tokens.grid_of((1024, 512))
    assert grid == (6, 11)
    picture = rng.uniform(-1, 1, (grid[0] * 4, grid[1] * 4, 3))
    found = tokens.from_picture(picture, grid)
    assert found.shape == (66, 48) and np.allclose(tokens.to_picture(found, grid), picture, atol=1e-5)
    gains = np.ones((1, grid[0] * 4, grid[1] * 4, 3))
    assert np.allclose(tokens.filtered(found[None], grid, gains)[0], found, atol=1e-5)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1"])
def test_pictures_of_any_kind_are_cut_to_their_bucket(tmp_path: Path, mode: str) -> None:
    name = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.new(mode, (300, 170)).save(name)
    assert pictures.fitted(name, (160, 96)).shape == (96, 160, 3)


def test_words_of_any_language_are_told_apart() -> None:
    assert text.words("Red toy, 雪景!") == ["red", "toy", "雪", "景"]
    assert np.array_equal(text.encode("a b")[0], text.encode("a b")[0])
    one, other = text.vector("red"), text.vector("blue")
    assert abs(float(one @ other)) < 0.5 and float(one @ one) == pytest.approx(1)
    assert text.encode("").shape == (1, 64)


def call(*words: str, **environment: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tagtrainer.engines.rehearsal", *words]
    env = {**os.environ, "PYTHONUTF8": "1", **environment}
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)


def test_exit_codes_are_the_engines(tmp_path: Path) -> None:
    made = stage(tmp_path, 2)
    config = str(made.config)
    runs = {
        0: call("qwen_image_cache_latents", "--dataset_config", config),
        1: call("qwen_image_cache_latents", "--dataset_config", config, "--vae", str(tmp_path / "no.safetensors")),
        2: call("qwen_image_cache_latents", "--dataset_config"),
    }
    said = {code: run.communicate(timeout=60)[0].decode("utf-8") for code, run in runs.items()}
    assert {code: run.returncode for code, run in runs.items()} == {0: 0, 1: 1, 2: 2}, said
    assert said[1].rstrip().splitlines()[-1].startswith("FileNotFoundError: [Errno 2] No such file or directory: ")
    assert "qwen_image_cache_latents.py: error: argument --dataset_config: expected one argument" in said[2]
    other = call("unknown_script")
    assert other.communicate(timeout=60)[0] and other.returncode == 2


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_ends_it_and_saves_nothing(tmp_path: Path, which: signal.Signals) -> None:
    made = stage(tmp_path, 2)
    made.cache_latents()
    made.cache_text()
    words = made.words("--max_train_epochs", "400", "--save_every_n_steps", "2", "--save_state")
    run = call("qwen_image_train_network", *words, TAGTRAINER_REHEARSAL_STEP_SLEEP="0.1")
    state = made.output / "toy-step00000002-state" / "random_states_0.pkl"
    deadline = time.monotonic() + 60
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(which)
    run.communicate(timeout=30)
    assert run.returncode in (-which, 1 if which == signal.SIGINT else -which)
    assert state.exists() and not (made.output / "toy.safetensors").exists()
    assert made.train("--max_train_epochs", "1", "--resume", str(state.parent), "--output_name", "again") == 0


def test_shown_timesteps_train_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = stage(tmp_path, 2)
    assert made.train("--show_timesteps", "console", "--min_timestep", "500") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("    0 -    50:  0") and said[-1].startswith("  950 -  1000: #")
    assert not made.output.exists()
