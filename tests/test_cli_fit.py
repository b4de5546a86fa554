"""``progressfit fit``: what it answers, against SciPy, closed forms and the files it writes."""

import argparse
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
import scipy.special
from own_table import REPLICATES, ROWS, STARTS, TRUE, arguments, runs

import progressfit as pf
from progressfit.cli import main
from progressfit.commands import fit as commands_fit
from progressfit.commands import specify
from progressfit.commands.fit import prepare_fit, spread_notes
from progressfit.commands.options import LINKS, FitRequest, add_fit_options, read_fit_options
from progressfit.commands.table import read_table, select
from progressfit.infer import stretches
from progressfit.laws.chinchilla import LETTERS, START_GRID
from progressfit.params import bind, leaves, priors


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    """JAX has started by now; the command may not ask for other devices."""
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "1")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "runs.csv"
    runs().to_csv(path, index=False)
    return path


def request(table, *more: str) -> FitRequest:
    parser = argparse.ArgumentParser()
    add_fit_options(parser)
    return read_fit_options(parser.parse_args(arguments(table, *more)[1:]))


FITTED = ("--where", "used=true", "--noise", "huber:1e-3", "--mle", "--starts", str(STARTS))


@pytest.fixture(scope="module")
def answer(table, tmp_path_factory):
    """One command for most tests below, because compiling it dominates."""
    out = tmp_path_factory.mktemp("answers") / "new" / "folder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_NUM_CPU_DEVICES", "1")
        streams = _run(patch, [*arguments(table, *FITTED), "--bootstrap", str(REPLICATES), "--json", "--out", str(out)])
    return *streams, out


def _run(patch, argv):
    out, err = io.StringIO(), io.StringIO()
    patch.setattr(sys, "stdout", out)
    patch.setattr(sys, "stderr", err)
    return main(argv), out.getvalue(), err.getvalue()


def _strict(text: str):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_alone_on_standard_output_and_progress_on_standard_error(answer):
    status, out, err, _ = answer
    found = _strict(out)
    assert status == 0 and found["certificate"]["converged"] is True, err
    assert out.count("\n") == 1
    assert f"{REPLICATES} replicates" in err and f"fitting {ROWS} rows" in err
    contract = {"law", "n", "objective", "parameters", "intervals", "certificate", "derived", "seconds"}
    assert contract <= set(found) and {"compile", "run"} == set(found["seconds"])
    assert {"converged", "gradient_norm", "starts_agreeing", "optima"} <= set(found["certificate"])
    assert found["law"] == "chinchilla" and found["n"] == ROWS


def test_objective_is_the_plain_sum_of_huber_losses(answer):
    """Recomputed with SciPy from the printed parameters; its gradient there vanishes to rounding of the sum."""
    found, rows = json.loads(answer[1]), runs()[:ROWS]

    def objective(log_shift):
        p = {k: v + log_shift.get(k, 0.0) for k, v in found["parameters"].items()}
        mean = p["size.coefficient"] * rows["parameters"] ** -p["size.exponent"]
        mean = mean + p["data.coefficient"] * rows["tokens"] ** -p["data.exponent"] + p["irreducible"]
        return scipy.special.huber(1e-3, np.log(rows["loss"]) - np.log(mean)).sum()

    # Residuals of order 1e-3 are differences of logarithms of order 1: they keep 1e-13 of themselves.
    np.testing.assert_allclose(objective({}), found["objective"], rtol=1e-11)
    assert found["objective_kind"] == "sum of Huber losses"
    assert found["certificate"]["optima"][0]["objective"] == found["objective"]
    for path, step in {"irreducible": 1e-5, "size.exponent": 1e-6, "data.exponent": 1e-6}.items():
        assert min(objective({path: step}), objective({path: -step})) > found["objective"]


