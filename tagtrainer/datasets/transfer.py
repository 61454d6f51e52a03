"""Import of files, folders and zips: everything that can be taken is, everything else is named. May be killed and run again.

Pictures are recorded in small groups: what was recorded stays, what was not is found again by its content.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tagtrainer import settings
from tagtrainer.core.files import human_size
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions, index, intake, records, store
from tagtrainer.datasets import changes as log
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.exchange.candidates import Beside, Candidate, Gatherer, skipped
from tagtrainer.datasets.import_run import Run
from tagtrainer.datasets.intake import Source
from tagtrainer.datasets.models import ImportReport, Item, Skipped
from tagtrainer.datasets.pairs import partners
from tagtrainer.workspace import Workspace

GROUP = 48


def import_paths(
    ws: Workspace,
    dataset: str,
    sources: Sequence[Path | str],
    on_progress: OnProgress = silent,
    *,
    workers: int | None = None,
    control: int | None = None,
    group: str = "",
    trash_too: bool = False,
) -> ImportReport:
    """Take in files, folders (all levels) and zips, with the captions that lie beside the pictures.

    The originals are copied and never changed. Control images find their pictures by name; with `control` all files are that
    control image (from 1 on) of pictures that are there already. With `trash_too` what was thrown away counts as known and does
    not come back. Raises UserError datasets.no_source for a path that does not exist, datasets.importing when another import is
    at work, core.disk_full / core.not_writable (what came in stays).
    """
    meta = store.get(ws, dataset)
    folder = ws.dataset(dataset)
    run = Run(ws, dataset, folder)
    run.group = group or run.group
    run.title = Title("datasets.change.import", source=", ".join(Path(source).name for source in sources)[:120])
    partners.of(ws, meta, run.report, control, run.group, run.title)
    busy = intake.lock(folder)
    if not busy.acquire(timeout=2):
        raise UserError("datasets.importing", id=dataset)
    scratch = ws.temporary / f"import-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        stack.callback(busy.release)
        stack.callback(shutil.rmtree, scratch, True)
        present = {path.stem for path in (folder / "images").iterdir()}
        run.by_hash = {item.sha256: ident for ident, item in records.read(folder).items() if ident in present}
        if trash_too:
            run.by_hash |= {item.sha256: item.id for item in store.trash_items(ws, dataset)}
        limits = settings.load(ws).storage
        gatherer = Gatherer(
            scratch, stack, limits.zip_max_entries, int(limits.zip_max_gb * (1 << 30)), run.report.skipped,
            clips=meta.kind == "video",
        )  # fmt: skip
        run.partners = partners.of(ws, meta, run.report, control, run.group, run.title)
        candidates = _candidates(run, gatherer, [Path(source) for source in sources], control)
        try:
            _take_all(run, candidates, on_progress, workers or min(4, os.cpu_count() or 1))
        finally:
            _record(run)
        _describe(run, gatherer.about)
    index.sync(ws, dataset)  # what an import that was killed had recorded, but not told the index any more
    return run.report


def _candidates(run: Run, gatherer: Gatherer, sources: list[Path], control: int | None) -> list[Candidate]:
    """What to take in. Of pairs: the pictures, each with its control images."""
    if run.partners is None:
        found = gatherer.gather(sources)
        for candidate in (more for each in found for more in each.controls):
            run.report.skipped.append(Skipped(candidate.label, "pairs.reason.plain"))
        return [replace(candidate, controls=()) for candidate in found]
    run.by_hash |= run.partners.known_pairs()
    loose = [source.is_file() and source.suffix.lower() != ".zip" for source in sources]
    places = [str(source.parent if alone else source) for source, alone in zip(sources, loose, strict=True)]
    groups = [(place, gatherer.gather([source])) for place, source in zip(places, sources, strict=True)]
    return run.partners.sort(groups, control)


def _describe(run: Run, about: dict[str, str]) -> None:
    """Trigger word and description of an export, where this dataset has none."""
    meta = store.get(run.ws, run.dataset)
    names = ("trigger_word", "description")
    fresh = {name: about[name] for name in names if about.get(name) and not getattr(meta, name)}
    if fresh:
        store.update(run.ws, run.dataset, **fresh)
        run.count("about")


def _take_all(run: Run, candidates: list[Candidate], on_progress: OnProgress, workers: int) -> None:
    """Decode on several threads, record in order; no more than a few pictures are in memory at a time."""
    total = len(candidates) + (run.partners.extra if run.partners else 0)
    on_progress(0, max(1, total), "")
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="import") as pool:
        pending: list[tuple[Candidate, Future[tuple[str, Item | None, Beside]]]] = []
        ahead = iter(candidates)
        done = 0
        try:
            while True:
                while len(pending) < workers * 2 and (candidate := next(ahead, None)) is not None:
                    pending.append((candidate, pool.submit(_take_one, run, candidate)))
                if not pending:
                    break
                candidate, future = pending.pop(0)
                _settle(run, candidate, future)
                done += 1
                on_progress(done, total, candidate.name)
            _settle_late_twins(run)
        finally:
            for _, future in pending:
                future.cancel()
    if run.partners is not None:
        _record(run)
        for place, name in enumerate(run.partners.finish(workers), done + 1):
            on_progress(place, max(place, total), name)


def _take_one(run: Run, candidate: Candidate) -> tuple[str, Item | None, Beside]:
    """(hash, the item or None when its content is known already, its caption) of one candidate."""
    path = candidate.fetch()
    try:
        sha256 = intake.hashed(path)
        pair = _claim_pair(run, candidate, sha256) if candidate.controls and run.partners else sha256
        if pair is None or not run.claim(pair):
            return pair or sha256, None, candidate.caption()
        item = intake.take(run.folder, Source(path, candidate.name, candidate.folder), sha256)
        return pair, run.partners.keep(candidate, item) if run.partners else item, candidate.caption()
    except UserError:
        if run.partners is not None:
            run.partners.orphaned(candidate)
        raise
    finally:
        if candidate.temporary:
            path.unlink(missing_ok=True)


def _claim_pair(run: Run, candidate: Candidate, sha256: str) -> str | None:
    """What the pair is known by; None when its picture is there already and its control images go to that one."""
    assert run.partners is not None
    pair, known = run.partners.pair_key(candidate, sha256, run.by_hash.keys() | run.claimed)
    with run.lock:
        if known:
            run.by_hash.setdefault(sha256, known)
        run.claimed.add(sha256)
    return None if known else pair


def _settle(run: Run, candidate: Candidate, future: Future[tuple[str, Item | None, Beside]]) -> None:
    try:
        sha256, item, beside = future.result()
    except UserError as error:
        if not error.key.startswith("datasets."):
            raise
        run.report.skipped.append(skipped(candidate.label, error))
        return
    run.report.skipped += beside.skipped
    if item is None:
        _settle_twin(run, candidate, sha256, beside.text)
        return
    run.by_hash[sha256] = item.id
    run.by_hash.setdefault(item.sha256, item.id)
    if run.partners is not None:
        run.partners.settled(candidate, item.id)
    run.waiting.append((_with_facts(run, candidate, item), beside.text))
    if beside.text.strip():
        run.count(beside.source)
    if len(run.waiting) >= GROUP:
        _record(run)


def _with_facts(run: Run, candidate: Candidate, item: Item) -> Item:
    """The item with what lists and folder names say of it."""
    facts, crop = candidate.facts, candidate.facts.crop
    if crop and (crop[0] + crop[2] > item.width or crop[1] + crop[3] > item.height):
        run.report.skipped.append(Skipped(candidate.label, "layouts.crop_outside"))
        crop = None
    if facts.repeats is not None:
        run.count(f"repeats_{facts.repeats_from}")
    for name, said in (("flags", facts.flagged), ("crops", crop), ("trash", facts.trash)):
        if said:
            run.count(name)
    if facts.trash:
        run.doomed.append(item.id)
    added = item.added if facts.added is None else facts.added
    return replace(item, added=added, flagged=facts.flagged, crop=crop, repeats=facts.repeats or 1)


def _settle_twin(run: Run, candidate: Candidate, sha256: str, text: str) -> None:
    if sha256 in run.by_hash:
        run.report.duplicates += 1
        adopted = _name_for_known(run, run.by_hash[sha256], candidate)
        _caption_for_known(run, run.by_hash[sha256], text, adopted)
        if run.partners is not None:
            run.partners.settled(candidate, run.by_hash[sha256])
    else:
        run.twins.append((sha256, candidate.label))


def _settle_late_twins(run: Run) -> None:
    """Files that were equal to one not settled yet: doubles when that one came in, else as damaged as it was."""
    for sha256, label in run.twins:
        if sha256 in run.by_hash:
            run.report.duplicates += 1
        else:
            run.report.skipped.append(Skipped(label, "datasets.skip.damaged"))


def _name_for_known(run: Run, ident: str, candidate: Candidate) -> bool:
    """A picture that was adopted after an import was killed takes its own name and folder; whether it was one."""
    known = records.read(run.folder).get(ident)
    if not known or known.name != f"{known.id}{known.ext}" or known.id != intake.item_id(candidate.name, known.sha256):
        return False
    named = replace(known, name=candidate.name, folder=candidate.folder)
    records.add(run.folder, [named])
    index.put(run.ws, run.dataset, [named])
    return True


def _caption_for_known(run: Run, ident: str, text: str, adopted: bool) -> None:
    """A known picture without a caption takes the one that comes with its double (an import that was killed in between).

    One that was `adopted` and captioned since keeps that text; its own goes to the history.
    """
    recorded = ident in records.read(run.folder)  # not so for one that still waits in this group
    if text.strip() and recorded and (adopted or not store.caption(run.ws, run.dataset, ident)):
        change, expected = {ident: text}, {ident: ""}
        try:
            run.report.captions += store.write_captions(
                run.ws, run.dataset, change, who="import", title=run.title, expected=expected, group=run.group
            )
        except UserError as error:
            if error.key != "datasets.caption_changed":  # captioned meanwhile: both texts are in the history now
                raise


def _record(run: Run) -> None:
    """Write down a group: the history first, then records, then captions, then the index."""
    waiting, run.waiting = run.waiting, []
    if not waiting:
        return
    items = [item for item, _ in waiting]
    texts = {item.id: text for item, text in waiting if text.strip()}
    changes = [{"item": item.id, "old": None, "new": item.name, "caption": texts.get(item.id, "")} for item in items]
    with log.lock(run.folder):
        log.append(run.folder, "add", changes, who="import", title=run.title, group=run.group)
        records.add(run.folder, items)
        captions.put(run.folder, texts)
    index.put(run.ws, run.dataset, items)
    doomed, run.doomed = run.doomed, []
    store.delete_items(run.ws, run.dataset, doomed, who="import", title=run.title)
    alive = [item.id for item in items if item.id not in doomed]
    run.report.added += len(alive)
    run.report.captions += len(texts)
    run.report.items += alive
    free, keep = shutil.disk_usage(run.folder).free, settings.load(run.ws).storage.keep_free_gb * (1 << 30)
    if free < min(keep, 64 << 20):
        raise UserError("datasets.disk_nearly_full", free=human_size(free))
