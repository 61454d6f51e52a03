"""The rehearsal takes and refuses exactly what the engine's declared options say."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagtrainer.engines.rehearsal import options

ENGINE = Path(__file__).parent / "data" / "engine"
SCRIPTS = options.scripts()
OPTIONS = [(script, option) for script in SCRIPTS for option in options.facts(script)["options"]]
REQUIRED = {"--dataset_config": "set.toml", "--text_encoder": "weights"}
GOOD: dict[str, list[tuple[str, Any]]] = {
    "str": [("word", "word"), ("a b", "a b"), ("雪", "雪"), ("", "")],
    "int": [("7", 7), ("-3", -3), (" 4 ", 4)],
    "float": [("0.5", 0.5), ("1e-4", 1e-4), ("3", 3.0)],
    "path": [("a/b.toml", Path("a/b.toml"))],
    "int_or_float": [("10", 10), ("0.1", 0.1), ("10%", 0.1), ("1.5", 1.5), ("1e2", 100), ("0", 0.0), ("2.0", 2), ("150%", 1.5)],
}  # fmt: skip
BAD = {"int": ["x", "0.5", "1e3", ""], "float": ["x", "1,5", ""], "int_or_float": ["x", "%", "x%", ""]}


def needed(script: str, without: str = "") -> list[str]:
    told = options.facts(script)["options"]
    flags = [option["flags"][0] for option in told if option.get("required") and option["flags"][0] != without]
    return [word for flag in flags for word in (flag, REQUIRED[flag])]


def dest(option: dict[str, Any]) -> str:
    return option.get("dest") or option["flags"][0].lstrip("-").replace("-", "_")


def test_every_step_of_a_family_is_there() -> None:
    families = {options.split(script)[0] for script in SCRIPTS}
    assert {f"{family}_{part}" for family in families for part in options.PARTS} == set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_shipped_options_are_the_engines(script: str) -> None:
    source = ENGINE / f"{script}.json"
    if not source.exists():
        pytest.skip("the engine's option lists are not recorded here")
    recorded = json.loads(source.read_text("utf-8"))["options"]
    made = {action.dest: action for action in options.parser(script)._actions if action.dest != "help"}
    assert set(made) == {option["dest"] for option in recorded}
    for option in recorded:
        action = made[option["dest"]]
        assert list(action.option_strings) == option["flags"]
        assert bool(action.required) == option["required"]
        assert action.default == option["default"], option
        assert (list(action.choices) if action.choices else None) == option["choices"]
        flag = isinstance(action, argparse._StoreTrueAction | argparse._StoreFalseAction)
        assert (option["kind"] == "flag") == flag
        assert flag or action.nargs == option["nargs"]
        assert flag or action.type is options.TYPES[option["type"]]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OPTIONS), st.data())
def test_good_values_are_taken(chosen: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    script, option = chosen
    flag = option["flags"][0]
    if option["kind"] == "flag":
        words, expected = [flag], option.get("flag_value", True)
    elif option.get("choices"):
        expected = data.draw(st.sampled_from(option["choices"]))
        words = [flag, expected]
    else:
        text, expected = data.draw(st.sampled_from(GOOD[option["type"]]))
        words = [f"{flag}={text}"]
        if option["kind"] == "list":
            words, expected = [flag, "1", "2"], [options.TYPES[option["type"]](text) for text in "12"]
    found = options.parse(script, [*needed(script, flag), *words]) if dest(option) != "config_file" else None
    if found is not None:
        assert getattr(found, dest(option)) == expected


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([entry for entry in OPTIONS if entry[1].get("type") in BAD or entry[1].get("choices")]), st.data()
)
def test_malformed_values_are_refused(chosen: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    script, option = chosen
    text = data.draw(st.sampled_from(["nonsense"] if option.get("choices") else BAD[option["type"]]))
    with pytest.raises(SystemExit) as caught:
        options.parse(script, [*needed(script), f"{option['flags'][0]}={text}"])
    assert caught.value.code == 2


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SCRIPTS), st.from_regex(r"--[a-z_]{3,20}", fullmatch=True))
def test_unknown_options_are_refused(script: str, word: str) -> None:
    known = [flag for option in options.facts(script)["options"] for flag in option["flags"]]
    if any(flag.startswith(word) for flag in [*known, "--help"]):
        return
    with pytest.raises(SystemExit) as caught:
        options.parse(script, [*needed(script), word, "1"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--nonsense", "1"], "qwen_image_train_network.py: error: unrecognized arguments: --nonsense 1"),
        (["--seed", "x"], "qwen_image_train_network.py: error: argument --seed: invalid int value: 'x'"),
        (["--fp8"], "qwen_image_train_network.py: error: ambiguous option: --fp8 could match"),
        (["--lr_warmup_steps", "x"], "error: argument --lr_warmup_steps: 'x' is not an int or float"),
    ],
)  # fmt: skip
def test_refusals_read_like_the_engines(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options.parse("qwen_image_train_network", words)
    assert line in capsys.readouterr().err


def test_a_config_file_gives_way_to_the_arguments(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        "[any]\nseed = 3\nlearning_rate = 1e-3\nunknown = 1\n[other]\nsdpa = true\n", "utf-8"
    )
    found = options.parse("qwen_image_train_network", ["--config_file", str(tmp_path / "run"), "--seed", "9"])
    assert (found.seed, found.learning_rate, found.sdpa, found.network_alpha) == (9, 1e-3, True, 1)
    with pytest.raises(SystemExit) as caught:
        options.parse("qwen_image_train_network", ["--config_file", str(tmp_path / "nothing")])
    assert caught.value.code == 1
