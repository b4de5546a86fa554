"""Every combination of defensible choices, fitted: how far the answer depends on choices that no data can settle.

Combinations whose laws differ in numbers only (prior widths, ceilings, origins, row weights) are one batch of one
compiled program. Every other structure is a task of its own, which any ``concurrent.futures`` executor can run.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit._x64 import require_x64
from progressfit.analysis.variance import Effects, variance_shares
from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.density import check_weights, log_density
from progressfit.frame import rows_frame
from progressfit.growth import growth_rate
from progressfit.infer.devices import Plan, batched, gather, plan_batch, share
from progressfit.infer.optimise import check_key
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import draw_starts
from progressfit.infer.refit import Changes, refit, stack_specs
from progressfit.linked_mean import derivatives
from progressfit.model import Model
from progressfit.noise import Laplace
from progressfit.params import bind, constrain, dimension, improper, kink_places, numeric

if TYPE_CHECKING:
    import pandas as pd

_NORMAL = 1.959963984540054
_COLUMNS = ("value", "low", "high", "log_likelihood", "weight", "certified")
_MOST_PASSES, _BETTER = 4, 1e-7


class Universe(NamedTuple):
    """What one combination of choices comes to: a law, a table, and which rows of it count.

    Attributes
    ----------
    spec
        A law with proper priors.
    data
        The table. Combinations that share a table object and a structure are fitted in one program.
    weights
        Of its rows, ``(n,)``; ones by default, 0 drops a row.
    """

    spec: Model
    data: Dataset
    weights: Any = None


class _Found(NamedTuple):
    """What a batch of universes came to, each ``(m,)``."""

    value: Any
    error: Any
    log_likelihood: Any
    certified: Any


@dataclasses.dataclass(frozen=True)
class Multiverse:
    """The answer under every combination of choices.

    Attributes
    ----------
    quantity
        Name of what was computed.
    choices
        The choices and their options.
    frame
        A row for each combination, in the order of the product of the options: a column for each choice; ``value``;
        ``low`` and ``high``, its 95% interval by the curvature at the optimum; ``log_likelihood`` of the response;
        ``weight``, the sum of the row weights; ``certified``.
    structures
        How many laws of different structure, each compiled by itself.
    """

    quantity: str
    choices: dict[str, tuple[str, ...]]
    frame: "pd.DataFrame"
    structures: int

    @property
    def value(self) -> np.ndarray:
        """Certified values; NaN where the refit is not."""
        return np.where(self.frame["certified"], self.frame["value"], np.nan)

    @property
    def effects(self) -> Effects:
        """How much of the variance between combinations each choice accounts for; see :func:`variance_shares`."""
        shape = tuple(len(options) for options in self.choices.values())
        return variance_shares(tuple(self.choices), self.value.reshape(shape))

    def __str__(self) -> str:
        value, effects = self.value, self.effects
        known = value[np.isfinite(value)]
        order = np.argsort(-effects.total)
        shares = "; ".join(
            f"{effects.names[k]} {effects.total[k]:.0%} ({effects.alone[k]:.0%} by itself)"
            for k in order
            if np.isfinite(effects.total[k])
        )
        low, middle, high = np.quantile(known, [0.05, 0.5, 0.95]) if len(known) else (np.nan,) * 3
        return "\n".join(
            (
                f"{self.quantity} under {len(value)} combinations of choices, {len(known)} of them certified: "
                f"median {middle:.3g}, nine in ten from {low:.3g} to {high:.3g}.",
                f"Variance between combinations, by the choices it takes part in: {shares}.",
            )
        )


def multiverse(
    choices: Mapping[str, Sequence[str]],
    universe: Callable[..., Universe],
    of: Callable[[Model], Any] = growth_rate,
    *,
    key: jax.Array,
    executor: Executor | None = None,
    starts: int = 10,
) -> Multiverse:
    """Fit every combination of choices and collect one quantity.

    Each fit starts from draws of the prior, then from the best ends of the combinations that differ from it in one
    choice, until no combination gains: where there are several optima, all of them are tried everywhere.

    Parameters
    ----------
    choices
        Name of each choice -> its options, by name.
    universe
        Called with one option for each choice, by keyword; returns the :class:`Universe` of that combination. With an
        executor of other processes it has to be importable there, as ``of`` has.
    of
        A function of one model that returns one number, differentiable.
    key
        A JAX random key; gives the starts, the same for all combinations of one structure.
    executor
        Runs the structures at the same time: ``concurrent.futures.ThreadPoolExecutor``, a Dask client's
        ``get_executor()``, or ``None`` for one after the other, here.
    starts
        Number of starts of every fit in the first pass, draws of the prior of the first combination of its structure.

    Returns
    -------
    :class:`Multiverse`.

    Raises
    ------
    ValueError
        If a choice has no options or the name of a result, a prior is flat (no starts can be drawn), or the noise is
        Laplace (no curvature).
    """
    require_x64()
    check_key(key)
    options = {name: tuple(given) for name, given in choices.items()}
    empty = [name for name, given in options.items() if not given]
    if empty or not options:
        raise ValueError(f"the choice '{empty[0]}' has no options" if empty else "give at least one choice")
    taken = [name for name in options if name in _COLUMNS]
    if taken:
        raise ValueError(f"'{taken[0]}' names a result, so it cannot name a choice; results: {', '.join(_COLUMNS)}")
    combinations = [dict(zip(options, picked, strict=True)) for picked in itertools.product(*options.values())]
    groups = _structures(combinations, universe)
    seed = np.asarray(jax.random.key_data(key))
    tasks = [(tuple(combinations[k] for k in members), universe, of, seed, starts) for members in groups]
    results = [_fit_structure(*task) for task in tasks] if executor is None else _spread(executor, tasks)
    columns = np.full((len(combinations), len(_COLUMNS)), np.nan)
    for members, found in zip(groups, results, strict=True):
        columns[members] = found
    frame = rows_frame(combinations).assign(**dict(zip(_COLUMNS, columns.T, strict=True)))
    frame["certified"] = frame["certified"] == 1.0
    name = getattr(of, "__name__", None) or repr(of)
    return Multiverse(name.replace("_", " "), options, frame, len(groups))


def _spread(executor: Executor, tasks: Sequence[tuple[Any, ...]]) -> list[np.ndarray]:
    return [future.result() for future in [executor.submit(_fit_structure, *task) for task in tasks]]


def _structures(combinations: Sequence[Mapping[str, str]], universe: Callable[..., Universe]) -> list[list[int]]:
    """Positions of the combinations that one program can fit: same structure, same shapes, same table."""
    found: dict[Any, list[int]] = {}
    for k, picked in enumerate(combinations):
        own = universe(**picked)
        if improper(own.spec):
            path = improper(own.spec)[0]
            raise ValueError(f"the prior of '{path}' is flat in the combination {dict(picked)}; give it a proper one")
        if isinstance(own.spec.noise, Laplace):
            raise ValueError(
                f"Laplace noise, as in the combination {dict(picked)}, has no curvature to tell a spread from"
            )
        spec = numeric(prepare(own.spec, own.data))
        shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(spec))
        found.setdefault((jax.tree.structure(spec), shapes, own.data.digest()), []).append(k)
    return list(found.values())


def _fit_structure(
    combinations: Sequence[Mapping[str, str]],
    universe: Callable[..., Universe],
    of: Callable[[Model], Any],
    seed: np.ndarray,
    starts: int,
) -> np.ndarray:
    """Fit combinations of one structure; ``(m, columns)`` in the order of ``_COLUMNS``."""
    universes = [universe(**picked) for picked in combinations]
    data = universes[0].data
    laws = [prepare(own.spec, data) for own in universes]
    specs = stack_specs(laws)
    weights = np.stack([np.asarray(check_weights(own.weights, data)) for own in universes])
    begin = np.asarray(draw_starts(laws[0], jax.random.wrap_key_data(jnp.asarray(seed)), starts))
    first = np.broadcast_to(begin, (len(universes), *begin.shape))
    z, ok = _settled(laws[0], data, Changes(weights=weights, spec=specs, starts=first), _siblings(combinations))
    plan = plan_batch(len(data), dimension(laws[0]))
    found = _measure(share(specs), data.bare(), share(weights), share(z), of=of, plan=plan)
    found = gather(found, len(universes))
    spread = _NORMAL * np.where(np.isfinite(found.error), found.error, np.inf)
    certified = ok & (found.certified == 1)
    return np.stack(
        [found.value, found.value - spread, found.value + spread, found.log_likelihood, weights.sum(axis=1), certified],
        axis=1,
    )


def _siblings(combinations: Sequence[Mapping[str, str]]) -> list[np.ndarray]:
    """For each combination the positions of those that differ from it in one choice, its own first."""
    codes = np.array([[hash(option) for option in picked.values()] for picked in combinations])
    return [np.append(k, np.flatnonzero((codes != own).sum(axis=1) == 1)) for k, own in enumerate(codes)]


def _settled(
    law: Model, data: Dataset, changes: Changes, siblings: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Best ends ``(m, d)`` once no combination gains from its siblings' ends, and whether each is an optimum."""
    best = refit(law, changes.starts[0], data, changes.weights[0], changes)
    z, objective, ok = best.z, best.objective, best.ok
    # As many as in the first pass where that is enough, so that one program serves all passes.
    count = max(changes.starts.shape[1], *map(len, siblings))
    gains = np.ones(len(z), bool)
    for _ in range(_MOST_PASSES):
        near = np.stack([z[np.resize(own, count)] for own in siblings])
        found = refit(law, near[0], data, changes.weights[0], changes._replace(starts=near))
        gains = ~(found.objective >= objective - _BETTER) | (found.ok & ~ok)
        if not gains.any():
            break
        z = np.where(gains[:, None], found.z, z)
        objective, ok = np.where(gains, found.objective, objective), np.where(gains, found.ok, ok)
    return z, ok & ~gains


