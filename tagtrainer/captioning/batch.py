"""One batch: ask about every picture, write what comes back, survive any stop. Must not know providers or pages.

Order of safety: the answer goes to the ledger, then the old and new caption to the dataset's history, then the caption file.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tagtrainer.captioning import profiles
from tagtrainer.captioning.base import CaptionRequest, CaptionResult, Session
from tagtrainer.captioning.ledger import Ledger, open_ledger
from tagtrainer.captioning.pace import Pace
from tagtrainer.core.files import write_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.steps import Step
from tagtrainer.core.text import UserError, language, set_language, t
from tagtrainer.datasets import index, store
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

Mode = Literal["missing", "replace", "append"]
MODES: tuple[Mode, ...] = ("missing", "replace", "append")
FATAL = frozenset(
    {"captioning.key_refused", "captioning.key_wanted", "captioning.no_key", "captioning.key_letters", "captioning.bad_url",
     "captioning.no_model", "captioning.no_credit", "core.disk_full", "core.not_writable"}
)  # fmt: skip
"""What the next picture would meet as well: the batch ends."""
HOPELESS = frozenset(
    {"captioning.unreachable", "captioning.cut", "captioning.not_json", "captioning.not_found", "captioning.forbidden",
     "captioning.timeout", "captioning.rate_limited"}
)  # fmt: skip
"""What may be one picture's bad luck: the batch ends when it happens to several in a row."""
GIVE_UP_AFTER = 5
PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class BatchReport:
    """`errors` are rows of item, name, reason (a sentence), key and values. `stopped` tells why it ended early, if it did.

    `earlier` is what earlier attempts of the same task had done already.
    """

    done: int = 0
    earlier: int = 0
    skipped: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""
    stopped_by: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Run:
    ws: Workspace
    dataset: str
    profile: profiles.Profile
    mode: Mode
    trigger: str
    ledger: Ledger
    report: BatchReport
    pace: Pace = field(default_factory=Pace)
    in_a_row: int = 0
    group: str = ""

    @property
    def title(self) -> Title:
        return Title("captioning.history", profile=self.profile.name)


