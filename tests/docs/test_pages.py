"""What the documentation says is so: its links lead somewhere, its reference is the code's."""

import re
import subprocess
from pathlib import Path

import pytest

from docs.generate import PAGE, PARTIAL_GRIDS, reference
from harness.analysis.verdicts import PROMISE
from harness.study.files import parse_study
from harness.study.plan import twins

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("reports/published/*/*.md"))
    if ".venv" not in page.parts
)
LINK = re.compile(r"(?<!`)\[[^\]`]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_promise_of_the_error_rate_is_the_same_everywhere() -> None:
    for page in ("docs/statistics.md", "README.md", "reports/README.md"):
        assert PROMISE in " ".join((ROOT / page).read_text("utf-8").split()), page


def test_the_reference_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == reference(), "run: python -m docs.generate"


def test_the_example_of_a_partial_grid_is_one() -> None:
    whole = """
question = "?"
seeds = 1
[factors]
norm = ["none", "batch"]
batch = [1, 32]
depth = [5, 20, 50]
lr_drop = [0.1, 1.0]
lr_drop_at = [0.5, 0.75]
[baseline]
norm = "batch"
batch = 32
depth = 5
lr_drop = 0.1
"""
    tables = PARTIAL_GRIDS.split("```toml\n")[1].split("```")[0]
    part = parse_study((whole + tables).encode(), "part")
    assert (part.size(), twins(part)) == ((12 - 3 - 4) * 3, [])


@pytest.mark.parametrize("page", [ROOT / "README.md", *ROOT.glob("docs/*.md")], ids=str)
def test_commands_and_targets_exist(page: Path) -> None:
    from harness.cli import COMMANDS

    text = page.read_text("utf-8")
    for command in re.findall(r"(?:^|[`/])ablate ([a-z]+)", text, re.MULTILINE):
        assert command in COMMANDS, command
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("target", ["ablations", "report", "ui"])
def test_a_target_takes_what_the_help_says(target: str) -> None:
    chosen = ("STUDY=small", "STEPS=7", "SEEDS=2", "DATA=some.txt")
    make = ["make", "--dry-run", target, *chosen]
    said = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(r"ablate \w+ small --steps 7 --seeds 2 --data some.txt", said)


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("d*/*.md")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_paths_named_on_a_page_exist(page: Path) -> None:
    for path in re.findall(r"`((?:harness|tests|benchmarks)/[\w./]+)`", page.read_text("utf-8")):
        assert (ROOT / path).exists(), path


def test_the_readme_tree_names_what_is_there() -> None:
    tree = (ROOT / "README.md").read_text("utf-8").split("## What is where")[1].split("```")[1]
    folder = ROOT
    for line in tree.strip().splitlines():
        names = re.match(r"\s*((?:[\w./]+\s)+)", line)
        assert names, line
        folder = folder if line.startswith(" ") else ROOT / names[1].split()[0]
        for name in names[1].split():
            assert (folder / name).exists() or (ROOT / name).exists(), f"{folder.name}: {name}"
