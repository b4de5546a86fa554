"""Every published figure beside what was found, and where they differ, why."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from progressfit.laws.chinchilla import LETTERS
from progressfit.studies.base import Quantity, sectioned
from progressfit.studies.hoffmann_2022 import published
from progressfit.studies.hoffmann_2022.evidence import Evidence, letters

_TAILS = [(1 - published.LEVEL) / 2, (1 + published.LEVEL) / 2]


def interval(values: Any) -> tuple[float, float]:
    """10th and 90th percentiles, as in the paper."""
    low, high = np.quantile(values, _TAILS)
    return float(low), float(high)


def quantities(found: Evidence) -> tuple[Quantity, ...]:
    """All figures of the study in the order of the argument."""
    parts = {
        "Approach 3: published parameters, and those that minimise the published objective on the points": _parameters,
        "Approach 3: the objective on the points": _losses,
        f"Approach 3: what follows at {published.COMPUTE:.3g} FLOP": _consequences,
        "Approach 3: exponent of model size": _exponents,
        "Approach 2: parabolas through runs of equal compute": _isoflop,
        "Approach 1: lower envelope": _envelope,
    }
    return sectioned(parts, found)


def _parameters(found: Evidence) -> Iterator[Quantity]:
    gain = 1 - found.losses["refit"] / found.losses["source"]
    for name, figure in published.PARAMETERS.items():
        draws = np.asarray(found.rows.values[LETTERS[name]])[found.rows.ok]
        yield Quantity(
            name,
            letters(found.refit.parameters)[name],
            figure,
            published.DIGITS[name],
            interval=interval(draws),
            level=published.LEVEL,
            kind=found.rows.kind,
            why=f"no optimum of the published objective on these points, which the refit lowers by {gain:.1%}",
        )


def _losses(found: Evidence) -> Iterator[Quantity]:
    about = {
        "refit": f"{found.refit.certificate.starts_agreeing} of {found.refit.certificate.starts} starts, theirs "
        "among them, end here",
        "source": "at the published parameters with the digits of the source",
        "rounded": "at the published parameters as printed in equation 10",
    }
    for name, why in about.items():
        yield Quantity(f"loss/{name}", found.losses[name], unit="sum of Huber losses", why=why)


def _consequences(found: Evidence) -> Iterator[Quantity]:
    splits, rows = found.allocations, found.allocations_rows
    source, refit = splits["source"], splits["refit"]
    ratio = float(source.tokens_per_parameter)
    yield Quantity("model_size/source", float(source.parameters), published.MODEL_PARAMETERS, 5e8, "parameters")
    yield Quantity("tokens_per_parameter/source", ratio, published.TOKENS_PER_PARAMETER_SOURCE, 0.05)
    yield Quantity(
        "tokens_per_parameter/chinchilla",
        ratio,
        published.TOKENS_PER_PARAMETER,
        0.5,
        why="the published figure is that of the model trained, 1.4e12 tokens for 70e9 parameters, at the upper end of "
        "the sizes the three approaches gave (40e9 to 70e9); approach 3 itself asks for three times as many",
    )
    yield Quantity("tokens_per_parameter/rounded", float(splits["rounded"].tokens_per_parameter))
    yield Quantity(
        "tokens_per_parameter/refit",
        float(refit.tokens_per_parameter),
        interval=interval(rows.tokens_per_parameter),
        level=published.LEVEL,
        kind=found.rows.kind,
        why="the refit is compatible with Chinchilla's 20",
    )


def _exponents(found: Evidence) -> Iterator[Quantity]:
    figure, rows = published.EXPONENTS[3], found.allocations_rows
    source, refit = found.allocations["source"], found.allocations["refit"]
    yield Quantity("a/source", float(source.parameters_exponent), figure.a, 5e-3)
    yield Quantity("b/source", float(source.data_exponent), figure.b, 5e-3)
    low, high = interval(rows.parameters_exponent)
    yield Quantity(
        "a/refit",
        float(refit.parameters_exponent),
        figure.a,
        5e-3,
        interval=(low, high),
        published_interval=(figure.low, figure.high),
        level=published.LEVEL,
        kind=found.rows.kind,
        why=f"the interval of the refit is {(high - low) / (figure.high - figure.low):.0f} times as wide as the "
        "published one, which leaves out the published estimate itself",
    )
    slope, size = found.table
    yield Quantity(
        "a/table_a3",
        slope,
        figure.a,
        5e-3,
        why="slope through the nine sizes and budgets of table A3",
    )
    yield Quantity(
        "model_size/table_a3",
        size,
        unit="parameters",
        why=f"the same line at {published.COMPUTE:.3g} FLOP; the published parameters give "
        f"{float(source.parameters):.3g}, so the table was made from others",
    )


def _isoflop(found: Evidence) -> Iterator[Quantity]:
    figure, part = published.EXPONENTS[2], found.approaches[2]
    value = float(part.found.parameters_exponent)
    yield Quantity(
        "approach_2/a",
        value,
        figure.a,
        interval=interval(found.isoflop_rows),
        published_interval=(figure.low, figure.high),
        level=published.LEVEL,
        kind="row bootstrap",
        agrees=figure.low <= value <= figure.high,
        why="the points read off figure 4 within 0.2 of the nine budgets in ln compute; agreement is judged by the "
        "published interval",
    )
    yield from _bias(found, 2)


def _envelope(found: Evidence) -> Iterator[Quantity]:
    figure, part = published.EXPONENTS[1], found.approaches[1]
    value = float(part.found.parameters_exponent)
    low, high = interval(part.simulated)
    yield Quantity(
        "approach_1/a",
        value,
        figure.a,
        published_interval=(figure.low, figure.high),
        agrees=figure.low <= value <= figure.high,
        why="from the ends of runs, since the training curves were not published. At such points the approach scatters "
        f"between {low:.3f} and {high:.3f} ({published.LEVEL:.0%} of simulations under the refit)",
    )
    yield from _bias(found, 1)


def _bias(found: Evidence, number: int) -> Iterator[Quantity]:
    part, truth = found.approaches[number], float(found.allocations["refit"].parameters_exponent)
    low, high = interval(part.simulated - truth)
    yield Quantity(
        f"approach_{number}/bias_without_noise",
        part.noiseless - truth,
        why=f"exponent found less the true one ({truth:.4f}), the refitted law being exact at the same points",
    )
    yield Quantity(
        f"approach_{number}/bias",
        float(np.median(part.simulated)) - truth,
        interval=(low, high),
        level=published.LEVEL,
        kind="simulation",
        why="the same with the residuals of the refit drawn at random; median",
    )
    yield Quantity(
        f"approach_{number}/bias_regular_design",
        float(part.ideal.exponent),
        why="the same, without noise, for every size at every budget"
        if number == 1
        else "the same, without noise, for nine even sizes at every budget over the range that was run",
    )
