"""What the app can be started with: command line and environment. Must not act on it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from tagtrainer.core.text import t
from tagtrainer.ui.guard import is_loopback

PORT = 7860


@dataclass(frozen=True)
class Options:
    """`port` 0: the first free one from 7860 on. `password` empty: none was set."""

    workspace: str | None = None
    config: str | None = None
    debug: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    share: bool = False
    allow_hosts: tuple[str, ...] = ()
    browser: bool = True
    password: str = ""

    @property
    def public(self) -> bool:
        """Whether anyone but this machine can reach the app; then there must be a password."""
        return self.share or not is_loopback(self.host)


def parse(argv: Sequence[str]) -> Options:
    """Options from the command line, then from TAGTRAINER_DEBUG and TAGTRAINER_PASSWORD. Exits for --help and mistakes.

    The password is never an option: everybody on a machine can read command lines.
    """
    parser = argparse.ArgumentParser(prog="python app.py", description=t("server.about"))
    parser.add_argument("--workspace", metavar="DIR", help=t("server.help.workspace"))
    parser.add_argument("--config", metavar="FILE", help=t("server.help.config"))
    parser.add_argument("--debug", action="store_true", help=t("server.help.debug"))
    parser.add_argument("--host", default="127.0.0.1", help=t("server.help.host"))
    parser.add_argument("--port", type=int, default=0, help=t("server.help.port", port=PORT))
    parser.add_argument("--share", action="store_true", help=t("server.help.share"))
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME", help=t("server.help.allow_host"))
    parser.add_argument("--no-browser", action="store_true", help=t("server.help.no_browser"))
    given = parser.parse_args(argv)
    return Options(
        workspace=given.workspace,
        config=given.config,
        debug=given.debug or os.environ.get("TAGTRAINER_DEBUG", "") not in ("", "0"),
        host=given.host,
        port=given.port,
        share=given.share,
        allow_hosts=tuple(name.lower() for name in given.allow_host),
        browser=not given.no_browser,
        password=os.environ.get("TAGTRAINER_PASSWORD", ""),
    )
