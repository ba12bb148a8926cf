"""The evasion matrix (`evasion/`): no cell is open, and the published page is what is measured."""

from pathlib import Path

from evasion.measure import measure
from harness import check, equal, expect

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "evasion-matrix.md"


async def result(rig):
    """Every session of the matrix, held once."""
    return await measure(rig)


@check("evasion matrix: every attack in every dress is closed, every benign message passes", 240)
async def closed(rig) -> None:
    made = await rig.shared(result)
    print(f"     {made.line()}", flush=True)
    shown = "\n".join(made.failures[:20])
    expect(not made.failures, f"{len(made.failures)} cells do not hold, first of all:\n{shown}")


@check("evasion matrix: docs/evasion-matrix.md is what was measured", 240)
async def published(rig) -> None:
    made = await rig.shared(result)
    equal(
        PAGE.read_text(), made.page(), "page (interop/evasion/run --write docs/evasion-matrix.md)"
    )