def test_derived_letters_and_allocation_follow_from_the_parameters(answer):
    found = json.loads(answer[1])
    derived, parameters = found["derived"], found["parameters"]
    for letter, path in LETTERS.items():
        assert derived[letter] == parameters[path]
    # Hoffmann et al. 2022, equation 4.
    a = derived["beta"] / (derived["alpha"] + derived["beta"])
    np.testing.assert_allclose([derived["a"], derived["b"]], [a, 1 - a], rtol=1e-9)
    g = (derived["alpha"] * derived["A"] / (derived["beta"] * derived["B"])) ** (
        1 / (derived["alpha"] + derived["beta"])
    )
    size = g * (5.76e23 / 6) ** a
    np.testing.assert_allclose(derived["tokens_per_parameter"], 5.76e23 / 6 / size**2, rtol=1e-9)
    low, high = found["derived_intervals"]["a"]
    assert low < derived["a"] < high


def test_posterior_instead_of_replicates(table, tmp_path, monkeypatch):
    """Intervals are those of the draws, which the folder holds; the law's own priors and Gaussian noise."""
    more = ("--where", "used=true", "--noise", "normal", "--starts", "64", "--sample", "--json", "--out", str(tmp_path))
    status, out, err = _run(monkeypatch, arguments(table, *more))
    found = _strict(out)
    assert status == 0 and found["posterior"]["certified"] and found["bootstrap"] is None, err
    assert found["posterior"]["kind"] == "posterior (NUTS)" and found["posterior"]["divergences"] == 0
    tree = pf.report.load(tmp_path / "posterior.nc")
    for path, ends in found["intervals"].items():
        draws = np.asarray(tree["posterior"][path])
        assert draws.size == found["posterior"]["draws"]
        np.testing.assert_allclose(ends, np.quantile(draws, [0.025, 0.975]), rtol=1e-12)
    # The simulated truth lies within what 24 rows leave open.
    low, high = found["derived_intervals"]["alpha"]
    assert low < TRUE["alpha"] < high


def test_intervals_are_those_of_the_replicates_in_the_folder(answer):
    found, folder = json.loads(answer[1]), answer[3]
    assert json.loads((folder / "fit.json").read_text()) == found
    draws = pd.read_csv(folder / "replicates.csv")
    assert len(draws) == REPLICATES == found["bootstrap"]["replicates"]
    certified = draws[draws["certified"]]
    assert len(certified) == REPLICATES - found["bootstrap"]["failed"]
    parameters = pd.read_csv(folder / "parameters.csv").set_index("parameter")
    assert list(parameters.index) == list(found["parameters"]) == list(draws.columns[4:])
    for path, (low, high) in found["intervals"].items():
        np.testing.assert_allclose([low, high], np.quantile(certified[path], [0.025, 0.975]), rtol=1e-14)
        assert low < found["parameters"][path] < high
        assert list(parameters.loc[path, ["estimate", "low", "high"]]) == [found["parameters"][path], low, high]
    assert found["derived_intervals"]["alpha"] == pytest.approx(found["intervals"]["size.exponent"], rel=1e-14)


def test_same_seed_same_answer_as_text(answer, table, capsys):
    """The text shows the same numbers; nothing is compiled again."""
    status = main([*arguments(table, *FITTED), "--bootstrap", str(REPLICATES), "--level", "0.5"])
    shown, found = capsys.readouterr().out, json.loads(answer[1])
    assert status == 0
    for path, value in found["parameters"].items():
        assert f"{path} " in shown and f"{value:.6g}" in shown
    assert "50% interval" in shown and f"Sum of Huber losses: {found['objective']:.12g}" in shown
    assert "tokens_per_parameter" in shown and "std. error" in shown


def test_not_certified_is_status_one_with_the_reason(table, capsys):
    status = main([*arguments(table, *FITTED), "--max-steps", "1", "--json"])
    shown = capsys.readouterr()
    found = _strict(shown.out)
    assert status == 1 and found["certificate"]["converged"] is False
    reason = found["certificate"]["result"]
    assert reason.startswith("Not certified: ") and f"progressfit: {reason.lower()[:14]}{reason[14:]}" in shown.err
    assert found["intervals"] == {} and found["bootstrap"] is None


