# %% [markdown]
# # Your own table
#
# You have a CSV file, one row for each trained model, with columns like those of Epoch AI's downloads. This notebook
# writes a small one of that kind, reads it, mends it, and fits a law. The table is simulated, so the truth is known:
# effective compute grows by a factor of 3 each year.

# %%
import tempfile
from pathlib import Path

import jax
import numpy as np
import numpyro.distributions as dist
import pandas as pd

import progressfit as pf
from progressfit.terms import EffectiveInput, ExponentialProgress, LogSlope, Product, Sum

TRUE_RATE = np.log(3.0)

# %%
draw = np.random.default_rng(8)
year = np.sort(draw.uniform(2012, 2024, 80))
compute = 10 ** (draw.uniform(17.5, 20, 80) + 0.2 * (year - 2012))
images = 10 ** draw.uniform(6, 9, 80)
logit = -0.3 + 0.12 * (np.log(compute / 1e18) + TRUE_RATE * (year - 2012)) + 0.06 * np.log(images / 1e6)
accuracy = 1 / (1 + np.exp(-(logit + draw.normal(0, 0.15, 80))))
frame = pd.DataFrame(
    {
        "Model": [f"model {i}" for i in range(80)],
        "Publication date": [f"{int(y)}-{1 + int(12 * (y % 1)):02d}-15" for y in year],
        "Training compute (FLOP)": compute,
        "Training dataset size (datapoints)": images,
        "Accuracy (%)": 100 * accuracy,
        "Organization": [f"lab {i}" for i in draw.integers(0, 20, 80)],
    }
)
frame.loc[[3, 41], "Training compute (FLOP)"] = [0.0, np.nan]
folder = Path(tempfile.mkdtemp())
frame.to_csv(folder / "models.csv", index=False)

# %% [markdown]
# ## Reading
#
# Say which column plays which part: what is predicted, what goes in, when, and which rows belong together. Whatever is
# wrong is named with its column and rows; nothing is dropped without your knowledge.

# %%
raw = pd.read_csv(folder / "models.csv")
parts = {
    "response": "accuracy",
    "inputs": {"compute": "Training compute (FLOP)", "data": "Training dataset size (datapoints)"},
    "date": "Publication date",
    "cluster": "Organization",
    "label": "Model",
}
raw["accuracy"] = raw["Accuracy (%)"] / 100
try:
    pf.Dataset.from_frame(raw, **parts)
except pf.TableError as error:
    complaint = str(error)
print(complaint)

# %% [markdown]
# Compute that is absent or zero cannot be repaired from here, so drop these rows, and say so wherever the result goes.

# %%
usable = raw[raw["Training compute (FLOP)"] > 0]
runs = pf.Dataset.from_frame(usable, **parts)
print(f"{len(runs)} of {len(raw)} rows are used; dropped: {', '.join(raw['Model'].drop(usable.index))}")

# %% [markdown]
# ## A law for it
#
# Progress multiplies compute. The link says on which scale the noise is additive: for accuracies the logit.

# %%
slope = dist.HalfNormal(0.3)
progress = ExponentialProgress(dist.Normal(0.7, 1.0), origin=2012.0, channel="algorithms", augments="compute")
index = Sum(
    level=dist.Normal(0.0, 1.0),
    compute=Product(slope=slope, effective=EffectiveInput("compute", progress, reference=1e18)),
    data=LogSlope("data", slope, reference=1e6),
)
law = pf.Model(pf.terms.Logistic(index), pf.links.Logit(), pf.noise.Gaussian(dist.HalfNormal(0.5)))
for line in pf.check(law, runs):
    print(line)

# %%
point = pf.fit(law, runs, key=jax.random.key(0), starts=16)
print(point)

# %%
over_time = pf.plot.fit(point, runs, label="accuracy (fraction)")

# %% [markdown]
# ## How fast, and how sure?
#
# Models of one organisation are not independent, so resample organisations.

# %%
labs = pf.bootstrap(point, runs, key=jax.random.key(1), replicates=200, kind="clusters")
table = pf.summary({"best fit": point, "by organisation": labs}, of=pf.growth_rate)
table[["estimate", "low", "high", "doubling"]]

# %%
rates = pf.plot.growth({"best fit": point, "by organisation": labs}, magnitudes=True)
rates.axvline(TRUE_RATE / np.log(10), color="black", linestyle=":")

# %% [markdown]
# ## What may be concluded, and what not
#
# You may say how fast effective compute grew, with the interval by organisation, how many rows went in, and which were
# left out. On this simulated table you can also see that the interval holds the truth (dotted).
#
# On a real table you cannot see that. One table in twenty escapes a 95% interval even when everything is right, and a
# law that is wrong, a table that lists only successes, or compute counted in two ways will move the answer without
# widening the interval. Go through `sensitivity.ipynb` with your own table before you publish a number.
