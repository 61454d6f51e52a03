"""Uploads: whatever a file is called, it arrives as a file of its own inside the upload's folder."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tagtrainer.datasets import store, transfer
from tagtrainer.ui import routes_imports
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg


def test_hostile_names_stay_inside_and_long_ones_apart(ws: Workspace, tmp_path: Path) -> None:
    dataset = store.create(ws, "uploads").id
    app = FastAPI()
    app.include_router(routes_imports.router(ws))
    client = TestClient(app)
    long = "名字" * 60 + "n" * 130
    names = [f"{long}1.jpg", f"{long}2.jpg", "../../out.jpg", "/etc/abs.jpg", "C:\\x\\con.jpg", "🙂 a?.jpg", "same.jpg"]
    for number, name in enumerate(names):
        body = jpeg(tmp_path / f"{number}.jpg", number).read_bytes()
        answer = client.put(f"/api/imports/{dataset}/upload/u1", params={"name": name}, content=body)
        assert answer.json() == {"bytes": len(body)}
    caption = {"name": f"{long}2.txt"}
    client.put(f"/api/imports/{dataset}/upload/u1", params=caption, content=b"the second")
    report = transfer.import_paths(ws, dataset, [routes_imports.uploaded(ws, "u1")])
    assert report.added == len(names) and not report.skipped
    assert {path.resolve().parts[-2] for path in ws.root.rglob("*.jpg")} <= {
        "u1",
        "etc",
        "C_",
        "x",
        "images",
        "medium",
        "preview",
    }
    told = [item.name for item in store.items(ws, dataset) if store.caption(ws, dataset, item.id) == "the second"]
    assert (
        len(told) == 1
        and told[0].startswith("名字名字")
        and all(len(path.name.encode()) < 200 for path in ws.root.rglob("*"))
    )
