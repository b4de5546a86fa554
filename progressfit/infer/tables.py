"""Posteriors of many tables of one shape in one compiled program: refits without rows, simulated tables."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from progressfit.compiled import compiled
from progressfit.dataset import Dataset
from progressfit.infer.devices import Plan, batched
from progressfit.infer.nuts import Settings, kernel_of
from progressfit.infer.programs import solve, step_scale
from progressfit.infer.survey import Effort, look
from progressfit.model import Model
from progressfit.prior_range import Ranges

QUICK = Effort(rounds=7, draws=2500, final=3000)
"""Effort of a survey that is one of hundreds."""

SHORT = Settings(warmup=150, depth=8, candidates=15)
"""Settings of chains that are some of hundreds."""


class Table(NamedTuple):
    """One table of a batch, or many with a leading axis.

    Attributes
    ----------
    response
        ``(n,)``.
    weights
        Of the rows, ``(n,)``.
    starts
        Where to look for optima, unconstrained, ``(starts, d)``.
    key
        A random key.
    """

    response: jax.Array
    weights: jax.Array
    starts: jax.Array
    key: jax.Array


class Posteriors(NamedTuple):
    """What was drawn for each table, leading axis ``(tables,)``.

    Attributes
    ----------
    z
        ``(tables, chains, draws, d)``.
    log_evidence
        Of the linked response, by importance sampling, ``(tables,)``.
    effective
        Effective number of the survey's final draws, ``(tables,)``.
    diverging
        Share of diverging trajectories, ``(tables,)``.
    """

    z: Any
    log_evidence: Any
    effective: Any
    diverging: Any


@compiled("chains", "draws", "thin", "settings", "effort", "plan")
def sample_tables(
    spec: Model,
    data: Dataset,
    tables: Table,
    ranges: Ranges,
    target_accept: float,
    chains: int,
    draws: int,
    thin: int,
    settings: Settings,
    effort: Effort,
    plan: Plan,
) -> Posteriors:
    """Draw from the posterior of every table: optima from its own starts, a survey, then chains.

    Parameters
    ----------
    spec, data
        A prepared spec and the table without labels, whose response and weights each member replaces.
    tables
        With a leading axis everywhere.
    ranges
        Of the prior.
    target_accept
        Acceptance rate that step sizes aim at.
    chains, draws, thin
        Chains for each table, draws kept of each, and steps between two kept draws.
    settings, effort, plan
        Of the chains, of the survey, and of the batch.
    """
    steps = settings.warmup + draws * thin

    def one(table: Table) -> Posteriors:
        own = data.with_response(table.response)
        scale = step_scale(ranges, table.starts[0])
        one_, most = jnp.ones(()), jnp.asarray(100)

        def optimum(start: jax.Array) -> jax.Array:
            end = solve(spec, start, own, table.weights, one_, scale, most, jacobian=True).z
            return jnp.where(jnp.isfinite(end).all(), end, start)

        looking, starting, running = jax.random.split(table.key, 3)
        centres = jax.lax.map(optimum, table.starts)
        found = look(spec, own, table.weights, jnp.asarray(ranges.scale), centres, looking, effort)
        begin, step = kernel_of(spec, own, table.weights, found, target_accept, settings)
        starts = jax.random.choice(starting, found.sample.z, (chains,), p=found.sample.shares)

        def chain(start: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
            _, made = jax.lax.scan(lambda state, _: step(state), begin(*start), None, length=steps)
            kept = made.z[settings.warmup :].reshape(draws, thin, -1)[:, -1]
            return kept, jnp.mean(made.diverging[settings.warmup :])

        z, diverging = jax.lax.map(chain, (starts, jax.random.split(running, chains)))
        return Posteriors(z, found.sample.log_evidence, found.sample.effective_draws, jnp.mean(diverging))

    return batched(one, tables, plan)
