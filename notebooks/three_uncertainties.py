# %% [markdown]
# # Three uncertainties of one number
#
# One table, one law, one number: how fast effective compute on ImageNet grew. How sure are we of it? There are three
# kinds of answer. Resample the table, follow the curvature of the fit, or weigh all parameters by their posterior. They
# answer different questions, and here they disagree, for a reason that can be seen.

# %%
import jax

import progressfit as pf

runs = pf.datasets.imagenet()
spec = pf.laws.erdil_besiroglu()
point = pf.fit(spec, runs, key=jax.random.key(0), starts=64)
optima = pf.plot.optima(point, pf.growth_rate)

# %% [markdown]
# The fit has two optima. Keep them in mind: whoever looks at one of them only will be surer than the data allow.
#
# ## 1. Other tables: the bootstrap
#
# Had other models been published, the table would look different. Drawing rows with replacement imitates that. Models
# of one paper share code, hardware and authors, so they do not count as independent: draw whole papers. Every replicate
# starts from both optima and may end in either.

# %%
rows = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=300)
papers = pf.bootstrap(point, runs, key=jax.random.key(2), replicates=300, kind="clusters")
print(papers)

# %% [markdown]
# ## 2. This table, one quantity at a time: curvature and profile
#
# The Laplace approximation takes the posterior for a Gaussian at each optimum. A profile makes no such assumption: for
# each value of the rate it finds the best fit that has this rate, and keeps the values whose fit is not much worse.

# %%
laplace = pf.laplace(point, runs, key=jax.random.key(3), draws=1000)
profile = pf.profile(point, runs, of=pf.growth_rate, points=21)
print(profile)

# %%
curve = pf.plot.profile(profile)

# %% [markdown]
# ## 3. All parameters at once: the posterior
#
# The posterior weighs every set of parameters by prior times likelihood. No-U-turn chains draw from it, and jump
# between the optima with weights that importance sampling checks. These chains are short; the defaults draw eight times
# as many.

# %%
posterior = pf.sample(spec, runs, key=jax.random.key(4), point=point, warmup=200, draws=250)
print(posterior)

# %% [markdown]
# ## Side by side

# %%
results = {"best fit": point, "rows": rows, "papers": papers, "Laplace": laplace, "posterior": posterior}
table = pf.summary(results, of=pf.growth_rate)
table[["estimate", "low", "high", "not_positive", "doubling"]]

# %%
together = pf.plot.growth({**results, "profile": profile})

# %% [markdown]
# The probability of no progress is where they differ most. One resampled table in six falls to the second optimum. The
# posterior is of *this* table, with its priors, and gives that optimum only a few per cent. The profile stays near the
# first one: at the cut, the second is not yet worth its while.
#
# ## What may be concluded, and what not
#
# | question | take |
# |---|---|
# | Would another sample of papers say the same? | the bootstrap by papers |
# | What does this table say, priors and all? | the posterior |
# | Which values of one quantity does this table rule out? | the profile |
# | A quick look, one clear optimum | Laplace |
#
# You may quote any of them, with its name. You may not quote the narrowest because it is the narrowest, nor mix the
# middle of one with the ends of another. None of them contains doubts about the table or the law: those are in
# `sensitivity.ipynb`.
