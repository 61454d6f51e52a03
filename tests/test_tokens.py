"""Token counts: the estimate, tokenizers that lie on this machine, limits, and never a network."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tagtrainer import settings
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.text import tokens
from tagtrainer.flows import caption_tokens
from tagtrainer.workspace import Workspace, open_workspace

from .pictures import jpeg


def tokenizer_in(folder: Path) -> Path:
    """One token a word; unknown words are one token too."""
    folder.mkdir(parents=True)
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "hat": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(
    ("text", "by_qwen"),
    [
        ("The image depicts a woman and her dog sitting on a sandy beach at sunset.", 16),
        ("Two golden retriever puppies play tug-of-war with a knotted rope on a sunlit lawn.", 20),
        ("zwx, red hat, street, evening, film grain, long shadows, portrait", 17),
        ("worst quality, low quality, lowest quality, 1980s, 1990s, 2000s, 2005 2006 2007 2008, bad anatomy", 50),
        ("一个女孩，红帽子，微笑，长发，蓝色眼睛，街道，傍晚，胶片颗粒，半身像", 25),
        ("电影级轮廓光，温暖的琥珀色路灯，柔和的蓝色环境暮光，体积雾，人眼高度的中景镜头", 29),
        ("", 0),
    ],
)
def test_the_estimate_is_near_what_qwen_counts(text: str, by_qwen: int) -> None:
    assert abs(tokens.estimate(text) - by_qwen) <= max(1, by_qwen * 0.2)


def test_report_names_what_is_over_the_limit_longest_first() -> None:
    found = tokens.report({"a": "one two three", "b": "", "c": "one", "d": "one two three four"}, 2)
    assert [ident for ident, _ in found.over] == ["d", "a"]
    assert (found.captions, found.exact, found.longest) == (3, False, 4)
    assert tokens.report({"a": "one two three"}, None).over == []


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, str]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub-home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr(socket, "socket", None)  # any use of a network would fail
    jpeg(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "a.txt").write_text("hat, antidisestablishmentarianism", "utf-8")
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "tokens").id
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    return ws, dataset


def test_a_tokenizer_is_found_where_it_lies(home: tuple[Workspace, str], tmp_path: Path) -> None:
    ws, dataset = home
    first = caption_tokens.report(ws, dataset, "qwen_image")
    assert not first.exact and first.limit == 1024 and first.over == []
    snapshot = tmp_path / "hub-home" / "hub" / "models--Qwen--Qwen-Image" / "snapshots" / "1"
    tokenizer_in(snapshot / "tokenizer")
    found = caption_tokens.report(ws, dataset, "qwen_image")
    assert (found.exact, found.longest, found.name) == (True, 3, str(snapshot / "tokenizer"))
    beside = tokenizer_in(tmp_path / "models" / "tokenizer")
    encoder = tmp_path / "models" / "text_encoder" / "qwen.safetensors"
    encoder.parent.mkdir()
    encoder.touch()
    settings.change(ws, lambda known: known.model_paths.update({"qwen_image.text_encoder_path": str(encoder)}))
    assert caption_tokens.report(ws, dataset, "qwen_image").name == str(beside)
    named = tokenizer_in(tmp_path / "mine")
    assert caption_tokens.set_tokenizer(ws, "qwen_image", f'"{named}"').name == str(named)
    assert caption_tokens.report(ws, dataset, "qwen_image", limit=2).over[0][1] == 3
    assert caption_tokens.set_tokenizer(ws, "qwen_image", "").name == str(beside)


def test_a_folder_that_holds_none_is_a_sentence(home: tuple[Workspace, str], tmp_path: Path) -> None:
    ws, dataset = home
    for path in ("relative", str(tmp_path / "nowhere"), str(tmp_path / "in")):
        with pytest.raises(UserError) as caught:
            caption_tokens.set_tokenizer(ws, "qwen_image", path)
        assert caught.value.key == "tokens.not_here"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(UserError) as caught:
        caption_tokens.set_tokenizer(ws, "qwen_image", str(tmp_path / "broken"))
    assert caught.value.key == "tokens.cannot_load"
    assert not caption_tokens.report(ws, dataset, "qwen_image").exact
    with pytest.raises(UserError):
        caption_tokens.report(ws, dataset, "no_such_family")
