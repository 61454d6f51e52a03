"""The OpenAI SDK's errors as sentences. Must not let a key into one: it is cut out of whatever a server says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tagtrainer.core.text import UserError

if TYPE_CHECKING:
    import openai

BROKE_OFF = ("ReadError", "WriteError", "CloseError", "RemoteProtocolError")
"""What the HTTP client calls a connection that stood once."""
_CODE = re.compile(r"\AError code: \d+(?: - )?")


@contextmanager
def sentences(url: str, key: str, model: str = "", timeout: float = 0.0) -> Iterator[None]:
    """Raises UserError captioning.* with the SDK's error as its cause."""
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        raise _refusal(error, url, key, model) from error
    except openai.APITimeoutError as error:
        raise UserError("captioning.timeout", url=url, seconds=timeout) from error
    except openai.APIConnectionError as error:
        broke = type(error.__cause__).__name__ in BROKE_OFF
        raise UserError("captioning.cut" if broke else "captioning.unreachable", url=url) from error
    except (openai.APIError, json.JSONDecodeError, ValueError) as error:
        raise UserError("captioning.not_json") from error


def _refusal(error: openai.APIStatusError, url: str, key: str, model: str) -> UserError:
    """What a server that did answer means by its status."""
    import openai

    reason = _scrub(error.message, key)
    if isinstance(error, openai.AuthenticationError):
        return UserError("captioning.key_refused" if key else "captioning.key_wanted", url=url)
    if isinstance(error, openai.PermissionDeniedError):
        return UserError("captioning.forbidden", url=url, reason=reason)
    if isinstance(error, openai.NotFoundError):
        return UserError("captioning.not_found", url=url, model=model)
    if isinstance(error, openai.RateLimitError):
        if error.code == "insufficient_quota":
            return UserError("captioning.no_credit", url=url)
        return UserError("captioning.rate_limited", url=url, seconds=error.response.headers.get("retry-after", "?"))
    return UserError("captioning.server_error", url=url, code=error.status_code, reason=reason)


def _scrub(text: object, key: str) -> str:
    plain = _CODE.sub("", str(text))
    return (plain.replace(key, "***") if key else plain)[:300]
