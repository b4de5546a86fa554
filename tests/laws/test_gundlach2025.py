"""Laws by architecture: letters as printed, and gains in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import progressfit as pf
from progressfit.dataset import Dataset, Labels, Record
from progressfit.laws.gundlach2025 import PUBLISHED, gundlach2025
from progressfit.noise import Gaussian
from progressfit.params import bind, dimension, sample_prior
from progressfit.terms.effects import GroupEffect

ARCHITECTURES = tuple(PUBLISHED)
COMPUTE = np.array([1e15, 1e19, 1e23])


def record(name):
    codes = {"architecture": np.full(len(COMPUTE), ARCHITECTURES.index(name))}
    return Record({"compute": COMPUTE}, codes, {}, (("architecture", ARCHITECTURES),))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_printed_letters(name):
    spec = gundlach2025(letters=PUBLISHED, irreducible=1.9, noise=Gaussian(0.1))
    assert dimension(spec) == 0
    coefficient, exponent = PUBLISHED[name]
    np.testing.assert_allclose(spec.predict(record(name)), 1.9 + coefficient * COMPUTE**-exponent, rtol=1e-12)


def test_the_reference_only_moves_the_coefficient():
    moved = {name: (a * 1e18**-b, b) for name, (a, b) in PUBLISHED.items()}
    first, second = (
        gundlach2025(letters=letters, reference=reference, noise=Gaussian(0.1)).predict(record("lstm"))
        for letters, reference in ((PUBLISHED, 1.0), (moved, 1e18))
    )
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_a_fit_recovers_its_letters():
    rng = np.random.default_rng(0)
    names = ARCHITECTURES[:2]
    codes = np.repeat(np.arange(2), 30)
    compute = np.exp(rng.uniform(np.log(1e15), np.log(1e21), 60))
    letters = np.array([PUBLISHED[name] for name in names])
    loss = letters[codes, 0] * compute ** -letters[codes, 1] * np.exp(rng.normal(0, 0.02, 60))
    levels = (("architecture", names),)
    records = Record({"compute": compute}, {"architecture": codes}, {}, levels)
    data = Dataset(records, loss, np.arange(60), Labels(levels=levels))
    found = pf.fit(gundlach2025(names, reference=1e18), data, key=jax.random.key(0), starts=4)
    assert found.converged
    for k, name in enumerate(names):
        path = next(p for p in found.parameters if p.endswith(f"{name}.exponent"))
        assert abs(found.parameters[path] - letters[k, 1]) < 4 * found.stderr()[path]


def test_benchmarks_multiply_the_reducible_loss():
    spec = gundlach2025(letters=PUBLISHED, benchmark="benchmark", noise=Gaussian(0.1))
    found = jax.tree.leaves(spec, is_leaf=lambda node: isinstance(node, GroupEffect))
    (effect,) = (node for node in found if isinstance(node, GroupEffect))
    assert (effect.group, effect.coding) == ("benchmark", "sum")


def test_an_architecture_without_letters_is_refused():
    with pytest.raises(ValueError, match="no letters for the architecture 'mamba'"):
        gundlach2025(("lstm", "mamba"), letters=PUBLISHED)


def test_priors_give_losses_of_a_few_nats():
    spec = gundlach2025(("lstm",), noise=Gaussian(0.1))
    keys = jax.random.split(jax.random.key(0), 200)
    at = Record(
        {"compute": jnp.asarray([1e18])}, {"architecture": np.zeros(1, int)}, {}, (("architecture", ("lstm",)),)
    )
    drawn = jax.vmap(lambda key: bind(spec, sample_prior(spec, key)).predict(at)[0])(keys)
    assert 1.0 < float(np.median(np.asarray(drawn))) < 25.0
