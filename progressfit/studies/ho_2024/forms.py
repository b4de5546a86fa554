"""The twenty forms side by side: leave-one-out errors under six penalties, and growth rates with intervals."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.analysis.compute_growth import effective_compute_growth
from progressfit.analysis.penalised import PenalisedRefits, penalised_refits
from progressfit.analysis.stacking import stacking_weights
from progressfit.dataset import Dataset, Record
from progressfit.datasets import language
from progressfit.infer.points import stack_values
from progressfit.laws.ho2024 import FORMS, SMALLEST, Form, ho2024, laplace_scale
from progressfit.notation import parse_prior
from progressfit.params import bind
from progressfit.studies.base import Say
from progressfit.studies.ho_2024 import published
from progressfit.studies.ho_2024.evidence import system

VOCABULARY, COMPUTE_ONLY = 19, 18
_ROW_REPLICATES = 100
_POOLED = 10


class LeaveOneOut(NamedTuple):
    """One form.

    Attributes
    ----------
    number, rows
        The form and the rows it was fitted to.
    error, certified
        Leave-one-out mean squared error and the share of certified refits, for each penalty, ``(6,)``.
    squares
        Squared error of each row, ``(6, rows)``.
    without_compute
        For the form of compute alone: squared error of each row, ``(6, rows)``, where the row left out is predicted as
        if its compute were the smallest of the table; ``(6, 0)`` for the others.
    seconds
        Compiling and running.
    """

    number: int
    rows: int
    error: np.ndarray
    certified: np.ndarray
    squares: np.ndarray
    without_compute: np.ndarray
    seconds: dict[str, float]


class Growth(NamedTuple):
    """Growth of effective compute under one form: the best fit, and refits of resampled rows and papers.

    Rates are natural log units a year; those of replicates that are not certified are left out.
    """

    number: int
    rate: float
    rows: np.ndarray
    papers: np.ndarray
    failed: int
    seconds: dict[str, float]


def table_of(number: int) -> Dataset:
    """The rows a form is fitted to: all 231, or the 185 whose vocabulary is known."""
    return language(vocabulary=number == VOCABULARY)


def _spec(number: int, rows: int) -> Any:
    return ho2024(number, prior=parse_prior(f"laplace(0, {laplace_scale(published.DELTA, rows)!r})"))


def leave_one_out(seed: int, say: Say, forms: Any = tuple(FORMS)) -> Iterator[LeaveOneOut]:
    """Leave-one-out errors, form by form: six penalties and every row in one program each."""
    strengths = np.asarray(published.DELTAS) / published.DELTA
    for number in forms:
        say(f"leave one out: form {number} of {len(FORMS)}")
        data = table_of(number)
        rows, key = len(data), jax.random.fold_in(jax.random.key(seed), number)
        found = penalised_refits(_spec(number, rows), data, strengths, 1.0 - np.eye(rows), key=key)
        squares = (_held_out(found.predicted) - np.asarray(data.response)) ** 2
        without = np.zeros((len(strengths), 0))
        if number == COMPUTE_ONLY:
            without = (_held_out(_without_compute(found, data)) - np.asarray(data.response)) ** 2
        certified = np.mean(found.ok, axis=1)
        yield LeaveOneOut(number, rows, squares.mean(axis=1), certified, squares, without, found.stats["seconds"])


def _held_out(predicted: np.ndarray) -> np.ndarray:
    """The prediction of each row by the refit without it, ``(strengths, rows)``."""
    return np.einsum("sff->sf", predicted)


def _without_compute(found: PenalisedRefits, data: Dataset) -> np.ndarray:
    records = data.records.replace(compute=np.full(len(data), SMALLEST["compute"]))
    values = stack_values(found.spec, found.z.reshape(-1, found.z.shape[-1]))
    predicted = jax.lax.map(lambda one: bind(found.spec, one).predict(records), values)
    return np.asarray(predicted).reshape(*found.z.shape[:2], -1)


def growth_by_form(seed: int, papers: int, say: Say, forms: Any = tuple(FORMS)) -> Iterator[Growth]:
    """The growth rate of each form that has one, at the published penalty."""
    for number in forms:
        if has_growth(FORMS[number]):
            say(f"growth rate: form {number} of {len(FORMS)}")
            yield growth_of(number, published.DELTA, seed, papers)


def growth_of(number: int, delta: float, seed: int, papers: int) -> Growth:
    """The growth rate of one form under one penalty, with refits of resampled rows and of resampled papers."""
    data = table_of(number)
    key, inputs = jax.random.fold_in(jax.random.key(seed), number), _inputs(FORMS[number])
    strengths, weights = [delta / published.DELTA], _resamples(seed, data, papers)
    found = penalised_refits(_spec(number, len(data)), data, strengths, weights, key=key)
    at = record_for(data)

    def rate(values: Any) -> jax.Array:
        return effective_compute_growth(bind(found.spec, values), inputs, at)

    rates = np.asarray(jax.lax.map(rate, stack_values(found.spec, found.z[0])))
    ok = found.ok[0] & np.isfinite(rates)
    own, clustered = slice(1, 1 + _ROW_REPLICATES), slice(1 + _ROW_REPLICATES, None)
    failed = int(np.sum(~ok))
    return Growth(
        number, float(rates[0]), rates[own][ok[own]], rates[clustered][ok[clustered]], failed, found.stats["seconds"]
    )


def _inputs(form: Form) -> tuple[str, ...]:
    return ("compute",) if form.compute else ("parameters", "data")


def pooled_growth(cells: list[tuple[int, float]], seed: int, say: Say) -> np.ndarray:
    """Rates of all row resamples of several specifications (form, penalty) that have a rate, put together."""
    say("pooling the ten best specifications")
    return np.concatenate(
        [growth_of(number, delta, seed, 0).rows for number, delta in cells if has_growth(FORMS[number])]
    )


def has_growth(form: Form) -> bool:
    """Whether time enters a form at all."""
    halves = [half for half in (form.size, form.data) if half is not None]
    return form.neutral or any(half.trend is not None or half.drift for half in halves)


def record_for(data: Dataset) -> Record:
    """Where rates are taken that are not the same everywhere: GPT-2, a transformer on WikiText-103."""
    at = system("GPT-2", "yes")
    known = at.replace(compute=6 * at["parameters"] * at["data"], epochs=jnp.ones(()), vocabulary=jnp.asarray(5e4))
    return known.replace(**{name: known[name] for name in data.records.columns if name != "date"})


def _resamples(seed: int, data: Dataset, papers: int) -> np.ndarray:
    """Row weights: all rows once; resampled rows; resampled papers, ``(1 + rows + papers, n)``."""
    random, count = np.random.default_rng(seed), len(data)
    own = random.multinomial(count, np.full(count, 1 / count), size=_ROW_REPLICATES)
    _, codes = np.unique(np.asarray(data.clusters), return_inverse=True)
    groups = int(codes.max()) + 1
    clustered = random.multinomial(groups, np.full(groups, 1 / groups), size=papers)[:, codes]
    return np.concatenate([np.ones((1, count)), own, clustered]).astype(float)


def rank_correlation(found: list[LeaveOneOut]) -> float:
    """Spearman's correlation of all cells that were published with those found here."""
    both = [one for one in found if one.number in published.LEAVE_ONE_OUT]
    mine = np.concatenate([one.error for one in both])
    theirs = np.concatenate([np.asarray(published.LEAVE_ONE_OUT[one.number]) for one in both])

    def ranks(values: np.ndarray) -> np.ndarray:
        _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        return (ends - (counts - 1) / 2)[places]

    return float(np.corrcoef(ranks(mine), ranks(theirs))[0, 1])


