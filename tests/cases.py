"""The registry: one case or more for every term, link, noise and law, and small tables that suit them.

Specs have proper priors, so that every law of the suite can draw parameters from them. Adding a class to the package
without adding a case here fails ``test_model.py::test_registry_is_complete``.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from progressfit import laws
from progressfit.dataset import Dataset, Labels, Record
from progressfit.infer.prepare import prepare
from progressfit.links import AbstractLink, Identity, Log, Logit, Probit
from progressfit.model import Model
from progressfit.noise import (
    AbstractNoise,
    Asymmetric,
    Gaussian,
    Huber,
    Laplace,
    LogScale,
    Scale,
    StudentT,
    WithKnownError,
)
from progressfit.params import bind, free_leaves, sample_prior, tie
from progressfit.terms import (
    CES,
    AbstractTerm,
    ByGroup,
    Constant,
    EffectiveInput,
    Exp,
    ExponentialProgress,
    Function,
    GroupEffect,
    LogarithmicProgress,
    LogEffectiveEpochs,
    Logistic,
    LogSlope,
    LogSumExp,
    PiecewiseProgress,
    PositiveConstant,
    Power,
    PowerLaw,
    PowerSum,
    Product,
    RandomWalkProgress,
    SaturatingProgress,
    Slope,
    Sum,
    TransferredInput,
)

EPS = float(np.finfo(np.float64).eps)
# Two ways to compute one number, some tens of operations each: rounding only, with room for mild cancellation.
ROUNDING = 4096 * EPS
# False-alarm rate of every statistical check. Seeds are fixed, so a check that passes once passes always.
FALSE_ALARM = 1e-6

ROWS = 9
LABS = ("anna", "berta", "clara")
BENCHMARKS = ("ptb", "wt103", "wt2")


def records(n: int = ROWS, seed: int = 12) -> Record:
    """Inputs over several decades, dates over ten years, one covariate and one group, from a fixed seed."""
    rng = np.random.default_rng(seed)
    columns = {
        "compute": 10 ** rng.uniform(17, 21, n),
        "data": 10 ** rng.uniform(5, 8, n),
        "width": rng.uniform(-1, 1, n),
        "date": rng.uniform(2012, 2022, n),
        "parameters": 10 ** rng.uniform(6, 10, n),
        # A known standard error of each row; every third row is exact.
        "error": 0.1 * (np.arange(n) % 3),
    }
    return Record(columns, {"lab": np.arange(n) % 3, "benchmark": np.arange(n) // 2 % 3}, {})


def table(n: int = ROWS, seed: int = 12) -> Dataset:
    """Records with responses between 0 and 1, which lie in the domain of every link."""
    response = np.random.default_rng(seed + 1).uniform(0.2, 0.95, n)
    labels = Labels("accuracy", tuple(f"net{i}" for i in range(n)), (("lab", LABS), ("benchmark", BENCHMARKS)))
    return Dataset(records(n, seed), response, np.arange(n) // 2, labels)


def bend(record: Record, strength: Any) -> jax.Array:
    """A user's own function of a record, which reads a date through a named channel."""
    return jnp.tanh(strength * record["width"]) + 0.01 * (record.date("habits") - 2015.0)


def mixed(record: Record, shares: Any) -> jax.Array:
    """A function with a vector parameter."""
    return shares @ jnp.stack([record["width"], record["width"] ** 2, jnp.ones(())])


def normal(sd: float = 0.5) -> dist.Distribution:
    return dist.Normal(0.0, sd)


def progress(**kwargs: Any) -> ExponentialProgress:
    return ExponentialProgress(normal(0.1), origin=2012.0, channel="compute efficiency", **kwargs)


def scaling() -> LogSlope:
    return LogSlope("compute", normal(0.1), reference=1e18)


def power_law() -> PowerLaw:
    return PowerLaw(dist.LogNormal(0.0, 0.3), dist.HalfNormal(0.1), scaling())


PRIORS: dict[str, dist.Distribution] = {
    "normal": dist.Normal(0.3, 0.7),
    "normal_vector": dist.Normal(0.3, 0.7).expand([3]),
    "half_normal": dist.HalfNormal(0.8),
    "log_normal": dist.LogNormal(0.2, 0.6),
    "gamma": dist.Gamma(3.0, 2.0),
    "beta": dist.Beta(2.0, 3.0),
    "uniform": dist.Uniform(-1.0, 2.5),
    "uniform_vector": dist.Uniform(-1.0, 2.5).expand([2]),
    "truncated_normal": dist.TruncatedNormal(0.1, 0.5, low=-0.2, high=1.3),
    "half_line": dist.TruncatedNormal(0.1, 0.5, low=-0.2),
    "student_t": dist.StudentT(4.0, 0.5, 0.4),
    "cauchy": dist.Cauchy(0.0, 0.4),
    "laplace": dist.Laplace(0.0, 0.4),
    "dirichlet": dist.Dirichlet(np.array([2.0, 3.0, 4.0])),
    "multivariate": dist.MultivariateNormal(np.zeros(2), np.array([[1.0, 0.3], [0.3, 0.5]])),
}

