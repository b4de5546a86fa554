"""Several scores of one network side by side, and regressions of each on common columns, resampled together.

Errors in an input flatten its slope and lend part of it to whatever goes with it. They are taken off by simulation and
extrapolation (Cook and Stefanski 1994): refits with once and twice the stated error variance added, carried on to minus
once by the parabola through all three. Every replicate is treated so. Each error is used with both signs, so that what
is linear in it cancels: else the spread of the replicates would hold the noise of the simulation too.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.devices import Plan, batched, gather, plan_batch, share
from progressfit.infer.prepare import prepare
from progressfit.infer.programs import resample_weights
from progressfit.infer.refit import Changes
from progressfit.infer.stretches import by_stretches
from progressfit.model import Model
from progressfit.params import bind, constrain, dimension, free_leaves

# Error draws behind the point estimate and behind each replicate, both signs counted, and the error variances added, in
# units of the stated one. The parabola through 0, 1 and 2 takes the value 3 f(0) - 3 f(1) + f(2) at -1.
ERROR_DRAWS = 32
REPLICATE_DRAWS = 2
_ADDED = (1.0, 2.0)
_EXTRAPOLATED = np.array([3.0, -3.0, 1.0])
# Smallest eigenvalue of the columns' correlations from which on rounding leaves half of the digits.
_DETERMINED = 1e-8


class Paired(NamedTuple):
    """One row for each network.

    Attributes
    ----------
    base
        Records, clusters and names of the networks, with the reference score as response, ``(n,)``.
    reference, tests
        Names of the reference and of the other tests.
    scores
        Test -> score of each network, ``(n,)``; NaN where it was not scored, or its row does not count.
    """

    base: Dataset
    reference: str
    tests: tuple[str, ...]
    scores: dict[str, np.ndarray]

    def both(self, test: str) -> np.ndarray:
        """Networks that have a score on a test and on the reference, ``(n,)``."""
        return np.isfinite(self.scores[test]) & np.isfinite(self.scores[self.reference])


def pair(data: Dataset, test: str, reference: str, rows: Any = None) -> Paired:
    """Bring a table in long form, one row for each network and test, into one row for each network.

    Parameters
    ----------
    data
        The table; the labels of its rows name the networks.
    test, reference
        The group of tests, and the level of it that every network is set beside.
    rows
        Mask of the rows that count, ``(n,)``.

    Raises
    ------
    ValueError
        If rows are not named by network, a network has two rows on one test or differing columns, or the reference is
        no level of the group.
    """
    levels = data.levels(test)
    if reference not in levels:
        raise ValueError(f"the group '{test}' has no level '{reference}'; it has: {', '.join(levels)}")
    codes = np.asarray(data.records.codes[test])
    kept = np.ones(len(data), bool) if rows is None else np.asarray(rows, bool)
    if kept.shape != (len(data),):
        raise ValueError(f"rows must be a mask of length {len(data)}, one entry for each row")
    at = np.flatnonzero(codes == levels.index(reference))
    where = _places(data, at)
    scores = {level: np.full(len(at), np.nan) for level in levels}
    for code, level in enumerate(levels):
        own = (codes == code) & (where >= 0)
        if len(np.unique(where[own])) < np.sum(own):
            raise ValueError(f"a network has several rows on '{level}'; name networks with label=COLUMN, each once")
        if not own.any():
            raise ValueError(f"no network has scores on '{level}' and '{reference}'; name networks with label=COLUMN")
        scores[level][where[own & kept]] = np.asarray(data.response)[own & kept]
    _require_same_columns(data, at, where)
    return Paired(data.take(at), reference, tuple(name for name in levels if name != reference), scores)


def _places(data: Dataset, at: np.ndarray) -> np.ndarray:
    """For each row, the position of its network among the rows ``at``; -1 if it is not there."""
    place = {data.labels.rows[row]: k for k, row in reversed(list(enumerate(at)))}
    return np.array([place.get(name, -1) for name in data.labels.rows])


def _require_same_columns(data: Dataset, at: np.ndarray, where: np.ndarray) -> None:
    for name, column in data.records.columns.items():
        own, theirs = np.asarray(column), np.asarray(column)[at][where]
        bad = (where >= 0) & ~np.isclose(own, theirs, rtol=1e-9, atol=0)
        if bad.any():
            network = data.labels.rows[int(np.flatnonzero(bad)[0])]
            raise ValueError(f"the column '{name}' of '{network}' differs between its rows; one network has one value")


class Resampled(NamedTuple):
    """Replicates of a table with a row for each network: whole clusters drawn anew, errors of an input drawn too.

    Attributes
    ----------
    weights
        How often each network is drawn, ``(replicates, n)``.
    input, errors
        An input and errors of its natural logarithm, ``(ERROR_DRAWS + REPLICATE_DRAWS * replicates, n)``, in pairs of
        opposite sign, those of one replicate in a row; ``None`` where none are known.
    """

    weights: np.ndarray
    input: str
    errors: np.ndarray | None


def resample(base: Dataset, key: jax.Array, replicates: int, input: str, sd: str | None) -> Resampled:
    """Draw replicates; ``sd`` is the column with the standard deviation of log10 of the input.

    Raises
    ------
    ValueError
        If there is one cluster only, or the column holds no standard deviations.
    """
    groups, codes = np.unique(np.asarray(base.clusters), return_inverse=True)
    if len(groups) < 2:
        raise ValueError("all rows are one cluster, so nothing can be resampled; name a column with several clusters")
    table, (draw, err) = Dataset(base.records, base.response, codes).bare(), jax.random.split(key)
    keys = jax.random.split(draw, replicates)
    weights = np.asarray(jax.vmap(lambda k: resample_weights(k, table, len(groups)))(keys))
    if sd is None:
        return Resampled(weights, input, None)
    size = np.log(10) * np.asarray(base.records[sd])
    if not (np.isfinite(size).all() and (size >= 0).all()):
        raise ValueError(f"the column '{sd}' has to hold standard deviations of log10 {input}, none of them negative")
    pairs = (ERROR_DRAWS + REPLICATE_DRAWS * replicates) // 2
    drawn = size * np.asarray(jax.random.normal(err, (pairs, len(base))))
    return Resampled(weights, input, np.stack([drawn, -drawn], axis=1).reshape(-1, len(base)))


class Coefficients(NamedTuple):
    """Parameters of one regression by path.

    Attributes
    ----------
    values, draws
        At the table itself, NaN if that is not certified, and in each replicate, ``(replicates,)``.
    ok
        Whether each replicate is certified, ``(replicates,)``.
    naive, objective
        At the table itself without correction, and the negative log likelihood there.
    """

    values: dict[str, float]
    draws: dict[str, np.ndarray]
    ok: np.ndarray
    naive: dict[str, float]
    objective: float

    @property
    def certified(self) -> bool:
        """Whether the values at the table itself are."""
        return all(np.isfinite(value) for value in self.values.values())


def regress(law: Model, base: Dataset, response: np.ndarray, rows: np.ndarray, resampled: Resampled) -> Coefficients:
    """Maximum likelihood of a law that is linear on the link scale: the table and all replicates, in one program.

    With normal noise of one scale that is weighted least squares, solved as such.

    Parameters
    ----------
    law
        Linear in the parameters of its mean, on the link scale, with normal noise of one scale.
    base
        The networks.
    response, rows
        Responses, and which of them count, ``(n,)``.
    resampled
        The replicates; where they hold errors of an input, coefficients are corrected for these.
    """
    spec = prepare(law, base)
    changes, parts = _members(base, rows, resampled)
    found = _solved(spec, base.with_response(np.where(rows, response, 0.5)), changes)
    at, replicates = parts[::2], parts[1::2]
    by = _EXTRAPOLATED if len(at) > 1 else np.ones(1)
    values = {path: float(by @ [np.mean(v[part]) for part in at]) for path, v in found.values.items()}
    if not all(found.ok[part].all() for part in at):
        values = dict.fromkeys(values, np.nan)
    count = len(resampled.weights)
    each = [part.reshape(count, REPLICATE_DRAWS if k else 1) for k, part in enumerate(replicates)]
    draws = {path: by @ np.stack([v[part].mean(axis=1) for part in each]) for path, v in found.values.items()}
    ok = np.all([found.ok[part].all(axis=1) for part in each], axis=0)
    naive = {path: float(v[0]) for path, v in found.values.items()}
    return Coefficients(values, draws, ok, naive, float(found.objective[0]))


class _Solved(NamedTuple):
    """Coefficients by path, whether the columns determine them, and negative log likelihoods, ``(m,)`` each."""

    values: dict[str, np.ndarray]
    ok: np.ndarray
    objective: np.ndarray


def _solved(spec: Model, table: Dataset, changes: Changes) -> _Solved:
    """Weighted least squares of every member of a batch."""
    plan = plan_batch(len(table), dimension(spec), None, len(changes.weights))
    members = jax.tree.map(jnp.asarray, (changes.weights, changes.columns))
    z, weakest, objective = by_stretches(
        lambda own: _least_squares(spec, table.bare(), own, plan=plan), share(members), plan, "regressions"
    )
    z, weakest, objective = gather((z, weakest, objective), len(changes.weights))
    ok = np.isfinite(objective) & (weakest > _DETERMINED)
    values = {leaf.path: z[:, leaf.start] for leaf in free_leaves(spec) if leaf.path.split(".")[0] != "noise"}
    return _Solved(values, ok, objective)


@compiled("plan")
def _least_squares(spec: Model, table: Dataset, members: Any, plan: Plan) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Unconstrained vectors ``(m, d)``, smallest eigenvalue of the columns' correlations, negative log likelihood."""
    linked = spec.link.forward(table.response)
    origin = jnp.zeros(dimension(spec))

    def one(own: tuple[jax.Array, Any]) -> tuple[jax.Array, jax.Array, jax.Array]:
        weights, columns = own
        records = table.records.replace(**(columns or {}))

        def mean(z: jax.Array) -> jax.Array:
            return jax.vmap(bind(spec, constrain(spec, z)[0]).linked)(records)

        design, offset = jax.jacfwd(mean)(origin), mean(origin)
        size = jnp.sqrt(jnp.sum(weights[:, None] * design**2, axis=0))
        held = size == 0  # parameters of the noise, which the mean does not read
        scaled = design / jnp.where(held, 1.0, size)
        normal = scaled.T @ (weights[:, None] * scaled) + jnp.diag(held.astype(float))
        solution = jnp.linalg.solve(normal, scaled.T @ (weights * (linked - offset))) / jnp.where(held, 1.0, size)
        count, left = jnp.sum(weights), linked - offset - design @ solution
        variance = jnp.sum(weights * left**2) / count
        objective = count / 2 * (jnp.log(2 * jnp.pi * variance) + 1)
        return solution, jnp.linalg.eigvalsh(normal)[0], objective

    return batched(one, members, plan)


def _members(base: Dataset, rows: np.ndarray, resampled: Resampled) -> tuple[Changes, list[np.ndarray]]:
    """Weights and inputs of all refits, and which of them belong together.

    In turn, for each error variance that is added, none first: the table itself (as often as there are error draws),
    and the replicates (each as often as it has error draws).
    """
    once = rows.astype(float)[None, :]
    drawn = resampled.weights * once
    weights, sizes, columns = [once, drawn], [1, len(drawn)], None
    if resampled.errors is not None:
        shifts = [np.zeros((1 + len(drawn), len(base)))]
        for variance in _ADDED:
            weights += [np.repeat(once, ERROR_DRAWS, axis=0), np.repeat(drawn, REPLICATE_DRAWS, axis=0)]
            sizes += [ERROR_DRAWS, REPLICATE_DRAWS * len(drawn)]
            shifts.append(np.sqrt(variance) * resampled.errors)
        columns = {resampled.input: np.asarray(base.records[resampled.input]) * np.exp(np.concatenate(shifts))}
    parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    return Changes(weights=np.concatenate(weights), columns=columns), parts
