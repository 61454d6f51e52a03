"""One batch: ask about every picture, write what comes back, survive any stop. Must not know providers or pages.

Order of safety: the answer goes to the ledger, then the old and new caption to the dataset's history, then the caption file.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tagtrainer.captioning import profiles
from tagtrainer.captioning.base import CaptionRequest, CaptionResult, Session
from tagtrainer.captioning.ledger import Ledger, open_ledger
from tagtrainer.core.files import write_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.steps import Step
from tagtrainer.core.text import UserError, language, set_language, t
from tagtrainer.datasets import index, store
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

Mode = Literal["missing", "replace", "append"]
MODES: tuple[Mode, ...] = ("missing", "replace", "append")
FATAL = frozenset({"captioning.key_refused", "captioning.no_key", "captioning.key_letters", "captioning.bad_url"})
HOPELESS = frozenset({"captioning.unreachable", "captioning.not_json", "captioning.not_found"})
GIVE_UP_AFTER = 5
PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class BatchReport:
    """`errors` are rows of item, name, reason (a sentence) and key. `stopped` tells why it ended early, if it did."""

    done: int = 0
    skipped: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""


@dataclass
class _Run:
    ws: Workspace
    dataset: str
    profile: profiles.Profile
    mode: Mode
    trigger: str
    ledger: Ledger
    report: BatchReport
    in_a_row: int = 0

    @property
    def title(self) -> str:
        return t("captioning.history", profile=self.profile.name)


def run(
    ws: Workspace, dataset: str, profile_id: str, mode: str = "missing", items: Sequence[str] | None = None,
    on_progress: OnProgress = silent, stop: Callable[[], bool] = lambda: False,
) -> BatchReport:  # fmt: skip
    """Caption a dataset (or some items). Errors of one picture never stop the others.

    Ends early, with `stopped` set, when the key is refused or the server is not there for several pictures in a row. In a
    task (TAGTRAINER_TASK) it goes on where an earlier attempt was stopped.
    """
    if mode not in MODES:
        raise UserError("captioning.no_mode", mode=mode, known=", ".join(MODES))
    meta, profile = store.get(ws, dataset), profiles.get(ws, profile_id)
    task = os.environ.get("TAGTRAINER_TASK")
    folder = Path(task) if task else None
    batch = _Run(ws, dataset, profile, mode, meta.trigger_word, open_ledger(folder), BatchReport())
    index.sync(ws, dataset)
    began = time.monotonic()
    try:
        _work(batch, _wanted(batch, items), on_progress, stop)
    finally:
        batch.report.seconds = time.monotonic() - began
        if folder is not None:
            write_json(folder / "result.json", batch.report.__dict__)
    if not batch.report.stopped:
        batch.ledger.finish(len(batch.report.errors))
    return batch.report


def _wanted(batch: _Run, items: Sequence[str] | None) -> list[Item]:
    chosen = set(items) if items is not None else None
    known = [item for item in store.items(batch.ws, batch.dataset) if chosen is None or item.id in chosen]
    wanted = [item for item in known if batch.mode != "missing" or not item.has_caption]
    left = [item for item in wanted if item.id not in batch.ledger.done]
    batch.report.skipped = len(known) - len(left)
    return left


def _work(batch: _Run, items: list[Item], on_progress: OnProgress, stop: Callable[[], bool]) -> None:
    total = len(items)
    on_progress(0, max(1, total), "")
    options = profiles.options_of(batch.profile)
    provider = profiles.provider_of(batch.profile)
    if not items:
        on_progress(1, 1, "")
        return
    with provider.open(options, profiles.key_of(batch.ws, batch.profile)) as session:
        for number, (item, outcome) in enumerate(
            _answers(batch, session, items, provider.concurrency(options), stop), 1
        ):
            _settle(batch, item, outcome)
            on_progress(number, total, item.name)
    if stop() and not batch.report.stopped:
        batch.report.stopped = t("captioning.stopped")


def _answers(
    batch: _Run, session: Session, items: list[Item], at_once: int, stop: Callable[[], bool]
) -> Iterator[tuple[Item, UserError | None]]:
    """(item, None or what went wrong) as answers come; asking ends when told so, what was asked is still waited for."""
    waiting = iter(items)
    asked: dict[Future[None], Item] = {}
    speech = language()
    with ThreadPoolExecutor(
        max_workers=at_once, thread_name_prefix="caption", initializer=set_language, initargs=(speech,)
    ) as pool:
        while True:
            while len(asked) < at_once and not stop() and not batch.report.stopped:
                item = next(waiting, None)
                if item is None:
                    break
                asked[pool.submit(_one, batch, session, item)] = item
            if not asked:
                return
            for future in wait(asked, return_when=FIRST_COMPLETED).done:
                item = asked.pop(future)
                try:
                    future.result()
                    yield item, None
                except UserError as error:
                    yield item, error


def _one(batch: _Run, session: Session, item: Item) -> None:
    """Ask (unless the answer is known already) and write."""
    known = batch.ledger.answers.get(item.id)
    if known is None:
        old = store.caption(batch.ws, batch.dataset, item.id)
        result = session.caption(request_for(batch.ws, batch.dataset, item, batch.trigger, old))
        new = f"{old.strip()} {result.text}" if batch.mode == "append" and old.strip() else result.text
        batch.ledger.answer(item.id, old, new, result.model)
        known = batch.ledger.answers[item.id]
    if store.caption(batch.ws, batch.dataset, item.id) != known["new"]:
        who = f"caption:{batch.profile.id}" + (f" ({known['model']})" if known["model"] else "")
        texts, expected = {item.id: str(known["new"])}, {item.id: str(known["old"])}
        store.write_captions(batch.ws, batch.dataset, texts, who=who, title=batch.title, expected=expected)
    batch.ledger.wrote(item.id)


def request_for(ws: Workspace, dataset: str, item: Item, trigger: str, caption: str) -> CaptionRequest:
    """What a provider is told of a picture."""
    path = store.medium_path(ws, dataset, item.id)
    return CaptionRequest(item.id, path, item.name, item.folder, trigger, item.width, item.height, caption)


def _settle(batch: _Run, item: Item, error: UserError | None) -> None:
    if error is None:
        batch.report.done += 1
        batch.in_a_row = 0
        return
    batch.report.errors.append({"item": item.id, "name": item.name, "reason": str(error), "key": error.key})
    print(f"\n{item.name}: {error}", file=sys.stderr, flush=True)
    batch.in_a_row = batch.in_a_row + 1 if error.key in HOPELESS else 0
    if error.key in FATAL or batch.in_a_row >= GIVE_UP_AFTER:
        batch.report.stopped = t("captioning.gave_up", reason=error)


def try_one(
    ws: Workspace, profile_id: str, dataset: str, item_id: str, overrides: Mapping[str, Any] | None = None
) -> CaptionResult:
    """Ask about one picture and write nothing."""
    profile = profiles.get(ws, profile_id)
    meta, item = store.get(ws, dataset), store.item(ws, dataset, item_id)
    with profiles.provider_of(profile).open(
        profiles.options_of(profile, overrides), profiles.key_of(ws, profile)
    ) as session:
        return session.caption(request_for(ws, dataset, item, meta.trigger_word, store.caption(ws, dataset, item_id)))


def list_models(ws: Workspace, profile_id: str, overrides: Mapping[str, Any] | None = None) -> list[str]:
    """Names of the models that a profile's server offers."""
    profile = profiles.get(ws, profile_id)
    with profiles.provider_of(profile).open(
        profiles.options_of(profile, overrides), profiles.key_of(ws, profile)
    ) as session:
        return session.models()


def task_steps(
    ws: Workspace, dataset: str, profile_id: str, mode: str, items: Sequence[str] | None = None
) -> list[Step]:
    """The step that runs a batch in the background. Raises UserError for a profile that cannot work or an unknown mode."""
    if mode not in MODES:
        raise UserError("captioning.no_mode", mode=mode, known=", ".join(MODES))
    profiles.options_of(profiles.get(ws, profile_id))
    store.get(ws, dataset)
    argv = [
        sys.executable,
        "-m",
        "tagtrainer",
        "--workspace",
        str(ws.root),
        "--config",
        str(ws.config),
        "--json",
        "caption",
        "batch",
    ]
    argv += [dataset, "--profile", profile_id, "--mode", mode]
    if items is not None:
        name = hashlib.sha256("\n".join(items).encode()).hexdigest()[:16]
        path = ws.runtime / "selections" / f"{name}.json"
        write_json(path, list(items))
        argv += ["--items", str(path)]
    return [Step(name="caption", argv=argv, cwd=str(PACKAGE_ROOT), env={"PYTHONUTF8": "1"})]
