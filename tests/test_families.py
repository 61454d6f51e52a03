"""Whatever family is registered: declared from the engine's own option list, valid, complete in both languages."""

from __future__ import annotations

import argparse
import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.captioning.base import PROVIDERS
from tagtrainer.core import fields
from tagtrainer.core.fields import Spec
from tagtrainer.core.text import catalogue, speaking
from tagtrainer.training.family import FAMILIES, Family
from tagtrainer.training.groups import GROUPS

FACTS = Path(__file__).resolve().parent / "data" / "engine"
families = pytest.mark.parametrize("family", list(FAMILIES), ids=lambda family: family.id)


def known(family: Family, role: str) -> dict[str, dict[str, Any]]:
    """The engine's own options of one script, by flag."""
    facts = json.loads((FACTS / f"{family.scripts[role]}.json").read_text("utf-8"))
    return {flag: option for option in facts["options"] for flag in option["flags"]}


def parser(family: Family, role: str) -> argparse.ArgumentParser:
    """A parser made of the facts: it takes what the engine takes."""
    made = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    kinds = {"int": int, "float": float}
    for option in {id(option): option for option in known(family, role).values()}.values():
        if option["kind"] == "flag":
            made.add_argument(*option["flags"], dest=option["dest"], action="store_true")
        else:
            many = {"nargs": option["nargs"]} if option["nargs"] else {}
            kind = kinds.get(option["type"], str)
            made.add_argument(*option["flags"], dest=option["dest"], type=kind, choices=option["choices"], **many)
    return made


@families
def test_defaults_are_valid_and_every_group_is_a_heading(family: Family) -> None:
    assert list(fields.problems(family.options())) == []
    specs = fields.specs(family.options)
    assert {spec.group for spec in specs.values()} <= set(GROUPS)
    assert 8 <= sum(spec.basic for spec in specs.values()) <= 14
    assert set(family.scripts) == {"cache_latents", "cache_text", "train"} and family.slots
    assert {slot.option for slot in family.slots} <= set(specs)


@families
@pytest.mark.parametrize("role", ["cache_latents", "cache_text", "train"])
def test_every_flag_is_the_engines_and_every_one_of_the_engines_is_declared(family: Family, role: str) -> None:
    declared = {
        spec.flag for spec in fields.specs(family.options).values() if role in spec.roles and spec.emit != "never"
    }
    assert declared - set(known(family, role)) == set()
    left_out = set(known(family, role)) - declared - {f"--{name}" for name in family.not_offered}
    assert left_out == set() and all(family.not_offered.values())


def full(spec: Spec) -> Any:
    """Some allowed value for an option."""
    if spec.kind == "bool":
        return True
    if spec.choices:
        return spec.choices[0]
    samples: dict[str, Any] = {
        "int": 1,
        "float": 0.5,
        "list": ("1",),
        "int_or_float": "10%",
        "size": (512, 512),
        "str": "text",
    }
    value = samples[spec.kind]
    if spec.kind in ("int", "float") and spec.lo is not None:
        value = max(value, type(value)(spec.lo))
    return value


@families
@pytest.mark.parametrize("role", ["cache_latents", "cache_text", "train"])
def test_the_engine_takes_the_defaults_and_all_options_at_once(family: Family, role: str) -> None:
    specs = fields.specs(family.options)
    everything = dataclasses.replace(family.options(), **{name: full(spec) for name, spec in specs.items()})
    for options in (family.options(), everything):
        parsed, rest = parser(family, role).parse_known_args(fields.argv(options, role))
        assert rest == [], rest
    flags = {word.split("=")[0] for word in fields.argv(everything, role) if word.startswith("--")}
    assert flags == {spec.flag for spec in specs.values() if role in spec.roles and spec.emit != "never"}
    assert parsed is not None


@families
def test_choices_are_the_engines(family: Family) -> None:
    for spec in fields.specs(family.options).values():
        option = known(family, "train").get(spec.flag) if "train" in spec.roles and spec.emit != "never" else None
        if option and option["choices"]:
            assert set(spec.choices) <= set(option["choices"]), spec.name


def test_every_shown_option_speaks_chinese() -> None:
    sets = [family.options for family in FAMILIES] + [provider.options for provider in PROVIDERS]
    shown = {name: spec for one in sets for name, spec in fields.specs(one).items() if not spec.ui_hidden}
    texts = catalogue("zh-CN")
    assert [name for name in shown if f"field.{name}.label" not in texts] == []
    assert [name for name, spec in shown.items() if spec.help_en and f"field.{name}.help" not in texts] == []
    with speaking("zh-CN"):
        assert shown["network_dim"].label == "秩（rank）"
        assert all(f"slot.{slot.text}.label" in texts for family in FAMILIES for slot in family.slots)


@given(
    rank=st.integers(1, 1024),
    rate=st.floats(0, 1),
    text=st.text(max_size=40),
    size=st.tuples(*[st.integers(64, 4096)] * 2),
)
def test_options_come_back_from_toml_unchanged(rank: int, rate: float, text: str, size: tuple[int, int]) -> None:
    family = next(iter(FAMILIES))
    before = family.options(network_dim=rank, learning_rate=rate, resolution=size, training_comment=text.strip())
    through = tomllib.loads(tomli_w.dumps(fields.dump(before)))
    assert fields.load(family.options, through) == (before, [])


def test_the_template_in_the_readme_is_a_family() -> None:
    import sys
    import types

    readme = Path(__file__).resolve().parent.parent / "tagtrainer" / "training" / "families" / "README.md"
    module = types.ModuleType("readme_family")
    sys.modules[module.__name__] = module
    namespace = module.__dict__
    exec(compile(readme.read_text("utf-8").split("```python")[1].split("```")[0], "README", "exec"), namespace)
    family: Family = namespace["FAMILY"]
    assert list(fields.problems(family.options())) == [] and family.options().learning_rate == 1e-4
    assert "--extra_switch" in fields.argv(family.options(extra_switch=True), "train")
