"""The outcome of a comparison: what each form predicts, what it answers, and what they say together."""

import dataclasses
from typing import NamedTuple

import numpy as np

from progressfit.analysis.loo import LeaveOneOut
from progressfit.analysis.scores import Score
from progressfit.infer.pointwise import Scale
from progressfit.infer.result import RESULTS, Draws

STACKED = "stacked"


class Answer(NamedTuple):
    """A derived quantity under one form or a stack of them.

    Attributes
    ----------
    values, shares
        Finite values and the share of each draw, ``(draws,)``; the shares add up to one.
    median, low, high
        Quantiles by these shares; NaN where there are no values.
    undefined
        Share of the draws, by weight, whose quantity is not finite.
    not_positive
        Share of the others at or below 0.
    """

    values: np.ndarray
    shares: np.ndarray
    median: float
    low: float
    high: float
    undefined: float
    not_positive: float


@dataclasses.dataclass(frozen=True)
class Form:
    """One form of a comparison.

    Attributes
    ----------
    name
        As given.
    draws
        Its posterior.
    loo
        Leave-one-out log densities.
    difference
        Score minus that of the best form, with the standard error of the paired difference.
    weight
        In the stack.
    log_evidence, evidence_error, probability
        Log of the prior predictive density of the table with its standard error, and the posterior probability of the
        form where all are equally likely beforehand. Both depend on how wide the priors are.
    answer
        The quantity asked for; None if none was.
    data_say
        Whether the data determine the quantity: "identified", "weak", "not identified"; empty if none was asked for.
    """

    name: str
    draws: Draws
    loo: LeaveOneOut
    difference: Score
    weight: float
    log_evidence: float
    evidence_error: float
    probability: float
    answer: Answer | None
    data_say: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several forms fitted to one table.

    Attributes
    ----------
    forms
        The best first, by leave-one-out log density.
    stacked_elpd
        Log density of the left-out rows under the stack; optimistic, since its weights were chosen on these rows.
    stacked
        The quantity under the stack: a mixture of the forms' draws by their weights; None if none was asked for.
    of
        Name of the quantity.
    level
        Coverage of its central intervals.
    on
        Whether densities are those of the "link"ed response or of the "response" itself.
    """

    forms: tuple[Form, ...]
    stacked_elpd: float
    stacked: Answer | None
    of: str
    level: float
    on: Scale

    def __getitem__(self, name: str) -> Form:
        found = {form.name: form for form in self.forms}
        if name not in found:
            raise KeyError(f"no form '{name}' was compared; there are: {', '.join(found)}")
        return found[name]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the table means, and where it cannot be trusted."""
        return (*_ranking(self.forms), *_answers(self), *_evidence(self.forms), *_doubts(self.forms))

    def __str__(self) -> str:
        rows = [_cells(form) for form in self.forms]
        rows.append([STACKED, f"{self.stacked_elpd:.2f}", "", "", "1.000", "", "", _answer(self.stacked)])
        head = ["form", "elpd (se)", "to best (se)", "k bad", "weight", "log evidence (se)", "prob."]
        table = [[*head, f"{self.of} [{self.level:.0%}]" if self.of else ""], *rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(head) + 1)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        said = f"Log densities are those of the {'linked response' if self.on == 'link' else 'response'}."
        return "\n".join([*(line.rstrip() for line in lines), "", said, *self.sentences])


def weighted_answer(values: np.ndarray, shares: np.ndarray, level: float) -> Answer:
    """Quantiles of weighted draws ``(draws,)``, those that are not finite left out and counted."""
    finite = np.isfinite(values)
    mass = float(shares[finite].sum())
    if mass <= 0:
        return Answer(np.zeros(0), np.zeros(0), np.nan, np.nan, np.nan, 1.0, np.nan)
    kept, own = values[finite], shares[finite] / mass
    low, median, high = weighted_quantiles(kept, own, np.array([(1 - level) / 2, 0.5, (1 + level) / 2]))
    return Answer(kept, own, median, low, high, float(shares[~finite].sum()), float(own[~(kept > 0)].sum()))


def weighted_quantiles(values: np.ndarray, shares: np.ndarray, at: np.ndarray) -> list[float]:
    """Quantiles of values with shares that add up to one: NumPy's own for equal shares.

    Value ``i`` in order stands at the mass below it, in proportion to all mass but its own, and quantiles are
    interpolated.
    """
    order = np.argsort(values, kind="stable")
    own = shares[order]
    kept = own > 0
    below = (np.cumsum(own) - own)[kept]
    place = below / below[-1] if len(below) > 1 else below
    return [float(found) for found in np.interp(at, place, values[order][kept])]


def _cells(form: Form) -> list[str]:
    score, away = form.loo.elpd, form.difference
    best = away.value == 0.0 and away.error == 0.0
    return [
        form.name,
        f"{score.value:.2f} ({score.error:.2f})",
        "best" if best else f"{away.value:.2f} ({away.error:.2f})",
        f"{len(form.loo.diagnosis.rows)}",
        f"{form.weight:.3f}",
        f"{form.log_evidence:.2f} ({form.evidence_error:.2f})",
        f"{form.probability:.3f}",
        _answer(form.answer),
    ]


def _answer(found: Answer | None) -> str:
    return "" if found is None else f"{found.median:.3g} [{found.low:.3g}, {found.high:.3g}]"


# Differences in score below this are too small for their standard error to mean anything (Sivula, Magnusson,
# Matamoros and Vehtari 2020, arXiv 2008.10296).
_SMALL = 4.0


def _ranking(forms: tuple[Form, ...]) -> list[str]:
    best, rest = forms[0], forms[1:]
    close = [f.name for f in rest if abs(f.difference.value) < max(_SMALL, 2 * f.difference.error)]
    if close:
        return [
            f"Prediction does not tell {best.name} from {', '.join(close)}: differences below {_SMALL:g} or two "
            "standard errors."
        ]
    return [f"{best.name} predicts best, by more than {_SMALL:g} and two standard errors."] if rest else []


def _answers(found: Comparison) -> list[str]:
    answers = {form.name: form.answer for form in found.forms if form.answer is not None}
    if found.stacked is None or len(answers) < 2:
        return []
    low, high = (pick(answers, key=lambda n: answers[n].median) for pick in (min, max))
    said = [
        f"{found.of}: medians run from {answers[low].median:.3g} ({low}) to {answers[high].median:.3g} ({high}); the "
        f"stack says {_answer(found.stacked)}, {found.level:.0%} of a mixture of posteriors, and "
        f"{found.stacked.not_positive:.1%} of it is not above 0."
    ]
    silent = [form.name for form in found.forms if form.data_say == "not identified"]
    if silent:
        said.append(f"The data do not determine {found.of} under: {', '.join(silent)}; only the priors speak there.")
    undefined = {n: a.undefined for n, a in answers.items() if a.undefined > 0}
    said += [f"{found.of} is not finite for {share:.1%} of the draws of {n}." for n, share in undefined.items()]
    return said


def _evidence(forms: tuple[Form, ...]) -> list[str]:
    if len(forms) < 2:
        return []
    return [
        "Evidence and probabilities depend on how wide the priors are, in directions that the data determine too: with "
        "priors that were not chosen with care, trust the predictive columns only."
    ]


def _doubts(forms: tuple[Form, ...]) -> list[str]:
    said = []
    for form in forms:
        said += [f"{form.name}: {sentence}" for sentence in form.loo.sentences]
        if form.draws.result is not RESULTS.CONVERGED:
            said.append(f"{form.name}: {form.draws.result.value}")
    return said
