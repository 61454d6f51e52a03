"""What the captioning tests share: small datasets of drawn pictures and a profile for a server of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tagtrainer.captioning import profiles
from tagtrainer.datasets import store, transfer
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg


def boats(ws: Workspace, folder: Path, count: int = 4, trigger: str = "sks") -> str:
    """A dataset of `count` pictures without captions; returns its id."""
    for number in range(count):
        jpeg(folder / "beach trip" / f"RedBoat_{number:03d}.jpg", number)
    ident = store.create(ws, "boats", trigger_word=trigger).id
    transfer.import_paths(ws, ident, [folder])
    return ident


def profile_at(ws: Workspace, url: str, key: str | None = None, **options: Any) -> str:
    values = {"base_url": url, "retries": 0, "timeout": 5.0, "concurrency": 1, "model": "tiny", **options}
    return profiles.save_profile(ws, "Mine", "openai_compatible", values, profile_id="mine", key=key).id


def texts(ws: Workspace, dataset: str) -> list[str]:
    return [store.caption(ws, dataset, item.id) for item in store.items(ws, dataset)]
