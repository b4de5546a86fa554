"""Programs are let go before their mapped regions run out."""

import jax.numpy as jnp
import pytest

from progressfit import compiled


@pytest.fixture
def program():
    found = compiled.compiled()(lambda x: 2 * x)
    found(jnp.ones(3))
    return found


def test_programs_are_kept_while_few(monkeypatch, program):
    monkeypatch.setattr(compiled, "MANY_MAPPED_REGIONS", compiled.mapped_regions() + 1000)
    assert not compiled.release_programs()
    assert program._cache_size() == 1


def test_programs_are_let_go_when_many(monkeypatch, program):
    assert compiled.mapped_regions() > 1
    monkeypatch.setattr(compiled, "MANY_MAPPED_REGIONS", 1)
    assert compiled.release_programs()
    assert program._cache_size() == 0
    assert float(program(jnp.ones(3))[0]) == 2.0