def test_what_the_data_do_not_determine_is_null(tmp_path, capsys):
    """Models of one size say nothing about the size exponent; no replicate is certified, and the JSON stays valid."""
    path = tmp_path / "runs.csv"
    runs().assign(parameters=1e9).to_csv(path, index=False)
    status = main([*arguments(path, *FITTED), "--bootstrap", str(REPLICATES), "--json"])
    shown = capsys.readouterr()
    found = _strict(shown.out)
    assert status == 1 and "not certified" in shown.err
    assert found["certificate"]["identification"]["verdict"] == "not identified"
    assert found["derived"]["alpha"] is None and found["derived"]["tokens_per_parameter"] is None
    assert found["bootstrap"]["failed"] == REPLICATES and found["intervals"] == {}


def test_a_vanishing_knee_is_explained(table):
    """Besiroglu et al. 2024 print a scale of exp(-12.267) for the Huber likelihood: the knee is at 4.7e-9."""
    spec = specify.specify(request(table, "--noise", "huber_likelihood:1e-3"), {})
    values = dict.fromkeys(LETTERS.values(), 0.35) | {"size.coefficient": 482.0, "data.coefficient": 2085.4}
    values |= {"irreducible": 1.817, "noise.log_scale": -12.26662}
    data = pf.datasets.chinchilla()
    (note,) = spread_notes(SimpleNamespace(spec=spec, model=bind(spec, values)), data)
    assert "lies at 4.71e-09" in note and "least absolute deviations" in note
    wide = bind(spec, values | {"noise.log_scale": 5.0})
    assert spread_notes(SimpleNamespace(spec=spec, model=wide), data) == ()


def test_growth_of_the_linear_baseline(tmp_path, capsys):
    """Noise-free accuracies give the rate back: the trend over the slope; the doubling time in words."""
    rng = np.random.default_rng(3)
    compute, year = 10 ** rng.uniform(17, 21, 12), rng.uniform(2012, 2020, 12)
    noise = rng.normal(0, 0.01, 12)
    index = 0.3 * (year - 2016) + 0.25 * np.log(compute / 1e19) + noise
    rows = pd.DataFrame({"accuracy": 1 / (1 + np.exp(-index)), "compute": compute, "date": year})
    rows.to_csv(tmp_path / "runs.csv", index=False)
    command = ["fit", str(tmp_path / "runs.csv"), "--law", "linear", "--response", "accuracy", "--input"]
    status = main([*command, "compute=compute", "--mle", "--starts", "4", "--json"])
    found = _strict(capsys.readouterr().out)
    assert status == 0
    design = np.column_stack([np.ones(12), year - year.mean(), np.log(compute)])
    _, trend, slope = np.linalg.lstsq(design, index, rcond=None)[0]
    np.testing.assert_allclose(found["derived"]["growth_rate/compute"], trend / slope, rtol=1e-6)
    months = 12 * np.log(2) * slope / trend
    assert found["derived"]["doubling_time/compute"] == f"{months:.1f} months" or months > 24
    assert found["law_arguments"]["origin"] == pytest.approx(year.mean())
    assert found["objective_kind"] == "negative log density" and np.isfinite(found["objective"])


def test_rows_are_selected_by_flags_numbers_and_text(table):
    frame = read_table(table)
    assert len(select(frame, {"used": "TRUE"})) == ROWS and len(select(frame, {"used": "false"})) == 2
    assert len(select(frame, {"version": "0.0"})) == ROWS + 1
    both = select(frame, {"paper": "paper 1", "used": "true"})
    assert set(both["paper"]) == {"paper 1"} and len(both) == ROWS // 6
    np.testing.assert_array_equal(read_table(table)["loss"], runs()["loss"])


