import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from harness.analysis.frames import StudyData
from harness.cli.commands.ui import PORT
from harness.report import build
from harness.report.bibtex import bibtex
from harness.report.document import Link, Table, compact
from harness.report.links import compare_link, run_link
from harness.report.markup import html_words, markdown_text, markdown_words
from harness.report.sections.cards import cards
from harness.report.source import Source
from harness.study.levels import Levels
from harness.subjects.works import Work
from tests.support import simulated
from tests.support.made_up import ONE_FACTOR, made_up

EVIL = "<script>alert(1)</script> | *a* _b_ [c](javascript:d) `e` $f$ \n# g & <img src=x>"
ALWAYS = (
    "bottom-line", "caveats", "integrity-of-the-runs", "claims-and-verdicts", "effects",
    "run-accounting", "learning-curves", "saturation-by-layer", "gradient-flow", "updatedata",
    "activations-and-gradients", "all-cells", "how-to-read-this", "methods", "reproducing-this",
    "references-and-credits",
)  # fmt: skip
VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


class Page(HTMLParser):
    """The tags of a page, and whether they are well nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_every_shape_of_study_has_every_section(any_report: Path) -> None:
    headings = {attributes.get("id") for attributes in page(any_report).all("h2")}
    assert set(ALWAYS) <= headings
    text = (any_report / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b", re.sub(r"\(https?://[^)]*\)|`[^`]*`", "", text).lower())


def test_every_figure_has_an_alternative_text_and_a_file(any_report: Path) -> None:
    made = page(any_report)
    drawn = [one for one in made.all("svg") if one.get("role") == "img"]
    assert len(drawn) == len(made.all("figure"))
    assert all(one["aria-label"] and "nan" not in one["aria-label"] for one in drawn)
    pictures = re.findall(r"!\[(.+?)\]\((figures/\S+)\)", (any_report / "report.md").read_text())
    assert len(pictures) == len(drawn)
    assert all((any_report / path).is_file() for _, path in pictures)


def test_identifiers_are_unique_and_links_within_the_report_lead_somewhere(
    any_report: Path,
) -> None:
    made = page(any_report)
    ids = [attributes["id"] for _, attributes in made.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in made.all("a"):
        href = link["href"] or ""
        if href.startswith("#"):
            assert href[1:] in ids
        elif not href.startswith("http"):
            assert (any_report / href).exists()
    used = {one.get("href", "")[1:] for one in made.all("use")}  # type: ignore[index]
    assert used <= set(ids)


def test_nothing_is_loaded_from_elsewhere(core_report: Path) -> None:
    text = (core_report / "index.html").read_text(encoding="utf-8")
    made = Page(text)
    assert not made.all("link") + made.all("img") + made.all("iframe")
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "default-src 'none'" in text


def test_the_page_allows_its_own_script_and_no_other(core_report: Path) -> None:
    text = (core_report / "index.html").read_text(encoding="utf-8")
    assert Page(text).all("script") == [{}]
    script = text.partition("<script>")[2].partition("</script>")[0]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text
    assert "unsafe-inline" not in text.partition("script-src")[2].partition(">")[0]


def test_the_answer_comes_before_any_other_words(core_report: Path) -> None:
    """One figure, whose title is what follows, then a card a claim and one a conditional effect."""
    text = (core_report / "index.html").read_text(encoding="utf-8")
    main = text.partition("<main>")[2]
    claims = pd.read_csv(core_report / "data" / "claims.csv")
    effects = pd.read_csv(core_report / "data" / "effects.csv", keep_default_na=False)
    shown = main.split('<article class="card ')[1:]
    conditional = effects.loc[effects["conditional"] != "", "conditional"]
    assert len(shown) == len(claims) + len(conditional)
    for card, (_, claim) in zip(shown, claims.iterrows(), strict=False):
        assert claim["verdict"] in card
        assert claim["says"] in card
    assert main.index('id="figure-answer"') < main.index("<article") < main.index('class="prose"')
    supported = int((claims["verdict"] == "SUPPORTED").sum())
    title = main.partition("<h3>")[2].partition("</h3>")[0]
    assert title.startswith(f"SUPPORTED: {supported} of {len(claims)} claims; the largest change")


def test_a_conditional_effect_has_a_card_that_says_where_its_sign_flips() -> None:
    def crossing(cell: Levels, seed: int) -> float:
        return 2 + (0.1 if cell["depth"] == 1 else -0.3) * (cell["norm"] == "none") + 0.001 * seed

    source = Source(simulated.data(simulated.study(), crossing))
    card = next(card for card in cards(source) if card.word == "CONDITIONAL")
    assert (card.tone, card.says) == ("warning", "norm none instead of batch")
    assert card.found.startswith("−0.167\xa0nats")
    assert "Higher at init naive, output_scale 1, depth 1 (+0.1 nats)" in card.why
    assert "depth 10 (−0.3 nats)" in card.why


def test_where_nothing_differs_the_answer_says_so(reports: Callable[[str], Path]) -> None:
    text = (reports("all diverged") / "report.md").read_text(encoding="utf-8")
    assert "### No main effect on dev loss differs from 0" in text


def test_what_every_row_says_is_said_once() -> None:
    table = Table("Title", ("what", "seeds", "p", "note"),
                  (("a", "5", "0.1", ""), ("b", "5", "0.2", ""), ("c", "5", "0.3", "")),
                  frozenset({1, 2}))  # fmt: skip
    short = compact(table)
    assert (short.title, short.head) == ("Title (in every row: seeds: 5)", ("what", "p"))
    assert short.rows == (("a", "0.1"), ("b", "0.2"), ("c", "0.3"))
    assert short.numeric == {1}


def figure(folder: Path, name: str) -> str:
    """A figure as it stands in the page."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    return text.partition(f'<figure id="figure-{name}">')[2].partition("</figure>")[0]


