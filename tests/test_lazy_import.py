"""Importing the package is cheap: what is numeric loads on first use. Checked in fresh processes."""

import inspect
import json
import subprocess
import sys

import pytest

import progressfit as pf

HEAVY = ("jax", "jaxlib", "numpy", "numpyro", "equinox", "optimistix", "pandas", "scipy", "matplotlib")


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded by a fresh interpreter that ran ``code``."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "code",
    [
        "import progressfit",
        "import progressfit; dir(progressfit); progressfit.__version__",
        "import progressfit.catalogue",
        "import progressfit.cli",
    ],
)
def test_nothing_numeric_is_loaded(code):
    assert modules_after(code).isdisjoint(HEAVY)


def test_the_first_numeric_name_loads_jax():
    """Otherwise the check above could not fail."""
    assert {"jax", "numpyro", "equinox"} <= modules_after("import progressfit; progressfit.Model")


def test_pictures_and_samplers_load_later_still():
    loaded = modules_after("import progressfit; progressfit.fit, progressfit.report, progressfit.studies")
    assert loaded.isdisjoint({"matplotlib", "arviz", "blackjax"})


@pytest.mark.parametrize("name", pf.__all__)
def test_every_public_name_resolves_and_is_listed(name):
    value = getattr(pf, name)
    assert name in dir(pf)
    if name not in pf._NAMESPACES:
        assert value.__name__ == name
        assert value.__module__ == f"progressfit.{pf._HOMES[name]}", "the name leads to where it is defined"
        assert value.__doc__, "public names are documented"


def test_type_checkers_see_the_same_names():
    """The lazy table and the imports under TYPE_CHECKING are two lists of one thing."""
    source = inspect.getsource(pf)
    block = source.split("if TYPE_CHECKING:")[1].split("__all__")[0]
    seen = {line.split(" as ")[-1].strip() for line in block.splitlines() if " import " in line}
    assert seen == set(pf.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        getattr(pf, "fitt")  # noqa: B009
