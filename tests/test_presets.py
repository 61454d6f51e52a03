"""Presets, model paths and weight headers: what is shipped is clean, what is wrong is named."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from tagtrainer import settings
from tagtrainer.core import fields, pasted
from tagtrainer.core.text import UserError, speaking
from tagtrainer.training import model_paths, presets, weights
from tagtrainer.training.family import FAMILIES
from tagtrainer.workspace import Workspace

DIT = ("transformer_blocks.0.attn.add_k_proj.weight", "img_in.weight", "txt_norm.weight")
VAE = ("encoder.downsamples.0.residual.0.gamma", "decoder.middle.0.residual.0.gamma")


def header(path: Path, data: bytes) -> Path:
    """A file whose header is `data`."""
    path.write_bytes(struct.pack("<Q", len(data)) + data)
    return path


def safetensors(path: Path, names: tuple[str, ...], dtype: str = "BF16", cut: int = 0) -> Path:
    """A small file with tensors of two numbers each."""
    header = {name: {"dtype": dtype, "shape": [2], "data_offsets": [4 * n, 4 * n + 4]} for n, name in enumerate(names)}
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + b"\0" * (4 * len(names))
    path.write_bytes(data[: len(data) - cut])
    return path


@pytest.mark.parametrize("family", [family.id for family in FAMILIES])
def test_shipped_presets_are_clean(ws: Workspace, family: str) -> None:
    found = presets.presets(ws, family)
    assert {"low_memory", "medium_memory", "high_memory"} <= {preset.id for preset in found}
    for preset in found:
        loaded, _ = fields.load(FAMILIES.all()[family].options, preset.values)
        assert preset.unknown == () and list(fields.problems(loaded)) == [] and preset.shipped
        assert preset.path.read_text("utf-8").startswith("#"), "say where the figures come from"
    with speaking("zh-CN"):
        assert "显存" in presets.get(ws, family, "low_memory").name


def test_own_presets_hold_differences_only(ws: Workspace) -> None:
    saved = presets.save(ws, "qwen_image", "My 夜间 preset", {"network_dim": 8, "learning_rate": "5e-5", "seed": 42})
    assert dict(saved.values) == {"network_dim": 8} and saved.name == "My 夜间 preset" and not saved.shipped
    presets.save(ws, "qwen_image", "My 夜间 preset", {"network_dim": 4})
    assert presets.get(ws, "qwen_image", saved.id).values == {"network_dim": 4}
    presets.delete(ws, "qwen_image", saved.id)
    assert saved.id not in {preset.id for preset in presets.presets(ws, "qwen_image")}
    assert len(list((ws.trash / "presets").iterdir())) == 2
    for call in (
        lambda: presets.delete(ws, "qwen_image", "low_memory"),
        lambda: presets.get(ws, "qwen_image", "nothing"),
    ):
        with pytest.raises(UserError):
            call()


def test_unknown_names_and_damaged_files_are_told(ws: Workspace) -> None:
    folder = ws.presets / "training" / "qwen_image"
    folder.mkdir(parents=True)
    (folder / "odd.toml").write_text('name = "Odd"\n[options]\nnetwork_dim = 8\ncolour = "red"\n', "utf-8")
    (folder / "bad.toml").write_text("name = ", "utf-8")
    assert presets.get(ws, "qwen_image", "odd").unknown == ("colour",)
    assert "bad.toml" in presets.broken(ws, "qwen_image")[0]


@pytest.mark.parametrize(
    ("make", "state", "words"),
    [
        (lambda p: safetensors(p, DIT), "found", "Qwen-Image"),
        (lambda p: safetensors(p, VAE), "bad", "needed"),
        (lambda p: safetensors(p, ("double_blocks.0.img_attn.qkv", "single_blocks.0.x")), "bad", "FLUX.1"),
        (lambda p: safetensors(p, (*DIT, "scaled_fp8"), "F8_E4M3"), "bad", "fp8_scaled"),
        (lambda p: safetensors(p, DIT, cut=3), "bad", "cut off"),
        (lambda p: safetensors(p, ("something.else",)), "found", "could not be recognised"),
        (lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"), "bad", "LFS"),
        (lambda p: p.write_bytes(b"<!doctype html><html>"), "bad", "not a safetensors file"),
        (lambda p: p.write_bytes(b""), "bad", "cut off"),
        (lambda p: p.write_bytes(struct.pack("<Q", 2**60) + b"{}"), "bad", "not a safetensors file"),
        (lambda p: header(p, b"[" * 200_000), "bad", "not a safetensors file"),
        (lambda p: header(p, b"[]"), "bad", "not a safetensors file"),
        (lambda p: header(p, b'{"a": {"data_offsets": [0, 1e999]}}'), "bad", "not a safetensors file"),
        (lambda p: header(p, b'{"a": {"data_offsets": [0, 0], "dtype": []}}'), "bad", "not a safetensors file"),
        (lambda p: p.mkdir(), "bad", "folder"),
        (lambda p: None, "missing", "There is no file"),
    ],
)
def test_what_lies_in_a_slot_is_told(ws: Workspace, tmp_path: Path, make: object, state: str, words: str) -> None:
    path = tmp_path / "weights.safetensors"
    make(path)  # type: ignore[operator]
    found = model_paths.set_path(ws, "qwen_image.dit_path", str(path))
    assert (found.state, words in found.message) == (state, True), found.message


def test_a_diffusers_folder_is_named(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    assert "diffusers" in model_paths.set_path(ws, "qwen_image.dit_path", str(tmp_path)).message


def test_pasted_paths_lose_quotes_and_invisible_letters(ws: Workspace, tmp_path: Path) -> None:
    path = safetensors(tmp_path / "模型 1.safetensors", DIT)
    found = model_paths.set_path(ws, "qwen_image.dit_path", f'\u202a"{path}" ')
    assert found.state == "found" and settings.load(ws).model_paths["qwen_image.dit_path"] == str(path)
    assert model_paths.set_path(ws, "qwen_image.dit_path", "").state == "empty"
    assert settings.load(ws).model_paths == {}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("\u201c/a b/模型.safetensors\u201d", "/a b/模型.safetensors"),
        ("'/a/b' ", "/a/b"),
        ('/a/b"', "/a/b"),
        ("/a/他说“好”", "/a/他说“好”"),
        ("/a/Anna's'", "/a/Anna's'"),
        ("file:///a%20b/c", "/a b/c"),
        ("file:///C:/a/b", "C:/a/b"),
        ("/a b\r\n", "/a b"),
        (" ~/x ", "~/x"),
        ('""', ""),
    ],
)
def test_what_is_pasted_and_what_is_meant(typed: str, meant: str) -> None:
    assert pasted.plain(typed) == meant


def test_paths_that_cannot_be_are_told_and_never_waited_for(ws: Workspace, tmp_path: Path) -> None:
    def told(path: str) -> tuple[str, str]:
        found = model_paths.set_path(ws, "qwen_image.dit_path", path)
        return found.state, found.message

    assert told("~nobody-has-this-name/x.safetensors")[0] == "bad"
    assert "full path" in told("models/x.safetensors")[1]
    assert told("C:\\models\\x.safetensors")[0] == "missing"
    assert told(f"{tmp_path}/{'x' * 5000}.safetensors")[0] == "missing"
    assert told("/a\x00b.safetensors")[0] == "missing"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.safetensors")
        assert "not a weights file" in told(str(tmp_path / "pipe.safetensors"))[1]


def test_slots_by_series_and_unknown_keys(ws: Workspace) -> None:
    assert [slot.key for slot in model_paths.slots(ws, "qwen_image")] == [
        "qwen_image.dit_path",
        "qwen_image.vae_path",
        "qwen_image.text_encoder_path",
    ]
    assert len(model_paths.check(ws)) == len(model_paths.slots(ws))
    with pytest.raises(UserError, match=r"qwen_image\.dit_path"):
        model_paths.set_path(ws, "qwen_image.nothing", "x")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", DIT)
    assert weights.look(path).kind == "dit"
    safetensors(path, VAE)
    assert weights.look(path).kind == "vae"
