"""`dataset portrait`: the portrait pipeline as a command and as the body of its job. Must not do any stage itself."""

from __future__ import annotations

import argparse
from typing import Any

from tagtrainer.cli.dataset import on_dataset, save_result
from tagtrainer.core.progress import Printer
from tagtrainer.core.text import UserError, t
from tagtrainer.flows.portrait import STAGES
from tagtrainer.workspace import Workspace


def extend(verbs: Any) -> None:
    """portrait."""
    verb = on_dataset(verbs, "portrait", _portrait, _show)
    add_options(verb)
    verb.add_argument("--source", default="", metavar="PATH", help=t("portrait.cli.source"))
    verb.add_argument("--skip", action="append", default=[], choices=STAGES, help=t("portrait.cli.skip"))
    verb.add_argument("--profile", default="template", metavar="P", help=t("portrait.cli.profile"))
    verb.add_argument("--goes-on", default="", metavar="ENTRY", help=t("portrait.cli.goes_on"))


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options that `run-all` has too."""
    verb.add_argument("--distance", type=int, default=12, metavar="BITS", help=t("portrait.cli.distance"))
    verb.add_argument("--keep", type=int, default=2, metavar="N", help=t("portrait.cli.keep"))
    verb.add_argument("--by", default="auto", metavar="auto|face|saliency|vision:PROFILE", help=t("portrait.cli.by"))
    verb.add_argument("--crop-to", default="1024x1024", metavar="WxH", help=t("portrait.cli.crop_to"))


def plan_of(args: argparse.Namespace, stages: list[Any], source: str = "") -> Any:
    """The plan that the options say. UserError portrait.bad_plan."""
    from pydantic import ValidationError

    from tagtrainer.flows import portrait

    values = {"distance": args.distance, "keep": args.keep, "by": args.by, "target": args.crop_to}
    try:
        return portrait.Plan(source=source, stages=stages, profile=args.profile, **values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError("portrait.bad_plan", name=first["loc"][0], value=first["input"]) from error


def _portrait(ws: Workspace, args: argparse.Namespace) -> dict[str, Any]:
    from tagtrainer.flows import portrait

    plan = plan_of(args, [stage for stage in STAGES if stage not in args.skip], args.source)
    entry = portrait.entry_for(ws, args.id, args.goes_on)
    about = {"hosts": list(portrait.host_of(ws, plan)), "plan": portrait.stages_of(plan), "entry": entry}

    def tell(stages: list[portrait.Stage]) -> None:
        save_result({**about, "stages": portrait.as_rows(stages), "done": False})

    tell([])
    found = portrait.run(ws, args.id, plan, lambda stage: Printer(t(f"portrait.stage.{stage}")), tell, entry)
    return save_result({**about, "stages": portrait.as_rows(found), "done": True})


def _show(result: dict[str, Any]) -> None:
    for host in result["hosts"]:
        print(t("portrait.sent", host=host))
    if not result["hosts"]:
        print(t("portrait.stays"))
    for stage in result["stages"]:
        print(t("portrait.cli.line", stage=t(f"portrait.stage.{stage['name']}"), into=stage["into"], out=stage["out"]))
        if stage["note"]:
            print(f"  {stage['note']}")
        for row in stage["dropped"]:
            print(f"  - {row['name']}: {row['reason']}")
