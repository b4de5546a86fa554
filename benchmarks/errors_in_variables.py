"""Errors in variables with every true input sampled, against the posterior from which they are integrated out.

The full model has a latent true log compute for each of the 97 ImageNet rows, the line that they scatter about (flat
priors on its coefficients and on the scatter) and the law: 108 dimensions, by numpyro's own NUTS, which starts at the
best optimum and stays there. ``pf.errors_in_variables`` samples 11 dimensions and weighs the draws. The error is 0.3 in
log10 compute.

    python benchmarks/errors_in_variables.py

Growth rate of effective compute, natural log units a year (2 cores, much else running):

    11 dimensions, best optimum alone   0.670 [0.264, 1.280]   3715 of 4000 draws effective
    11 dimensions, all optima           0.665 [0.233, 1.276]   0.012 of the mass at the other optimum
    108 dimensions, from the best       0.659 [0.258, 1.220]   R-hat 1.0002, 921 effective draws, no divergence

They agree within the Monte Carlo error of the longer chains: nothing is lost by integrating the inputs out.
"""

import time
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from arviz_stats.base.array import array_stats
from numpyro.infer import MCMC, NUTS, init_to_value

import progressfit as pf
from progressfit.params import bind, free_leaves

SD, DRAWS, CHAINS, WARMUP = 0.3, 1500, 2, 1000


def full_model(found):
    """The law, the line and every latent input as a numpyro model; latent inputs in units of their conditional sd."""
    columns = found.data.records.columns
    line = jnp.stack([columns[f"compute on {name}"] for name in found.line], axis=1)
    log, error = jnp.log(columns["compute"]), columns["error of compute"]
    data = found.data.bare()

    def model():
        values = {leaf.path: numpyro.sample(leaf.path, leaf.prior) for leaf in free_leaves(found.law)}
        law = bind(found.law, values)
        b = numpyro.sample("b", dist.ImproperUniform(dist.constraints.real, (line.shape[1],), ()).to_event(0))
        scatter = numpyro.sample("scatter", dist.ImproperUniform(dist.constraints.positive, (), ()))
        u = numpyro.sample("u", dist.Normal(0, 1).expand([len(log)]).to_event(1))
        reliability = scatter**2 / (scatter**2 + error**2)
        true = reliability * log + (1 - reliability) * (line @ b) + jnp.sqrt(reliability) * error * u
        # What the measured inputs say of the line, their latent values integrated out exactly.
        numpyro.sample("measured", dist.Normal(line @ b, jnp.sqrt(scatter**2 + error**2)).to_event(1), obs=log)
        records = data.records.replace(compute=jnp.exp(true))
        numpyro.sample(
            "response",
            law.noise(jax.vmap(law.linked)(records), records).to_event(1),
            obs=law.link.forward(data.response),
        )

    return model


def main():
    """Print both posteriors of the growth rate."""
    runs = pf.datasets.imagenet()
    found = pf.errors_in_variables(pf.laws.erdil_besiroglu(), runs, SD)
    point = pf.fit(found.joint, found.data, key=jax.random.key(0), starts=32)
    begin = time.perf_counter()
    draws = pf.sample(found.joint, found.data, key=jax.random.key(1), point=point, draws=1000)
    short = found.answer(draws, pf.growth_rate)
    near = draws.mode == 0
    seconds = time.perf_counter() - begin
    own, weights = found.map(draws, pf.growth_rate), found.weights(draws)
    print(
        f"11 dimensions, {seconds:.0f} s with compiling: rate {short.median:.3f} [{short.low:.3f}, {short.high:.3f}], "
        f"{1 / np.sum(weights**2):.0f} of {len(draws)} draws effective; {1 - weights[near].sum():.3f} at other optima"
    )
    order = np.argsort(own[near])
    mass = np.cumsum(weights[near][order]) / weights[near].sum()
    print("  at the best optimum alone:", np.interp([0.025, 0.5, 0.975], mass, own[near][order]).round(3))
    numpyro.enable_x64()
    law = {path: point.parameters[path] for path in point.parameters if path != "structure"}
    structure = np.asarray(point.parameters["structure"])
    first = law | {"b": structure[:-1], "scatter": np.exp(structure[-1]), "u": np.zeros(len(runs))}
    begin = time.perf_counter()
    kernel = NUTS(full_model(found), init_strategy=init_to_value(values=first), target_accept_prob=0.9)
    chains = MCMC(
        kernel, num_warmup=WARMUP, num_samples=DRAWS, num_chains=CHAINS, chain_method="sequential", progress_bar=False
    )
    chains.run(jax.random.key(2))
    values = chains.get_samples(group_by_chain=True)
    rate = np.asarray(values["compute.progress.rate"] / values["compute.scaling.slope"])
    rhat, ess = (cast(Any, fn(rate)) for fn in (array_stats.rhat, array_stats.ess))
    quantiles = np.quantile(rate, [0.025, 0.5, 0.975]).round(3)
    print(
        f"108 dimensions, {time.perf_counter() - begin:.0f} s: rate {quantiles[1]} [{quantiles[0]}, {quantiles[2]}], "
        f"R-hat {np.asarray(rhat).item():.4f}, effective draws {np.asarray(ess).item():.0f}, "
        f"{int(chains.get_extra_fields()['diverging'].sum())} divergences"
    )


if __name__ == "__main__":
    main()
