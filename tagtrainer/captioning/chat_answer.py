"""What an answer of a chat server holds: text, thoughts, numbers. Must not ask for one."""

from __future__ import annotations

from typing import Any

from tagtrainer.core.text import UserError


def content(answer: Any) -> str:
    """The text of an answer. UserError captioning.not_json, captioning.empty.

    A server that is none answers with a page, which the SDK hands over as a str.
    """
    if isinstance(answer, str) or not isinstance(getattr(answer, "choices", None), list):
        raise UserError("captioning.not_json")
    said = getattr(_message(answer), "content", None)
    if isinstance(said, list):  # some servers answer in parts
        said = "".join(str(part.get("text", "")) for part in said if isinstance(part, dict))
    if not said:
        raise UserError("captioning.empty", model=getattr(answer, "model", ""))
    return str(said)


def reasoning(answer: Any) -> str:
    """What a model thought, where the server keeps it apart from the answer."""
    message = _message(answer)
    return str(getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None) or "")


def tokens(answer: Any) -> tuple[int | None, int | None]:
    """(sent, got), None where the server does not say."""
    usage = getattr(answer, "usage", None)
    return getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)


def _message(answer: Any) -> Any:
    return getattr(answer.choices[0], "message", None) if answer.choices else None
