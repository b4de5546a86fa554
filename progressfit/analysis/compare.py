"""The verb ``compare``: which functional form, and how different are their answers."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.comparison import STACKED, Answer, Comparison, Form, weighted_answer
from progressfit.analysis.identify import determined
from progressfit.analysis.loo import LeaveOneOut, leave_one_out, require_posterior
from progressfit.analysis.scores import difference
from progressfit.analysis.stacking import stacking_weights
from progressfit.dataset import Dataset
from progressfit.infer.optimise import check_key, fitted_weights
from progressfit.infer.pointwise import Scale
from progressfit.infer.result import Draws
from progressfit.infer.sample import sample
from progressfit.model import Model


def compare(
    forms: Mapping[str, Draws | Model],
    data: Dataset,
    *,
    key: jax.Array,
    of: Callable[[Model], Any] | None = None,
    level: float = 0.95,
    on: Scale = "link",
    refit: bool = True,
    draws: int = 2000,
    weights: Any = None,
) -> Comparison:
    """Compare laws of one response on one table, by what they predict and by what they answer.

    Parameters
    ----------
    forms
        Name -> posterior (from :func:`progressfit.sample`), or a spec, which is then sampled.
    data
        The table.
    key
        A JAX random key.
    of
        A function of one model that returns a number, such as :func:`progressfit.growth_rate`: the answer whose
        dependence on the form is to be shown.
    level
        Coverage of its intervals.
    on
        Density of the "link"ed response, or of the "response" itself, which forms with different links need.
    refit
        Whether rows that importance sampling cannot handle are refitted without (exact leave-one-out).
    draws, weights
        Draws of each of four chains, and row weights, for forms that are given as specs.

    Returns
    -------
    :class:`Comparison`: leave-one-out scores with paired differences, stacking weights (Yao, Vehtari, Simpson and
    Gelman 2018), log evidence, and the answer under each form and under the stack. Print it;
    ``pf.report.comparison_frame`` makes it a data frame and ``pf.report.plot_comparison`` a picture.

    Raises
    ------
    ValueError
        If densities would not be comparable: other tables, row weights or links.
    """
    require_x64()
    _require_arguments(forms, level)
    sample_key, loo_key = (jax.random.split(own, len(forms)) for own in jax.random.split(check_key(key)))
    found = {
        name: form if isinstance(form, Draws) else sample(form, data, key=own, draws=draws, weights=weights)
        for (name, form), own in zip(forms.items(), sample_key, strict=True)
    }
    own_weights = _require_comparable(found, data, on)
    loos = [
        leave_one_out(one, data, key=own if refit else None, on=on)
        for one, own in zip(found.values(), loo_key, strict=True)
    ]
    stack = stacking_weights(np.stack([loo.log_density[own_weights > 0] for loo in loos], axis=1))
    answers = [_answer(one, of, level) for one in found.values()]
    judged = _forms(found, loos, stack.weights, answers, _evidences(found, data, own_weights, on), of)
    order = sorted(judged, key=lambda form: -form.loo.elpd.value)
    return Comparison(tuple(order), stack.elpd, _mixed(answers, stack.weights, level), _name(of), level, on)


def _require_arguments(forms: Mapping[str, Any], level: float) -> None:
    if not forms:
        raise ValueError("nothing to compare; give {name: posterior or spec, ...}")
    if STACKED in forms:
        raise ValueError(f"a form may not be called '{STACKED}': the mixture of all forms goes by this name")
    if not 0 < level < 1:
        raise ValueError(f"level={level}: give a fraction strictly between 0 and 1")


def _require_comparable(found: Mapping[str, Draws], data: Dataset, on: Scale) -> np.ndarray:
    """The row weights that all forms share, ``(n,)``."""
    for one in found.values():
        require_posterior(one)
    weights = {name: np.asarray(fitted_weights(one.origin, data)) for name, one in found.items()}
    first, *others = found
    for name in others:
        if not np.array_equal(weights[name], weights[first]):
            raise ValueError(f"'{name}' was fitted with other row weights than '{first}'; sample both with the same")
        links = [type(found[k].spec.link).__name__ for k in (first, name)]
        if on == "link" and links[0] != links[1]:
            raise ValueError(
                f"'{first}' has the link {links[0]} and '{name}' has {links[1]}, so their densities are of different "
                "quantities; compare densities of the response itself with on='response'"
            )
    return weights[first]


def _answer(draws: Draws, of: Callable[[Model], Any] | None, level: float) -> Answer | None:
    if of is None:
        return None
    values = np.asarray(draws.map(of), np.float64)
    if values.shape != (len(draws),):
        raise ValueError("compare needs a function of one model that returns one number")
    return weighted_answer(values, draws.ok / max(draws.ok.sum(), 1), level)


def _mixed(answers: list[Answer | None], weights: np.ndarray, level: float) -> Answer | None:
    """The answers' draws as one mixture, each by its form's weight; draws that are not finite keep their share."""
    known = [answer for answer in answers if answer is not None]
    if not known:
        return None
    undefined = np.array([answer.undefined for answer in known])
    values = np.concatenate([*(answer.values for answer in known), [np.nan]])
    masses = weights * (1.0 - undefined)
    shares = [mass * answer.shares for mass, answer in zip(masses, known, strict=True)]
    return weighted_answer(values, np.concatenate([*shares, [weights @ undefined]]), level)


def _evidences(
    found: Mapping[str, Draws], data: Dataset, weights: np.ndarray, on: Scale
) -> list[tuple[float, float, float]]:
    """Log evidence, its standard error, and the posterior probability of each form, all equally likely beforehand."""
    shift = dict.fromkeys(found, 0.0)
    if on == "response":
        response = jnp.asarray(data.response, jnp.float64)
        shift = {name: float(weights @ one.spec.link.log_jacobian(response)) for name, one in found.items()}
    values = np.array([one.stats["log_evidence"] + shift[name] for name, one in found.items()])
    shares = np.exp(values - values.max())
    errors = [one.stats["log_evidence_error"] for one in found.values()]
    return list(zip(values.tolist(), errors, (shares / shares.sum()).tolist(), strict=True))


def _forms(
    found: Mapping[str, Draws],
    loos: list[LeaveOneOut],
    weights: np.ndarray,
    answers: list[Answer | None],
    evidences: list[tuple[float, float, float]],
    of: Callable[[Model], Any] | None,
) -> list[Form]:
    best = max(loos, key=lambda loo: loo.elpd.value).log_density
    unit = np.arange(len(best))
    return [
        Form(
            name,
            one,
            loo,
            difference(loo.log_density, best, unit),
            float(weight),
            *evidence,
            answer,
            "" if of is None else str(determined(one, of)),
        )
        for (name, one), loo, weight, evidence, answer in zip(
            found.items(), loos, weights, evidences, answers, strict=True
        )
    ]


def _name(of: Callable[[Model], Any] | None) -> str:
    """What a quantity is called: the name of its function, in words."""
    inner = of.func if isinstance(of, functools.partial) else of
    return "" if inner is None else getattr(inner, "__name__", "quantity").replace("_", " ")