def test_lines_of_the_file_are_counted_past_blank_lines_and_marks(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,x\r\n\r\n2,"y\r\nz"\r\n3,w\r\n')
    frame = read_table(path)
    assert list(frame["a"]) == [1, 2, 3] and frame.columns[0] == "a"
    assert list(frame[frame.columns[-1]]) == ["line 2", "line 5", "line 6"]


@pytest.mark.parametrize(
    ("noise", "kind", "free"),
    [
        ("huber:0.01", pf.noise.Huber, set()),
        ("huber_likelihood:0.01", pf.noise.Huber, {"noise.log_scale"}),
        ("normal", pf.noise.Gaussian, {"noise.log_scale"}),
        ("student_t", pf.noise.StudentT, {"noise.log_scale"}),
        ("student_t:7", pf.noise.StudentT, {"noise.log_scale"}),
        ("laplace", pf.noise.Laplace, {"noise.log_scale"}),
    ],
)
@pytest.mark.parametrize("link", LINKS)
def test_noise_and_link(table, noise, kind, free, link):
    spec = specify.specify(request(table, "--noise", noise, "--link", link), {})
    assert isinstance(spec.noise, kind) and type(spec.link).__name__.lower() == link
    assert set(priors(spec)) == set(LETTERS.values()) | free
    number = float(noise.partition(":")[2] or 4)
    values = leaves(spec)
    assert values.get("noise.delta", values.get("noise.df", number)) == number


def test_fixing_and_priors(table):
    spec = specify.specify(request(table, "--fix", "irreducible=1.7", "--prior", "size.exponent=normal(0.3, 0.1)"), {})
    assert float(leaves(spec)["irreducible"]) == 1.7 and "irreducible" not in priors(spec)
    prior = priors(spec)["size.exponent"]
    assert isinstance(prior, dist.Normal) and (prior.loc, prior.scale) == (0.3, 0.1)
    freed = specify.specify(request(table, "--noise", "student_t", "--prior", "noise.df=gamma(2, 0.1)"), {})
    assert isinstance(priors(freed)["noise.df"], dist.Gamma)


def test_published_grid_of_starts(table):
    data = pf.datasets.chinchilla()
    whole = specify.starts_of(one := request(table, "--starts", "grid"), specify.specify(one, {}), data)
    assert isinstance(whole, dict) and set(whole) == set(START_GRID)
    assert {len(values) for values in whole.values()} == {4500}
    one = request(table, "--starts", "grid", "--fix", "irreducible=1.8", "--noise", "normal")
    part = specify.starts_of(one, specify.specify(one, {}), data)
    assert isinstance(part, dict) and set(part) == set(START_GRID) - {"irreducible"} | {"noise.log_scale"}
    assert {len(values) for values in part.values()} == {900} and np.ptp(part["noise.log_scale"]) > 0


def test_unread_columns_are_mentioned_not_used(table):
    """They are left out with a note, also where the table does not have them."""
    said = []
    job = prepare_fit(
        request(table, "--date", "year", "--group", "lab=paper", "--input", "compute=nothing"), said.append
    )
    assert set(job.data.records.columns) == {"parameters", "data"} and not job.data.records.codes
    assert len(said) == 3 and "does not read --input compute" in said[0]


def test_interrupted_between_fit_and_replicates(table, tmp_path, capsys, monkeypatch):
    """Ctrl-C: what is done is on disk, the way to go on is said, and the same command then ends as if never stopped."""
    command = [*arguments(table, *FITTED), "--bootstrap", str(REPLICATES), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(stretches, "_STRETCH", REPLICATES // 2)
    original = stretches.write

    def interrupted(path, *rest):
        original(path, *rest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stretches, "write", interrupted)
        assert main(command) == 130
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "the same command goes on" in streams.err and "Traceback" not in streams.err
    partial = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert partial["bootstrap"] is None and "no intervals" in partial["settings"]["interrupted"]
    assert len(list((tmp_path / "out" / ".partial").iterdir())) == 1
    assert main(command) == 0
    found = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert found["parameters"] == partial["parameters"] and found["bootstrap"]["replicates"] == REPLICATES
    assert not (tmp_path / "out" / ".partial").exists()


def test_interrupted_without_a_folder(table, capsys, monkeypatch):
    def interrupted(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands_fit, "bootstrap", interrupted)
    assert main([*arguments(table, *FITTED), "--bootstrap", str(REPLICATES)]) == 130
    assert "with it, finished parts are" in capsys.readouterr().err
