"""Simulation-based calibration: whether draws from posteriors are right, on tables simulated from the prior.

Parameters are drawn from the prior and a table is simulated from each. If the posterior draws are right, the rank of
the true value among them is uniform, for every parameter and every function of parameters and table (Talts et al. 2018,
"Validating Bayesian inference algorithms with simulation-based calibration"). The log likelihood is such a function,
and notices what parameters one by one do not (Modrák et al. 2023, "Simulation-based calibration checking for Bayesian
computation: the choice of test quantities shapes sensitivity").
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.calibration_result import LOG_LIKELIHOOD, Calibration
from progressfit.analysis.ranks import uniformity
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.check import require_whole
from progressfit.infer.clock import Clock
from progressfit.infer.devices import Plan, batched, plan_batch
from progressfit.infer.nuts import Settings
from progressfit.infer.optimise import check_key
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import draw_starts, prior_ranges
from progressfit.infer.survey import Effort
from progressfit.infer.tables import QUICK, SHORT, Table, sample_tables
from progressfit.model import Model
from progressfit.params import bind, constrain, coordinate_names, dimension, improper, priors, sample_prior, unconstrain
from progressfit.prior_range import Ranges

Care = Literal["full", "quick"]


class _Work(NamedTuple):
    """What is spent on a table; hashable, a static argument."""

    starts: int
    survey: Effort
    chains: Settings


_WORK = {
    # For as many as two modes, and directions that only the prior determines.
    "full": _Work(8, QUICK, SHORT),
    "quick": _Work(4, Effort(rounds=4, draws=400, final=400), Settings(warmup=100, depth=6, candidates=7)),
}
_CHAINS, _TARGET_ACCEPT = 2, 0.8


class _Found(NamedTuple):
    """Of every table: ranks ``(q,)``, whether it is possible, diverging share, autocorrelation."""

    ranks: jax.Array
    possible: jax.Array
    diverging: jax.Array
    autocorrelation: jax.Array


def calibrate(
    spec: Model,
    data: Dataset,
    *,
    key: jax.Array,
    replicates: int = 256,
    draws: int = 100,
    of: Iterable[Callable[[Model], Any]] = (),
    source: Model | None = None,
    thin: int = 3,
    care: Care = "full",
    false_alarm: float = 0.01,
) -> Calibration:
    """Check the sampler on tables simulated from the prior, at the inputs of a table.

    Every posterior is drawn as ``sample`` does it, with a smaller effort: optima from prior starts, importance
    sampling around them, no-U-turn chains that can jump. The true values are never used as starts. All tables are one
    compiled program.

    Parameters
    ----------
    spec
        A law with a proper prior at every free leaf.
    data
        The table whose inputs count; its responses are not used.
    key
        A JAX random key; it is split per replicate first.
    replicates
        Number of simulated tables.
    draws
        Posterior draws kept of each table, rounded up to an even number (two chains).
    of
        Functions of one model that return a number, such as :func:`progressfit.growth_rate`, to rank as well. NaN
        counts as infinite.
    source
        Another spec with the same free parameters, from which true values and tables are drawn, to see whether the
        check notices a wrong assumption, or how much it matters. By default ``spec`` itself.
    thin
        Steps of a chain between two kept draws, which ought to be nearly independent.
    care
        Effort for each table: "full", or "quick" for laws of two or three parameters and one mode.
    false_alarm
        Probability that the check fails although all is well, at most, over all quantities.

    Returns
    -------
    :class:`Calibration`; ``pf.report.draw_calibration`` draws it.

    Raises
    ------
    ValueError
        If a prior is flat, the parameters of ``source`` are others, or an argument is out of range.
    """
    require_x64()
    clock, of = Clock(), tuple(of)
    spec = prepare(spec, data)
    source = spec if source is None else prepare(source, data)
    if care not in _WORK:
        raise ValueError(f"care='{care}': choose 'full' or 'quick'")
    _require_usable(spec, source, replicates, draws, thin, false_alarm)
    found = _ranked(
        source,
        spec,
        data.bare(),
        jax.random.split(check_key(key), replicates),
        prior_ranges(spec),
        of=of,
        draws=-(-draws // _CHAINS),
        thin=thin,
        work=_WORK[care],
        plan=plan_batch(len(data), dimension(spec)),
    )
    names = (*coordinate_names(spec), *map(_name, of), LOG_LIKELIHOOD)
    return _judged(jax.tree.map(np.asarray, found), names, _CHAINS * -(-draws // _CHAINS), false_alarm, clock)


def _name(fn: Callable[[Model], Any]) -> str:
    return getattr(fn, "__name__", None) or repr(fn)


def _require_usable(spec: Model, source: Model, replicates: int, draws: int, thin: int, false_alarm: float) -> None:
    for role, one in (("spec", spec), ("source", source)):
        flat = improper(one)
        if flat:
            raise ValueError(
                f"the prior of '{flat[0]}' in the {role} is flat, so no true values can be drawn from it; "
                "give it a proper one"
            )
    ours, theirs = ({path: prior.shape() for path, prior in priors(one).items()} for one in (spec, source))
    if ours != theirs:
        raise ValueError(f"the free parameters of source ({', '.join(theirs)}) have to be those of the spec")
    require_whole(replicates=replicates, draws=draws, thin=thin)
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm={false_alarm}: give a fraction strictly between 0 and 1")


def _judged(found: _Found, names: tuple[str, ...], draws: int, false_alarm: float, clock: Clock) -> Calibration:
    kept = np.asarray(found.possible)
    ranks = np.asarray(found.ranks)[kept]
    p_values = np.array([uniformity(column, draws + 1) for column in ranks.T])
    return Calibration(
        names,
        ranks,
        draws,
        p_values,
        false_alarm,
        int(np.sum(~kept)),
        np.asarray(found.diverging)[kept],
        np.asarray(found.autocorrelation)[kept],
        clock.seconds(),
    )


@compiled("of", "draws", "thin", "work", "plan")
def _ranked(
    source: Model,
    spec: Model,
    data: Dataset,
    keys: jax.Array,
    ranges: Ranges,
    of: tuple[Callable[[Model], Any], ...],
    draws: int,
    thin: int,
    work: _Work,
    plan: Plan,
) -> _Found:
    """Simulate a table for every key, draw from its posterior and rank what it was made from."""
    truths, tables, possible, ties = jax.vmap(lambda key: _simulated(source, spec, data, key, work.starts))(keys)
    posteriors = sample_tables(
        spec, data, tables, ranges, _TARGET_ACCEPT, _CHAINS, draws, thin, work.chains, work.survey, plan
    )

    def rank(member: tuple[jax.Array, jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        truth, response, z, key = member
        own = data.with_response(response)
        true = _quantities(spec, truth, own, of)
        drawn = jax.vmap(jax.vmap(lambda one: _quantities(spec, one, own, of)))(z)
        flat = drawn.reshape(-1, drawn.shape[-1])
        below, equal = jnp.sum(flat < true, axis=0), jnp.sum(flat == true, axis=0)
        return below + jax.random.randint(key, below.shape, 0, equal + 1), jnp.max(_neighbours(drawn))

    ranks, slowest = batched(rank, (truths, tables.response, posteriors.z, ties), plan)
    return _Found(ranks, possible, posteriors.diverging, slowest)


def _simulated(
    source: Model, spec: Model, data: Dataset, key: jax.Array, count: int
) -> tuple[jax.Array, Table, jax.Array, jax.Array]:
    """True values ``(d,)``, their table, whether it is possible, and a key for ties."""
    drawing, scattering, starting, sampling, ties = jax.random.split(key, 5)
    values = sample_prior(source, drawing)
    response = bind(source, values).simulate(data.records, scattering)
    possible = jnp.all(spec.link.contains(response) & jnp.isfinite(spec.link.forward(response)))
    starts = draw_starts(spec, starting, count)
    # The table itself stands in for an impossible one, so that no time is lost on what is left out afterwards.
    usable = jnp.where(possible, response, data.response)
    table = Table(usable, jnp.ones_like(usable), starts, sampling)
    return unconstrain(spec, values), table, possible, ties


def _quantities(spec: Model, z: jax.Array, data: Dataset, of: tuple[Callable[[Model], Any], ...]) -> jax.Array:
    """Coordinates, derived quantities and log likelihood at one unconstrained vector, ``(q,)``."""
    model = bind(spec, constrain(spec, z)[0])
    derived = [jnp.asarray(fn(model), float) for fn in of]
    found = jnp.concatenate([z, jnp.stack([*derived, jnp.sum(model.log_lik(data))])])
    return jnp.where(jnp.isnan(found), jnp.inf, found)


def _neighbours(drawn: jax.Array) -> jax.Array:
    """Correlation of neighbouring draws ``(chains, draws, q)`` within chains, about the common mean: ``(q,)``."""
    away = drawn - jnp.mean(drawn, axis=(0, 1))
    spread = jnp.mean(away**2, axis=(0, 1))
    return jnp.where(spread > 0, jnp.mean(away[:, 1:] * away[:, :-1], axis=(0, 1)) / spread, 0.0)
