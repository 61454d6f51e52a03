"""The whole walk in the page: sample dataset, a rehearsal, its log, curves, samples and files; reload, kill -9, go on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tagtrainer import flows
from tagtrainer.datasets import sample
from tagtrainer.jobs import store as jobs
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.workspace import Workspace
from tests.browser.conftest import App, OpenPage, until

pytestmark = pytest.mark.browser
SECONDS = 1000


@pytest.fixture(scope="module")
def dataset(app: App) -> str:
    return sample.make_sample(app.ws)


@pytest.fixture(autouse=True)
def _empty_form(app: App) -> None:
    """The form as a newcomer finds it, whatever a test before, or the first try of this one, has typed."""
    shutil.rmtree(app.ws.runtime / "drafts", ignore_errors=True)


def fill(page: Page, name: str, value: str) -> None:
    box = page.locator(f"#opt_{name} textarea, #opt_{name} input").first
    box.fill(value)
    box.blur()


def open_form(page: Page, name: str, dataset: str, **values: str) -> None:
    """A small run in the Training tab."""
    page.locator("#tab_training-button").click()
    expect(page.locator("#training_numbers")).to_contain_text("24")  # the form has been filled with what was kept
    for option, value in {
        "resolution": "256,256",
        "max_train_epochs": "2",
        "sample_prompts_text": "",
        "sample_every_n_epochs": "",
        **values,
    }.items():
        fill(page, option, value)
    expect(page.locator("#training_numbers")).to_contain_text("24")
    box = page.locator("#training_name input, #training_name textarea").first
    box.fill(name)
    box.blur()
    expect(box).to_have_value(name)


def newest(ws: Workspace) -> str:
    return jobs.list_tasks(ws, "training")[0][0].id


def wait_status(page: Page, ws: Workspace, task: str, *wanted: str, seconds: float = 60) -> None:
    until(page, lambda: jobs.state(ws, task).status in wanted, seconds)


def test_from_the_form_to_a_trained_rehearsal(app: App, open_page: OpenPage, dataset: str, tmp_path: Path) -> None:
    page, name = open_page(), f"walk <b>lora</b> {tmp_path.name[-12:]}"
    prompt = "a robot <img src=x onerror=alert(1)> ${1+1} {{value}}"
    open_form(page, name, dataset, sample_prompts_text=prompt, sample_every_n_epochs="1")
    expect(page.locator("#training_problems")).to_contain_text("Nothing stands in the way")
    expect(page.locator("#training_numbers")).to_contain_text("48")
    page.locator("#training_start").click()
    expect(page.locator("#tab_runs-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".rn-title")).to_have_text(name)
    wait_status(page, app.ws, newest(app.ws), "completed", seconds=120)
    expect(page.locator(".rn-row[aria-current=true] em")).to_have_text("done")
    expect(page.locator(".rn-facts")).to_contain_text("48 / 48")
    expect(page.locator(".rn-stages li.is-done")).to_have_count(4)
    expect(page.locator(".rn-plots")).to_be_visible()
    expect(page.locator(".rn-log")).to_have_value(re.compile("model saved"))
    expect(page.locator(".rn-shot")).to_have_count(2)
    expect(page.locator(".rn-prompt")).to_have_text(prompt)
    expect(page.locator(".rn-sub")).to_contain_text("Rehearsal")
    pixels = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    drawn = f"c => ({pixels})(c).some((v, i) => i % 4 === 3 && v > 200)"
    until(page, lambda: page.locator(".rn-loss").evaluate(drawn))
    with page.expect_download() as download:
        page.locator(".rn-checkpoints a").first.click()
    assert download.value.path().stat().st_size > 1000
    page.reload()
    expect(page.locator(".rn-title")).to_have_text(name)
    expect(page.locator(".rn-log")).to_have_value(re.compile("model saved"))


def test_what_was_typed_survives_a_reload_and_problems_say_where(app: App, open_page: OpenPage, dataset: str) -> None:
    page = open_page(tab="training")
    fill(page, "network_dim", "banana")
    expect(page.locator("#training_problems")).to_contain_text("“banana” is not a")
    expect(page.locator("#training_problems")).to_contain_text("Mend it here: Rank")
    fill(page, "network_dim", "24")
    expect(page.locator("#training_problems")).not_to_contain_text("banana")
    page.reload()
    expect(page.locator("#opt_network_dim input, #opt_network_dim textarea").first).to_have_value("24")
    fill(page, "network_dim", "16")
    expect(page.locator("#training_numbers")).to_contain_text("24")


def test_search_presets_and_command(app: App, open_page: OpenPage, dataset: str) -> None:
    page = open_page(tab="training")
    expect(page.locator("#training_numbers")).to_contain_text("24")
    page.locator("#training_search input, #training_search textarea").first.fill("warm-up")
    expect(page.locator("#opt_lr_warmup_steps")).to_be_visible(timeout=20 * SECONDS)
    expect(page.locator("#opt_network_dropout")).to_be_hidden()
    page.locator("#training_search input, #training_search textarea").first.fill("")
    page.locator("#training_preset input").click()
    page.get_by_role("option", name="Low memory").click()
    expect(page.locator("#opt_blocks_to_swap input, #opt_blocks_to_swap textarea").first).to_have_value("45")
    page.locator("#training_command_fold button").first.click()
    expect(page.locator("#training_command textarea")).to_have_value(re.compile("--blocks_to_swap 45"))


def test_a_problem_leads_to_its_field(app: App, open_page: OpenPage, dataset: str) -> None:
    page = open_page(tab="training", width=800)
    search = page.locator("#training_search input, #training_search textarea").first
    search.fill("no option is called so")
    expect(page.locator("#training_nothing")).to_be_visible(timeout=20 * SECONDS)
    search.fill("")
    expect(page.locator("#opt_batch_size")).to_be_visible(timeout=20 * SECONDS)
    fill(page, "learning_rate", "abc")
    way = page.locator(".is-error .tr-mend")
    expect(way).to_have_text("Mend it here: Learning rate")
    way.click()
    expect(page.locator("#opt_learning_rate input, #opt_learning_rate textarea").first).to_be_focused()
    fill(page, "learning_rate", "5e-5")
    page.locator("#training_group_advanced button").first.click()
    fill(page, "cache_device", "gpu7")
    page.locator("#training_group_advanced button").first.click()
    expect(way).to_have_text("Mend it here: Advanced → Caching device")
    expect(page.locator("#training_start")).to_be_in_viewport()
    search.fill("learning rate")
    expect(page.locator("#opt_batch_size")).to_be_hidden(timeout=20 * SECONDS)
    way.click()
    expect(page.locator("#opt_cache_device")).to_be_in_viewport(timeout=20 * SECONDS)
    fill(page, "cache_device", "")
    expect(way).to_have_count(0)


def test_the_settings_of_a_run_are_taken_again(app: App, open_page: OpenPage, dataset: str, tmp_path: Path) -> None:
    name = f"once more {tmp_path.name[-12:]}"
    draft = Draft(
        name=name, datasets=[DatasetUse(id=dataset, repeats=2)], options={"resolution": [256, 256], "network_dim": 12}
    )  # fmt: skip
    flows.create_training(app.ws, draft)
    page = open_page(tab="training")
    fill(page, "network_alpha", "7")
    fill(page, "network_dim", "99")
    page.locator("#tab_runs-button").click()
    page.locator(".rn-row", has_text=name).click()
    expect(page.locator(".rn-title")).to_have_text(name)
    page.locator(".rn-reuse").click()
    dim = page.locator("#opt_network_dim input, #opt_network_dim textarea").first
    expect(dim).to_have_value("12")
    expect(dim).to_be_visible()
    expect(page.locator("#opt_network_alpha input, #opt_network_alpha textarea").first).to_have_value("16.0")
    expect(page.locator("#training_repeats_0 input, #training_repeats_0 textarea").first).to_have_value("2")
    expect(page.locator("#training_name input, #training_name textarea").first).to_have_value(name)


def test_a_kill_of_the_app_does_not_end_a_training(app: App, open_page: OpenPage, dataset: str, tmp_path: Path) -> None:
    page, name = open_page(), f"long {tmp_path.name[-12:]}"
    open_form(page, name, dataset, max_train_epochs="400", sample_every_n_epochs="")
    page.locator("#training_start").click()
    expect(page.locator(".rn-title")).to_have_text(name)
    task = newest(app.ws)
    expect(page.locator(".rn-facts")).to_contain_text("/ 9600", timeout=60 * SECONDS)
    app.kill()
    before = jobs.state(app.ws, task)
    assert before.status == "running"
    app.start()
    again = open_page(tab="runs")
    expect(again.locator(".rn-row.is-running b")).to_have_text(name)
    assert jobs.state(app.ws, task).pid == before.pid
    again.on("dialog", lambda dialog: dialog.accept())
    again.locator(".rn-row.is-running").click()
    again.locator(".rn-stop").click()
    wait_status(again, app.ws, task, "stopped")
    expect(again.locator(".rn-again")).to_be_visible(timeout=20 * SECONDS)
    again.locator(".rn-again").click()
    wait_status(again, app.ws, task, "running", "queued")
    jobs.request_stop(app.ws, task)
    wait_status(again, app.ws, task, "stopped")
    for other in open_pages(page, again):
        other.problems.clear()


def open_pages(*pages: Page) -> tuple[Page, ...]:
    """Pages whose server was killed under them: what their scripts said of it is not counted."""
    return pages


def test_files_of_other_places_are_not_served(app: App, open_page: OpenPage, dataset: str) -> None:
    page = open_page()
    task = newest(app.ws)
    for file in ("..%2F..%2Fconfig.json", "..%2Ftask.json", "config.json"):
        for kind in ("checkpoint", "sample"):
            status = page.evaluate(f"fetch('/api/runs/{task}/{kind}/{file}').then(r => r.status)")
            assert status in (400, 404), (kind, file, status)
    assert page.evaluate("fetch('/api/runs/..%2F..%2Fetc/log').then(r => r.status)") in (400, 404)