def test_points_are_the_runs_of_their_variant_and_seed(core: StudyData, core_report: Path) -> None:
    """Each run is a point in the plot of every factor, and leads to its row in the table."""
    made = page(core_report)
    rows = {one["id"]: i for i, one in enumerate(made.all("tr")) if "id" in one}
    assert list(rows) == [f"run-{i}" for i in range(len(core.runs))]
    drawing = figure(core_report, "final_loss")
    numbers = [int(number) for number in re.findall(r'data-run="(\d+)"', drawing)]
    assert sorted(numbers) == sorted(list(range(len(core.runs))) * len(core.study.factors))
    heights = re.findall(r'y="([\d.]+)"[^>]*data-run="(\d+)"', drawing)
    values = core.runs["final/dev_loss"]
    below = [values[int(number)] for _, number in sorted(heights, key=lambda at: -float(at[0]))]
    assert below == pytest.approx(sorted(below), abs=0.01)  # coordinates are rounded


def test_entries_of_legends_stand_for_parts_of_their_figure(core_report: Path) -> None:
    drawing = figure(core_report, "interaction")
    levels = set(re.findall(r'data-level="([^"]+)"', drawing))
    assert levels == {"norm none", "norm batch", "init naive", "init kaiming"}
    shown = [set(of.split("|")) for of in re.findall(r'data-of="([^"]+)"', drawing)]
    for level in levels:
        standing = [of for of in shown if level in of]
        assert 0 < len(standing) < len(shown)


def test_works_are_bibtex_that_latex_reads(core_report: Path) -> None:
    text = (core_report / "references.bib").read_text(encoding="utf-8")
    assert len(re.findall(r"^@misc\{(\w+),$", text, re.MULTILINE)) == text.count("@misc")
    assert text.count("{") == text.count("}")
    assert "author = {Ioffe, Sergey and Szegedy, Christian}" in text
    cited = re.findall(r"\(([^()]+), (\d{4})\)", (core_report / "report.md").read_text("utf-8"))
    assert cited
    for families, year in cited:
        family = families.split()[0]
        assert re.search(rf"author = \{{{family},.*?year = \{{{year}\}}", text, re.DOTALL)


