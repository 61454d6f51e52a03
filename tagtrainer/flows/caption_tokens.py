"""Token counts of captions for a model family: its limit, and a tokenizer that lies on this machine already. Must not fetch one.

Looked for in this order: the folder named in the settings (<family>.tokenizer), beside the family's text encoder, and in the
cache of the hub, where the engine keeps it after its first run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tagtrainer import settings
from tagtrainer.core import pasted
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index
from tagtrainer.datasets.text import texts, tokens
from tagtrainer.datasets.text.tokens import Counter, TokenReport
from tagtrainer.training.family import FAMILIES, Family
from tagtrainer.workspace import Workspace

_reports: dict[tuple[Path, str], tuple[tuple[Any, ...], TokenReport]] = {}


def families(ws: Workspace) -> list[dict[str, Any]]:
    """Every family with its caption limit, and the folder set for its tokenizer."""
    chosen = settings.load(ws).model_paths
    return [
        {
            "id": family.id,
            "name": family.name,
            "limit": family.caption_token_limit,
            "tokenizer": chosen.get(_key(family), ""),
        }
        for family in FAMILIES
    ]


def report(ws: Workspace, dataset: str, family_id: str, limit: int | None = None) -> TokenReport:
    """Counts of every caption against the family's limit (or another one). UserError tokens.no_family, tokens.cannot_load."""
    family = _family(family_id)
    counter = counter_of(ws, family)
    limit = family.caption_token_limit if limit is None else limit
    state = (index.ensure(ws, dataset), counter.name, limit)
    kept = _reports.get((ws.index, dataset))
    if kept is not None and kept[0] == state:
        return kept[1]
    found = tokens.report(texts.captions(ws, dataset), limit, counter)
    if len(_reports) > 8:
        _reports.clear()
    _reports[(ws.index, dataset)] = (state, found)
    return found


def counter_of(ws: Workspace, family: Family) -> Counter:
    """The family's tokenizer when one lies here, else the estimate."""
    return tokens.open_counter(tokens.find(_places(ws, family)))


def set_tokenizer(ws: Workspace, family_id: str, path: str) -> Counter:
    """Name the folder of a family's tokenizer, "" for none; loaded at once. UserError tokens.not_here, tokens.cannot_load."""
    family = _family(family_id)
    plain = pasted.plain(path)
    if plain:
        folder = tokens.find([pasted.path(plain)]) if pasted.path(plain).is_absolute() else None
        if folder is None:
            raise UserError("tokens.not_here", path=plain)
        tokens.open_counter(folder)

    def edit(known: settings.Settings) -> None:
        known.model_paths.pop(_key(family), None)
        if plain:
            known.model_paths[_key(family)] = plain

    settings.change(ws, edit)
    return counter_of(ws, family)


def _family(family_id: str) -> Family:
    found = next((family for family in FAMILIES if family.id == family_id), None)
    if found is None:
        raise UserError("tokens.no_family", family=family_id[:60])
    return found


def _key(family: Family) -> str:
    return f"{family.id}.tokenizer"


def _places(ws: Workspace, family: Family) -> Iterator[Path]:
    chosen = settings.load(ws).model_paths
    slots = [family.slot_key(slot) for slot in family.slots if slot.kind == "text_encoder"]
    for path in (chosen.get(name, "") for name in (_key(family), *slots)):
        if path and Path(path).expanduser().exists():
            yield Path(path).expanduser()
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    hub = Path(os.environ["HF_HUB_CACHE"]).expanduser() if os.environ.get("HF_HUB_CACHE") else home / "hub"
    for repo in family.hub_repos:
        yield from sorted((hub / f"models--{repo.replace('/', '--')}" / "snapshots").glob("*"))
