"""Laws of language models with published numbers in them, so that analyses of them need no fit."""

from collections.abc import Sequence

import jax.numpy as jnp

import progressfit as pf
from progressfit import params
from progressfit.laws.chinchilla import LETTERS as CHINCHILLA
from progressfit.laws.kaplan import LETTERS as KAPLAN

TABLE = pf.datasets.language()
WT103 = {"benchmark": "wt103", "transformer": "no"}
# ac, ac_ptb, ac_wt2, a_year, a_param, bc, bc_ptb, bc_wt2, b_year, b_data at the published penalised optimum.
MODEL_7 = (
    *(0.912701, 0.000379, 0.055412, 0.003938, 0.067982),
    *(0.771409, 0.176415, 0.095418, 0.035620, 0.039587),
)
# The same letters in the law with a transformer multiplier, whose gamma comes first.
WITH_TRANSFORMERS = (
    2.971978,
    *(0.506028, 0.029609, 0.00001, -0.035037, 0.079008),
    *(1.102722, 0.107080, 0.111550, 0.055229, 0.028882),
)


def bound(spec: pf.Model, values: Sequence[float]) -> pf.Model:
    """The law with numbers in the order of its coordinates; all its parameters are on the whole line."""
    ready = pf.prepare(spec, TABLE)
    assert params.dimension(ready) == len(values)
    return params.bind(ready, params.constrain(ready, jnp.asarray(values))[0])


def chinchilla() -> pf.Model:
    """Hoffmann et al. 2022, rounded as Ho et al. use it."""
    values = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    return params.bind(pf.laws.chinchilla(), {CHINCHILLA[name]: value for name, value in values.items()})


def kaplan() -> pf.Model:
    """Kaplan et al. 2020, equation 1.5."""
    values = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
    return params.bind(pf.laws.kaplan(), {KAPLAN[k]: v for k, v in values.items()} | {"noise.log_scale": 0.0})
