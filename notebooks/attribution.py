# %% [markdown]
# # Attribution: who did the work?
#
# Between AlexNet (2012) and ViT-e (2022) accuracy on ImageNet rose from 63% to 91%. Compute grew, data grew, and so did
# the efficiency of using each. How much did each contribute? Shapley values are one answer with few rules: the parts
# add up, and equals are treated as equals.

# %%
import functools

import jax

import progressfit as pf

runs = pf.datasets.imagenet()
point = pf.fit(pf.laws.erdil_besiroglu(), runs, key=jax.random.key(0), starts=64)
rows = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=200)

# %% [markdown]
# ## Why order matters
#
# Change compute first and then the algorithms, or the other way round: the gain of each step differs, because the curve
# flattens as accuracy rises. A share that depends on the order is no answer, so Shapley values average over all orders.

# %%
alexnet = pf.Record.of(date=2012.94, data=1.28e6, compute=4.7e17)
vit_e = pf.Record.of(date=2022.34, data=3.3e9, compute=1.07e23)
more_compute, later = alexnet.replace(compute=vit_e["compute"]), vit_e.replace(compute=alexnet["compute"])
accuracy = {
    name: float(pf.predict(point.model, record))
    for name, record in {"AlexNet": alexnet, "its compute": more_compute, "all else": later, "ViT-e": vit_e}.items()
}
first, last = accuracy["its compute"] - accuracy["AlexNet"], accuracy["ViT-e"] - accuracy["all else"]
print(f"compute gains {first:.3f} of accuracy if it comes first, and {last:.3f} if it comes last")

# %% [markdown]
# ## Shares with intervals
#
# An attribution is a function of one model, so replicates give its interval like that of any other number.


# %%
def parts(model):
    """Shapley attribution of the change in accuracy."""
    return pf.shapley(model, alexnet, vit_e)


shares = pf.summary({"best fit": point, "by rows": rows}, of=lambda model: parts(model).shares)
shares[["estimate", "low", "high"]].round(2)

# %%
bars = pf.plot.shapley({"best fit": point, "by rows": rows}, parts, label="share of the change in accuracy")

# %% [markdown]
# Two players that always move together can be one: join them. On another scale of performance the shares differ, too:
# on the logit scale a gain near the top counts for more.

# %%
teams = {"algorithms": ("compute efficiency", "data efficiency"), "compute": ("compute",), "data": ("data",)}
joined = functools.partial(pf.shapley, start=alexnet, end=vit_e, players=teams)
on_logit = functools.partial(joined, of=jax.scipy.special.logit)
for name, fn in {"accuracy": joined, "logit of accuracy": on_logit}.items():
    print(name, {player: round(float(share), 2) for player, share in fn(point.model).shares.items()})

# %% [markdown]
# The same gain in units of compute: by which factor would compute have had to grow to do what the algorithms did?

# %%
gain = functools.partial(pf.compute_equivalent_gain, start=alexnet, end=vit_e, of=jax.scipy.special.logit)
print(f"progress in compute efficiency was worth a factor {float(point.map(gain)):.0f} of compute")

# %% [markdown]
# ## What may be concluded, and what not
#
# You may say: under this law algorithms and compute each account for two fifths of the gain between these two models,
# data for the rest, and the data hardly tell the first two apart (their intervals overlap widely).
#
# You may not say that a share would have been reached without the others: they multiply. Nor carry the shares to
# another pair of models, another scale or another law without computing them again. And an attribution explains the
# fitted law, not the world: what the law leaves out is credited to what it contains.
