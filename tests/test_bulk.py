"""Bulk operations: what each does, patterns that are bad or never end, preview and apply, history and undo."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagtrainer.core.text import LANGUAGES, UserError, speaking
from tagtrainer.datasets import history, store, transfer
from tagtrainer.datasets.text import bulk, operations
from tagtrainer.datasets.text.bulk import Scope
from tagtrainer.datasets.text.operations import Context, operation
from tagtrainer.datasets.text.tidying import tidy
from tagtrainer.workspace import Workspace, open_workspace

from .pictures import jpeg

ALL = Scope()


def done(ident: str, text: str, *, own: str = "", counts: dict[str, int] | None = None, **values: object) -> str:
    return operation(ident, values).prepare(Context(own, lambda: counts or {}))(text)


@pytest.mark.parametrize(
    ("ident", "values", "old", "new"),
    [
        ("replace", {"old": "hat", "new": "cap"}, "Hat, that hat", "cap, tcap cap"),
        ("replace", {"old": "hat", "new": "cap", "word": True}, "Hat, that hat", "cap, that cap"),
        ("replace", {"old": "hat", "new": "cap", "case": True}, "Hat, that hat", "Hat, tcap cap"),
        ("replace", {"old": "红", "new": "蓝", "word": True}, "红帽子", "蓝帽子"),
        ("replace", {"old": "a.c", "new": r"\1", "word": False}, "a.c abc", r"\1 abc"),
        ("replace", {"old": r"(\w+) hat", "new": r"\1 cap", "regex": True}, "red hat, blue hat", "red cap, blue cap"),
        ("replace", {"old": r"(?P<c>red|blue)", "new": r"\g<c>dish", "regex": True, "word": True}, "Red", "Reddish"),
        ("add", {"tags": "x, y"}, "a, b", "a, b, x, y"),
        ("add", {"tags": "x, y", "where": "front"}, "a, b", "x, y, a, b"),
        ("add", {"tags": "x, y", "where": "after", "after": "A"}, "a, b", "a, x, y, b"),
        ("remove", {"tags": ["a", "c"]}, "a, b, c", "b"),
        ("move", {"tags": "c"}, "a, b, c", "c, a, b"),
        ("rename", {"old": "a", "new": "z"}, "a, b", "z, b"),
        ("merge", {"tags": "a, b", "new": "z"}, "x, a, b", "x, z"),
        ("trigger", {}, "a, b", "zwx, a, b"),
        ("trigger", {}, "a photo of zwx, smiling", "a photo of zwx, smiling"),
        ("trigger", {"empty": False}, "", ""),
        ("trigger", {}, "", "zwx"),
        ("trigger", {"trigger": "abc"}, "zwx, a", "abc, zwx, a"),
        ("trigger", {"mode": "nowhere"}, "ZWX, a photo of zwx man with a hat, zwxy", "a photo of man with a hat, zwxy"),
        ("affix", {"prefix": "photo of "}, "a cat", "photo of a cat"),
        ("affix", {"prefix": "p ", "suffix": " s"}, "p a s", "p a s"),
        ("affix", {"prefix": "p"}, "", ""),
        ("sort", {}, "b, zwx, a", "zwx, a, b"),
        ("sort", {"trigger_first": False, "keep_first": 1}, "b, zwx, a", "b, a, zwx"),
        ("sort", {"order": "count"}, "a, b, c", "c, a, b"),
        ("dedupe", {}, "a, b, A", "a, b"),
        ("tidy", {}, " a ,b,, c，  d ， \n\n 1,000 e ,", "a, b, c，d\n1,000 e"),
    ],
)  # fmt: skip
def test_what_each_operation_does(ident: str, values: dict[str, object], old: str, new: str) -> None:
    once = done(ident, old, own="zwx", counts={"c": 5}, **values)
    assert once == new
    if ident != "replace":
        assert done(ident, once, own="zwx", counts={"c": 5}, **values) == once


@settings(deadline=None)
@given(st.text(alphabet="ab ,，、.\n1\u3000", max_size=40))
def test_tidying_twice_changes_nothing_more(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"old": ""}, "bulk.missing"),
        ({"old": "(", "regex": True}, "bulk.bad_pattern"),
        ({"old": "a", "new": r"\2", "regex": True}, "bulk.bad_replacement"),
        ({"old": "(a)", "new": r"\g<b>", "regex": True}, "bulk.bad_replacement"),
        ({"old": "(a)", "new": r"\0!", "regex": True}, "bulk.bad_replacement"),
        ({"old": "(a)", "new": "\\", "regex": True}, "bulk.bad_replacement"),
        ({"old": "a" * 1001, "regex": True}, "bulk.long_pattern"),
        ({"old": "((a{1000}){1000}){1000}", "regex": True}, "bulk.many_repeats"),
        ({"old": "a", "other": 1}, "bulk.bad_value"),
        ({"old": "a", "regex": "yes"}, "bulk.bad_value"),
        ({"old": "a" * 3000}, "bulk.bad_value"),
        ({"old": "a", "new": "b" * 2000}, "bulk.too_long"),
    ],
)
def test_what_cannot_be_is_a_sentence(values: dict[str, object], key: str) -> None:
    with pytest.raises(UserError) as caught:
        done("replace", "a" * 60, **values)
    assert caught.value.key == key


def test_a_pattern_without_end_is_stopped() -> None:
    began = time.monotonic()
    with pytest.raises(UserError) as caught:
        done("replace", "a" * 60 + "b", old="(a|aa)+$", new="", regex=True)
    assert caught.value.key == "bulk.slow" and time.monotonic() - began < 30


def test_an_operation_that_lacks_something_says_what() -> None:
    for ident, values in (
        ("nothing", {}),
        ("add", {}),
        ("add", {"tags": "a", "where": "after"}),
        ("affix", {}),
        ("trigger", {}),
    ):
        with pytest.raises(UserError) as caught:
            done(ident, "a", **values)
        assert caught.value.key in ("bulk.no_operation", "bulk.missing", "bulk.no_trigger"), ident


def test_forms_have_texts_in_every_language() -> None:
    for code in LANGUAGES:
        with speaking(code):
            texts = [text for form in operations.forms() for text in (form["label"], form["about"])]
            texts += [known["label"] for form in operations.forms() for known in form["fields"]]
            texts += [
                choice["label"]
                for form in operations.forms()
                for known in form["fields"]
                for choice in known["choices"]
            ]
            assert not [text for text in texts if text.startswith("bulk.")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A dataset of six pictures with captions."""
    folder = tmp_path_factory.mktemp("bulk")
    texts = [
        "red hat, smile",
        "red hat，微笑",
        "A woman in a red hat, smiling at you.",
        "",
        "blue hat, blue hat",
        "sky",
    ]
    for n, text in enumerate(texts):
        jpeg(folder / "in" / f"p{n}.jpg", n)
        if text:
            (folder / "in" / f"p{n}.txt").write_text(text, "utf-8")
    ws = open_workspace(folder / "workspace")
    dataset = store.create(ws, "bulk", trigger_word="zwx").id
    transfer.import_paths(ws, dataset, [folder / "in"])
    return ws, dataset