def run(
    ws: Workspace, dataset: str, profile_id: str, mode: str = "missing", items: Sequence[str] | None = None,
    on_progress: OnProgress = silent, stop: Callable[[], bool] = lambda: False,
    group: str = "",
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
    batch.group = group or (folder.name if folder else uuid.uuid4().hex[:12])  # one change, to be undone as one
    batch.report.earlier = len(batch.ledger.done)
    index.sync(ws, dataset)
    began = time.monotonic()
    try:
        _work(batch, _wanted(batch, items), on_progress, stop)
    except UserError as error:
        _stop(batch, str(error), error)
        raise
    finally:
        batch.report.seconds = time.monotonic() - began
        if folder is not None:
            write_json(folder / "result.json", asdict(batch.report))
    if not batch.report.stopped:
        batch.ledger.finish(len(batch.report.errors))
    return batch.report


def _stop(batch: _Run, sentence: str, error: UserError) -> None:
    batch.report.stopped = sentence
    batch.report.stopped_by = _as_row(error)


def _as_row(error: UserError) -> dict[str, Any]:
    return {"key": error.key, "values": {name: str(value) for name, value in error.values.items()}}


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
        number = 0
        for item, error in _answers(batch, session, items, provider.concurrency(options), stop):
            if item is None:
                on_progress(number, total, _pause(batch.pace.left))
                continue
            number += 1
            _settle(batch, item, error)
            on_progress(number, total, item.name)
    if stop() and not batch.report.stopped:
        _stop(batch, t("captioning.stopped"), UserError("captioning.stopped"))


def _pause(left: float) -> str:
    return t("captioning.paused", seconds=math.ceil(left)) if left else t("captioning.asking_again")


def _answers(
    batch: _Run, session: Session, items: list[Item], at_once: int, stop: Callable[[], bool]
) -> Iterator[tuple[Item | None, UserError | None]]:
    """(item, None or what went wrong) as answers come, (None, None) while the server wants to be left alone.

    Asking ends when told so; what was asked already is still waited for.
    """
    waiting = deque(items)
    asked: dict[Future[None], Item] = {}
    with ThreadPoolExecutor(at_once, "caption", initializer=set_language, initargs=(language(),)) as pool:
        while True:
            more = bool(waiting) and not stop() and not batch.report.stopped
            while more and waiting and len(asked) < at_once and not batch.pace.left:
                item = waiting.popleft()
                asked[pool.submit(_one, batch, session, item)] = item
            if asked:
                for future in wait(asked, return_when=FIRST_COMPLETED).done:
                    yield from _outcome(batch, asked.pop(future), future, waiting)
            elif more:
                yield None, None
                time.sleep(min(batch.pace.left, 0.5))
                if not batch.pace.left:
                    yield None, None
            else:
                return


def _outcome(
    batch: _Run, item: Item, future: Future[None], waiting: deque[Item]
) -> Iterator[tuple[Item, UserError | None]]:
    """One answer; a picture that came at a bad moment is put back in the line instead."""
    try:
        future.result()
    except UserError as error:
        if batch.pace.pauses(error, item.id):
            waiting.appendleft(item)
        else:
            yield item, error
        return
    batch.pace.went_well()
    yield item, None


def _one(batch: _Run, session: Session, item: Item) -> None:
    """Ask (unless the answer is known already) and write."""
    known = batch.ledger.answers.get(item.id)
    if known is None:
        old = store.caption(batch.ws, batch.dataset, item.id)
        result = session.caption(request_for(batch.ws, batch.dataset, item, batch.trigger, old))
        new = joined(old, result.text, batch.trigger) if batch.mode == "append" else result.text
        batch.ledger.answer(item.id, old, new, result.model)
        known = batch.ledger.answers[item.id]
    if store.caption(batch.ws, batch.dataset, item.id) != known["new"]:
        who = f"caption:{batch.profile.id}" + (f" ({known['model']})" if known["model"] else "")
        texts, expected = {item.id: str(known["new"])}, {item.id: str(known["old"])}
        store.write_captions(
            batch.ws, batch.dataset, texts, who=who, title=batch.title, expected=expected, group=batch.group
        )
    batch.ledger.wrote(item.id)


def joined(old: str, new: str, trigger: str) -> str:
    """`new` after `old`: a space after a sentence, a comma after tags, the trigger word only once."""
    old = old.strip()
    if trigger and trigger in old and new.startswith(f"{trigger}, "):
        new = new.removeprefix(f"{trigger}, ")
    if not old:
        return new
    return f"{old} {new}" if old[-1] in ".!?。！？,，;；" else f"{old}, {new}"


def request_for(ws: Workspace, dataset: str, item: Item, trigger: str, caption: str) -> CaptionRequest:
    """What a provider is told of a picture. Raises UserError captioning.no_picture."""
    path = store.medium_path(ws, dataset, item.id)
    if not path.is_file():
        raise UserError("captioning.no_picture", name=item.name)
    return CaptionRequest(item.id, path, item.name, item.folder, trigger, *item.size, caption)


def _settle(batch: _Run, item: Item, error: UserError | None) -> None:
    if error is None:
        batch.report.done += 1
        batch.in_a_row = 0
        return
    row = {"item": item.id, "name": item.name, "reason": str(error), **_as_row(error)}
    batch.report.errors.append(row)
    batch.ledger.failed(row)
    print(f"\n{item.name}: {error}", file=sys.stderr, flush=True)
    batch.in_a_row = batch.in_a_row + 1 if error.key in HOPELESS else 0
    if error.key in FATAL or batch.in_a_row >= GIVE_UP_AFTER:
        _stop(batch, t("captioning.gave_up", reason=error), error)


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
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--config", str(ws.config), "--json"]
    argv += ["caption", "batch", dataset, "--profile", profile_id, "--mode", mode]
    if items is not None:
        name = hashlib.sha256("\n".join(items).encode()).hexdigest()[:16]
        path = ws.runtime / "selections" / f"{name}.json"
        write_json(path, list(items))
        argv += ["--items", str(path)]
    return [Step(name="caption", argv=argv, cwd=str(PACKAGE_ROOT), env={"PYTHONUTF8": "1"})]
