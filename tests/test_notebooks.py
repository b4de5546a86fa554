"""Every notebook is clean, and its cells run in order in a fresh namespace and find what the text says they find."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jupytext
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


def first_fit(found: Namespace) -> None:
    point, table = found["point"], found["table"]
    assert point.converged
    # Published: both optima of the penalised posterior, and beta_year / beta_compute.
    assert [optimum.objective for optimum in point.optima] == pytest.approx([-68.586, -64.038], abs=1e-3)
    assert table.loc[("best fit", "growth_rate"), "estimate"] == pytest.approx(0.158895 / 0.154499, abs=1e-4)
    assert found["rows"].failed == found["papers"].failed == 0
    for name in ("by rows", "by papers"):
        line = table.loc[(name, "growth_rate")]
        assert line["low"] < 0 < line["high"] and line["not_positive"] < 0.5
        assert line["doubling"].endswith("or no progress")
    assert point.certificate.identification.verdict == "weak"
    assert (found["recent"] > 0.6) and (0.7 < found["common"] < 0.8)


def compose_a_law(found: Namespace) -> None:
    assert found["own"].converged and len(found["own"].parameters) == 5
    assert found["point"].converged and found["papers"].failed == 0
    table = found["table"]
    for name in ("before", "after"):
        line = table.loc[("by papers", name)]
        assert line["low"] < table.loc[("best fit", name), "estimate"] < line["high"]
    assert found["form7"].converged
    assert len(found["form7"].parameters) == len(found["point"].parameters) - 2
    before, one, after = (
        float(fn)
        for fn in (
            found["point"].map(found["before"]),
            found["form7"].map(found["before"]),
            found["point"].map(found["after"]),
        )
    )
    assert before < one < after
    assert table.loc[("by papers", "before"), "high"] > table.loc[("by papers", "after"), "low"]


def three_uncertainties(found: Namespace) -> None:
    line = {name: found["table"].loc[(name, "growth_rate")] for name in found["results"]}
    for name in ("rows", "papers"):
        assert line[name]["low"] < 0 < line[name]["high"]
        # "One resampled table in six": within four standard errors of a share of 300.
        assert np.mean(found[name].mode == 1) == pytest.approx(1 / 6, abs=4 * np.sqrt(5 / 36 / 300))
    assert found["posterior"].result is pf.RESULTS.CONVERGED
    # The eight million weighted draws of benchmarks/posterior_reference.py give .015; "only a few per cent".
    assert line["posterior"]["not_positive"] < 0.06
    assert all(line[name]["not_positive"] > line["posterior"]["not_positive"] for name in ("rows", "papers"))
    assert not found["profile"].disconnected and found["profile"].interval[0] > 0
    assert len(found["together"].get_yticklabels()) == 6


def attribution(found: Namespace) -> None:
    shares = found["shares"]
    assert shares.loc["best fit", "estimate"].sum() == pytest.approx(1.0)
    assert found["first"] > 2 * found["last"] > 0
    at = {name: float(share) for name, share in found["joined"](found["point"].model).shares.items()}
    # Published 2022: algorithms 42%, compute 44%, data 15%; as teams they round to within two points of that.
    assert [at[name] for name in ("algorithms", "compute", "data")] == pytest.approx([0.42, 0.44, 0.15], abs=0.02)
    rows = shares.loc["by rows"]
    assert rows.loc["compute efficiency", "high"] > rows.loc["compute", "low"]
    assert len(found["bars"].containers) == 2


def sensitivity(found: Namespace) -> None:
    months = [12 * np.log(2) / float(one.map(pf.growth_rate)) for one in found["fits"].values()]
    assert months == pytest.approx([8.09, 9.85, 15.46], abs=0.01)
    assert found["silent"].result is pf.RESULTS.NOT_IDENTIFIED
    without = found["without"]
    rates = [float(one.map(pf.growth_rate)) for one in found["fits"].values()]
    # "further than any single paper does"
    assert np.nanmax(np.abs(without.shift)) < rates[0] - rates[2]
    assert not found["ahead"].prediction.inside.all()


def your_own_table(found: Namespace) -> None:
    assert "Training compute (FLOP)" in found["complaint"] and "model 41" in found["complaint"]
    assert len(found["runs"]) == 78 and found["point"].converged
    line = found["table"].loc[("by organisation", "growth_rate")]
    assert line["low"] < found["TRUE_RATE"] < line["high"]


EXPECTED: dict[str, Callable[[Namespace], None]] = {
    one.__name__: one
    for one in (first_fit, compose_a_law, three_uncertainties, attribution, sensitivity, your_own_table)
}


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
def test_the_script_beside_it_has_the_same_cells(path: Path) -> None:
    script = jupytext.reads(path.with_suffix(".py").read_text(encoding="utf-8"), fmt="py:percent")
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in read(path)["cells"]]
    assert [(cell["cell_type"], cell["source"]) for cell in script.cells] == cells


def test_every_script_belongs_to_a_notebook() -> None:
    assert {path.stem for path in NOTEBOOKS[0].parent.glob("*.py")} == {path.stem for path in NOTEBOOKS}


@each_notebook
def test_it_ends_with_what_may_be_concluded(path: Path) -> None:
    last = read(path)["cells"][-1]
    assert last["cell_type"] == "markdown" and "What may be concluded, and what not" in "".join(last["source"])


@each_notebook
@pytest.mark.usefixtures("no_display")
def test_cells_run(path: Path) -> None:
    EXPECTED[path.stem](run(path))
