"""Every notebook is clean, and its cells run in order in a fresh namespace and find what the text says they find."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import progressfit as pf

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
Namespace = dict[str, Any]

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def run(path: Path) -> Namespace:
    """Run the code cells as plain Python, in order; a traceback names the cell by its id."""
    namespace: Namespace = {"__name__": "__main__"}
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.name}[{cell['id']}]", "exec"), namespace)
    return namespace


def imagenet(found: Namespace) -> None:
    point, table, attribution = found["point"], found["table"], found["attribution"]
    assert point.converged
    # Published: both optima of the penalised posterior, and beta_year / beta_compute.
    assert [optimum.objective for optimum in point.optima] == pytest.approx([-68.586, -64.038], abs=1e-3)
    assert table.loc[("best fit", "growth_rate"), "estimate"] == pytest.approx(0.158895 / 0.154499, abs=1e-4)
    assert found["rows"].failed == found["papers"].failed == 0
    for name in ("by rows", "by papers"):
        line = table.loc[(name, "growth_rate")]
        assert line["low"] < 0 < line["high"]
        assert line["doubling"].endswith("or no progress")
    assert attribution.loc["best fit", "estimate"].sum() == pytest.approx(1.0)
    assert found["own"].converged
    assert len(found["own"].parameters) == 5
    assert point.certificate.identification.verdict == "weak"
    assert found["silent"].result is pf.RESULTS.NOT_IDENTIFIED
    months = [12 * np.log(2) / float(one.map(pf.growth_rate)) for one in found["fits"].values()]
    assert months == pytest.approx([8.09, 9.85, 15.46], abs=0.01)


def language_form(found: Namespace) -> None:
    assert found["point"].converged
    assert found["papers"].failed == 0
    table = found["table"]
    for name in ("before", "after"):
        line = table.loc[("by papers", name)]
        assert line["low"] < table.loc[("best fit", name), "estimate"] < line["high"]
    assert found["form7"].converged
    assert len(found["form7"].parameters) == len(found["point"].parameters) - 2


EXPECTED: dict[str, Callable[[Namespace], None]] = {"imagenet": imagenet, "language_form": language_form}


@pytest.fixture
def no_display() -> Iterator[None]:
    """Pictures are drawn into memory and thrown away."""
    before = matplotlib.get_backend()
    matplotlib.use("agg")
    yield
    plt.close("all")
    matplotlib.use(before)


def test_every_notebook_says_what_it_should_find() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(EXPECTED)


@each_notebook
def test_format(path: Path) -> None:
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"] >= 5) == (4, True)
    # Nothing else, so that no machine's paths or versions get in.
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in ids)
    assert {cell["cell_type"] for cell in notebook["cells"]} == {"markdown", "code"}


@each_notebook
def test_outputs_are_stripped(path: Path) -> None:
    for cell in read(path)["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


@each_notebook
@pytest.mark.usefixtures("no_display")
def test_cells_run(path: Path) -> None:
    EXPECTED[path.stem](run(path))
