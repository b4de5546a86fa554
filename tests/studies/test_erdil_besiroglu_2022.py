"""The founding study: every published figure that can be reached is, and the others say why not."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from progressfit.infer.result import RESULTS
from progressfit.report.export import answer_text, study_json, write_folder
from progressfit.studies import load
from progressfit.studies.base import Wanted, doubt_about

ROOT = Path(__file__).parents[2]
# Published figures that an honest analysis does not reproduce, each explained in `why`.
DISAGREE = {"rate_interval_low", "threshold/0.87", "threshold/0.88"}


@pytest.fixture(scope="module")
def result():
    notes = []
    found = load("erdil-besiroglu-2022").run(Wanted(sample=True), notes.append)
    assert notes
    return found


def figure(result, name):
    return next(q for q in result.quantities if q.name == name)


def test_agreement(result):
    judged = [q for q in result.quantities if q.published is not None]
    assert len(judged) > 90
    assert {q.name for q in judged if not q.agrees} == DISAGREE
    assert all(figure(result, name).why for name in DISAGREE)
    assert result.certified and result.n == 97


def test_parameters_by_the_study_files_names(result):
    names = [q.name for q in result.quantities]
    assert len(set(names)) == len(names)
    for name in ("const_year", "beta_year", "beta_compute", "const_data", "beta_data", "beta_year_2", "log_scale"):
        quantity = figure(result, name)
        assert abs(quantity.value - quantity.published) < 1e-4
        low, high = quantity.interval
        assert low < quantity.value < high and quantity.level == 0.95 and quantity.kind == "row bootstrap"


def test_the_published_interval_missed_the_second_mode(result):
    """From all optima the lower end is far below the published one; from the best alone it is not."""
    assert figure(result, "rate_interval_low").value < 0 < figure(result, "rate_interval_one_start_low").value
    assert figure(result, "rate_interval_one_start_low").agrees
    assert figure(result, "rate_not_positive_rows").value > 3 * figure(result, "rate_not_positive_one_start").value
    assert "second optimum" in figure(result, "rate_interval_low").why
    # An independent run of 400 resamples had 11% at or below zero (13% by paper): within five standard errors.
    for name, share in (("rows", 0.11), ("papers", 0.13)):
        error = np.sqrt(share * (1 - share) * (1 / 400 + 1 / 1000))
        assert abs(figure(result, f"rate_not_positive_{name}").value - share) < 5 * error


def test_posterior_columns(result):
    """Against eight million importance-weighted draws (`benchmarks/posterior_reference.py`)."""
    draws = result.posterior
    assert draws.result is RESULTS.CONVERGED, draws.stats["diagnosis"]
    effective = draws.stats["diagnosis"].worst_ess_tail.value
    for name, exact in (("rate_not_positive_posterior", 0.01456), ("beta_year_2_above_beta_year", 0.07040)):
        assert abs(figure(result, name).value - exact) < 4 * np.sqrt(exact * (1 - exact) / effective)
    assert abs(figure(result, "log_evidence").value - 50.3521) < 4 * draws.stats["log_evidence_error"]
    moments = {
        "compute.const": (1.01724, 0.32561),
        "compute.progress.rate": (0.14190, 0.04392),
        "compute.scaling.slope": (0.15626, 0.04862),
        "data.const": (1.74376, 0.42044),
        "data.progress.rate": (0.02985, 0.04356),
        "data.scaling.slope": (0.06638, 0.01628),
        "noise.log_scale": (-2.12408, 0.07579),
    }
    for path, (mean, sd) in moments.items():
        own = draws.stats["diagnosis"].ess_bulk[path]
        assert abs(np.mean(draws.values[path]) - mean) < 4 * sd / np.sqrt(own)
    for name in ("const_year", "beta_year", "log_scale", "rate", "accuracy/ViT-e", "shapley/AlexNet -> ViT-e/compute"):
        found = figure(result, name).posterior
        assert found.low < found.median < found.high and found.kind == "posterior (NUTS)"
    assert abs(figure(result, "const_year").posterior.median - 0.9615) < 4 * 0.33 / np.sqrt(effective) * 1.25
    assert json.loads(study_json(result))["quantities"][0]["posterior"]["level"] == 0.95


def test_draws_that_are_not_certified_are_the_reason(result):
    draws = result.posterior
    assert result.doubt is None and doubt_about(result.fit, draws, None) is None
    doubtful = dataclasses.replace(draws, result=RESULTS.DIVERGENCES)
    assert doubt_about(result.fit, doubtful, None) == RESULTS.DIVERGENCES.value


def test_rate_contains_zero_so_no_pair_of_doubling_times_is_shown(result):
    halving = figure(result, "halving_months")
    assert halving.interval is None and "or no progress" in halving.why
    assert abs(halving.value - 8.087) < 0.01
    assert "or no progress" in " ".join(result.answer)


def test_conventions_of_the_table(result):
    for name, months in (("published", 8.09), ("corrected", 9.85), ("recounted", 15.46)):
        assert abs(figure(result, f"halving_months/{name}").value - months) < 0.01


def test_json_is_one_object_with_the_contract(result):
    found = json.loads(study_json(result))
    assert {"study", "n", "quantities", "certificate", "seconds", "versions"} <= set(found)
    keys = {"name", "published", "value", "interval", "level", "kind", "unit", "agrees", "why"}
    assert all(keys <= set(quantity) for quantity in found["quantities"])
    assert {"converged", "gradient_norm", "starts_agreeing", "optima"} <= set(found["certificate"])
    assert len(found["certificate"]["optima"]) == 2
    assert next(q for q in found["quantities"] if q["name"] == "threshold/0.87")["value"] is None
    assert set(found["seconds"]) == {"compile", "run"}


def test_folder(result, tmp_path):
    from PIL import Image

    written = write_folder(result, tmp_path / "new" / "folder", {"Seed": "0"})
    names = {path.name for path in written}
    files = {
        "answer.txt",
        "result.json",
        "figures.csv",
        "shapley.csv",
        "optima.csv",
        "models.csv",
        "posterior.nc",
        "report.html",
    }
    assert files <= names
    pictures = [path for path in written if path.suffix == ".png"]
    assert {"accuracy_over_time.png", "shapley.png", "modes.png"} <= {path.name for path in pictures}
    for path in pictures:
        pixels = np.asarray(Image.open(path).convert("L"), float)
        assert pixels.shape[0] > 500 and pixels.std() > 5  # something is drawn
    models = (tmp_path / "new" / "folder" / "models.csv").read_text(encoding="utf-8").splitlines()
    assert len(models) == 98


def test_readme_shows_the_real_output(result):
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    assert len(shown.splitlines()) > 5
    unsampled = tuple(dataclasses.replace(quantity, posterior=None) for quantity in result.quantities)
    said = answer_text(dataclasses.replace(result, quantities=unsampled)).splitlines()
    # Lines of the answer verbatim, but for the share of each start and draw that hangs on the machine's rounding.
    for line in shown.strip().splitlines():
        assert line == "..." or line in said, line
