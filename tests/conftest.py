"""Settings for the whole suite: the processor, double precision, nothing random, and a bounded number of programs."""

import os
from collections.abc import Iterator

import pytest

# Set before jax is imported anywhere: a test must not depend on which accelerator happens to be there.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Workers of the suite share the cores: one thread each, as the command line gives one to each of its devices.
os.environ.setdefault("NPROC", "1")
# Commands that tests run neither read nor fill the user's folder of compiled programs.
os.environ["PROGRESSFIT_CACHE"] = "off"

from progressfit import _x64 as _x64
from progressfit.compiled import release_programs


@pytest.fixture(autouse=True, scope="module")
def bounded_programs() -> Iterator[None]:
    """One process compiles thousands of programs here; those of earlier files are let go in time."""
    yield
    release_programs()
