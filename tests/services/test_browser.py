"""What a person sees at each address that `ablate ui core` prints."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from harness.store.links import together
from harness.store.reading import read_study
from harness.store.store import Store
from harness.store.views import NAMES, view_key, view_name
from harness.study.files import load_study
from tests.store.test_server import listens
from tests.support import browser
from tests.support.commands import ROOT
from tests.support.installed import ABLATE
from tests.support.processes import descendants
from tests.support.stores import undisturbed

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

FACTORS = list(load_study("core").factors)
VARIANTS = 24
CARD = "[data-testid='experiment-view-compare-runs-card']"
CURVES = ["train/loss", "eval/dev_loss", "diag/saturation_worst", "diag/update_data"]

expect.set_options(timeout=browser.TIMEOUT)


@pytest.fixture(scope="module")
def core(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with 120 runs of core."""
    folder = tmp_path_factory.mktemp("core")
    shutil.copy(template, folder / "mlflow.db")
    browser.fill(f"sqlite:///{folder}/mlflow.db", folder)
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module")
def addresses(core: str) -> Iterator[dict[str, str]]:
    with browser.ui(core, "core", *browser.SHORT) as (_, printed):
        yield printed


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    program = browser.chromium()
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with browser.browsing(program) as opened:
        yield opened


def visit(page: Page, address: str) -> None:
    """Open an address afresh: the UI would take a mere change after the # for a link within it."""
    page.goto("about:blank")
    page.goto(address)


def test_all_runs_are_listed_with_factors_and_outcome_best_first(
    page: Page, addresses: dict[str, str], core: str
) -> None:
    visit(page, addresses["all runs:"])
    expect(page.get_by_text("120 matching runs")).to_be_visible()
    expect(page.get_by_text("Sort: final/dev_loss")).to_be_visible()
    headers = page.get_by_role("columnheader")
    for shown in ("final/dev_loss", *FACTORS, "seed", "outcome"):
        expect(headers.filter(has_text=shown).first).to_be_visible()
    losses = page.locator(".ag-row [col-id*='final/dev_loss']")
    expect(losses.nth(15)).to_be_visible()
    expected = sorted(read_study(Store.existing(core), "core").runs["final/dev_loss"])
    rows = page.locator(".ag-center-cols-container .ag-row")
    for i in range(15):
        cell = rows.locator(f"xpath=self::*[@row-index='{i}']").locator(
            "[col-id*='final/dev_loss']"
        )
        assert float(cell.inner_text()) == pytest.approx(expected[i], abs=1e-6)


def test_charts_show_the_chosen_curves_of_every_variant(
    page: Page, addresses: dict[str, str]
) -> None:
    visit(page, addresses["charts by variant:"])
    expect(page.get_by_text("Group by: variant")).to_be_visible()
    section = page.get_by_role("button").filter(has_text=re.compile(r"core\s*\(5\)"))
    expect(section).to_have_attribute("aria-expanded", "true")
    for curve in CURVES:  # of each variant the mean, and its band's two edges
        card = page.locator(CARD).filter(has_text=curve)
        card.scroll_into_view_if_needed()
        expect(card.locator(".scatterlayer .trace")).to_have_count(3 * VARIANTS)
    bars = page.locator(CARD).filter(has_text="final/dev_loss")
    bars.scroll_into_view_if_needed()
    expect(bars.locator(".point")).to_have_count(VARIANTS)


def test_the_views_are_in_the_menu_of_saved_views(page: Page, addresses: dict[str, str]) -> None:
    visit(page, addresses["all runs:"])
    menu = page.get_by_test_id("saved-views-trigger")
    expect(menu).to_have_text("all runs")  # the one that is open
    menu.click()
    steps = str(browser.STEPS)
    for view in NAMES:
        key, name = view_key(view, steps), view_name(view, steps)
        expect(page.get_by_test_id(f"saved-views-item-{key}")).to_have_text(name)
    page.get_by_test_id(f"saved-views-item-{view_key('charts', steps)}").click()
    expect(page.get_by_text("Group by: variant")).to_be_visible()
    expect(menu).to_have_text(view_name("charts", steps))


