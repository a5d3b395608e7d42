"""Every page in a real browser: what people see, and that nothing fails on the way. What draws most is seen in both themes, the
dark one by `make test-long`."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from testing.chromium import running_browser

TIMEOUT_MS = 60_000  # other tests share the cores
FAILURE = "[data-testid=stException], [data-testid=stAlertContentError]"


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """One for all pages: a tab's context shares nothing with another's, and no test here runs asyncio itself."""
    with running_browser(chromium) as running:
        yield running


in_both_themes = pytest.mark.parametrize(
    "theme", ["light", pytest.param("dark", marks=pytest.mark.long)], indirect=True
)


@pytest.fixture
def theme(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "light"))


@pytest.fixture
def tab(browser: Browser, theme: str) -> Iterator[Page]:
    """A tab of this test alone."""
    with clean_tab(browser, theme) as page:
        yield page


@contextmanager
def clean_tab(browser: Browser, theme: str) -> Iterator[Page]:
    """A tab far from UTC; at the end nothing may have failed, on the page or behind it, or been asked of another host."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 1600}, color_scheme=theme, timezone_id="America/New_York"
    )
    with context:
        context.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        page = context.new_page()
        thrown: list[str] = []
        hosts: set[str] = set()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.on(
            "request", lambda request: hosts.add(request.url.split("/")[2]) if request.url.startswith("http") else None
        )
        yield page
        expect(page.locator(FAILURE)).to_have_count(0)
    assert thrown == []
    assert {host.split(":")[0] for host in hosts} == {"127.0.0.1"}


class Shown:
    """Pages that are opened once, for all tests that only look at them."""

    def __init__(self, browser: Browser, dashboard: str, closing: ExitStack) -> None:
        self._browser = browser
        self._dashboard = dashboard
        self._closing = closing
        self._pages: dict[tuple[str, str], Page] = {}

    def __call__(self, model: str, query: str = "", theme: str = "light") -> Page:
        """The page of a model."""
        key = f"{self._dashboard}/model?model={model}{query}", theme
        if key not in self._pages:
            self._pages[key] = self._closing.enter_context(clean_tab(self._browser, theme))
            self._pages[key].goto(key[0])
        heading(self._pages[key], model)
        return self._pages[key]


@pytest.fixture(scope="module")
def shown(browser: Browser, dashboard: str) -> Iterator[Shown]:
    with ExitStack() as closing:
        yield Shown(browser, dashboard, closing)


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", name=text, exact=True)).to_be_visible()


def drawn(page: Page, label: str) -> None:
    """A chart is there and has been drawn."""
    marks = page.locator(f'[data-testid=stVegaLiteChart][aria-label="{label}"] svg .mark-group')
    expect(marks.first).to_be_visible()


def cell(page: Page, text: str) -> Locator:
    """A cell of a table; it is drawn on a canvas and repeated in the page for those who do not see it."""
    return page.locator("[role=gridcell]", has_text=text).first


def box(mark: Locator) -> FloatRect:
    """Where a mark is drawn, and how large, in pixels."""
    found = mark.bounding_box()
    assert found is not None
    return found


def open_model(page: Page, dashboard: str, query: str = "") -> None:
    page.goto(f"{dashboard}/model?model=flight-delay{query}")
    heading(page, "flight-delay")


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(label)).click()
    page.get_by_role("option", name=option, exact=True).click()


@in_both_themes
def test_the_fleet_lists_every_model(tab: Page, dashboard: str) -> None:
    tab.goto(dashboard)
    heading(tab, "Fleet")
    for text in (
        "▲ P1 firing",
        "flight-delay",
        "card-fraud",
        "◌ no window yet",
        "1: wind_speed",
        "estimated",
        "MAE",
        "NDCG",
    ):
        expect(cell(tab, text)).to_be_attached()