@compiled("of", "plan")
def _measure(
    specs: Model, data: Dataset, weights: jax.Array, z: jax.Array, of: Callable[[Model], Any], plan: Plan
) -> _Found:
    """The quantity at each optimum, its standard error from the curvature there, and the log likelihood."""

    def one(own: tuple[Model, jax.Array, jax.Array]) -> _Found:
        spec, counted, place = own

        def quantity(at: jax.Array) -> jax.Array:
            return jnp.asarray(of(bind(spec, constrain(spec, at)[0])))

        _, hessian = derivatives(lambda at: -log_density(spec, at, data, counted), place)
        centre, sharp = kink_places(spec)
        held = (sharp > 0) & (place == centre)  # coordinates that a Laplace prior holds do not move
        hessian = jnp.where(held[:, None] | held, jnp.eye(len(held)), hessian)
        slope = jnp.where(held, 0.0, jax.jacfwd(quantity)(place))
        variance = slope @ jnp.linalg.solve(hessian, slope)
        density = bind(spec, constrain(spec, place)[0]).log_lik(data, on="response")
        total = jnp.sum(jnp.where(counted > 0, counted * density, 0.0))
        value = quantity(place)
        sound = (jnp.linalg.eigvalsh(hessian)[0] > 0) & jnp.isfinite(value)
        return _Found(value, jnp.sqrt(variance), total, sound.astype(jnp.float64))

    return batched(one, (specs, weights, z), plan)
