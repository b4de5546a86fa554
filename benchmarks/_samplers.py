"""Peers that draw from the posterior of the ImageNet law: plain numpyro, blackjax, and PyMC's model under nutpie."""

from collections.abc import Callable
from typing import Any, NamedTuple

import blackjax
import jax
import numpy as np
from numpyro.infer import MCMC, NUTS

import progressfit as pf
from progressfit.density import numpyro_model
from progressfit.params import constrain

CHAINS, WARMUP, DRAWS = 4, 1000, 1000
"""The peers' own defaults."""

PATHS = (
    "compute.const",
    "compute.progress.rate",
    "compute.scaling.slope",
    "data.const",
    "data.progress.rate",
    "data.scaling.slope",
    "noise.log_scale",
)


class Drawn(NamedTuple):
    """Draws ``(chains, draws, d)`` in the order of ``PATHS``, and the number of diverging trajectories."""

    z: np.ndarray
    divergences: int


def ours(tables: list[pf.Dataset], spec: pf.Model, **settings: Any) -> Callable[[int], Drawn]:
    """The whole verb: multi-start fit, survey, chains, diagnosis."""

    def run(turn: int) -> Drawn:
        found = pf.sample(spec, tables[turn], key=jax.random.key(turn), **settings)
        z = np.stack([np.asarray(found.values[path]) for path in PATHS], axis=-1)
        return Drawn(z.reshape(found.chains, -1, len(PATHS)), found.stats["diagnosis"].divergences)

    return run


def plain_numpyro(tables: list[pf.Dataset], spec: pf.Model) -> Callable[[int], Drawn]:
    """``MCMC(NUTS(model)).run`` as in numpyro's documentation, on the package's own model view."""
    model = numpyro_model(spec)

    def run(turn: int) -> Drawn:
        sampler = MCMC(
            NUTS(model),
            num_warmup=WARMUP,
            num_samples=DRAWS,
            num_chains=CHAINS,
            chain_method="sequential",
            progress_bar=False,
        )
        sampler.run(jax.random.key(turn), tables[turn].bare())
        found = sampler.get_samples(group_by_chain=True)
        z = np.stack([np.asarray(found[path]) for path in PATHS], axis=-1)
        return Drawn(z, int(np.sum(sampler.get_extra_fields()["diverging"])))

    return run


def plain_blackjax(tables: list[pf.Dataset], spec: pf.Model) -> Callable[[int], Drawn]:
    """Window adaptation and NUTS, compiled once for all tables, chains one after another."""

    def chain(key: jax.Array, start: jax.Array, table: pf.Dataset) -> tuple[jax.Array, jax.Array]:
        def log_density(z: jax.Array) -> jax.Array:
            return pf.log_density(spec, z, table, None, True)

        warming, running = jax.random.split(key)
        adapted, _ = blackjax.window_adaptation(blackjax.nuts, log_density).run(warming, start, WARMUP)
        sampler = blackjax.nuts(log_density, **adapted.parameters)

        def step(state: Any, own: jax.Array) -> tuple[Any, tuple[jax.Array, jax.Array]]:
            state, info = sampler.step(own, state)
            return state, (state.position, info.is_divergent)

        return jax.lax.scan(step, adapted.state, jax.random.split(running, DRAWS))[1]

    @jax.jit
    def chains(keys: jax.Array, starts: jax.Array, table: pf.Dataset) -> tuple[jax.Array, jax.Array]:
        return jax.lax.map(lambda own: chain(*own, table), (keys, starts))

    def run(turn: int) -> Drawn:
        starting, running = jax.random.split(jax.random.key(turn))
        starts = 0.5 * jax.random.normal(starting, (CHAINS, len(PATHS)))
        z, diverging = chains(jax.random.split(running, CHAINS), starts, tables[turn].bare())
        values = jax.vmap(jax.vmap(lambda one: constrain(spec, one)[0]))(z)
        return Drawn(np.stack([np.asarray(values[path]) for path in PATHS], axis=-1), int(np.sum(diverging)))

    return run


def nutpie(tables: list[pf.Dataset]) -> Callable[[int], Drawn]:
    """The published model written out in PyMC, compiled by numba, sampled by nutpie; new tables as new data."""
    import nutpie as engine
    import pymc as pm

    with pm.Model() as model:
        columns = {name: pm.Data(name, values) for name, values in _columns(tables[0]).items()}
        at = {path: pm.Normal(path.replace(".", "_"), 0.0, _sd(path)) for path in PATHS}
        compute = (
            at["compute.const"]
            + at["compute.progress.rate"] * columns["years"]
            + at["compute.scaling.slope"] * columns["log_compute"]
        )
        data = (
            at["data.const"]
            + at["data.progress.rate"] * columns["years"]
            + at["data.scaling.slope"] * columns["log_data"]
        )
        mean = pm.math.logit(pm.math.sigmoid(compute) * pm.math.sigmoid(data))
        pm.Normal("observed", mean, pm.math.exp(at["noise.log_scale"]), observed=columns["logit"])
    compiled = engine.compile_pymc_model(model)

    def run(turn: int) -> Drawn:
        found = engine.sample(
            compiled.with_data(**_columns(tables[turn])),
            tune=WARMUP,
            draws=DRAWS,
            chains=CHAINS,
            seed=turn,
            progress_bar=False,
        )
        posterior = found["posterior"]
        z = np.stack([np.asarray(posterior[path.replace(".", "_")]) for path in PATHS], axis=-1)
        return Drawn(z, int(np.sum(np.asarray(found["sample_stats"]["diverging"]))))

    return run


def _sd(path: str) -> float:
    return 0.09 if path.endswith(("rate", "slope")) else 1.0


def _columns(table: pf.Dataset) -> dict[str, np.ndarray]:
    given = {name: np.asarray(column) for name, column in table.records.columns.items()}
    response = np.asarray(table.response)
    return {
        "years": given["date"] - 2012.0,
        "log_compute": np.log(given["compute"] / 4.7e17),
        "log_data": np.log(given["data"] / 1e6),
        "logit": np.log(response / (1 - response)),
    }
