"""Errors in variables: a law fitted to inputs that are known with an error only.

An error in an input attenuates the slope of a law in it (by var(x) / (var(x) + error variance) in a straight line, the
variances being those given everything else that the law reads), and with it every quantity that divides by the slope.
:func:`errors_in_variables` turns a law and its table into a law and a table that know of the error, for every verb of
the package: the true log inputs are latent, normal about a line in the date, the other inputs and the groups that the
law reads (leaving these out would bias the correction, since what they tell about the input the law knows already),
whose coefficients and scatter are learnt from the measured inputs. The latent inputs are integrated out, with the law
straightened about each row's expected input; :meth:`Measured.weights` takes that approximation back.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import MultivariateNormal

from progressfit._x64 import require_x64
from progressfit.analysis.comparison import Answer, weighted_answer
from progressfit.analysis.structure import learn_structure, line_log_density
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.check import require
from progressfit.infer.points import map_values
from progressfit.infer.prepare import prepare
from progressfit.infer.result import Draws, Fit
from progressfit.model import Model
from progressfit.params import Values, bind, free, leaves, priors, tie
from progressfit.terms import AbstractGroupTerm, AbstractInputTerm, Function
from progressfit.terms.base import log_value, walk_terms
from progressfit.terms.measured import Calibrated, InputScatter, linked_at

LN10 = float(np.log(10.0))
# Nodes about the conditional mean of a straight law, and an even grid over the true input for laws that bend.
_NODES, _GRID, _FAR = 15, np.linspace(0.0, 1.0, 81), 6.0
_DEPENDENT = 1e-8
_COPY, _STRUCTURE = "noise.of", "structure"


@dataclasses.dataclass(frozen=True)
class Measured:
    """A law and a table that know of the error of an input; every verb takes them.

    Attributes
    ----------
    spec, data
        The law at the expected true inputs, with their spread in its noise, and the table with the errors. The line
        that true inputs scatter about is fixed at its posterior mean given the measured inputs: for point fits.
    joint
        The same with the line free, its prior being a normal approximation of that posterior: for ``sample``. A fit of
        it calls the line "not identified", because the responses do not determine it; the measured inputs do.
    law
        The law itself, prepared; its parameters have the same names in ``spec``.
    input
        The input that is known with an error.
    log10_sd
        Standard deviation of log10 of the input, row by row, ``(n,)``.
    scatter
        Standard deviation of the measured log10 input about the line in what else the law reads: what the table has
        to learn the slope from, error included.
    line
        What the line is in.
    """

    spec: Model
    joint: Model
    data: Dataset
    law: Model
    input: str
    log10_sd: np.ndarray
    scatter: float
    line: tuple[str, ...]

    @property
    def reliability(self) -> float:
        """Share of the scatter's variance that is not error, 0 if the errors explain all of it.

        In a straight line this is the factor by which a fit that ignores the error attenuates the slope.
        """
        return max(0.0, 1 - float(np.mean(self.log10_sd**2)) / self.scatter**2)

    def map(self, found: Fit | Draws, of: Any) -> np.ndarray:
        """A function of the law itself, for a fit of ``spec`` or for every draw.

        Analyses belong on the law of the true input, not on that of the measured one, which is flatter.
        """
        values = found.parameters if isinstance(found, Fit) else found.values
        own: Values = {path: np.asarray(values[path]) for path in priors(self.law)}
        if isinstance(found, Fit):
            return np.asarray(of(bind(self.law, own)))
        return np.asarray(map_values(of, self.law, own))

    def weights(self, draws: Draws) -> np.ndarray:
        """Importance weights of draws of ``joint``, ``(draws,)``, summing to one, that take the approximations back.

        The likelihood of each row is integrated over its true input by Gauss-Hermite quadrature about the approximate
        conditional mean, and the line gets its own posterior in place of a normal one. Nearly equal weights say that
        the approximations do no harm; ``1 / sum(weights**2)`` is the effective number of draws.

        Raises
        ------
        ValueError
            If the draws are not of ``joint``.
        """
        if _STRUCTURE not in draws.values:
            raise ValueError(
                "in these draws the line of the true inputs is fixed; draw with pf.sample(found.joint, ...)"
            )
        logs = np.asarray(_log_ratio(draws.spec, draws.values, self.data.bare()))
        logs = np.where(draws.ok & np.isfinite(logs), logs, -np.inf)
        shares = np.exp(logs - logs.max())
        return shares / shares.sum()

    def answer(self, draws: Draws, of: Any, *, level: float = 0.95) -> Answer:
        """A function of the law itself over draws of ``joint``, weighted by :meth:`weights`."""
        return weighted_answer(self.map(draws, of), self.weights(draws), level)


def errors_in_variables(spec: Model, data: Dataset, log10_sd: Any, *, input: str = "compute") -> Measured:
    """A law and a table for an input that is known with an error.

    Parameters
    ----------
    spec, data
        A law and its table.
    log10_sd
        Standard deviation of the error in log10 of the input: one number (0.3 is a factor of two) or one a row; zero
        for rows that are exact. Errors are independent between rows, and of everything else.
    input
        The input, in natural units; the law has to read it.

    Returns
    -------
    :class:`Measured`: ``pf.sample(found.joint, found.data, key=key)`` gives draws, ``found.answer(draws,
    pf.growth_rate)`` the answer. The free parameters of the law keep their names and priors; ``structure`` holds the
    coefficients of the true log input on the columns of the line (standardised) and the logarithm of its scatter.

    Raises
    ------
    ValueError
        If the error is not positive, the law does not read the input, or the input is a function of the others.
    """
    require_x64()
    require(spec, data)
    law = prepare(spec, data)
    sd = check_log10_sd(log10_sd, data, input)
    if input not in _inputs(law, data):
        raise ValueError(f"the law does not read '{input}'; it reads: {', '.join(_inputs(law, data)) or 'no input'}")
    line = _line(law, data, input)
    log = np.log(np.asarray(data.records.columns[input], np.float64))
    design = np.stack(list(line.values()), axis=1)
    left = log - design @ np.linalg.lstsq(design, log)[0]
    scatter = float(np.sqrt(np.sum(left**2) / (len(log) - len(line)))) / LN10
    if scatter < _DEPENDENT:
        raise ValueError(f"'{input}' is a function of {', '.join(list(line)[1:])}, so it has no error of its own")
    structure = learn_structure(log, design, LN10 * sd)
    columns = {f"{input} on {name}": column for name, column in line.items()}
    error = f"error of {input}"
    mean = Calibrated(law.mean, np.asarray(structure.mean), input=input, error=error, line=tuple(columns))
    prior = MultivariateNormal(np.asarray(structure.mean), np.asarray(structure.covariance))
    records = data.records.replace(**columns, **{error: LN10 * sd})
    table = Dataset(records, data.response, data.clusters, data.labels)
    fixed = _wrapped(law, mean)
    return Measured(fixed, free(fixed, {_STRUCTURE: prior}), table, law, input, sd, scatter, tuple(line))


def _wrapped(law: Model, mean: Calibrated) -> Model:
    """The law with another mean, and in its noise a copy of this mean whose free parameters follow it."""
    scatter = InputScatter(law.noise.scale, mean, law.link)
    whole = Model(mean, law.link, eqx.tree_at(lambda own: own.scale, law.noise, scatter))
    found = leaves(whole)
    copied = {f"{_COPY}.{path}": path for path in priors(whole) if f"{_COPY}.{path}" in found}
    return tie(whole, copied | {f"{_COPY}.{_STRUCTURE}": _STRUCTURE})


def check_log10_sd(log10_sd: Any, data: Dataset, input: str) -> np.ndarray:
    """One standard deviation of log10 of an input for every row, ``(n,)``; see :func:`errors_in_variables`."""
    if input not in data.records.columns:
        raise ValueError(f"the table has no input '{input}' (it has: {', '.join(data.records.columns)})")
    if not (np.asarray(data.records.columns[input]) > 0).all():
        raise ValueError(f"'{input}' is not positive in every row, so it has no logarithm to be in error")
    found = np.asarray(log10_sd, np.float64)
    if found.shape not in ((), (len(data),)):
        raise ValueError(f"log10_sd has shape {found.shape}; give one number, or one for each of the {len(data)} rows")
    sd = np.broadcast_to(found, (len(data),)).copy()
    bad = np.flatnonzero(~(np.isfinite(sd) & (sd >= 0)))
    if len(bad):
        names = data.row_names
        raise ValueError(f"log10_sd is {sd[bad[0]]:g} for {names[bad[0]]}; give a standard deviation, zero or positive")
    if not sd.any():
        raise ValueError("log10_sd is zero in every row: the input is exact, so fit the law as it is")
    return sd


def _inputs(law: Model, data: Dataset) -> tuple[str, ...]:
    """Inputs that the law reads; a function of the user's own may read any positive column."""
    terms = [term for _, term in walk_terms(law.mean)] + [law.mean]
    names = dict.fromkeys(term.input for term in terms if isinstance(term, AbstractInputTerm))
    if any(isinstance(term, Function) for term in terms):
        names |= dict.fromkeys(name for name in data.records.columns if name != "date")
    return tuple(names)


