"""The command line: finds the verb, runs it, prints its result. Must not know what any verb does.

Every module of this package with a `register(groups)` function adds a group, or a verb without a group. A verb sets `run`
(workspace, arguments -> result that JSON can hold) and may set `show` (result -> None) to print for people and `code` (result
-> exit code) where the result itself can be bad news.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tagtrainer import __version__, settings
from tagtrainer.core.files import read_json, write_json
from tagtrainer.core.text import LANGUAGES, UserError, match_language, set_language, t
from tagtrainer.workspace import open_workspace, place_of


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, help texts in the current language."""
    parser = argparse.ArgumentParser(prog="python -m tagtrainer", description=t("cli.about"))
    parser.add_argument("--workspace", metavar="DIR", help=t("cli.workspace"))
    parser.add_argument("--config", metavar="FILE", help=t("cli.config"))
    parser.add_argument("--json", action="store_true", help=t("cli.json"))
    parser.add_argument("--debug", action="store_true", help=t("cli.debug"))
    parser.add_argument("--version", action="version", version=f"TagTrainer {__version__}")
    groups = parser.add_subparsers(dest="group", metavar="GROUP", required=True)
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "register"):
            module.register(groups)
    return parser


def add_group(groups: Any, name: str, about: str) -> Any:
    """A group of verbs, `dataset` for example; returns what `add_verb` takes."""
    group = groups.add_parser(name, help=about, description=about)
    return group.add_subparsers(dest="verb", metavar="VERB", required=True)


def add_verb(verbs: Any, name: str, about: str, run: Any, show: Any = None) -> argparse.ArgumentParser:
    """A verb of a group: `run(ws, args)` gives the result, `show(result)` prints it (default: indented JSON)."""
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about)
    verb.set_defaults(run=run, show=show, code=_done)
    return verb


def _done(_result: Any) -> int:
    return 0


def _settings_of(argv: Sequence[str]) -> tuple[settings.Settings, list[settings.Notice]]:
    """The settings of the workspace that `argv` names, and what is to be said of a file that was damaged and set aside."""
    peek = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    peek.add_argument("--workspace")
    peek.add_argument("--config")
    try:
        known, _ = peek.parse_known_args([word for word in argv if word not in ("-h", "--help")])
        found, notices = settings.load_with_notices(place_of(known.workspace, known.config))
    except (argparse.ArgumentError, UserError):
        return settings.Settings(), []
    return found, [notice for notice in notices if notice.key.endswith("damaged")]


def _language_of(chosen: str) -> str:
    """The language of whoever started us, else the settings', else the system's; found early, so that --help speaks it too."""
    for code in (os.environ.get("TAGTRAINER_LANGUAGE", ""), chosen):
        if code in LANGUAGES:
            return code
    return match_language(os.environ.get("LC_ALL") or os.environ.get("LANG") or "")


def _utf8_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def _leave_reason(error: UserError) -> None:
    """In a task: what was wrong, as a text key, so that the page can say it in the reader's language. Results so far stay."""
    task = os.environ.get("TAGTRAINER_TASK")
    if not task:
        return
    path = Path(task) / "result.json"
    try:
        before = read_json(path)
    except (OSError, UserError):
        before = {}
    values = {name: str(value) for name, value in error.values.items()}
    write_json(path, {**(before if isinstance(before, dict) else {}), "error": error.key, "values": values})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code 0 done, 1 a sentence on stderr, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    _utf8_streams()
    found, notices = _settings_of(words)
    set_language(_language_of(found.ui.language))
    for notice in notices:
        print(notice, file=sys.stderr)
    args = build_parser().parse_args(words)
    debug = args.debug or os.environ.get("TAGTRAINER_DEBUG", "") not in ("", "0")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, stream=sys.stderr)
    try:
        ws = open_workspace(args.workspace, args.config)
        result = args.run(ws, args)
    except (UserError, OSError) as error:
        return _refuse(_as_sentence(error), args.json)
    except KeyboardInterrupt:
        return 130
    if args.json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    elif args.show is not None:
        args.show(result)
    elif result is not None:
        print(json.dumps(result, ensure_ascii=False, indent=1, default=str))
    return int(args.code(result))


def _as_sentence(error: UserError | OSError) -> UserError:
    """What the system refused (a name too long, a folder nobody may read) in a sentence; its trace goes to --debug."""
    if isinstance(error, UserError):
        return error
    logging.getLogger(__name__).debug("refused by the system", exc_info=error)
    return UserError("core.refused", path=error.filename or "-", reason=error.strerror or error)


def _refuse(error: UserError, as_json: bool) -> int:
    _leave_reason(error)
    print(str(error), file=sys.stderr)
    if as_json:
        print(json.dumps({"error": error.key, "message": str(error)}, ensure_ascii=False))
    return 1
