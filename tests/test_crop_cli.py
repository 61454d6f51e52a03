"""`dataset focus` and `dataset crop` from the command line, a vision model's server included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagtrainer.cli import main
from tagtrainer.datasets import history, store, transfer
from tagtrainer.flows import looking
from tagtrainer.workspace import Workspace
from tests.captioning_kit import profile_at
from tests.faces import photo
from tests.fake_openai import Fake, Reply, answer


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("astronaut", "coffee", "rocket"):
        photo(name, folder)
    ident = store.create(ws, "photos").id
    transfer.import_paths(ws, ident, [folder])
    return ident


@pytest.fixture
def run(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> Any:
    """run("focus", ...) -> (exit code, its JSON)."""

    def go(verb: str, *words: str) -> tuple[int, dict[str, Any]]:
        code = main(["--workspace", str(ws.root), "--json", "dataset", verb, *words])
        return code, json.loads(capsys.readouterr().out)

    return go


def test_focus_then_crop_then_apply_then_reset(ws: Workspace, dataset: str, run: Any) -> None:
    code, found = run("focus", dataset)
    assert code == 0 and found["sources"] == {"face": 1, "saliency": 2} and found["tool"] == "haar"
    code, offered = run("crop", dataset, "--aspect", "3:4")
    assert code == 0 and len(offered["offers"]) == 3 and "applied" not in offered
    assert all(item.crop is None for item in store.items(ws, dataset))
    code, done = run("crop", dataset, "--aspect", "3:4", "--apply")
    assert done["applied"] == 3 and all(item.crop for item in store.items(ws, dataset))
    assert history.entries(ws, dataset)[0][0].count == 3
    code, back = run("crop", dataset, "--reset")
    assert back == {"reset": 3} and all(item.crop is None for item in store.items(ws, dataset))


def test_some_pictures_or_a_filter(ws: Workspace, dataset: str, run: Any) -> None:
    first = store.items(ws, dataset)[0].id
    assert len(run("crop", dataset, "--size", "256x256", "--items", first)[1]["offers"]) == 1
    assert [row["name"] for row in run("crop", dataset, "--filter", "coffee")[1]["offers"]] == ["coffee.jpg"]
    assert run("crop", dataset, "--buckets", "256x256")[1]["not_whole"] == 0


def test_wrong_words_are_sentences(dataset: str, run: Any) -> None:
    assert run("crop", dataset, "--size", "big")[1]["error"] == "curation.no_target"
    assert run("focus", dataset, "--by", "magic")[1]["error"] == "flows.no_way"
    assert run("focus", dataset, "--by", "vision:nobody")[1]["error"] == "captioning.no_profile"
    assert run("focus", dataset, "--by", "vision:template")[1]["error"] == "flows.cannot_see"


def test_a_vision_model_is_asked_with_our_question_and_nothing_of_the_profiles_prompt(
    ws: Workspace, dataset: str, run: Any
) -> None:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        reply.json(answer('```json\n{"box": [100, 200, 600, 900]}\n```' if number != 2 else "A lovely picture."))

    with Fake(behave) as fake:
        profile_at(ws, fake.url, prompt="Describe it as a poem", prefix="sks")
        code, found = run("focus", dataset, "--by", "vision:mine")
        assert code == 0 and found["found"] == 2 and len(found["failed"]) == 1
        words = [
            part["text"] for call in fake.calls for part in call["messages"][-1]["content"] if part["type"] == "text"
        ]
        assert all("0 to 1000" in text and "poem" not in text for text in words)
        again = run("crop", dataset, "--by", "vision:mine", "--size", "256x256")[1]
        assert len(fake.calls) == 4, "only the one that failed is asked about again"
        assert all(row["source"] == "vision" for row in again["offers"]) and len(again["offers"]) == 3


def test_the_page_can_say_where_pictures_go(ws: Workspace) -> None:
    profile_at(ws, "https://api.example.com/v1")
    assert looking.host_of(ws, "vision:mine") == "api.example.com" and looking.host_of(ws, "auto") == ""
    profile_at(ws, "http://127.0.0.1:9/v1")
    assert looking.host_of(ws, "vision:mine") == ""
