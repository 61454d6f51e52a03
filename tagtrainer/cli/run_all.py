"""`run-all`: arguments and progress of the whole walk. Must not decide anything: flows does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tagtrainer import flows
from tagtrainer.cli import add_verb
from tagtrainer.cli.dataset_portrait import add_options, plan_of
from tagtrainer.cli.train import add_choices, options_from, state_printer
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import t
from tagtrainer.flows.walk import Walk
from tagtrainer.workspace import Workspace


def register(groups: Any) -> None:
    """Add `run-all`."""
    verb = add_verb(groups, "run-all", t("run_all.about"), _run, _show)
    verb.add_argument("--input", metavar="DIR", required=True, type=Path, help=t("run_all.input"))
    verb.add_argument("--output", metavar="DIR", required=True, type=Path, help=t("run_all.output"))
    verb.add_argument("--model", metavar="M", default="qwen_image", help=t("run_all.model"))
    verb.add_argument("--profile", metavar="P", default="template", help=t("run_all.profile"))
    verb.add_argument("--name", default="", help=t("run_all.name"))
    verb.add_argument("--trigger", metavar="WORD", default="", help=t("run_all.trigger"))
    verb.add_argument(
        "--skip", metavar="STAGE", action="append", default=[], choices=flows.STAGES, help=t("run_all.skip")
    )
    for stage in flows.CURATION:
        verb.add_argument(f"--{stage}", action="store_true", help=t(f"run_all.with_{stage}"))
    verb.add_argument("--portrait", action="store_true", help=t("run_all.portrait"))
    add_options(verb)
    add_choices(verb)


def _run(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    curate = [stage for stage in flows.CURATION if args.portrait or getattr(args, stage)]
    walk = Walk(
        source=args.input.expanduser().absolute(), target=args.output.expanduser().absolute(), family=args.model,
        engine=args.engine, profile=args.profile, preset=args.preset, name=args.name, trigger=args.trigger,
        options=options_from(ws, args.model, args.preset, args.set), skip=args.skip,
        curate=curate, plan=plan_of(args, curate),
        progress=lambda stage: Printer(_label(stage)), say=_say, on_state=state_printer(),
    )  # fmt: skip
    return flows.run_all(ws, walk)


def _label(stage: str) -> str:
    return t(f"{'portrait.stage' if stage in flows.CURATION else 'run_all'}.{stage}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _show(report: dict[str, Any]) -> None:
    for name in report.get("train", {}).get("files", []):
        print(Path(report["output"]) / name)