TERMS: dict[str, AbstractTerm] = {
    "constant": Constant(normal()),
    "slope": Slope("width", normal(), reference=0.2),
    "log_slope": scaling(),
    "effective_input": EffectiveInput("compute", progress(augments="compute"), reference=1e18),
    "progress": progress(),
    "power_law": power_law(),
    "positive_constant": PositiveConstant(dist.LogNormal(0.0, 0.3)),
    "positive_sum": Sum(floor=PositiveConstant(dist.LogNormal(0.0, 0.3)), compute=power_law()),
    "power": Power(normal(), Sum(floor=PositiveConstant(dist.LogNormal(0.0, 0.3)), compute=power_law())),
    "power_sum": PowerSum(power=dist.LogNormal(-1.0, 0.5), floor=PositiveConstant(0.7), compute=power_law()),
    "exp": Exp(Sum(const=normal(), slope=Slope("width", normal(), reference=0.0))),
    "logistic": Logistic(Sum(const=normal(), scaling=scaling())),
    "log_sum_exp": LogSumExp(floor=normal(), compute=scaling(), data=LogSlope("data", normal(0.1), reference=1e6)),
    "sum": Sum(offset=normal(), progress=progress(), scaling=scaling()),
    "product": Product(height=dist.LogNormal(0.0, 0.2), shape=Logistic(Sum(const=normal(), scaling=scaling()))),
    "group_effect": GroupEffect("lab", normal().expand([len(LABS)]), scale=dist.HalfNormal(0.5)),
    "ces": CES(
        dist.Normal(0.0, 0.5),
        date=LogSlope("data", 0.3, reference=1e9),
        size=LogSlope("parameters", 0.2, reference=1e8),
    ),
    "group_sum": GroupEffect("lab", normal().expand([len(LABS) - 1]), coding="sum", levels=LABS),
    "group_reference": GroupEffect(
        "lab", normal().expand([len(LABS) - 1]), coding="reference", reference="berta", levels=LABS
    ),
    "by_group": ByGroup("lab", levels=LABS, anna=power_law(), berta=Logistic(scaling()), clara=PositiveConstant(1.0)),
    "negative": -scaling(),
    "drift": LogarithmicProgress(normal(), channel="compute efficiency"),
    "break": PiecewiseProgress(
        normal(), normal(), dist.Normal(2016.0, 1.0), width=0.5, origin=2012.0, channel="habits"
    ),
    "saturating": SaturatingProgress(normal(0.1), dist.LogNormal(1.5, 0.5), origin=2012.0, channel="habits"),
    "random_walk": RandomWalkProgress(
        normal(0.1), dist.HalfNormal(0.3), normal().expand([6]), first_year=2014, origin=2012.0, channel="habits"
    ),
    "transfer": TransferredInput(
        "data",
        normal(0.1),
        dist.Normal(1.0, 0.3),
        GroupEffect(
            "lab",
            normal().expand([len(LABS) - 1]),
            scale=dist.HalfNormal(0.3),
            coding="reference",
            reference="berta",
            levels=LABS,
        ),
        anchor=1e5,
        reference=1e6,
    ),
    "epochs": LogEffectiveEpochs("data", saturation=dist.LogNormal(1.0, 0.3), reference=1e6),
    "function": Function(bend, channels=("habits",), strength=dist.HalfNormal(1.0)),
    "function_vector": Function(mixed, shares=dist.Dirichlet(np.ones(3))),
    "log_scale": LogScale(normal()),
    "scale": Scale(dist.LogNormal(-1.0, 0.5)),
    "with_known_error": WithKnownError(dist.LogNormal(-1.0, 0.5), error="error"),
}

LINKS: dict[str, AbstractLink] = {"identity": Identity(), "log": Log(), "logit": Logit(), "probit": Probit()}

