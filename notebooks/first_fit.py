# %% [markdown]
# # A first fit: how fast do image classifiers need less compute?
#
# Ninety-seven models, each with its date, training compute, training images and ImageNet accuracy. Newer models do
# better with the same compute. This notebook fits the law of Erdil and Besiroglu (2022, arXiv 2212.05153) to that table
# and asks how fast this went, and how sure we are. Most of its running time is compiling: run a cell a second time, and
# it is quick.

# %%
import jax
import numpy as np

import progressfit as pf

# %% [markdown]
# ## The table
#
# A data set has named inputs in natural units (FLOP, images, parameters), dates as decimal years, and the response,
# here accuracy as a fraction. It also knows which paper each row comes from.

# %%
runs = pf.datasets.imagenet()
dates, images = (np.asarray(runs.records.columns[name]) for name in ("date", "data"))
recent, common = np.mean(dates >= 2021), np.mean(images == 1.28e6)
print(f"{len(runs)} models from {len(np.unique(runs.clusters))} papers; {recent:.0%} are from 2021 on,")
print(f"and {common:.0%} were trained on the same 1.28 million images.")

# %% [markdown]
# ## The fit
#
# The law multiplies two logistic curves, one in compute and one in data. Time enters each as a *channel* of progress:
# "compute efficiency" and "data efficiency". A law is a tree with priors at its leaves. `fit` starts from 64 draws of
# these priors and hands back the same tree with numbers.

# %%
spec = pf.laws.erdil_besiroglu()
point = pf.fit(spec, runs, key=jax.random.key(0), starts=64)
print(point)

# %% [markdown]
# Rings are the models as observed. Most used more or less compute and data than the line assumes, so they lie off it.
# The blue points are the same models moved to the inputs of the line; what scatters about it is unexplained. To the
# right of the last model the line is dashed: nothing there has been observed.

# %%
over_time = pf.plot.fit(point, runs, label="top-1 accuracy (fraction)")

# %% [markdown]
# ## Reading the certificate
#
# The lines above the estimates say why the fit may be believed. Ask three things before you use a number.
#
# 1. *Is it an optimum?* The gradient has vanished, and the curvature is that of a minimum.
# 2. *Is it the best one?* Most starts agree, but some ended in a second optimum. It is less likely, not absurd.
# 3. *Do the data speak?* Along one direction they say less than the prior does, hence "weakly identified".
#
# The two optima tell different stories. In the first, progress saves compute. In the second, it saves data, and its
# compute efficiency gets slightly worse each year. A single start would have shown you one story and called it a
# success.

# %%
print(point.result.value)
stories = pf.plot.optima(point, pf.growth_rate)

# %% [markdown]
# ## How sure?
#
# The bootstrap fits resampled tables again, and each replicate starts from *every* optimum, so it may change its story.
# Rows of one paper resemble each other, so resampling whole papers is the more careful choice. Two hundred replicates
# are enough to learn from; take a thousand or more for a result.

# %%
rows = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=200)
papers = pf.bootstrap(point, runs, key=jax.random.key(2), replicates=200, kind="clusters")
print(papers)

# %% [markdown]
# The growth rate of effective compute says how fast the need for compute shrinks at fixed accuracy, in natural log
# units a year. Any analysis is a function of one model, and `summary` maps it over fits and draws alike.
#
# Mind the last column. A doubling time is ln 2 divided by the rate. When the interval of the rate contains zero, no
# pair of times describes it: near zero the time is endless, and below zero it has the wrong sign. So the interval is
# made for the rate, and the time is then given as "more than ..., or no progress".

# %%
results = {"best fit": point, "by rows": rows, "by papers": papers}
table = pf.summary(results, of=pf.growth_rate)
table[["estimate", "low", "high", "not_positive", "data_say", "doubling"]]

# %%
rates = pf.plot.growth(results)

# %% [markdown]
# ## What may be concluded, and what not
#
# You may say: at the best fit of this law, effective compute on ImageNet doubled every 8 months or so, and most
# resampled tables agree that there was progress.
#
# You may not say that progress is certain: each 95% interval contains zero. Nor quote the best fit alone, when a second
# story fits nearly as well. Nor go beyond 2022 with it: three quarters of the models share one training set, and two
# thirds come from the last two years. What happens when the table itself is in doubt is the subject of
# `sensitivity.ipynb`.