def _line(law: Model, data: Dataset, input: str) -> dict[str, np.ndarray]:
    """What else the law knows of a row: ones, the date, logs of other inputs, levels of groups; standardised."""
    columns = {name: np.asarray(x, np.float64) for name, x in data.records.columns.items()}
    found = {"date": columns["date"]} if "date" in columns else {}
    for name in _inputs(law, data):
        if name != input:
            found[name] = np.log(columns[name]) if (columns[name] > 0).all() else columns[name]
    groups = dict.fromkeys(term.group for _, term in walk_terms(law) if isinstance(term, AbstractGroupTerm))
    for group in groups:
        codes = np.asarray(data.records.codes[group])
        found |= {f"{group} {level}": 1.0 * (codes == k) for k, level in enumerate(data.levels(group)) if k}
    return _independent(found, len(data))


def _independent(columns: dict[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """Ones and those columns, standardised, that are no combination of the ones before them."""
    kept = {"one": np.ones(rows)}
    for name, column in columns.items():
        spread = column.std()
        scaled = (column - column.mean()) / (spread if spread > 0 else 1.0)
        base = np.stack(list(kept.values()), axis=1)
        left = scaled - base @ np.linalg.lstsq(base, scaled)[0]
        if np.sqrt(np.mean(left**2)) > _DEPENDENT and rows > len(kept) + 3:
            kept[name] = scaled
    return kept


@compiled()
def _log_ratio(spec: Model, values: Values, data: Dataset) -> jax.Array:
    """Log joint density without approximations minus that of ``spec``, up to a constant, ``(draws,)``."""
    target = spec.link.forward(data.response)
    of: Any = spec.mean
    line = jnp.stack([data.records[name] for name in of.line], axis=1)
    log, error = jnp.log(data.records[of.input]), data.records[of.error]

    def one(own: Values) -> jax.Array:
        model = bind(spec, own)
        exact = jax.vmap(lambda record, y: _integrated(model, record, y))(data.records, target)
        about = own[_STRUCTURE]
        shift = line_log_density(about, log, line, error) - of.structure.log_prob(about)
        return jnp.sum(exact - model.log_lik(data)) + shift

    return jax.lax.map(one, values)


def _integrated(model: Any, record: Any, target: jax.Array) -> jax.Array:
    """Log density of one linked response given the measured input.

    The integrand is that of a standard normal true input times the density of the response. Where it is not narrow an
    even grid integrates it to rounding, however the law bends; where it is, the law is straight across its width.
    """
    scatter: InputScatter = model.noise.scale
    of = scatter.of
    noise = eqx.tree_at(lambda own: own.scale, model.noise, scatter.scale)
    mean, spread = of.true_log(record)
    slope, _ = scatter.slope_and_spread(record)
    scale = jnp.exp(log_value(scatter.scale, record))
    # Conditional mean and spread of the standardised true input, the law being straight and the noise normal.
    pull = slope * spread / scale
    width = 1 / jnp.sqrt(1 + pull**2)
    centre = width**2 * pull * (target - linked_at(of, model.link, record, mean)) / scale

    def density(u: jax.Array) -> jax.Array:
        linked = linked_at(of, model.link, record, mean + spread * u)
        return jnp.asarray(noise.distribution(linked, scale).log_prob(target)) - 0.5 * u**2

    nodes, masses = np.polynomial.hermite_e.hermegauss(_NODES)
    low, high = jnp.minimum(-_FAR, centre - _FAR * width), jnp.maximum(_FAR, centre + _FAR * width)
    step = (high - low) * _GRID[1]
    near = jax.vmap(density)(centre + width * nodes) + 0.5 * nodes**2 + np.log(masses)
    wide = jax.vmap(density)(low + (high - low) * _GRID)
    found = jnp.where(width > 2 * step, jax.nn.logsumexp(wide) + jnp.log(step), jax.nn.logsumexp(near) + jnp.log(width))
    return found - 0.5 * np.log(2 * np.pi)
