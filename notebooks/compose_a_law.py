# %% [markdown]
# # Compose a law
#
# A law is a sum or product of terms, and wherever a number may go, a prior may go too. This notebook makes two laws
# that nobody published: one for image classifiers, with progress in one place, and one for language models, whose
# progress may change its speed in 2018.

# %%
import jax
import numpyro.distributions as dist

import progressfit as pf
from progressfit.terms import (
    Constant,
    EffectiveInput,
    Exp,
    ExponentialProgress,
    GroupEffect,
    Logistic,
    LogSlope,
    PiecewiseProgress,
    Product,
    Sum,
)

# %% [markdown]
# ## Progress that does one thing only
#
# Suppose that progress multiplies compute, by a constant factor a year, and does nothing else. Then its rate is itself
# a parameter, and you can say what you believe of it before you see the table. A distribution is a free parameter with
# that prior; a number is fixed.

# %%
slope = dist.Normal(0.0, 0.3)
progress = ExponentialProgress(dist.Normal(0.7, 0.7), origin=2012.0, channel="algorithms", augments="compute")
index = Sum(
    level=dist.Normal(0.0, 1.0),
    compute=Product(slope=slope, effective=EffectiveInput("compute", progress, reference=4.7e17)),
    data=LogSlope("data", slope, reference=1.28e6),
)
own_law = pf.Model(Logistic(index), pf.links.Logit(), pf.noise.Gaussian(dist.HalfNormal(0.5)))
list(pf.params.leaves(own_law))

# %% [markdown]
# Look at what the priors alone predict before you fit: if they already exclude what is plausible, no table can mend it.

# %%
images = pf.datasets.imagenet()
before_data = pf.prior_predictive(own_law, images, key=jax.random.key(9))
print(before_data)

# %%
own = pf.fit(own_law, images, key=jax.random.key(3), starts=16)
print(own)

# %%
along_compute = pf.plot.fit(own, images, over="compute", at={"date": 2020.0}, label="top-1 accuracy (fraction)")

# %% [markdown]
# ## Language models: a trend that may break
#
# Ho et al. (2024, arXiv 2403.05812) compare twenty functional forms on 231 language models. Here is one that is not
# among them: progress whose speed may change in 2018, when transformers took over, with noise that forgives outliers.
# Two terms, one in model size and one in data. Each has a constant for each benchmark (differences from WikiText-103),
# a trend with a break, and a slope in the logarithm of its input.

# %%
prior = dist.Normal(0.0, 0.3)


def half(column, smallest, channel):
    """One of the two terms: a positive part of the loss that falls with one input and with time."""
    constant = Constant(dist.Normal(1.0, 1.0))
    benchmark = GroupEffect("benchmark", prior, coding="reference", reference="wt103")
    trend = PiecewiseProgress(prior, prior, 2018.0, origin=2012.5, channel=channel, augments=column)
    return Exp(constant + benchmark - trend - LogSlope(column, prior, reference=smallest))


terms = Sum(size=half("parameters", 2e6, "parameter efficiency"), data=half("data", 8.9e5, "data efficiency"))
law = pf.Model(terms, pf.links.Identity(), pf.noise.StudentT(dist.HalfNormal(0.3), df=4))

# %%
runs = pf.datasets.language()
point = pf.fit(law, runs, key=jax.random.key(0), starts=16)
papers = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=60, kind="clusters")
print(point.result.value)

# %% [markdown]
# The growth rate of effective compute is that of effective size plus that of effective data. It is a function of one
# model, so that replicates give its interval, here by resampled papers.


# %%
def growth(model, date):
    """Growth of effective compute at a date, for a model of a billion parameters."""
    at = runs.record(date=date, parameters=1e9, data=1e9, benchmark="wt103", transformer="yes")
    return pf.effective_compute_growth(model, at=at)


def before(model):
    """Growth before the break."""
    return growth(model, 2015.0)


def after(model):
    """Growth after the break."""
    return growth(model, 2021.0)


def rates(model):
    """Both, by name."""
    return {"before": before(model), "after": after(model)}


table = pf.summary({"best fit": point, "by papers": papers}, of=rates)
table[["estimate", "low", "high", "data_say"]]

# %%
late = pf.plot.growth({"best fit": point, "by papers": papers}, of=after)

# %% [markdown]
# Ties make one parameter follow another: with the later rates tied to the earlier ones this is form 7 of the paper. If
# its single rate lies between the two above, and their intervals overlap, the table cannot date a change of speed.

# %%
plain = pf.tie(
    law,
    {
        "size.progress.later_rate": "size.progress.rate",
        "data.progress.later_rate": "data.progress.rate",
    },
)
form7 = pf.fit(plain, runs, key=jax.random.key(0), starts=8)
print(f"one rate {form7.map(before):.2f}; before 2018 {point.map(before):.2f}, after {point.map(after):.2f}")

# %% [markdown]
# ## What may be concluded, and what not
#
# You may compare laws that you composed with published ones on the same table, and read every analysis of the package
# off them: growth rates, attribution and forecasts ask only for a model.
#
# You may not take a law that fits for the law that is true: several forms fit these tables equally well and differ in
# their rates (`pf.compare` weighs them by how they predict). And a break at a date you chose is an assumption:
# `pf.trend_breaks` tries the others.
