"""Routes of the view "text": preview, apply, tags, tokens; bad bodies are sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tagtrainer.core.text import UserError
from tagtrainer.datasets import store, transfer
from tagtrainer.ui import chosen, routes_text
from tagtrainer.workspace import open_workspace

from .pictures import jpeg


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    for n, text in enumerate(["red hat, smile", "smile, b", "A woman in a red hat, smiling at you."]):
        jpeg(tmp_path / "in" / f"p{n}.jpg", n)
        (tmp_path / "in" / f"p{n}.txt").write_text(text, "utf-8")
    ws = open_workspace(tmp_path / "workspace")
    dataset = store.create(ws, "routes").id
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    app = FastAPI()
    app.include_router(routes_text.router(ws))
    client = TestClient(app)

    def ask(path: str, json: Any = None, **query: Any) -> Any:
        address = f"/api/text/{dataset}/{path}"
        return (client.get(address, params=query) if json is None else client.post(address, json=json)).json()

    ask.client, ask.dataset, ask.ws = client, dataset, ws  # type: ignore[attr-defined]
    return ask


def test_a_kept_selection_is_of_its_dataset_and_as_long_as_it_is_there(at: Any) -> None:
    ids = [item.id for item in store.items(at.ws, at.dataset)]
    kept = chosen.keep(at.ws, at.dataset, ids[:2])
    change = {"operation": "replace", "values": {"old": "smile", "new": "grin"}, "kept": kept}
    assert at("preview", change)["total"] == 2
    other = store.create(at.ws, "other").id
    with pytest.raises(UserError, match="not known any more"):
        at.client.post(f"/api/text/{other}/preview", json=change)
    for name in ("0" * 24, "../../../etc/passwd", "..\\x", "é" * 24):
        with pytest.raises(UserError, match="not known any more"):
            chosen.kept(at.ws, at.dataset, name)
    assert at("apply", change)["changed"] == 2


def test_start_declares_every_operation_and_family(at: Any) -> None:
    found = at("start")
    assert {"replace", "add", "tidy"} <= {one["id"] for one in found["operations"]}
    assert found["families"][0]["limit"] == 1024


def test_preview_waits_for_what_is_missing_and_then_counts(at: Any) -> None:
    waiting = at("preview", {"operation": "replace", "values": {"old": ""}})
    assert waiting["count"] is None and waiting["total"] == 3
    seen = at("preview", {"operation": "replace", "values": {"old": "hat", "new": "cap"}, "expr": '"red hat, smile"'})
    assert (seen["count"], seen["total"]) == (1, 1)
    assert seen["hits"][0]["parts"] == [["same", "red "], ["old", "hat"], ["new", "cap"], ["same", ", smile"]]
    empty = at("preview", {"operation": "remove", "values": {"tags": "smile, b"}})
    assert [hit["empty"] for hit in empty["hits"]] == [False, True]
    done = at("apply", {"operation": "replace", "values": {"old": "hat", "new": "cap"}})
    assert done["changed"] == 2 and done["entry"]


def test_tags_pictures_and_partners(at: Any) -> None:
    found = at("tags", order="name")
    assert [row["tag"] for row in found["rows"]] == ["b", "red hat", "smile"] and found["sentences"] == 1
    assert at("tags", search="RED")["total"] == 1
    one = at("tag", tag=["smile", "b"])
    assert one["count"] == 1 and one["items"][0]["name"] == "p1.jpg"
    assert {row["tag"] for row in one["partners"]} == {"red hat", "b"}


def test_tokens_are_counted_for_a_family(at: Any) -> None:
    found = at("tokens", family="qwen_image")
    assert not found["exact"] and found["count"] == 0 and found["captions"] == 3
    for word in ("hat", "cap", "sun"):
        at("apply", {"operation": "affix", "values": {"suffix": f" {word}" * 490}, "expr": '"red hat"'})
    found = at("tokens", family="qwen_image")
    assert found["count"] == 2 and found["longest"] > 1024 and found["over"][0]["tokens"] == found["longest"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("preview", {"operation": "replace", "values": {"old": "(", "regex": True}}),
        ("apply", {"operation": "fly", "values": {}}),
        ("apply", {"operation": "add", "values": {"tags": ""}}),
        ("preview", {"operation": "dedupe", "expr": "side<many kind:nothing"}),
        ("tokenizer", {"family": "qwen_image", "path": "relative"}),
    ],
)
def test_what_cannot_be_is_a_sentence(at: Any, path: str, body: Any) -> None:
    with pytest.raises(UserError):
        at.client.post(f"/api/text/{at.dataset}/{path}", json=body)


def test_bodies_have_limits(at: Any) -> None:
    for body in (
        {"operation": "x" * 100},
        {"operation": "add", "values": {"tags": ["a"]}},
        {"operation": "add", "expr": "x" * 600},
    ):
        assert at.client.post(f"/api/text/{at.dataset}/preview", json=body).status_code == 422
