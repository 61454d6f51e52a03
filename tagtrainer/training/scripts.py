"""Steps written down as a shell or batch script that runs by hand. Must not know what the steps do."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Literal

from tagtrainer.core.steps import Step

Format = Literal["sh", "bat", "json"]


def render(steps: Sequence[Step], form: Format) -> str:
    """The same programs, arguments, folders and variables that the worker starts, one after another, stopping at a failure."""
    if form == "json":
        rows = [step.model_dump(mode="json", exclude={"total"}) for step in steps]
        return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    return _sh(steps) if form == "sh" else _bat(steps)


def _sh(steps: Sequence[Step]) -> str:
    lines = ["#!/bin/sh", "set -eu"]
    for step in steps:
        lines += ["", f"echo {shlex.quote(f'== {step.name}')}", "("]
        lines += [f"cd {shlex.quote(step.cwd)}"] if step.cwd else []
        for name, value in step.env.items():
            lines.append(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
        lines += [_folded([shlex.quote(word) for word in step.argv], " \\\n  "), ")"]
    return "\n".join(lines) + "\n"


def _folded(words: list[str], joint: str) -> str:
    """One option with its values a line, so that people can read it."""
    lines: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--"):
            lines.append([])
        lines[-1].append(word)
    return joint.join(" ".join(line) for line in lines if line)


def _bat(steps: Sequence[Step]) -> str:
    # UTF-8 code page first: paths and names may hold any letter
    lines = ["@echo off", "chcp 65001 >nul", "setlocal DisableDelayedExpansion"]
    for step in steps:
        lines += ["", f"echo == {step.name}", "setlocal"]
        lines += [f"cd /d {bat_word(step.cwd)} || exit /b 1"] if step.cwd else []
        for name, value in step.env.items():
            lines.append(f'set "{name}={(value or "").replace("%", "%%")}"')
        # one line: a caret at a line's end would join lines, but not inside quotes
        lines += [" ".join(bat_word(word) for word in step.argv), _BAT_STOP, "endlocal"]
    return "\r\n".join(lines) + "\r\n"


# not "if errorlevel 1": a crash has a negative code
_BAT_STOP = 'if not "%errorlevel%"=="0" exit /b %errorlevel%'
_META = frozenset('()%!^"<>&|;,= \t')


def bat_word(word: str) -> str:
    """One argument for a batch file: first as the C runtime splits it, then so that cmd.exe leaves it alone.

    Inside quotes only % means something to cmd; a word that holds a quote itself cannot stay inside quotes, so there every
    special character gets a caret instead.
    """
    if '"' in word:
        # backslashes count double only in front of a quote, the closing one included
        quoted = '"' + re.sub(r'(\\*)(")', r"\1\1\\\2", word) + "\\" * _trailing(word) + '"'
        return "".join("%%" if c == "%" else f"^{c}" if c in '()!^"<>&|' else c for c in quoted)
    if word and not _META.intersection(word):
        return word
    return '"' + word.replace("%", "%%") + "\\" * _trailing(word) + '"'


def _trailing(word: str) -> int:
    """Backslashes at the end."""
    return len(word) - len(word.rstrip("\\"))
