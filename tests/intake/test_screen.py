"""Every cell that plays a part is judged: recognition, units, uncertainty, doubts, and exactly the bad cells."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progressfit.intake.assemble import assemble
from progressfit.intake.csv_text import LINE, csv_frame
from progressfit.intake.judge import Domain
from progressfit.intake.recognise import recognise
from progressfit.intake.screen import RESPONSE, Parts, Screened, screen
from progressfit.intake.uncertainty import HALF_WIDTH, log10_errors
from progressfit.printable import excerpt, printable

QUIET = settings(max_examples=25, deadline=None, derandomize=True)
FRACTIONS = Domain("logit", "fractions strictly between 0 and 1", 0.0, 1.0)
POSITIVE = Domain("log", "positive numbers", 0.0, np.inf)


def screened(text: str, response: str | None = None, domain: Domain | None = None, **more) -> Screened:
    """A table as text, its columns recognised by name."""
    frame = csv_frame(text, "runs.csv")
    known = recognise([str(name) for name in frame.columns if name != LINE], [response] if response else [])
    return screen(frame, Parts(response, known.inputs, known.date, {}, None, None, known, domain, **more))


def columns(*columns: tuple[str, list]) -> str:
    return pd.DataFrame(dict(columns)).to_csv(index=False)


EPOCH = {
    "Model": "label",
    "System": "label",
    "Publication date": "date",
    "Training compute (FLOP)": "compute",
    "Training dataset size (datapoints)": "data",
    "Training dataset size (gradients)": "data",
    "Training dataset size (total)": "data",
    "Parameters": "parameters",
    "Confidence": "confidence",
    "Training compute lower bound": "lower",
    "Training compute upper bound": "upper",
    "Domain": "domain",
}


@pytest.mark.parametrize("column", EPOCH)
def test_columns_of_epoch_are_recognised(column):
    part = EPOCH[column]
    for spelling in (column, column.lower(), column.replace(" ", "_")):
        known = recognise(["Organization", spelling, "Abstract"])
        found = known.inputs.get(part) if part in ("compute", "data", "parameters") else getattr(known, part)
        assert found == spelling and not known.unclear
        assert recognise([spelling], [spelling]) == recognise([])


def test_two_columns_for_one_input_are_not_guessed_between():
    known = recognise(["Training dataset size (datapoints)", "tokens", "date", "Publication date"])
    assert known.inputs == {} and known.unclear == {"data": ("Training dataset size (datapoints)", "tokens")}
    assert known.date == "date", "the exact name wins"


def test_log10_compute_is_raised_and_said():
    logs = [17.5, 18.25, 23.0]
    found = screened(columns(("compute", logs)))
    np.testing.assert_allclose(found.numbers["compute"], 10 ** np.array(logs), rtol=1e-15)
    assert "10 to the power of column 'compute'" in found.findings.notes[0] and "17.5 and 23" in found.findings.notes[0]
    kept = screened(columns(("compute", logs)), input_units={"compute": "natural"})
    np.testing.assert_array_equal(kept.numbers["compute"], logs)
    assert screened(columns(("parameters", [17, 18]))).numbers["parameters"][0] == 17
    lost = screened(columns(("compute", [18, 1000, 19])), input_units={"compute": "log10"})
    (problem,) = lost.findings.errors
    assert problem.row == 1 and "1000" in problem.predicate


RESPONSES = {
    "top1": ([57.0, 71.5, 88.0], FRACTIONS, None, lambda y: y / 100, "per cent"),
    "accuracy": ([0.57, 0.715, 0.88], FRACTIONS, None, lambda y: y, None),
    "perplexity": ([12.0, 20.0, 35.5], POSITIVE, None, np.log, "perplexity"),
    "test_ppl": ([12.0, 20.0, 35.5], POSITIVE, "nats", lambda y: y, None),
    "bits per byte": ([0.9, 1.1, 1.2], POSITIVE, None, lambda y: y * np.log(2), "ln 2"),
    "score": ([1.0, 2.0, 3.0], POSITIVE, "bits", lambda y: y * np.log(2), "as asked for"),
    "loss": ([2.0, 2.5, 3.0], POSITIVE, None, lambda y: y, None),
}


@pytest.mark.parametrize("column", RESPONSES)
def test_responses_are_converted_and_it_is_said(column):
    given_values, domain, unit, convert, said = RESPONSES[column]
    found = screened(columns((column, given_values), ("compute", [1e18] * 3)), column, domain, response_unit=unit)
    np.testing.assert_allclose(found.numbers[RESPONSE], convert(np.array(given_values)), rtol=1e-15)
    notes = [note for note in found.findings.notes if column in note]
    assert len(notes) == (said is not None) and (said is None or said in notes[0])
    assert not found.findings.errors and not found.findings.column_errors


def test_per_cents_and_fractions_mixed():
    few = screened("acc,compute\n57,1e18\n0.7,1e18\n80,1e18\n100,1e18\n", "acc", FRACTIONS).findings
    assert [(p.row, "among per cents" in p.predicate) for p in few.doubts] == [(1, True)]
    assert [p.row for p in few.errors] == [3], "100% is no fraction strictly below 1"
    many = screened("acc,compute\n.57,1e18\n0.7,1e18\n80,1e18\n", "acc", FRACTIONS).findings
    assert [p.row for p in many.errors] == [2] and "domain of the logit link" in many.errors[0].predicate
    signs = screened("acc,compute\n57%,1e18\n70.5%,1e18\n0.8,1e18\n", "acc", FRACTIONS)
    np.testing.assert_allclose(signs.numbers[RESPONSE], [0.57, 0.705, 0.8], rtol=1e-15)


def test_a_column_named_error_is_said_to_be_one():
    (note,) = screened("top1_error,compute\n.2,1e18\n.3,1e19\n", "top1_error", FRACTIONS).findings.notes
    assert "named an error" in note


def test_standard_errors_of_log10_compute():
    """Bounds first, then the grade, then the widest grade; odd bounds are left out."""
    value = np.full(6, 1e20)
    low = np.array([1e19, np.nan, np.nan, 1e19, 1e21, np.nan])
    high = np.array([1e21, np.nan, np.nan, np.nan, 1e22, np.nan])
    found = log10_errors(value, low, high, ["Likely", "Confident", "likely", None, "Confident", "Unverified"])
    factors = np.array([10, 3, 10, 10, 3, 30])
    np.testing.assert_allclose(found.log10_sd, np.log10(factors) / HALF_WIDTH, rtol=1e-12)
    assert (found.from_bounds, found.graded, found.unstated) == (2, 3, 1) and list(np.flatnonzero(found.odd)) == [4]


def test_uncertainties_travel_with_the_data():
    text = (
        "Model,Publication date,Training compute (FLOP),Confidence,acc\n"
        "A,2019,1e18,Confident,.5\nB,2019-05-07,1e19,Likely,.6\nC,May 2020,1e20,,.7\n"
    )
    found = screened(text, "acc", FRACTIONS)
    data, weights = assemble(found, ~found.findings.bad)
    assert weights is None and data.row_names == ("A, line 2", "B, line 3", "C, line 4")
    np.testing.assert_allclose(data.records["compute_log10_sd"], np.log10([3, 10, 30]) / HALF_WIDTH, rtol=1e-12)
    sd = np.asarray(data.records["date_sd"])
    np.testing.assert_allclose(sd, [0.5 / 3**0.5, 0, 31 / 366 / 2 / 3**0.5], rtol=1e-9)
    (partial,) = [note for note in found.findings.notes if "partial dates" in note]
    assert "2 partial dates" in partial and "line 2, line 4" in partial


def test_compute_far_from_6nd_is_doubted_for_language_models_only():
    rows = "1e9,2e10,1.2e20,{}\n1e9,2e10,6e20,{}\n1e9,2e10,,{}\n"
    for header, kind, doubted in (
        ("parameters,tokens,compute,note", "", [1]),
        ("parameters,trainingimages,compute,note", "", []),
        ("parameters,dataset size,compute,Domain", "Language", [1]),
        ("parameters,dataset size,compute,Domain", "Vision", []),
    ):
        found = screened(header + "\n" + rows.format(kind, kind, kind)).findings
        assert [p.row for p in found.doubts] == doubted
        assert all("5 times 6 x parameters x data" in p.predicate for p in found.doubts)


def test_a_column_that_is_wrong_throughout_is_one_problem():
    text = columns(("compute", ["a", "b", "c", "4"]), ("acc", [0.1, 0.2, 0.3, 7.0]))
    found = screened(text, "acc", FRACTIONS).findings
    (sentence,) = found.column_errors
    assert "'compute'" in sentence and "row 0 (line 2), row 1 (line 3), row 2 (line 4)" in sentence
    assert [p.column for p in found.errors] == ["acc"]
    refusal = found.refusal(5)
    assert refusal is not None and "--lenient" not in refusal


BAD = {
    "compute": ["", "many", "-3", "0", "1e999"],
    "acc": ["n/a", "x", "2.5", "-1"],
    "date": ["soon", "03/04/2019", "-"],
}


@QUIET
@given(st.data())
def test_exactly_the_planted_cells_are_found(data):
    """k bad cells, at most a third of a column: the report holds these k, with their lines, and the rest is used."""
    n = 18
    rows = {"compute": ["1e20"] * n, "acc": ["0.5"] * n, "date": ["2019-05-07"] * n}
    planted = data.draw(
        st.lists(st.tuples(st.integers(0, n - 1), st.sampled_from(sorted(BAD))), max_size=6, unique=True), label="cells"
    )
    for row, column in planted:
        rows[column][row] = data.draw(st.sampled_from(BAD[column]))
    found = screened(columns(*rows.items()), "acc", FRACTIONS)
    report = found.findings.plain(found.findings.errors)
    assert {(cell["row"] - 2, cell["column"]) for cell in report} == set(planted) and len(report) == len(planted)
    assert not found.findings.column_errors
    kept = assemble(found, ~found.findings.bad)[0]
    assert len(kept) == n - len({row for row, _ in planted})


def test_shown_text_moves_no_cursor():
    assert printable("a\x1b[31mb\u202ec\x07\n\u00e9") == "a[31mbc\n\u00e9"
    assert excerpt("x" * 10**6) == "x" * 37 + "..." and excerpt(" a\n\tb ") == "a b"
    text = "Model,compute,acc\n\x1b]0;evil\x07,1e18,\x1b[2J\nB,1e18,.5\nC,1e18,.6\n"
    (problem,) = (found := screened(text, "acc", FRACTIONS).findings).errors
    assert found.line(problem).isprintable() and "line 2" in found.line(problem)


def test_one_dirty_cell_does_not_change_how_the_others_are_read():
    powers = [*np.linspace(18, 25, 19), 1e20]
    found = screened(columns(("compute", powers)))
    assert np.allclose(np.log10(found.numbers["compute"][:-1]), powers[:-1])
    assert found.findings.bad.tolist() == [False] * 19 + [True]
    shares = [*np.linspace(20, 90, 19), 105]
    found = screened(columns(("acc", shares)), "acc", FRACTIONS)
    assert np.allclose(found.numbers[RESPONSE], np.divide(shares, 100)) and not found.findings.column_errors
    assert found.findings.bad.tolist() == [False] * 19 + [True]


def test_compute_that_no_training_run_takes_is_doubted():
    found = screened(columns(("compute", [1e20, 1e21, 21.5])))
    assert [problem.row for problem in found.findings.doubts] == [2] and not found.findings.bad.any()


def test_bounds_that_overflow_are_odd_and_nothing_warns():
    found = log10_errors(np.full(3, 1e20), np.array([np.inf, 5e19, np.nan]), np.array([np.inf] * 3), [None] * 3)
    assert found.odd.all() and np.isfinite(found.log10_sd).all() and found.from_bounds == 0
