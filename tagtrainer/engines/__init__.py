"""Training engines: other programs that we find, check and call. Must not know what is trained or how it is queued."""

from __future__ import annotations

from tagtrainer.core.text import UserError
from tagtrainer.engines.base import Engine, EngineStatus, Interpreter
from tagtrainer.engines.musubi import Musubi
from tagtrainer.engines.rehearsal_engine import Rehearsal

MUSUBI = Musubi()
ENGINES: dict[str, Engine] = {engine.id: engine for engine in (Rehearsal(), MUSUBI)}
"""Every engine by id, in the order shown."""

__all__ = ["ENGINES", "MUSUBI", "Engine", "EngineStatus", "Interpreter", "get"]


def get(ident: str) -> Engine:
    """The engine with that id. Raises UserError engines.unknown."""
    if ident not in ENGINES:
        raise UserError("engines.unknown", id=ident, known=", ".join(ENGINES))
    return ENGINES[ident]
