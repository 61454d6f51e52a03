"""core/fields: one declaration becomes argv, checks, presets and texts, and comes back unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core import fields
from tagtrainer.core.fields import FieldProblem, option
from tagtrainer.core.text import UserError


@dataclass(frozen=True)
class Example:
    rank: int = option(16, "Rank", "Bigger learns more", lo=1, hi=512, basic=True)
    rate: float = option(5e-5, "Learning rate", lo=0)
    optimizer: str = option("adamw", "Optimizer", choices=("adamw", "prodigy"))
    checkpointing: bool = option(True, "Gradient checkpointing")
    offload: bool = option(False, "Offload", when="checkpointing", cli="--cpu_offload")
    arguments: tuple[str, ...] = option((), "Arguments")
    warmup: str | None = option(None, "Warm-up", kind="int_or_float")
    size: tuple[int, int] = option((1024, 1024), "Resolution", kind="size", roles=(), lo=16)
    dtype: str = option("", "VAE type", roles=("train", "cache_latents"))
    key: str = option("", "Key", secret=True, roles=())

    def check(self) -> Iterator[FieldProblem]:
        if self.rank == 13:
            yield FieldProblem("rank", "fields.missing", {"label": "luck"})


def test_argv_in_order_without_what_is_unset() -> None:
    words = fields.argv(Example(offload=True, arguments=("a=1", "b=2"), warmup="10%"), "train")
    assert words == [
        *("--rank", "16", "--rate", "5e-05", "--optimizer", "adamw", "--checkpointing", "--cpu_offload"),
        *("--arguments", "a=1", "b=2", "--warmup", "10%"),
    ]
    assert fields.argv(Example(dtype="bfloat16"), "cache_latents") == ["--dtype", "bfloat16"]


def test_an_option_that_means_nothing_is_not_sent() -> None:
    assert "--cpu_offload" not in fields.argv(Example(checkpointing=False, offload=True), "train")


def test_a_value_that_looks_like_an_option_stays_a_value() -> None:
    assert fields.words_of(fields.specs(Example)["rate"], -0.5) == ["--rate=-0.5"]


def test_problems_name_field_and_limit() -> None:
    found = list(fields.problems(Example(rank=0, optimizer="sgd", rate=float("nan"), size=(8, 1024))))
    assert [p.name for p in found] == ["rank", "rate", "optimizer", "size"]
    assert str(found[0]) == "Rank: 0 is too small; the smallest is 1."
    assert [p.values["label"] for p in fields.problems(Example(rank=13))] == ["luck"]
    assert list(fields.problems(Example())) == []


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("rank", "32", 32), ("rank", 32.0, 32), ("rate", "1e-4", 1e-4), ("checkpointing", "off", False),
        ("arguments", "a=1\n\n b=2 ", ("a=1", "b=2")), ("size", "768x512", (768, 512)), ("size", 512, (512, 512)),
        ("size", " 768 × 512 ", (768, 512)), ("size", "768*512", (768, 512)),
        ("warmup", "0.1", "0.1"), ("warmup", "", None), ("size", [640, 480], (640, 480)),
    ],
)  # fmt: skip
def test_typed_values(name: str, typed: Any, value: Any) -> None:
    assert fields.parse(fields.specs(Example)[name], typed) == value


@pytest.mark.parametrize(
    ("name", "typed"),
    [("rank", "4.5"), ("rank", "many"), ("rank", "inf"), ("rate", "x"), ("checkpointing", "maybe"), ("size", "a,b"),
     ("size", "1,2,3"), ("warmup", "ten%")],
)  # fmt: skip
def test_what_cannot_be_typed_is_a_sentence(name: str, typed: str) -> None:
    with pytest.raises(UserError) as caught:
        fields.parse(fields.specs(Example)[name], typed)
    assert typed in str(caught.value)


def test_dump_holds_only_differences_and_no_secret() -> None:
    assert fields.dump(Example()) == {}
    assert fields.dump(Example(rank=8, key="sk", size=(512, 768))) == {"rank": 8, "size": [512, 768]}


def test_load_names_unknown_keys() -> None:
    loaded, unknown = fields.load(Example, {"rank": "8", "colour": 1})
    assert loaded == Example(rank=8) and unknown == ["colour"]


@given(
    rank=st.integers(1, 512),
    rate=st.floats(0, 1, allow_nan=False),
    arguments=st.lists(st.from_regex(r"[a-z]+=[a-z0-9.]+", fullmatch=True), max_size=4),
    size=st.tuples(st.integers(16, 4096), st.integers(16, 4096)),
    on=st.booleans(),
)
def test_dump_and_load_round_trip(
    rank: int, rate: float, arguments: list[str], size: tuple[int, int], on: bool
) -> None:
    import tomllib

    import tomli_w

    before = Example(rank=rank, rate=rate, arguments=tuple(arguments), size=size, checkpointing=on)
    through_toml = tomllib.loads(tomli_w.dumps(fields.dump(before)))
    assert fields.load(Example, through_toml) == (before, [])
