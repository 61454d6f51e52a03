"""Captions taken apart into tags and put together, edits of tags, and the tag table."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagtrainer.datasets.text import prose, tag_table, tags

WORDS = st.sampled_from(
    ["red hat", "Red  Hat", "red_hat", "1girl", "smile", "蓝天", "海边", "(a, b:1.2)", ":)", ":(", "^_^", "1,000 birds", "000",
     "7", "A woman in a red hat", "She smiles.", "and a dog", "一位女人站在雨中的街道上", "(", "b)", "🙂"]
)  # fmt: skip
GAPS = st.sampled_from([", ", ",", "，", "、", "\n", " , ", ",, ", " ，\n"])
ENDS = st.sampled_from(["", " ", ",", ", ", "\n"])


@st.composite
def captions(draw: st.DrawFn) -> str:
    words = draw(st.lists(WORDS, max_size=8))
    gaps = [draw(GAPS) for _ in words[1:]]
    body = "".join(itertools.chain.from_iterable(itertools.zip_longest(words, gaps, fillvalue="")))
    return draw(ENDS) + body + draw(ENDS)


ANY = st.one_of(captions(), st.text(max_size=60))


@settings(deadline=None)
@given(ANY)
def test_join_gives_the_caption_back(text: str) -> None:
    parts = tags.split(text)
    assert tags.join(parts) == text
    assert tags.tags_of(text) == (list(parts.loose), parts.prose)


@settings(deadline=None)
@given(ANY)
def test_dedupe_and_sort_are_idempotent(text: str) -> None:
    for change in (tags.dedupe, tags.sort, lambda t: tags.sort(t, keep_first=2), lambda t: tags.sort(t, first="smile")):
        once = change(text)
        assert change(once) == once


@settings(deadline=None)
@given(captions(), st.sampled_from(["smile", "zwx"]))
def test_a_tag_is_added_once_and_removed_again(text: str, tag: str) -> None:
    for where in ("front", "end"):
        added = tags.add(text, tag, where)
        assert tags.holds(added, tag)
        assert tags.add(added, tag, where) == added
    without = tags.remove(text, [tag])
    assert tag not in [tags.key(known) for known in tags.split(without).loose]


@settings(deadline=None)
@given(captions())
def test_running_text_is_never_touched(text: str) -> None:
    parts = tags.split(text)
    if parts.prose:
        for change in (
            tags.sort,
            tags.dedupe,
            lambda t: tags.remove(t, ["smile"]),
            lambda t: tags.merge(t, ["smile"], "x"),
        ):
            assert parts.tags[-1] in change(text)


@pytest.mark.parametrize(
    ("text", "loose", "prose"),
    [
        ("1girl, red hat,smile", ["1girl", "red hat", "smile"], False),
        ("一个女孩，红帽子、微笑", ["一个女孩", "红帽子", "微笑"], False),
        ("zwx, A woman in a red hat, smiling at you.", ["zwx"], True),
        ("A cozy room with a bed, a lamp, a chair and a window", [], True),
        ("一位戴着红帽子的女人站在雨中，微笑着。", [], True),
        ("zwx，一位戴着红帽子的女人站在雨中，微笑着。", ["zwx"], True),
        ("She is smiling.", [], True),
        ("holding sword with both hands, 1girl, solo, smile", ["holding sword with both hands", "1girl", "solo", "smile"], False),
        ("(red hat, blue hat:1.2), smile", ["(red hat, blue hat:1.2)", "smile"], False),
        ("about 1,000 birds, sky", ["about 1,000 birds", "sky"], False),
        (":(, sad, 2020,1girl", [":(", "sad", "2020", "1girl"], False),
        ("", [], False),
    ],
)  # fmt: skip
def test_what_is_a_tag(text: str, loose: list[str], prose: bool) -> None:
    assert tags.tags_of(text) == (loose, prose)


def test_edits_keep_the_authors_style() -> None:
    assert tags.dedupe("a,b , A,c") == "a,b,c"
    assert tags.sort("红，蓝，白") == "白，红，蓝"
    assert tags.sort("c, zwx, b, a", first="zwx") == "zwx, a, b, c"
    assert tags.sort("c, b, a, d", keep_first=1) == "c, a, b, d"
    assert tags.sort("a, b, c", "count", counts={"c": 9, "b": 2}) == "c, b, a"
    assert tags.sort("z, A woman in a red hat, sitting down.") == "z, A woman in a red hat, sitting down."
    assert tags.add("红，蓝", "白") == "红，蓝，白"
    assert tags.add("a、b", "c", "after", "A") == "a、c、b"
    assert tags.add("a, b", "c", "after", "nowhere") == "a, b"
    assert tags.add("A woman in a red hat.", "zwx", "front") == "zwx, A woman in a red hat."
    assert tags.add("A woman in a red hat.", "film grain") == "A woman in a red hat. film grain"
    assert tags.add("", "c") == "c"
    assert tags.remove("a, B, c,", ["b", "A"]) == "c,"
    assert tags.remove("only", ["only"]) == ""
    assert tags.move("a, b, c, d", ["d", "b"]) == "d, b, a, c"
    assert tags.move("a, b, c", ["a"], "end") == "b, c, a"
    assert tags.move("a, b, c", ["a"], "after", "b") == "b, a, c"
    assert tags.rename("a, Red_Hat, c", "red hat", "cap") == "a, cap, c"
    assert tags.rename("cap, red hat", "red hat", "cap") == "cap"
    assert tags.rename("a, b", "b", "") == "a"
    assert tags.merge("x, red hat, blue hat, y, hat", ["red hat", "blue hat"], "hat") == "x, hat, y"
    assert (
        prose.says("The Robot waves", "robot")
        and not prose.says("Robots wave", "robot")
        and prose.says("看机器人", "机器")
        and prose.says("zwx女孩", "zwx")
    )


def test_an_index_finds_whole_tags_however_they_are_written() -> None:
    held = tags.between_commas("Red_Hat ， smile\nsky")
    assert all(wanted in held for wanted in tags.sought("red  hat, SKY"))
    assert tags.sought("hat")[0] not in held and tags.sought(" , ") == []


def test_the_table_counts_captions_and_names_partners() -> None:
    table = tag_table.build(
        ["red hat, smile, zwx", "Red_Hat, smile", "red hat, red hat", "sky", "", "zwx, A woman in a red hat, smiling."]
    )
    assert [(row.tag, row.count) for row in table.top()] == [("red hat", 3), ("smile", 2), ("zwx", 2), ("sky", 1)]
    assert table.captions == 5 and table.sentences == 1
    assert [row.tag for row in table.top(order="name", search="s")] == ["sky", "smile"]
    assert table.matching("H") == 1 and table.count_of("RED HAT") == 3 and table.count_of("none") == 0
    assert table.rows_with(["red hat", "smile"]) == [0, 1] and table.rows_with(["none"]) == []
    best = table.partners("red hat")[0]
    assert (best.tag, best.together, round(best.jaccard, 3), round(best.lift, 3)) == ("smile", 2, 0.667, 1.667)
    assert table.partners("sky") == [] and table.partners("none") == []
    empty = tag_table.build([])
    assert empty.top() == [] and empty.partners("a") == []


@settings(deadline=None)
@given(st.lists(captions(), max_size=12))
def test_counts_agree_with_counting_by_hand(texts: list[str]) -> None:
    table = tag_table.build(texts)
    sets = [{tags.key(tag) for tag in tags.split(text).loose} for text in texts]
    for known in set().union(*sets):
        assert table.count_of(known) == sum(known in found for found in sets)
        assert table.rows_with([known]) == [n for n, found in enumerate(sets) if known in found]
        for partner in table.partners(known, 100):
            both = sum(known in found and tags.key(partner.tag) in found for found in sets)
            either = sum(known in found or tags.key(partner.tag) in found for found in sets)
            assert partner.together == both and abs(partner.jaccard - both / either) < 1e-9