def test_special_characters_and_equal_keys_are_safe_in_bibtex() -> None:
    work = Work(("Łuk & Sons, A_B",), 2001, "100 % of {it}: $x$ #1 ~^\\", "https://example.org")
    other = replace(work, title="100 others")
    text = bibtex([work, other, work])
    assert text.count("@misc") == 2
    assert len(set(re.findall(r"@misc\{(\w+),", text))) == 2
    assert r"{{100 \% of \{it\}: \$x\$ \#1 \textasciitilde{}\textasciicircum{}" in text
    assert r"author = {Łuk \& Sons, A\_B}" in text


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    claims = [{"id": "evil", "says": EVIL, "kind": "threshold", "below": 3.0}]
    name = EVIL.replace("\n", "")[:80]  # a longer one, or one of two lines, is refused
    data = made_up(ONE_FACTOR, name=name, question=EVIL, note=EVIL, claims=claims)
    runs = data.runs.assign(run_name=EVIL, versions=EVIL, device=EVIL, commit=EVIL)
    facts = data.facts | {"name": EVIL, "source": EVIL, EVIL: EVIL}
    return build(replace(data, runs=runs, facts=facts), tmp_path_factory.mktemp("evil")).parent


def test_names_in_html_are_text(evil: Path) -> None:
    made = page(evil)
    assert made.all("script") == [{}]  # the page's own
    assert not made.all("img")
    assert all(not (a["href"] or "").startswith("javascript") for a in made.all("a"))


def test_names_in_markdown_are_text(evil: Path) -> None:
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark").enable("table").render((evil / "report.md").read_text())
    without_code = re.sub(r"<pre>.*?</pre>", "", rendered, flags=re.DOTALL)
    for tag in ("<script", '<img src="x', "<em>", "<h1>g", 'javascript:d"'):
        assert tag not in without_code
    assert without_code.count("<h1>") == 1


@pytest.mark.parametrize("text", ["# a", "1. b", "- c", "> d", "a_b_c *d*", "0.384", "[a](b)"])
def test_markdown_shows_text_as_it_is(text: str) -> None:
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark").render(markdown_text(text))
    assert rendered == f"<p>{text.replace('>', '&gt;')}</p>\n"


def test_numbers_need_no_escape() -> None:
    assert markdown_text("0.384") == "0.384"
    assert markdown_text("−0.066 to −0.057 (95 %)") == "−0.066 to −0.057 (95 %)"


def test_unsafe_addresses_are_no_links() -> None:
    unsafe = Link("text", "javascript:alert(1)")
    assert html_words(unsafe) == "text"
    assert markdown_words(unsafe) == "text"


def test_runs_are_linked_to_mlflow() -> None:
    facts = {"tracking_uri": "http://127.0.0.1:5001", "experiment_id": "7"}
    one = run_link(facts, "run", "abc")
    assert isinstance(one, Link)
    assert one.href == (
        "http://127.0.0.1:5001/?workflowType=machine_learning#/experiments/7/runs/abc"
    )
    several = compare_link(facts, "cell", ["a", "b"])
    assert isinstance(several, Link)
    assert several.href.endswith(
        "#/compare-runs?runs=%5B%22a%22%2C%22b%22%5D&experiments=%5B%227%22%5D"
    )
    local = run_link({"tracking_uri": "sqlite:///mlflow.db", "experiment_id": "7"}, "run", "abc")
    assert isinstance(local, Link)
    assert local.href.startswith(f"http://127.0.0.1:{PORT}/")
    assert run_link({}, "run", "abc") == "run"


def test_refused_runs_give_a_report_without_contrasts(core: StudyData, tmp_path: Path) -> None:
    swapped = core.runs.copy()
    swapped.loc[0, "data_digest"] = "e" * 16
    folder = build(replace(core, runs=swapped), tmp_path).parent
    headings = {attributes.get("id") for attributes in page(folder).all("h2")}
    assert "integrity-of-the-runs" in headings
    assert not {"claims-and-verdicts", "effects", "attribution", "predictions"} & headings
    assert "Refused" in (folder / "report.md").read_text()
    assert not (folder / "data" / "effects.csv").exists()
