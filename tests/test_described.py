"""Structures in words: the same in every process, different wherever the program may differ, or refused."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import cases
import jax
import numpy as np
import numpyro.distributions as dist
import pytest

from progressfit import laws, noise
from progressfit.compiled import ordered
from progressfit.described import UnspokenError, described, described_tree, from_plain, to_plain
from progressfit.infer.minimise import Minimum
from progressfit.infer.programs import Starts
from progressfit.terms import Function, LogSlope, PowerLaw

TESTS = Path(__file__).resolve().parent
ALL = """
import cases
import jax
from progressfit.compiled import ordered
from progressfit.described import UnspokenError, described_tree

for name, spec in cases.MODELS.items():
    try:
        print(name, described_tree(jax.tree.structure(ordered(spec))))
    except UnspokenError as error:
        print(name, "refused", error)
"""


def words(tree) -> str:
    return described_tree(jax.tree.structure(ordered(tree)))


def test_words_are_the_same_in_every_process():
    """Whatever the order of Python's sets of names."""
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    found = [
        subprocess.run(
            [sys.executable, "-c", ALL],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "01"
    ]
    assert found[0] == found[1]
    # The suite's own functions are in no package; all that the package itself can say is said.
    refused = [line.split()[0] for line in found[0].splitlines() if " refused " in line]
    assert refused == ["constrained"]


DIFFERENT = {
    "law": (laws.chinchilla(), laws.kaplan()),
    "noise": (laws.chinchilla(), laws.chinchilla(noise.Gaussian(0.1))),
    "fixed instead of free": (
        laws.chinchilla(noise.Gaussian(0.1)),
        laws.chinchilla(noise.Gaussian(dist.HalfNormal(1.0))),
    ),
    "family": (
        laws.chinchilla(noise.Gaussian(dist.HalfCauchy(1.0))),
        laws.chinchilla(noise.Gaussian(dist.HalfNormal(1.0))),
    ),
    "input": (
        PowerLaw(1.0, 1.0, LogSlope("a", 1.0, reference=1.0)),
        PowerLaw(1.0, 1.0, LogSlope("b", 1.0, reference=1.0)),
    ),
    "shape": (dist.Normal(0.0, 1.0).expand([2]), dist.Normal(0.0, 1.0).expand([3])),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_other_structures_have_other_words(what):
    one, other = DIFFERENT[what]
    assert words(one) != words(other)


def test_other_numbers_have_the_same_words():
    assert words(laws.chinchilla(noise.Gaussian(0.1))) == words(laws.chinchilla(noise.Gaussian(0.2)))


class Own:
    def method(self):
        return 1


STATED = [None, True, 3, 2.5, "text", (1, [2, None], {"a": 3}), np.arange(4.0), np.dtype(float), dist.Normal, described]


@pytest.mark.parametrize("value", STATED, ids=lambda value: type(value).__name__)
def test_what_is_plain_or_of_a_package_is_said(value):
    assert described(value) == described(value)
    assert len({described(one) for one in STATED}) == len(STATED)


REFUSED = {
    "lambda": lambda x: x,
    "own function": words,
    "own class": Own,
    "own object": Own(),
    "own method": Own().method,
    "partial of an own function": functools.partial(words, 1),
    "objects": np.array([Own()]),
    "device array": jax.numpy.zeros(2),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_may_be_anything_is_refused(what):
    with pytest.raises(UnspokenError):
        described(REFUSED[what])


def test_a_users_function_is_refused():
    with pytest.raises(UnspokenError, match="bend"):
        words(Function(cases.bend, channels=("habits",), strength=dist.HalfNormal(1.0)))


def test_a_name_that_leads_elsewhere_is_refused():
    def disguised(x):
        return x

    disguised.__module__, disguised.__qualname__ = "progressfit.described", "described"
    with pytest.raises(UnspokenError):
        described(disguised)


def test_a_result_keeps_its_structure():
    tree = Starts(Minimum(*range(10)), 1, {"a": (2, [3]), "b": None})
    structure = jax.tree.structure(tree)
    assert jax.tree.structure(from_plain(to_plain(structure))) == structure
    with pytest.raises(UnspokenError):
        to_plain(jax.tree.structure(laws.chinchilla(noise.Gaussian(0.1))))
    with pytest.raises(ValueError, match="no type of progressfit"):
        from_plain({"named": ["os", "system"], "of": [0]})
