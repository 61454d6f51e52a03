"""settings and workspace: versions, damage, unknown keys, secrets apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tagtrainer import settings
from tagtrainer.captioning import profiles
from tagtrainer.core.text import UserError, speaking
from tagtrainer.workspace import Workspace, open_workspace


def test_save_and_load(ws: Workspace) -> None:
    settings.change(ws, lambda s: s.model_paths.update({"qwen_image.dit_path": "/models/dit.safetensors"}))
    assert settings.load(ws).model_paths == {"qwen_image.dit_path": "/models/dit.safetensors"}
    assert settings.load_with_notices(ws)[1] == []


def test_no_file_means_defaults(ws: Workspace) -> None:
    assert settings.load(ws) == settings.Settings() and not ws.config.exists()


def test_unknown_keys_are_named_and_kept(ws: Workspace) -> None:
    ws.config.write_text('{"version": 1, "colour": "red", "ui": {"language": "zh-CN", "zoom": 2}}', "utf-8")
    loaded, notices = settings.load_with_notices(ws)
    assert loaded.ui.language == "zh-CN"
    assert "colour" in str(notices[0]) and "ui.zoom" in str(notices[0])
    settings.save(ws, loaded)
    again = json.loads(ws.config.read_text("utf-8"))
    assert again["colour"] == "red" and again["ui"]["zoom"] == 2


@pytest.mark.parametrize("damage", ["{", "[1]", "", "\x00\x01", '{"version": 1,}'])
def test_a_damaged_file_is_kept_aside_and_named(ws: Workspace, damage: str) -> None:
    ws.config.write_text(damage, "utf-8")
    loaded, notices = settings.load_with_notices(ws)
    assert loaded == settings.Settings()
    aside = next(ws.root.glob("config.json.damaged-*"))
    assert aside.read_text("utf-8") == damage and aside.name in str(notices[0])


def test_a_newer_file_is_used_as_far_as_known_and_kept(ws: Workspace) -> None:
    ws.config.write_text('{"version": 99, "ui": {"language": "en"}, "future": {"a": 1}}', "utf-8")
    loaded, notices = settings.load_with_notices(ws)
    assert loaded.ui.language == "en" and "99" in str(notices[0])
    settings.save(ws, loaded)
    assert json.loads(ws.config.read_text("utf-8"))["future"] == {"a": 1}


def test_one_bad_value_does_not_spoil_the_rest(ws: Workspace) -> None:
    ws.config.write_text('{"ui": {"language": "klingon"}, "model_paths": {"a.b": "/x"}}', "utf-8")
    loaded, notices = settings.load_with_notices(ws)
    assert loaded.ui.language == "" and loaded.model_paths == {"a.b": "/x"}
    assert "ui.language" in str(notices[0])


def test_what_is_wrong_with_a_value_is_said_in_the_readers_language(ws: Workspace) -> None:
    values = {"ui": {"language": "xx"}, "storage": {"keep_free_gb": -1, "zip_max_gb": 0}, "model_paths": 5}
    ws.config.write_text(json.dumps(values), "utf-8")
    notices = settings.load_with_notices(ws)[1]
    for language, words in (
        ("en", ("allowed: '', 'en', 'zh-CN'", "at least 0", "more than 0", "another kind")),
        ("zh-CN", ("可选：", "不能小于 0", "必须大于 0", "类型不对")),
    ):
        with speaking(language):
            said = " ".join(map(str, notices))
        assert all(word in said for word in words), said


def test_change_refuses_what_is_not_allowed(ws: Workspace) -> None:
    with pytest.raises(UserError) as caught:
        settings.change(ws, lambda s: setattr(s.storage, "keep_free_gb", -1))
    assert "keep_free_gb" in str(caught.value) and not ws.config.exists()


def test_secrets_are_not_in_the_settings(ws: Workspace) -> None:
    settings.set_secret(ws, "captioning.openai", "sk-planted")
    settings.save(ws, settings.load(ws))
    assert settings.secret(ws, "captioning.openai") == "sk-planted"
    assert "sk-planted" not in ws.config.read_text("utf-8")
    settings.set_secret(ws, "captioning.openai", "")
    assert settings.secret(ws, "captioning.openai") == ""


@pytest.mark.parametrize("damage", [b'{"captioning.mine": "sk-pl', b"[1]", b"\xff\xfe\x00", b"[" * 100_000])
def test_damaged_secrets_are_kept_aside_and_named(ws: Workspace, damage: bytes) -> None:
    ws.secrets.write_bytes(damage)
    notices = settings.load_with_notices(ws)[1]
    assert [notice.key for notice in notices] == ["settings.secrets_damaged"]
    assert "sk-pl" not in str(notices[0])
    assert next(ws.root.glob("secrets.json.damaged-*")).read_bytes() == damage
    settings.set_secret(ws, "captioning.mine", "sk-new")
    assert settings.secret(ws, "captioning.mine") == "sk-new" and settings.load_with_notices(ws)[1] == []


def test_hand_edited_profiles_do_no_harm(ws: Workspace) -> None:
    rows = {
        "a": {"provider": ["template"]},
        "b": {"provider": "template", "options": "x"},
        "c": {"provider": "template"},
    }
    ws.config.write_text(json.dumps({"captioning": {"profiles": rows}}), "utf-8")
    known = profiles.profiles(ws)
    assert "c" in known and not {"a", "b"} & set(known)


def test_workspace_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTRAINER_WORKSPACE", str(tmp_path / "from_env"))
    monkeypatch.setenv("TAGTRAINER_CONFIG", str(tmp_path / "other.json"))
    ws = open_workspace()
    assert ws.root == tmp_path / "from_env" and ws.config == tmp_path / "other.json" and ws.tasks.is_dir()
    assert open_workspace(tmp_path / "given").root == tmp_path / "given"
    with pytest.raises(UserError):
        ws.dataset("../outside")


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(UserError) as caught:
        open_workspace(tmp_path / "file")
    assert "is a file" in str(caught.value)
