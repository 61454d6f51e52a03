"""Filter expressions: rules, quotes, text; what is no rule is said; there and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.text import UserError
from tagtrainer.datasets import filters
from tagtrainer.datasets.models import ItemFilter


def test_rules_and_text() -> None:
    look = filters.parse('red boat no_caption tag:"red hat" side<1024 aspect:portrait sort:-size flagged kind:video')
    assert look == ItemFilter(
        text="red boat", no_caption=True, flagged=True, media="video", tag="red hat", max_side=1023, aspect="portrait",
        sort="size", descending=True,
    )  # fmt: skip
    assert filters.parse("side>=512 side<=2048 captioned") == ItemFilter(min_side=512, max_side=2048, no_caption=False)
    assert filters.parse("") == ItemFilter()
    assert filters.parse("猫 tag:蓝色 the artist's").text == "猫 the artist's"


@pytest.mark.parametrize("word", ["aspect:round", "sort:magic", "kind:music"])
def test_a_rule_that_is_none_is_said(word: str) -> None:
    with pytest.raises(UserError, match=word):
        filters.parse(f"boat {word}")


@given(st.text(max_size=60))
def test_nothing_typed_breaks_it(text: str) -> None:
    try:
        filters.parse(text)
    except UserError as error:
        assert error.key == "datasets.filter.bad"


LOOKS = st.builds(
    ItemFilter, text=st.from_regex(r"[a-d猫]{0,8}( [a-d]{1,5})?", fullmatch=True).map(str.strip),
    no_caption=st.sampled_from([None, True, False]), flagged=st.sampled_from([None, True, False]),
    media=st.sampled_from(["", "image", "video"]), tag=st.sampled_from(["", "red hat", "蓝色"]),
    min_side=st.integers(0, 9999), max_side=st.integers(0, 9999), aspect=st.sampled_from(["", "portrait", "square"]),
    sort=st.sampled_from(["name", "added", "size", "aspect", "caption"]), descending=st.booleans(),
)  # fmt: skip


@given(LOOKS)
def test_there_and_back_again(look: ItemFilter) -> None:
    assert filters.parse(filters.expression(look)) == look