NOISES: dict[str, AbstractNoise] = {
    "gaussian": Gaussian(LogScale(normal())),
    "gaussian_scale": Gaussian(dist.LogNormal(-1.0, 0.5)),
    "gaussian_by_row": Gaussian(Exp(Sum(const=normal(), slope=Slope("width", normal(), reference=0.0)))),
    "student_t": StudentT(LogScale(normal()), df=dist.Gamma(8.0, 2.0)),
    "laplace": Laplace(LogScale(normal())),
    "huber": Huber(LogScale(normal()), delta=dist.LogNormal(0.0, 0.3)),
    "asymmetric": Asymmetric(LogScale(normal()), ratio=dist.LogNormal(0.5, 0.3)),
    "known_error": StudentT(WithKnownError(dist.LogNormal(-1.0, 0.5), error="error"), df=5.0),
}

LAWS: dict[str, Model] = {
    "chinchilla": laws.chinchilla(),
    "erdil_besiroglu": laws.erdil_besiroglu(),
    "gundlach2025": prepare(laws.gundlach2025(LABS, group="lab", benchmark="benchmark", reference=1e18), table()),
    "hernandez_brown": laws.hernandez_brown(2018.0, reference=1.0),
    "ho2024": prepare(laws.ho2024(7, prior=normal(0.1), noise=Gaussian(LogScale(normal()))), table()),
    "kaplan": laws.kaplan(),
    "linear": laws.linear({"compute": 1e18, "data": 1e6}, origin=2012.0, sd=0.3),
    "retests": prepare(laws.retests(group="lab", reference="berta", sd=0.3), table()),
}


def mean() -> AbstractTerm:
    """A mean between 0 and 1, which every link accepts."""
    return Logistic(Sum(const=normal(), progress=progress(), scaling=scaling()))


def _tied() -> Model:
    spec = Model(Product(a=Logistic(Sum(const=normal(), up=scaling())), b=mean()), Logit(), NOISES["gaussian"])
    return tie(spec, {"b.scaling.slope": "a.up.slope"})


SPECIAL: dict[str, Model] = {
    "ceiling": laws.erdil_besiroglu(ceiling=0.98),
    "groups": Model(Logistic(Sum(lab=TERMS["group_effect"], up=scaling())), Logit(), NOISES["gaussian"]),
    "tied": _tied(),
    "power_laws": Model(
        Sum(floor=dist.Beta(2.0, 9.0), compute=TERMS["power_law"]), Log(), Huber(LogScale(normal()), delta=0.5)
    ),
    "constrained": Model(
        Logistic(
            Sum(
                level=dist.Uniform(-1.0, 2.0),
                slope=Slope("width", dist.TruncatedNormal(0.3, 0.5, low=0.0, high=1.0), reference=0.0),
                shares=TERMS["function_vector"],
            )
        ),
        Identity(),
        Gaussian(dist.HalfNormal(0.5)),
    ),
}

MODELS: dict[str, Model] = {
    **LAWS,
    **SPECIAL,
    **{f"noise_{name}": Model(mean(), Logit(), noise) for name, noise in NOISES.items() if name != "gaussian"},
    **{f"link_{name}": Model(mean(), link, NOISES["gaussian"]) for name, link in LINKS.items()},
}
"""Every law and noise and link as a whole model, all of which can be fitted to :func:`table`."""


# Enough starts and replicates for even chunks of seven, for a chunk and a rest, and for one chunk of all.
STARTS, REPLICATES = 14, 8


def small_law(location: Any = 0.0, sd: Any = 1.0, noise: Any = 0.2, reference: Any = 0.0) -> Model:
    """A law that is not linear, but has two parameters only: verbs compile fast, and once for all modules of tests."""
    index = Sum(level=dist.Normal(location, sd), gain=Slope("width", dist.Normal(0.0, sd), reference=reference))
    return Model(Logistic(index), Identity(), Gaussian(noise))


def small_table(seed: int = 82, labels: Labels | None = None) -> Dataset:
    """Twelve rows in six clusters that suit :func:`small_law`."""
    rng = np.random.default_rng(seed)
    width = rng.uniform(-2, 2, 12)
    response = 1 / (1 + np.exp(-(0.3 + 1.2 * width))) + rng.normal(0, 0.1, 12)
    return Dataset(Record({"width": width}, {}, {}), response, np.arange(12) // 2, labels or Labels())


def draw(spec: Any, seed: int) -> Any:
    """The spec with a prior draw in place of every prior."""
    return bind(spec, sample_prior(spec, jax.random.key(seed)))


def stacked_sites(spec: Any, z: jax.Array) -> dict[str, jax.Array]:
    """Slices of the unconstrained vector by path, in the shapes numpyro's own machinery wants."""
    shapes = {
        leaf.path: dist.biject_to(leaf.prior.support).inverse_shape(leaf.prior.shape()) for leaf in free_leaves(spec)
    }
    return {leaf.path: z[leaf.start : leaf.start + leaf.size].reshape(shapes[leaf.path]) for leaf in free_leaves(spec)}