@in_both_themes
def test_retired_models_are_folded_away_and_their_pages_open(tab: Page, dashboard: str) -> None:
    tab.goto(dashboard)
    heading(tab, "Fleet")
    expect(cell(tab, "card-fraud")).to_be_attached()
    assert cell(tab, "flihgt-delay").count() == 0
    tab.get_by_text("2 retired", exact=True).click()
    for text in ("flihgt-delay", "27 Nov 2013 10:00", "1204", "old_*prices*"):
        expect(cell(tab, text)).to_be_attached()
    tab.locator("[data-testid=stExpander] [data-testid=stDataFrame]").click(position={"x": 40, "y": 35 + 17})
    expect(tab).to_have_url(re.compile(r"/model\?.*model=flihgt-delay"))
    expect(tab.get_by_text("Retired since 27 Nov 2013 10:00 UTC")).to_contain_text("came since, and are kept: 1,204")


def test_a_retired_model_shows_what_was_measured(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/model?model=old_*prices*&section=Health")
    heading(tab, "old_*prices*")
    expect(tab.get_by_text("○ retired")).to_be_visible()
    expect(tab.get_by_text("Retired since 27 Nov 2013 10:00 UTC")).to_contain_text("No prediction has come since")


@pytest.mark.parametrize("theme", ["light", "dark"], indirect=True)
def test_the_theme_is_the_readers(tab: Page, dashboard: str, theme: str) -> None:
    tab.goto(dashboard)
    heading(tab, "Fleet")
    background = tab.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 29)"}[theme]


def test_a_row_of_the_fleet_opens_its_model(tab: Page, dashboard: str) -> None:
    tab.goto(dashboard)
    expect(cell(tab, "card-fraud")).to_be_attached()
    table = box(tab.locator("[data-testid=stDataFrame] canvas").first)
    tab.mouse.click(table["x"] + 180, table["y"] + 33 + 40 + 20)
    heading(tab, "card-fraud")
    expect(tab).to_have_url(re.compile(r"/model\?.*model=card-fraud"))


@in_both_themes
def test_drift_opens_the_column_in_need(shown: Shown, theme: str) -> None:
    tab = shown("flight-delay", theme=theme)
    expect(tab.get_by_text("reference 5f0c8a51, 27,000 rows")).to_be_visible()
    drawn(tab, "PSI of every column over time")
    heading(tab, "temp, 27 Nov 2013, beside the reference")
    drawn(tab, "Histogram of temp")
    drawn(tab, "PSI of temp over time")


def test_a_row_without_a_version_changes_nothing_of_what_a_model_opens_with(shown: Shown) -> None:
    tab = shown("flight-delay")
    expect(tab.get_by_role("combobox", name="Version")).to_have_value("3")
    expect(tab.get_by_text("binary · version 3 · 90 days")).to_be_visible()


@in_both_themes
def test_every_version_can_be_chosen_and_that_of_records_without_one_says_so(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard)
    choose(tab, "Version", "4")
    expect(tab.get_by_text("binary · version 4 · 30 days")).to_be_visible()
    choose(tab, "Version", "no version")
    expect(tab.get_by_text("binary · no version · 2 days")).to_be_visible()
    expect(tab).to_have_url(re.compile(r"version=no\+version|version=no%20version"))
    expect(tab.get_by_text("All versions")).to_have_count(0)
    tab.reload()
    expect(tab.get_by_text("binary · no version · 2 days")).to_be_visible()


