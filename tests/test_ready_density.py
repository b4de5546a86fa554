"""The log density made ready for one table, against the plain one, for every kind of law and noise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import progressfit as pf
from progressfit import ready_density
from progressfit.infer.prepare import prepare
from progressfit.params import dimension

TESTS = Path(__file__).resolve().parent
DATA = cases.table()
WEIGHTS = np.append(np.linspace(0.4, 1.6, cases.ROWS - 2), [0.0, 0.0])
# Laws whose parameters differ in kind, and noises fixed, free, by row, with kinks and with known errors.
NAMES = ["chinchilla", "groups", "constrained", "noise_gaussian_by_row", "noise_laplace", "noise_known_error"]
SPREAD = """
import jax
jax.config.update("jax_num_cpu_devices", 3)
import cases, numpy as np, progressfit as pf
from progressfit import ready_density
ready_density.LARGE, ready_density.BLOCK = 12, 2
spec, data, z = pf.prepare(cases.small_law(), cases.small_table()), cases.small_table(), np.array([0.3, 1.1])
density = pf.LogDensity(spec, data)
assert len(density.known[0].sharding.device_set) == 3
found, plain = density(z), jax.value_and_grad(lambda v: pf.log_density(spec, v, data))(z)
inside = jax.jit(lambda own, v: own(v))(density, z)
for one in (found, inside):
    np.testing.assert_allclose(one[0], plain[0], rtol=1e-13)
    np.testing.assert_allclose(one[1], plain[1], rtol=1e-13)
"""


def agree(found, expected):
    size = np.max(np.abs(expected[1])) + abs(float(expected[0]))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-11)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-10, atol=1e-12 * size)


@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_those_of_the_density(name, monkeypatch):
    monkeypatch.setattr(ready_density, "BLOCK", 4)  # three blocks, the last one in part
    spec = prepare(cases.MODELS[name], DATA)
    z = 0.3 * jax.random.normal(jax.random.key(5), (dimension(spec),))
    expected = jax.jit(jax.value_and_grad(lambda v: pf.log_density(spec, v, DATA, WEIGHTS, prior_weight=0.5)))(z)
    agree(pf.LogDensity(spec, DATA, WEIGHTS, prior_weight=0.5)(z), expected)


@pytest.mark.parametrize("block", [5, 12])
def test_blocks_do_not_move_the_answer(block, monkeypatch):
    monkeypatch.setattr(ready_density, "BLOCK", block)
    spec, data, z = prepare(cases.small_law(), cases.small_table()), cases.small_table(), jnp.asarray([0.3, 1.1])
    density = pf.LogDensity(spec, data, prior_weight=0.0)
    expected = jax.value_and_grad(lambda v: pf.log_density(spec, v, data, prior_weight=0.0))(z)
    agree(density(z), expected)
    agree(jax.jit(lambda own, v: own(v))(density, z), expected)
    hessian = jax.hessian(lambda v: pf.log_density(spec, v, data, prior_weight=0.0))(z)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(lambda v: density(v)[1]))(z), hessian, rtol=1e-10)


def test_what_the_table_decides_is_not_computed_again():
    spec, data = prepare(pf.laws.chinchilla(), pf.datasets.chinchilla()), pf.datasets.chinchilla()
    density = pf.LogDensity(spec, data, prior_weight=0.0)
    text = str(jax.make_jaxpr(lambda own, v: own(v))(density, jnp.zeros(5)))
    # Three exponentials and the logarithm of their sum; none of the columns, none of the response.
    found = re.findall(r"custom_jvp_call\[\s*name=(\w+)", text)
    assert sorted(found) == ["exp_below_one"] * 3 + ["log"]
    assert " log f64[1024]" not in text and " log f64[240]" not in text


def test_a_column_of_one_number_is_kept_as_a_number():
    spec, data = prepare(pf.laws.chinchilla(pf.noise.Gaussian(0.1)), pf.datasets.chinchilla()), pf.datasets.chinchilla()
    density, weights = pf.LogDensity(spec, data), np.linspace(0.5, 1.5, len(data))
    # Logarithms of size, data and loss are read; standard deviation and weights are not.
    assert sum(one.shape == (1, len(data)) for one in density.known) == 3
    weighted = pf.LogDensity(spec, data, weights)
    assert sum(one.shape == (1, len(data)) for one in weighted.known) == 4
    z = jnp.asarray([6.0, 7.6, 0.6, 0.3, 0.4])
    agree(density(z), jax.value_and_grad(lambda v: pf.log_density(spec, v, data))(z))
    agree(weighted(z), jax.value_and_grad(lambda v: pf.log_density(spec, v, data, weights))(z))


def test_rows_of_weight_zero_may_be_impossible():
    data = DATA.with_response(np.append(np.asarray(DATA.response)[:-2], [np.nan, -3.0]))
    spec = prepare(cases.MODELS["link_logit"], DATA)
    z = jnp.zeros(dimension(spec))
    agree(pf.LogDensity(spec, data, WEIGHTS)(z), pf.LogDensity(spec, DATA, WEIGHTS)(z))
    with pytest.raises(ValueError, match="every row has weight 0; at least one must be positive"):
        pf.LogDensity(spec, DATA, np.zeros(cases.ROWS))
    for wrong in (np.ones(3), np.full(cases.ROWS, np.nan), -np.ones(cases.ROWS)):
        with pytest.raises(ValueError, match=f"weights must be {cases.ROWS} finite, non-negative numbers"):
            pf.LogDensity(spec, DATA, wrong)


def test_large_tables_are_spread_over_devices():
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    environment = os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", SPREAD], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
