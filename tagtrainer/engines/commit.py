"""Which commit a checkout stands at, read from its .git. Must not run git: it may not be installed."""

from __future__ import annotations

import re
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40,64}")


def commit_of(checkout: Path) -> str:
    """The commit's full hash; "" when this is no git checkout or it cannot be told."""
    try:
        git = _git_folder(checkout)
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head if _COMMIT.fullmatch(head) else ""
        return _commit_of_branch(git, head.removeprefix("ref: "))
    except (OSError, ValueError):
        return ""


def _git_folder(checkout: Path) -> Path:
    """.git is a folder, or in a worktree a file that names one."""
    place = checkout / ".git"
    if place.is_file():
        return checkout / place.read_text("utf-8").strip().removeprefix("gitdir: ")
    return place


def _commit_of_branch(git: Path, branch: str) -> str:
    common = git / "commondir"
    root = git / common.read_text("utf-8").strip() if common.is_file() else git
    if (root / branch).is_file():
        commit = (root / branch).read_text("utf-8").strip()
        return commit if _COMMIT.fullmatch(commit) else ""
    for line in (root / "packed-refs").read_text("utf-8").splitlines():
        commit, _, name = line.partition(" ")
        if name == branch and _COMMIT.fullmatch(commit):
            return commit
    return ""