def test_a_column_of_records_without_a_version_shows_their_values_alone(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&version=no+version&column=temp")
    heading(tab, "temp, 27 Nov 2013, beside the reference")
    expect(tab.locator('[aria-label="Histogram of temp"]')).to_have_count(0)  # not those of the other versions


def test_a_model_whose_records_name_no_version_is_shown_without_a_word_about_versions(shown: Shown) -> None:
    tab = shown("house-price", "&section=Performance")
    expect(tab.get_by_text("regression · 90 days")).to_be_visible()
    expect(tab.get_by_text(re.compile("version", re.IGNORECASE))).to_have_count(0)


def test_a_model_that_is_not_known_is_told_with_those_that_are(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/model?model=no*pe")
    told = tab.get_by_text("No model is named no*pe.")
    expect(told).to_contain_text(
        "There are: flight-delay, card-fraud, churn, house-price, search, flihgt-delay, old_*prices*."
    )
    choose(tab, "Model", "card-fraud")
    heading(tab, "card-fraud")


def test_a_column_and_a_window_are_chosen_by_name(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard)
    choose(tab, "Column opened", "carrier")
    heading(tab, "carrier, 27 Nov 2013, beside the reference")
    drawn(tab, "Shares of the values of carrier")
    expect(tab).to_have_url(re.compile("column=carrier"))


@pytest.mark.parametrize(("column", "categories"), [("prediction", 2), ("origin", 3)])
def test_the_bars_of_few_categories_have_room(tab: Page, dashboard: str, column: str, categories: int) -> None:
    open_model(tab, dashboard, f"&column={column}")
    label = f"Shares of the values of {column}"
    drawn(tab, label)
    chart = tab.locator(f'[aria-label="{label}"] svg')
    bars = [box(mark)["height"] for mark in chart.locator(".mark-rect.role-mark path").all()]
    assert len(bars) == 2 * categories
    assert min(bars) > 6
    names = [box(name) for name in chart.locator("[aria-label^=Y-axis] .role-axis-label text").all()]
    assert len(names) == categories
    assert all(above["y"] + above["height"] < below["y"] for above, below in pairwise(names))


def test_a_click_on_the_map_opens_its_cell(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard)
    heading(tab, "temp, 27 Nov 2013, beside the reference")
    heat_map = tab.locator('[aria-label="PSI of every column over time"]')
    heat_map.locator('path[aria-label*="column: carrier"]').nth(44).click()
    expect(tab.get_by_role("heading", name=re.compile(r"^carrier, \d+ \w+ 2013, beside"))).to_be_visible()
    expect(tab).to_have_url(re.compile(r"window=.*column=carrier|column=carrier.*window="))


def test_a_month_is_a_window_like_any_other(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&size=1mo&column=carrier&window=Oct+2013")
    heading(tab, "carrier, Oct 2013, beside the reference")


@in_both_themes
def test_health_shows_four_charts_and_the_objectives(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&section=Health")
    for label in ("Traffic", "Error rate", "Rows", "Latency p50, p90, p99"):
        drawn(tab, f"{label} over time")
    heading(tab, "Objectives")
    for name in ("availability", "latency"):
        expect(tab.get_by_text(f"Budget left, {name}")).to_be_visible()
        drawn(tab, f"Burn rates of {name} over the last two days")


def test_health_shows_the_gpus_of_a_model_that_has_some(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&section=Health&version=3")
    heading(tab, "GPUs")
    for name in (
        "GPU utilization",
        "Idle GPUs",
        "GPU memory",
        "GPU power",
        "Energy per 1,000 predictions",
        "GPU errors",
    ):
        drawn(tab, f"{name} over time")
    expect(tab.get_by_text("Newest window, all versions: 4 GPUs, 2 models.")).to_be_visible()
    heading(tab, "Traffic, all versions")


def test_health_shows_no_gpus_where_none_are_read(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/model?model=card-fraud&section=Health")
    drawn(tab, "Traffic over time")
    heading(tab, "Objectives")
    expect(tab.get_by_role("heading", name="GPUs", exact=True)).to_have_count(0)


@in_both_themes
def test_performance_shows_every_metric_and_the_labels(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&section=Performance")
    for name in ("Accuracy", "ROC AUC", "PR AUC", "F1", "Precision", "Recall", "Log loss", "Brier score"):
        heading(tab, name)
    for name in ("Calibration error", "Confusion matrix, 27 Nov 2013", "Label coverage", "Label completeness"):
        heading(tab, name)
    expect(tab.get_by_text("Half of them are after 8.3 h, 99 in 100 after 4.1 days.")).to_be_visible()
    expect(tab.get_by_text("Triangle: with the labels that are to come")).to_be_visible()
    drawn(tab, "ROC AUC over time, reference 0.785")
    drawn(tab, "Labels by what was predicted")
    heading(tab, "Reliability diagram, 27 Nov 2013")
    drawn(tab, "What happened, by its probability")
    expect(tab.get_by_text(re.compile("Temperature .* to .*"))).to_be_visible()
    heading(tab, "Fairness, 27 Nov 2013")
    for name in ("Parity difference", "Disparate impact"):
        drawn(tab, f"{name} of each group")
    expect(tab.get_by_text(re.compile("^27 Nov 2013: reliability .* resolution .* uncertainty"))).to_be_visible()
    legend = tab.locator('[aria-label="ROC AUC over time, reference 0.785"] svg').get_by_text("estimated", exact=True)
    expect(legend).to_be_visible()
    drawn(tab, "Error of the estimate over time")
    heading(tab, "Confidence")
    drawn(tab, "Low-confidence share over time")


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("house-price", ["MAE", "RMSE", "MAPE", "R²", "Bias", "Label coverage"]),
        ("search", ["NDCG", "MRR", "Label coverage"]),
    ],
)
def test_performance_shows_what_the_task_has(shown: Shown, model: str, names: list[str]) -> None:
    tab = shown(model, "&section=Performance")
    for name in names:
        heading(tab, name)
    charts = tab.locator("[data-testid=stVegaLiteChart][aria-label*='over time']")
    expect(charts).to_have_count(len(names))
    expect(tab.get_by_text(re.compile(f"^{names[0]}, 27 Nov 2013"))).to_be_visible()


def test_where_no_labels_have_come_performance_is_what_scores_say(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/model?model=card-fraud&section=Performance&version=4")
    expect(tab.get_by_text("No labels have come for these windows yet")).to_be_visible()
    for name in ("Accuracy", "Precision", "Recall", "F1", "ROC AUC"):
        heading(tab, f"{name}, estimated")
    drawn(tab, "ROC AUC, estimated over time, reference 0.785")
    expect(tab.get_by_text("no change of what rows mean")).to_be_visible()
    heading(tab, "Confidence")


def test_a_version_stands_beside_another_that_serves_with_it(shown: Shown) -> None:
    tab = shown("flight-delay", "&section=Performance&version=4")
    heading(tab, "Version 4 beside version 3")
    expect(tab.get_by_text("hold whenever one looks, from 10 windows on")).to_be_visible()


@in_both_themes
def test_figures_of_the_business_stand_beside_what_goes_together_with_them(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&section=Performance&version=3&figures=revenue&figures_by=sum")
    heading(tab, "Business")
    drawn(tab, "revenue by window")
    drawn(tab, "Accuracy beside revenue")
    expect(tab.get_by_text("Spearman's rank correlation")).to_be_visible()


def test_where_no_figures_have_come_it_is_told_how_to_send_them(shown: Shown) -> None:
    tab = shown("house-price", "&section=Performance")
    expect(tab.get_by_text("No figures yet: send revenue")).to_be_visible()


@in_both_themes
def test_drift_shows_many_columns_at_once(shown: Shown, theme: str) -> None:
    tab = shown("flight-delay", theme=theme)
    heading(tab, "Features together")
    heading(tab, "Vectors: embedding")
    for name in ("Area of the domain classifier", "Reconstruction error", "Squared MMD"):
        drawn(tab, f"{name} over time")
    both = '[data-testid=stVegaLiteChart][aria-label="Area of the domain classifier over time"]'
    expect(tab.locator(both)).to_have_count(2)


def test_a_crossing_in_sight_is_told_under_its_chart(tab: Page, dashboard: str) -> None:
    def told(way: str, limit: str) -> Locator:
        return tab.get_by_text(
            re.compile(rf"^At this pace {way} {limit} around \d+ \w{{3}}, 80% between \d+ \w{{3}} and \d+ \w{{3}}\.$")
        )

    tab.goto(f"{dashboard}/model?model=card-fraud&column=hour")
    heading(tab, "hour, 27 Nov 2013, beside the reference")
    expect(told("past", r"0\.1")).to_have_count(1)
    tab.goto(f"{dashboard}/model?model=card-fraud&section=Performance")
    heading(tab, "Accuracy")
    expect(told("below", r"0\.841")).to_have_count(1)
    expect(tab.get_by_text("At this pace")).to_have_count(1)


def test_nothing_is_told_where_no_crossing_is_in_sight(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&column=carrier")
    drawn(tab, "PSI of carrier over time")
    expect(tab.get_by_text("At this pace")).to_have_count(0)


def test_concept_drift_is_told_under_the_error_that_rose(shown: Shown) -> None:
    told = re.compile(r"^Concept drift: three of five detectors had called a rise of the error by \d+ Nov 2013\.$")
    tab = shown("house-price", "&section=Performance")
    heading(tab, "MAE")
    expect(tab.get_by_text(told)).to_have_count(1)
    tab = shown("search", "&section=Performance")
    heading(tab, "NDCG")
    expect(tab.get_by_text(re.compile("^Concept drift: "))).to_have_count(0)


def test_the_calls_of_each_detector_are_drawn_and_where_there_are_none_it_is_told(shown: Shown) -> None:
    tab = shown("house-price", "&section=Performance")
    heading(tab, "Detectors of concept drift, MAE")
    drawn(tab, "Calls of each detector by window")
    tab = shown("search", "&section=Performance")
    heading(tab, "Detectors of concept drift, NDCG")
    expect(tab.get_by_text("None has called in these windows; they have read 90 days with labels.")).to_be_visible()
    tab = shown("flight-delay", "&section=Performance&version=4")
    expect(tab.get_by_text("They have read 30 days with labels; the first 30 say what is usual")).to_be_visible()


@in_both_themes
def test_a_change_is_split_once_it_is_asked_for(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&section=Performance&version=3")
    heading(tab, "Why it changed")
    expect(tab.locator('[aria-label="Parts of the change of Accuracy"]')).to_have_count(0)
    tab.get_by_text("Split the change").click()
    drawn(tab, "Parts of the change of Accuracy")
    expect(tab.get_by_text("of 2,700 and 2,700 labelled rows. Overlap")).to_be_visible()
    expect(cell(tab, "origin=JFK")).to_be_attached()
    tab.goto(f"{dashboard}/model?model=house-price&section=Performance&change=true")
    expect(tab.get_by_text("0 labelled rows from there on; 200 are needed")).to_be_visible()


def test_versions_disagree_on_the_rows_that_both_predicted_once_it_is_asked_for(tab: Page, dashboard: str) -> None:
    open_model(tab, dashboard, "&section=Performance&version=4")
    heading(tab, "Disagreement of versions")
    chart = "Disagreement with version 3 by window"
    expect(tab.locator(f'[aria-label="{chart}"]')).to_have_count(0)
    tab.get_by_text("Compare predictions of the same rows").click()
    drawn(tab, chart)


@in_both_themes
def test_alerts_lie_under_their_model_and_incident_and_unfold(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/alerts")
    heading(tab, "Alerts")
    heading(tab, "flight-delay")
    incident = tab.get_by_text("quality on wind_speed")
    expect(tab.locator("summary", has_text="· since")).to_contain_text(["quality on wind_speed", "drift on temp"])
    line = tab.get_by_text("wind_speed, version 3: missing_share 0.31, 0.02 expected")
    expect(line).not_to_be_visible()
    incident.click()
    expect(line).to_be_visible()
    expect(tab.get_by_text("also version 4, 2 segments")).to_be_visible()
    tab.get_by_text("All 4 alerts").click()
    expect(cell(tab, "origin=JFK")).to_be_attached()
    expect(tab.get_by_text("By when they were opened, the newest first.")).to_have_count(2)
    expect(cell(tab, "29 Jul 2013")).to_be_attached()  # when the one that is resolved was


def test_an_incident_s_rule_is_silenced_and_says_until_when_by_whom_and_why_until_somebody_ends_it(
    browser: Browser, dashboard: str
) -> None:
    with browser.new_page() as page:
        page.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        page.goto(f"{dashboard}/alerts")
        page.get_by_text("drift on temp").click()
        page.get_by_role("button", name="Silence …").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Silence", exact=True).click()
        expect(dialog.get_by_text("reason: say why")).to_be_visible()
        dialog.get_by_text("Rule drift-P2 of flight-delay").click()
        dialog.get_by_text("1 day").click()
        dialog.get_by_label("Reason").fill("database upgrade")
        dialog.get_by_label("As", exact=True).fill("grace")
        dialog.get_by_role("button", name="Silence", exact=True).click()
        expect(dialog).to_have_count(0)
        said = page.get_by_text(re.compile(r"silenced until .* UTC by grace: database upgrade"))
        expect(said).to_be_visible()
        expect(page.locator("summary", has_text="silenced")).to_contain_text(["drift on temp"])
        expect(page.get_by_text("model flight-delay, rule drift-P2 · until")).to_be_visible()
        page.get_by_role("button", name="End", exact=True).click()
        expect(page.get_by_role("heading", name="Silences")).to_have_count(0)
        expect(page.locator("summary", has_text="silenced")).to_have_count(0)
        expect(page.locator(FAILURE)).to_have_count(0)


def test_an_alert_is_acknowledged(browser: Browser, dashboard: str) -> None:
    with browser.new_page() as page:
        page.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        open_model(page, dashboard, "&section=Alerts&version=3")
        expect(page.get_by_text("wind_speed, version 3: missing_share 0.31, 0.02 expected")).to_be_visible()
        expect(page.get_by_text("also version 4, 2 segments")).to_be_visible()
        page.get_by_label("Acknowledge as").fill("grace")
        page.get_by_label("Acknowledge as").press("Enter")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_text("acknowledged by grace")).to_be_visible()
        expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        expect(page.locator(FAILURE)).to_have_count(0)


@in_both_themes
def test_a_shadow_run_shows_its_verdict_and_why(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/shadow")
    heading(tab, "Candidate january-to-march.onnx")
    expect(tab.get_by_text("Accuracy is 0.0067 higher (95% interval 0.0058 to 0.0076).")).to_be_visible()
    expect(tab.get_by_text("McNemar's statistic")).to_be_visible()
    expect(tab.get_by_text("Not measured alike.")).to_be_visible()
    for label in ("Churn matrix", "Latency of both", "Difference of each metric"):
        drawn(tab, label)


def test_a_run_that_names_no_version_is_of_all_of_them(tab: Page, dashboard: str) -> None:
    tab.goto(f"{dashboard}/shadow?run=run-5")
    expect(tab.get_by_text("against flight-delay, all versions · finished")).to_be_visible()
    expect(cell(tab, "flight-delay, version 3")).to_be_attached()


def test_a_failed_run_says_why(browser: Browser, dashboard: str) -> None:
    with browser.new_page() as page:
        page.goto(f"{dashboard}/shadow?run=run-4", timeout=TIMEOUT_MS)
        expect(page.get_by_role("alert")).to_have_text(re.compile("wants 12 features"), timeout=TIMEOUT_MS)


def test_an_empty_workspace_says_how_to_begin(tab: Page, empty_dashboard: str) -> None:
    tab.goto(empty_dashboard)
    heading(tab, "No model has sent anything yet")
    expect(tab.get_by_text("log_prediction")).to_be_visible()
    tab.goto(f"{empty_dashboard}/shadow")
    heading(tab, "No candidate has been tried yet")
    expect(tab.get_by_text("driftglass shadow --model")).to_be_visible()
    tab.goto(f"{empty_dashboard}/model")
    heading(tab, "No model has sent anything yet")