def by_name(ws: Workspace, dataset: str) -> list[str]:
    known = store.captions(ws, dataset)
    return [known[item.id] for item in store.items(ws, dataset)]


def test_preview_says_what_apply_does_and_undo_takes_it_back(home: tuple[Workspace, str]) -> None:
    ws, dataset = home
    before = by_name(ws, dataset)
    replace = operation("replace", {"old": "red hat", "new": "red cap"})
    seen = bulk.preview(ws, dataset, replace, ALL, limit=2)
    assert (seen.count, seen.total, len(seen.hits)) == (3, 6, 2)
    assert seen.hits[0].parts == [("same", "red "), ("old", "hat"), ("new", "cap"), ("same", ", smile")]
    assert by_name(ws, dataset) == before
    applied = bulk.apply(ws, dataset, replace, ALL)
    assert applied.changed == 3 and by_name(ws, dataset)[2] == "A woman in a red cap, smiling at you."
    newest = history.entries(ws, dataset)[0][0]
    assert (newest.id, newest.count, newest.title) == (applied.entry, 3, "Replaced “red hat” by “red cap”")
    history.undo(ws, dataset, applied.entry)
    assert by_name(ws, dataset) == before
    assert bulk.apply(ws, dataset, operation("replace", {"old": "nowhere"}), ALL) == bulk.Applied(0, "")