def test_factors_and_outcome_are_drawn_as_parallel_coordinates_of_all_runs(
    page: Page, addresses: dict[str, str]
) -> None:
    visit(page, addresses["factors and outcome:"])
    expect(page.get_by_text("Parallel Coordinates", exact=True)).to_be_visible()
    expect(page.get_by_text("Showing all runs")).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    for axis in (*FACTORS, "final/dev_loss"):
        expect(page.locator("svg text", has_text=axis).first).to_be_visible()


def test_the_study_is_opened_with_its_report(page: Page, addresses: dict[str, str]) -> None:
    visit(page, addresses["study and report:"])
    expect(page.get_by_text("study.json")).to_be_visible()
    page.get_by_text("report", exact=True).click()
    page.get_by_text("index.html").first.click()
    heading = page.frame_locator("iframe").get_by_role("heading")
    expect(heading).to_have_text("What follows from the runs")


def test_the_baseline_is_compared_with_each_change_of_one_factor(
    page: Page, addresses: dict[str, str]
) -> None:
    visit(page, addresses["baseline against each change of one factor:"])
    expect(page.get_by_text("Comparing 6 Runs from 1 Experiment")).to_be_visible()
    expect(page.locator(".parcoords").first).to_be_visible()
    for axis in ("depth", "init", "norm"):
        expect(page.locator(".parcoords text", has_text=axis).first).to_be_visible()
    page.get_by_role("switch", name="Parameters - Show diff only").click()
    params = page.locator("table", has=page.locator("th", has_text="output_scale")).locator("th")
    expect(params.filter(has_text="activation")).to_have_count(0)
    for factor in FACTORS:
        expect(params.filter(has_text=re.compile(f"^{factor}$"))).to_be_visible()


def test_ctrl_c_stops_the_server_and_all_its_processes(core: str) -> None:
    with browser.ui(core, "core", *browser.SHORT) as (process, printed):
        address = printed["all runs:"].partition("/#")[0]
        urlopen(f"{address}/health").close()  # noqa: S310 - loopback
        started = descendants(process.pid)
        assert len(started) >= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not listens(int(address.rpartition(":")[2]))
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


def test_a_study_of_ones_own_model_is_shown_like_any_other(page: Page, tmp_path: Path) -> None:
    for ending in ("py", "toml"):
        shutil.copy(ROOT / "examples" / f"regression.{ending}", tmp_path)
    study, uri = str(tmp_path / "regression.toml"), f"sqlite:///{tmp_path}/mlflow.db"
    asked = (study, "--steps", "60", "--seeds", "2")
    command = [ABLATE, "--tracking-uri", uri, "run", *asked]
    subprocess.run(command, check=True, cwd=tmp_path, stdout=subprocess.DEVNULL)
    with browser.ui(uri, study, "--steps", "60", "--seeds", "2") as (_, addresses):
        visit(page, addresses["all runs:"])
        expect(page.get_by_text("12 matching runs")).to_be_visible()
        headers = page.get_by_role("columnheader")
        for shown in ("final/dev_loss", "activation", "norm", "seed", "outcome"):
            expect(headers.filter(has_text=shown).first).to_be_visible()
        visit(page, addresses["charts by variant:"])
        for curve in ("train/loss", "eval/dev_loss", "diag/update_data"):
            card = page.locator(CARD).filter(has_text=curve)
            card.scroll_into_view_if_needed()
            expect(card.locator(".scatterlayer .trace")).to_have_count(3 * 6)


def test_the_runs_of_several_studies_are_listed_together(
    page: Page, addresses: dict[str, str], core: str
) -> None:
    undisturbed(core)
    server = addresses["all runs:"].partition("/#/")[0]
    visit(page, together(Store.existing(core), server, ["core", "small"]))
    expect(page.get_by_text("Displaying Runs from 2 Experiments")).to_be_visible()
    expect(page.get_by_text("130 matching runs")).to_be_visible()  # with the parent runs
