"""Both languages are complete, every key used in the code exists, and places such as {path} agree between languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tagtrainer.core.text import LANGUAGES, UserError, catalogue, match_language, set_language, speaking, t

ROOT = Path(__file__).resolve().parent.parent
PLACES = re.compile(r"\{([a-z_]+)\}")


def used_keys() -> dict[str, str]:
    """Every literal key given to t(...), UserError(...), Notice(...), Problem(...) or FieldProblem(...): key -> where."""
    found: dict[str, str] = {}
    for path in [*(ROOT / "tagtrainer").rglob("*.py"), ROOT / "app.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name not in ("t", "UserError", "Notice", "Problem", "FieldProblem"):
                continue
            for argument in node.args[:2]:
                key = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(key, str) and re.fullmatch(r"[a-z_]+\.[a-z0-9_.]+", key):
                    found[key] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def test_every_used_key_has_an_english_text() -> None:
    missing = {key: where for key, where in used_keys().items() if key not in catalogue("en")}
    assert not missing


def test_chinese_has_a_text_for_every_english_one() -> None:
    missing = [key for key in catalogue("en") if key not in catalogue("zh-CN")]
    assert not missing


def test_no_text_is_only_in_chinese() -> None:
    """Labels and help of options and path slots stand in English where they are declared; the rest is in both catalogues."""
    extra = [
        key for key in catalogue("zh-CN") if key not in catalogue("en") and not key.startswith(("field.", "slot."))
    ]
    assert not extra


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_places_agree(code: str) -> None:
    english = catalogue("en")
    wrong = {
        key: (sorted(set(PLACES.findall(english[key]))), sorted(set(PLACES.findall(text))))
        for key, text in catalogue(code).items()
        if key in english and set(PLACES.findall(english[key])) != set(PLACES.findall(text))
    }
    assert not wrong


def test_chinese_texts_are_chinese() -> None:
    """A text left in English by mistake; names and units that are the same in both languages are short."""
    han = re.compile(r"[\u4e00-\u9fff]")
    english = catalogue("en")
    same = [
        key
        for key, text in catalogue("zh-CN").items()
        if not han.search(text) and len(text.split()) > 3 and english.get(key) == text
    ]
    assert not same


OTHER_WORDS = {
    "标注": "描述",
    "演练": "排练",
    "预演": "排练",
    "打标配置": "打标方式",
    "醒目之处": "显著区域",
    "裁切": "裁剪",
}
"""What one thing was also called -> what it is called everywhere."""


def test_chinese_calls_one_thing_by_one_name() -> None:
    wrong = {key: word for key, text in catalogue("zh-CN").items() for word in OTHER_WORDS if word in text}
    assert not wrong


def test_chinese_texts_have_chinese_punctuation() -> None:
    """No half-width mark between Chinese characters, no space before or after a quotation mark beside one."""
    narrow = re.compile(r"[\u4e00-\u9fff）][,;:!?](?=[\u4e00-\u9fff“（])|[\u4e00-\u9fff] “|” [\u4e00-\u9fff]")
    wrong = {key: text for key, text in catalogue("zh-CN").items() if narrow.search(text.replace("宽,高", ""))}
    assert not wrong


def test_text_falls_back_and_fills_places() -> None:
    assert t("core.bad_id", id="x{id}") == "“x{id}” is not a valid id."
    assert t("no.such.key") == "no.such.key"
    with speaking("zh-CN"):
        assert "不是有效" in t("core.bad_id", id="x")
        assert "不是有效" in str(UserError("core.bad_id", id="x"))
    set_language("xx")
    assert "not a valid" in t("core.bad_id", id="x")


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("zh-CN,zh;q=0.9", "zh-CN"),
        ("zh_TW.UTF-8", "zh-CN"),
        ("en-GB", "en"),
        ("de,zh;q=0.5", "zh-CN"),
        ("", "en"),
        ("C", "en"),
    ],
)
def test_language_of_a_browser(accept: str, code: str) -> None:
    assert match_language(accept) == code