def top_ten(found: list[LeaveOneOut]) -> list[tuple[int, float]]:
    """The ten specifications (form, penalty) with the lowest error, as the authors pool them."""
    cells = [(one.error[k], one.number, delta) for one in found for k, delta in enumerate(published.DELTAS)]
    return [(number, delta) for _, number, delta in sorted(cells)[:_POOLED]]


def stacked_forms(found: list[LeaveOneOut]) -> dict[int, float]:
    """Stacking weights of the forms fitted to all rows, at the published penalty, by held-out normal density."""
    chosen = published.DELTAS.index(published.DELTA)
    kept = [one for one in found if one.rows == max(other.rows for other in found)]
    squares = np.stack([one.squares[chosen] for one in kept])
    variance = squares.mean(axis=1, keepdims=True)
    density = -0.5 * (np.log(2 * np.pi * variance) + squares / variance)
    weights = stacking_weights(density.T).weights
    return {one.number: float(weight) for one, weight in zip(kept, weights, strict=True)}


def choices(form: Form) -> dict[str, bool]:
    """What distinguishes a form, for the marks below a specification curve."""
    halves = [half for half in (form.size, form.data) if half is not None]
    return {
        "trend in size": form.size.trend is not None and not form.compute,
        "trend in data": form.data is not None and form.data.trend is not None,
        "one trend on the whole": form.neutral or form.compute,
        "constants by benchmark": any(half.constant == "benchmark" for half in halves),
        "trend in size by benchmark": form.size.trend == "benchmark",
        "trend in data by benchmark": form.data is not None and form.data.trend == "benchmark",
        "exponents by benchmark": any(half.exponent == "benchmark" for half in halves),
        "exponents by architecture": any(half.exponent == "transformer" for half in halves),
        "exponents drift": any(half.drift for half in halves),
        "compute alone": form.compute,
        "vocabulary": form.vocabulary,
        "epochs": form.epochs,
    }
