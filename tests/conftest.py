"""Settings for the whole suite: the processor, double precision, nothing random, and a bounded number of programs."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

# Set before jax is imported anywhere: a test must not depend on which accelerator happens to be there.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Workers of the suite share the cores: one thread each, as the command line gives one to each of its devices.
os.environ.setdefault("NPROC", "1")
# Workers and the processes that tests start share compiled programs through one folder, which goes with the suite: the
# first process makes it, and the others inherit its name.
if "PROGRESSFIT_TEST_PROGRAMS" not in os.environ:
    os.environ["PROGRESSFIT_TEST_PROGRAMS"] = tempfile.mkdtemp(prefix="progressfit-tests-")
    atexit.register(shutil.rmtree, os.environ["PROGRESSFIT_TEST_PROGRAMS"], ignore_errors=True)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.environ["PROGRESSFIT_TEST_PROGRAMS"])
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
# Commands that tests run neither read nor fill the user's folder of compiled programs.
os.environ["PROGRESSFIT_CACHE"] = "off"
# Nor do they read the package's source anew, each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from progressfit import _x64 as _x64
from progressfit.compiled import release_programs

# Tracing leaves heaps of small objects, and looking through them every few hundred costs a twentieth of the suite.
gc.freeze()
gc.set_threshold(200_000, 50, 100)


@pytest.fixture(autouse=True, scope="module")
def bounded_programs() -> Iterator[None]:
    """One process compiles thousands of programs here; those of earlier files are let go in time."""
    yield
    release_programs()
