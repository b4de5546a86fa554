# %% [markdown]
# # Sensitivity: what does the answer rest on?
#
# A fit is finished, its certificate is clean, its interval is drawn. What could still be wrong? The table, single rows,
# the priors, the design, the reach. `progressfit sensitivity erdil-besiroglu-2022 --out DIR` goes through all of these
# for a study; here are the main ones by hand.

# %%
import jax
import numpy as np

import progressfit as pf

runs = pf.datasets.imagenet()
spec = pf.laws.erdil_besiroglu()
point = pf.fit(spec, runs, key=jax.random.key(0), starts=64)

# %% [markdown]
# ## The table
#
# Some entries of the table are slips, and its compute was counted in several ways. Fit it again with clear errors
# corrected, then also with compute counted anew where that is possible. No interval contains this doubt.

# %%
tables = {name: pf.datasets.imagenet(name) for name in ("published", "corrected", "recounted")}
fits = {name: pf.fit(spec, one, key=jax.random.key(5), starts=64) for name, one in tables.items()}
pf.summary(fits, of=pf.growth_rate)[["estimate", "x_per_year", "doubling"]]

# %% [markdown]
# ## Single rows and papers
#
# How far would the rate move without each model? Differentiating the optimum answers that for all rows at once.

# %%
found = pf.influence(point, runs, pf.growth_rate)
by_row = pf.plot.influence(found)

# %% [markdown]
# The derivative knows one optimum only. Refitting without whole papers, from every known optimum, is exact; the ticks
# are what the derivative predicts.

# %%
without = pf.leave_out(point, runs, pf.growth_rate, by="cluster")
by_paper = pf.plot.influence(without, count=8, label="the growth rate (natural log units a year)")
print(f"{int((without.mode > 0).sum())} of {len(without.names)} refits end in the second optimum")

# %% [markdown]
# ## What the data cannot say
#
# A prior makes every fit look finished, also where the data are silent. So this is judged on the likelihood alone: how
# much the table says along each direction of the parameters, measured in prior standard deviations. Below one the prior
# says more than the data ("weak"). Near zero the data say nothing at all.
#
# To see that happen, let compute grow in lockstep with the date. Old and new models can then no longer be compared at
# equal compute, and nothing in the table separates better algorithms from bigger machines. The fit still finds numbers,
# but its result says that they are not the data's, and the summary leaves them out.

# %%
real = point.certificate.identification
print(f"the real table: {real.verdict}, smallest eigenvalue {real.eigenvalues[0]:.2g}")
print(f"weakest direction: {real.direction()}")

lockstep = runs.records.replace(compute=4.7e17 * np.exp(1.2 * (np.asarray(runs.records.columns["date"]) - 2012)))
calendar = pf.Dataset(lockstep, runs.response, runs.clusters, runs.labels)
silent = pf.fit(spec, calendar, key=jax.random.key(4), starts=64)
print(f"\ncompute tied to the date: {silent.result.value}")
pf.summary({"real table": point, "tied to the date": silent}, of=pf.growth_rate)[["estimate", "data_say", "doubling"]]

# %% [markdown]
# ## How far does it reach?
#
# A forecast marks where it leaves the table. There, its interval holds only if the law does, so take it for a lower
# bound of the doubt.

# %%
rows = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=200)
years = np.arange(2014.0, 2029.0, 2.0)
scenarios = {"date": np.tile(years, 2), "compute": np.repeat([1e19, 1e23], len(years)), "data": 1.28e6}
ahead = pf.forecast(rows, runs, scenarios, key=jax.random.key(6), test=False)
fan = pf.plot.forecast(ahead, runs, label="top-1 accuracy (fraction)")

# %% [markdown]
# ## What may be concluded, and what not
#
# You may say which doubt is largest: here the counting of compute, which moves the doubling time from 8 to 15 months,
# further than any single paper does.
#
# You may not add up the doubts as if they were independent errors, nor report the table that gives the answer you like.
# `pf.multiverse` fits every combination of such choices and shows all the answers.
