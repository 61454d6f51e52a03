"""When to ask again after a server said it is too much (429). Must not ask anything itself."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tagtrainer.core.text import UserError

LONGEST_PAUSE = 3600.0
FIRST_PAUSE = 10.0
TRIES = 6


@dataclass
class Pace:
    """One pause for all threads of a batch. The SDK waits up to two minutes by itself; what it gives up on comes here."""

    until: float = 0.0
    in_a_row: int = 0
    tries: Counter[str] = field(default_factory=Counter)

    @property
    def left(self) -> float:
        """Seconds until the server may be asked again."""
        return max(0.0, self.until - time.monotonic())

    def pauses(self, error: UserError, item: str) -> bool:
        """Whether `error` is a reason to wait and ask about `item` again, rather than to give it up."""
        if error.key != "captioning.rate_limited":
            return False
        wished = _seconds(error.values.get("seconds"))
        self.tries[item] += 1
        if self.tries[item] >= TRIES or (wished or 0) > LONGEST_PAUSE:
            return False
        if not self.left:  # several threads meet the same refusal: that is one pause
            self.in_a_row += 1
        pause = wished if wished is not None else min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.in_a_row - 1))
        self.until = max(self.until, time.monotonic() + pause)
        return True

    def went_well(self) -> None:
        """An answer came."""
        self.in_a_row = 0


def _seconds(value: object) -> float | None:
    """Seconds of a Retry-After header; None when there is none or it is a date."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if found >= 0 else None
