from rich.console import Console

from harness.analysis.compare import compare
from harness.analysis.frames import StudyData
from harness.cli.commands.compare import _table as table


def test_variants_are_compared_in_every_response(core: StudyData) -> None:
    first, second = core.variants()[0], core.variants()[-1]
    console = Console(width=140)
    compared = compare(core, first, second)
    with console.capture() as shown:
        console.print(table(core.study, compared))
    lines = shown.get().splitlines()
    assert len(lines) == 1 + len(compared)
    loss = compared.set_index("response").loc["final/dev_loss"]
    row = next(line for line in lines if line.startswith("final/dev_loss"))
    assert f"{loss['first']:.3f}" in row
    assert f"{loss['second']:.3f}" in row
