"""Routes of the portrait pipeline under /api/portrait/: choices, start, progress, stop, download. Must not run a stage."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from tagtrainer.core.files import safe_id, safe_join
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import store
from tagtrainer.flows.portrait import STAGES, Plan
from tagtrainer.jobs import store as jobs
from tagtrainer.ui import work
from tagtrainer.ui.routes_imports import typed_path
from tagtrainer.workspace import Workspace

VERB = "portrait"


def _goes_on(ws: Workspace, dataset: str) -> list[str]:
    """A run that was cut short is gone on with in its own entry of the history, so that one undo takes all of it back."""
    last = work.newest(ws, dataset, VERB)
    if last["task"] and last["status"] in ("stopped", "failed"):
        entry = (jobs.result(ws, last["task"]) or {}).get("entry")
        return [f"--goes-on={entry}"] if entry else []
    return []


def router(ws: Workspace) -> APIRouter:
    """What the pipeline's view fetches."""
    routes = APIRouter(prefix="/api/portrait")

    @routes.get("/{dataset}/choices")
    def choices(dataset: str) -> dict[str, Any]:
        """Profiles with where they send pictures, and ways of finding the subject."""
        from tagtrainer.captioning import profiles
        from tagtrainer.flows import looking

        store.get(ws, dataset)
        known = list(profiles.profiles(ws).values())
        hosts = {profile.id: profiles.remote_host(profile) for profile in known}
        ways = [{"id": way, "name": t(f"view_portrait.by_{way}"), "host": ""} for way in looking.WAYS]
        ways += [
            {"id": f"vision:{one.id}", "name": t("view_portrait.by_vision", name=one.name), "host": hosts[one.id]}
            for one in known
            if looking.can_see(one)
        ]
        captioners = [{"id": one.id, "name": one.name, "host": hosts[one.id]} for one in known]
        return {"profiles": captioners, "ways": ways, "count": len(store.items(ws, dataset))}

    @routes.get("/{dataset}/job")
    def job(dataset: str) -> dict[str, Any]:
        """How the newest run stands; its stages so far also while it runs."""
        found = work.newest(ws, dataset, VERB)
        if found["task"]:
            said = jobs.result(ws, found["task"]) or {}
            found |= {"stages": said.get("stages", []), "plan": said.get("plan", []), "entry": said.get("entry", "")}
        return found

    @routes.post("/{dataset}/job")
    def start(dataset: str, plan: Plan) -> dict[str, str]:
        from tagtrainer import flows

        source = typed_path(plan.source) if plan.source.strip() else ""
        words = ["--distance", str(plan.distance), "--keep", str(plan.keep), f"--by={plan.by}"]
        words += [
            f"--crop-to={plan.target}",
            f"--profile={plan.profile}",
            f"--source={source}",
        ]
        words += [word for name in STAGES if name not in plan.stages for word in ("--skip", name)]
        words += _goes_on(ws, dataset)
        return {"task": flows.start_work(ws, dataset, VERB, words)}

    @routes.post("/{dataset}/job/stop")
    def stop(dataset: str) -> dict[str, Any]:
        return work.stop(ws, dataset, VERB)

    @routes.get("/{dataset}/zip/{name}")
    def packed(dataset: str, name: str) -> FileResponse:
        """A zip that the stage “pack” made of this dataset."""
        path = safe_join(ws.runtime / "exports", name)
        if not name.startswith(f"{safe_id(dataset)}-") or path.suffix != ".zip" or not path.is_file():
            raise UserError("portrait.no_zip", name=name)
        return FileResponse(path, media_type="application/zip", filename=f"{dataset}.zip")

    return routes