@pytest.mark.parametrize(
    ("ident", "values"),
    [
        ("affix", {"prefix": "\n", "suffix": "\r\n"}),
        ("affix", {"prefix": "\ufeff\x00"}),
        ("replace", {"old": "^|$", "new": r"\n", "regex": True}),
        ("replace", {"old": "hat", "new": r"\x00\r", "regex": True}),
    ],
)
def test_what_a_file_cannot_hold_is_in_no_preview_and_stops_no_undo(
    home: tuple[Workspace, str], ident: str, values: dict[str, object]
) -> None:
    ws, dataset = home
    before = store.captions(ws, dataset)
    wanted = operation(ident, values)
    expected = before | {hit.item.id: hit.new for hit in bulk.preview(ws, dataset, wanted, ALL).hits}
    applied = bulk.apply(ws, dataset, wanted, ALL)
    assert store.captions(ws, dataset) == expected
    if applied.entry:
        assert history.undo(ws, dataset, applied.entry).conflicts == 0
    assert store.captions(ws, dataset) == before


def test_scope_is_a_selection_a_filter_or_everything(home: tuple[Workspace, str]) -> None:
    ws, dataset = home
    items = store.items(ws, dataset)
    add = operation("add", {"tags": "x"})
    assert bulk.preview(ws, dataset, add, Scope(items=[items[0].id, items[5].id])).count == 2
    assert bulk.preview(ws, dataset, add, Scope(expr="hat")).total == 4
    assert bulk.preview(ws, dataset, add, Scope(items=[])).total == 0
    with pytest.raises(UserError):
        bulk.preview(ws, dataset, add, Scope(items=["nobody"]))


def test_sentences_left_alone_are_counted(home: tuple[Workspace, str]) -> None:
    ws, dataset = home
    seen = bulk.preview(ws, dataset, operation("dedupe", {}), ALL)
    assert (seen.count, seen.sentences) == (1, 1)
    counted = bulk.preview(ws, dataset, operation("sort", {"order": "count"}), ALL)
    assert counted.count == 0


def test_a_caption_changed_outside_is_seen_first(home: tuple[Workspace, str]) -> None:
    ws, dataset = home
    last = store.items(ws, dataset)[5]
    path = ws.dataset(dataset) / "captions" / f"{last.id}.txt"
    path.write_text("written by hand", "utf-8")
    bulk.apply(ws, dataset, operation("add", {"tags": "x"}), Scope(items=[last.id]))
    assert path.read_text("utf-8") == "written by hand, x"
    path.write_text("sky", "utf-8")


def test_nothing_is_written_when_a_pattern_is_stopped(home: tuple[Workspace, str], tmp_path: Path) -> None:
    ws, dataset = home
    first, second = store.items(ws, dataset)[:2]
    store.write_captions(ws, dataset, {second.id: "a" * 60 + "b"}, who="user", title="long")
    with pytest.raises(UserError):
        bulk.apply(ws, dataset, operation("replace", {"old": "red|(a|aa)+$", "regex": True}), ALL)
    assert store.caption(ws, dataset, first.id) == "red hat, smile"


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_marked_parts_hold_both_texts(old: str, new: str) -> None:
    parts = bulk.marked(old, new)
    assert "".join(text for kind, text in parts if kind != "new") == old
    assert "".join(text for kind, text in parts if kind != "old") == new
