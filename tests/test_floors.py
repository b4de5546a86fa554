"""Imports run one way, and third-party engines are pinned to files. Sources are parsed, never imported.

A module imports from lower floors only. Within a floor it may import only what ``ORDER`` lists before it; a module
that ``ORDER`` does not list comes after all listed ones of its floor and does not see others like it. Imports inside
functions count; imports under ``if TYPE_CHECKING`` do not.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "progressfit"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE

FLOORS = {
    "_x64": 0,
    "catalogue": 0,
    "printable": 0,
    "cache": 0,
    "atomic": 0,
    "bibliography": 0,
    # Starts JAX, and with it the programs that are kept.
    "startup": 1.5,
    "params": 1,
    "hyper": 1,
    "prior_range": 1.2,
    "picture": 0,
    "elementary": 0,
    "hoist": 0,
    "described": 0,
    "traced": 0.5,
    "compiled": 1,
    "links": 1,
    "features": 1,
    "frame": 1,
    "dataset": 1,
    "notation": 1,
    "terms": 2,
    "noise": 2,
    "model": 3,
    # A rate is a property of a model; results show it, so it stands below them.
    "growth": 3.5,
    "laws": 4,
    # Specs as text: of all that is composed below, and below the density.
    "spec": 4.5,
    "density": 5,
    "linked_mean": 5,
    "ready_density": 5.5,
    "infer": 6,
    "analysis": 7,
    # Between the analyses and the studies: read by studies and upward, though it reads only dataset and frame.
    "datasets": 7.5,
    # Tables as people have them: from a file to a Dataset; read by commands.
    "intake": 7.7,
    "studies": 8,
    "report": 9,
    "plot": 9,
    # Each doubt about an answer as a section of sentences, tables and pictures.
    "sensitivity": 9.25,
    # Shows how far long work is; told by the lowest verbs, knows none of them.
    "bars": 9.4,
    # Between the reports and the command line: what its commands do.
    "commands": 9.5,
    "cli": 10,
    "__main__": 11,
}
_DATASETS_READ = ("dataset", "frame", "datasets", "features", "catalogue", "_x64")

ORDER = [
    "cache",
    "_x64",
    "features",
    "frame",
    "dataset",
    "params",
    "terms.base",
    "terms.trend",
    "terms.inputs",
    "terms.effects",
    "terms",
    "noise.scale",
    "noise.base",
    "infer.watch",
    "infer.stop",
    "infer.checkpoint",
    "spec.errors",
    "spec.functions",
    "spec.registry",
    "spec.encode",
    "spec.emit",
    "spec.leaf",
    "spec.decode",
    "spec.laws",
    "spec.overrides",
    "spec.text",
    "infer.clock",
    "infer.devices",
    "infer.stretches",
    "infer.objective",
    "infer.minimise",
    "infer.points",
    "infer.curvature",
    "infer.identification",
    "infer.verdicts",
    "infer.rates",
    "infer.describe",
    "infer.show",
    "infer.as_dict",
    "infer.kinks",
    "infer.sparse",
    "infer.starts",
    "infer.least_squares",
    "infer.outcomes",
    "infer.packed",
    "infer.stored",
    "infer.save",
    "infer.result",
    "infer.prepare",
    "infer.check",
    "infer.information",
    "infer.programs",
    "infer.certificate",
    "infer.optimise",
    "infer.bootstrap",
    "infer.laplace",
    "infer.constrained",
    "infer.quantity",
    "infer.refit",
    "infer.implicit",
    "infer.profile_search",
    "infer.profile_result",
    "infer.profile",
    "infer.pointwise",
    "infer.diagnose_loo",
    "infer.diagnose",
    "infer.mixture",
    "infer.tempering",
    "infer.smc_chains",
    "infer.student_mixture",
    "infer.survey",
    "infer.nuts",
    "infer.islands",
    "infer.smc",
    "infer.chains",
    "infer.importance",
    "infer.methods",
    "infer.sample",
    "infer.tables",
    "infer.load",
    "analysis.variance",
    "analysis.limits",
    "analysis.identify",
    "analysis.roles",
    "analysis.inputs",
    "analysis.identification_result",
    "analysis.designs",
    "analysis.recovery",
    "analysis.scores",
    "analysis.stacking",
    "analysis.folds",
    "analysis.refits",
    "analysis.validation",
    "analysis.predict",
    "analysis.backtest",
    "analysis.loo",
    "analysis.comparison",
    "analysis.ranks",
    "analysis.calibration_result",
    "analysis.structure",
    "analysis.influence",
    "analysis.measurement",
    "analysis.paired",
    "analysis.allocation",
    "analysis.threshold",
    "analysis.isoflop",
    "analysis.envelope",
    "analysis.selection",
    "analysis.outlook",
    "analysis.heldout",
    "analysis.trend_shapes",
    "analysis.compare",
    "studies.base",
    "studies.besiroglu_2024.published",
    "studies.besiroglu_2024.evidence",
    "studies.besiroglu_2024.figures",
    "studies.besiroglu_2024.pictures",
    "studies.erdil_besiroglu_2022.published",
    "studies.erdil_besiroglu_2022.choices",
    "studies.erdil_besiroglu_2022.evidence",
    "studies.erdil_besiroglu_2022.figures",
    "studies.erdil_besiroglu_2022.pictures",
    "studies.erdil_besiroglu_2022.subject",
    "studies.hernandez_brown_2020.published",
    "studies.ho_2024.published",
    "studies.ho_2024.procedure",
    "studies.ho_2024.evidence",
    "studies.ho_2024.figures",
    "studies.ho_2024.forms",
    "studies.ho_2024.pictures",
    "studies.ho_2024.subject",
    "studies.hoffmann_2022.published",
    "studies.hoffmann_2022.evidence",
    "studies.hoffmann_2022.figures",
    "studies.hoffmann_2022.pictures",
    "plot.style",
    "plot.reading",
    "plot.profile",
    "report.table",
    "report.plots",
    "report.profile_plot",
    "report.comparison_plot",
    "report.calibration_picture",
    "report.plain",
    "report.spec_text",
    "report.datatree",
    "report.netcdf",
    "report.frame",
    "report.webpage.content",
    "report.webpage.words",
    "report.webpage.shell",
    "report.webpage.drawing",
    "report.webpage.case",
    "report.webpage.over_inputs",
    "report.webpage.allocation",
    "report.webpage.answer",
    "report.webpage.over_time",
    "report.webpage.rates",
    "report.webpage.shares",
    "report.webpage.components",
    "report.webpage.optima",
    "report.webpage.identification",
    "report.webpage.influence",
    "report.webpage.forecast",
    "report.webpage.parameters",
    "report.webpage.card",
    "report.webpage.report",
    "report.export",
    "report.prior_picture",
    "report.cite",
    "report.facts",
    "report.fit_answer",
    "sensitivity.base",
    "sensitivity.drawing",
    "sensitivity.measurement_words",
    "sensitivity.measurement_pictures",
    "sensitivity.page",
    "intake.csv_text",
    "intake.decode",
    "intake.read",
    "intake.numbers",
    "intake.dates",
    "intake.recognise",
    "intake.units",
    "intake.uncertainty",
    "intake.findings",
    "intake.judge",
    "intake.cells",
    "intake.screen",
    "intake.assemble",
    "commands.requests",
    "commands.options",
    "commands.table",
    "commands.specify",
    "commands.derive",
    "commands.fit",
    "commands.check",
]

# Engine -> where it may be imported (pattern of module names) and whether only inside functions.
ENGINES = {
    "numpyro.infer": (r"infer\.(nuts|chains)", False),
    "numpyro.distributions": (
        r"params|prior_range|hyper|compiled|notation|noise(\..*)?|laws\..*|terms\.base|infer\.prepare|"
        r"analysis\.(complementarity|identification|irreducible|limits|measurement|transfer|transfer_exponent|trend_shapes)|studies\.\w+\.choices",
        False,
    ),
    "numpyro": (r"density", True),
    "blackjax": (r"infer\.tempering", False),
    "optimistix": (r"infer\.optimise|analysis\.(threshold|compute_growth)", False),
    "optax": (r"infer\.optimise", False),
    "pandas": (
        r"frame|datasets(\..*)?|report(\..*)?|sensitivity\.page|commands\.table|intake\.(csv_text|read|cells|judge|screen|assemble)",
        False,
    ),
    "pandera": (r"intake\.judge", True),
    "pyarrow": (r"intake\.read", True),
    # The published procedure of one study, which is compared with ours, and a p-value.
    "scipy": (r"studies\.(ho_2024\.procedure|besiroglu_2024\.evidence)", True),
    "arviz": (r"report\.datatree", True),
    "arviz_stats": (r"infer\.(diagnose|importance)|analysis\.(loo|priors)", True),
    "xarray": (r"report\.(datatree|netcdf)|infer\.stored", True),
    "matplotlib": (r"report(\..*)?|plot\..*|sensitivity\.page", True),
    "altair": (r"report\.webpage\..*", True),
    "vl_convert": (r"report\.webpage\.shell", True),
    "rich": (r"bars", True),
    "seaborn": (r"report(\..*)?", True),
}
FREE = {"jax", "numpy", "equinox", "jaxtyping"}
# Names the package itself holds without loading anything.
EAGER = {"__version__"}


class Import(NamedTuple):
    """One imported module, its line, and whether it stands inside a function."""

    target: str
    line: int
    lazy: bool


def sources(root: Path = ROOT) -> dict[str, str]:
    """Source by module name below the package; a package's own ``__init__`` goes by the name of the package."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(module: str, source: str, known: frozenset[str], is_package: bool) -> Iterator[Import]:
    """Everything a module imports at run time; ``from a import b`` is ``a.b`` where that is a module."""

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node, is_package)
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                inside = deeper.removeprefix(f"{PACKAGE}.") in known or base in ("numpyro", PACKAGE)
                yield Import(deeper if inside else base, node.lineno, lazy)
        for child in node.orelse if _is_type_checking(node) else ast.iter_child_nodes(node):
            yield from walk(child, lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    yield from walk(ast.parse(source), False)


def _absolute(module: str, node: ast.ImportFrom, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = [PACKAGE, *module.split(".")] if module else [PACKAGE]
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def floor(module: str) -> float | None:
    return FLOORS.get(module.split(".")[0])


def may_import(module: str, target: str) -> bool:
    """Whether the rules above let ``module`` import ``target``, both below the package."""
    here, there = floor(module), floor(target)
    if module.split(".")[0] == "datasets":
        return target.split(".")[0] in _DATASETS_READ
    if here is None or there is None or here != there:
        return here is not None and there is not None and there < here
    if target.startswith(f"{module}.") or module == "":
        return True  # a package's __init__ gathers its own modules
    if target not in ORDER or _other_study(module, target):
        return False
    return module not in ORDER or ORDER.index(target) < ORDER.index(module)


def _other_study(module: str, target: str) -> bool:
    """A study shares nothing with another but what ``studies.base`` holds."""
    study = target.split(".")[:2]
    return study[0] == "studies" and study != ["studies", "base"] and module.split(".")[:2] != study


def violations(modules: dict[str, str]) -> list[str]:
    """Every broken rule in a set of sources, one sentence each."""
    known, found = frozenset(modules), []
    packages = {name.rpartition(".")[0] for name in modules} | {""}
    for module, source in modules.items():
        if module and floor(module) is None:
            found.append(f"{module}: has no floor")
            continue
        for item in imports(module, source, known, module in packages):
            problem = _problem(module, item)
            if problem:
                found.append(f"{module}:{item.line}: {problem}")
    return list(dict.fromkeys(found))


def _problem(module: str, item: Import) -> str | None:
    top, _, below = item.target.partition(".")
    if top == PACKAGE:
        if below in EAGER:
            return None
        if floor(below) is None:
            return f"imports '{below or PACKAGE}' from the package itself, not from the module it lives in"
        return None if may_import(module, below) else f"may not import {below}"
    if top in sys.stdlib_module_names or top in FREE:
        return None
    return _engine_problem(module, item)


def _engine_problem(module: str, item: Import) -> str | None:
    for engine, (where, lazily) in ENGINES.items():
        if item.target == engine or item.target.startswith(f"{engine}."):
            if not re.fullmatch(where, module):
                return f"may not import {item.target}: it is pinned to {where}"
            return f"may import {item.target} only inside a function" if lazily and not item.lazy else None
    return f"imports {item.target}, which is pinned to no file"


def test_imports_run_one_way():
    assert violations(sources()) == []


def test_every_module_was_looked_at():
    names = set(sources())
    assert {"", "_x64", "params", "terms", "terms.base", "infer.optimise", "analysis.gain", "laws.linear"} <= names
    looked_at = [item for name in names for item in imports(name, sources()[name], frozenset(names), False)]
    assert len(looked_at) > 100


def test_order_has_no_gaps():
    """Every listed module exists, or is one the design announces; renamed files may not leave dead entries."""
    announced = {"infer.sample"}
    assert set(ORDER) - set(sources()) <= announced
    assert len(ORDER) == len(set(ORDER))


PLANTED = {
    "upward": ("params", "from progressfit.model import Model"),
    "upward by submodule": ("terms.base", "from progressfit import density"),
    "upward in a function": ("model", "def f():\n    from progressfit.infer.optimise import fit"),
    "upward, relative": ("terms.base", "from ..model import Model"),
    "upward within a floor": ("features", "from progressfit.dataset import Record"),
    "upward within infer": ("infer.minimise", "import progressfit.infer.programs"),
    "upward within infer in a function": ("infer.describe", "def f():\n    from progressfit.infer.result import Fit"),
    "sideways between laws": ("laws.linear", "from progressfit.laws.erdil_besiroglu import erdil_besiroglu"),
    "sideways between studies": (
        "studies.another",
        "from progressfit.studies.erdil_besiroglu_2022.published import SHARES",
    ),
    "datasets from below the studies": ("analysis.predict", "from progressfit.datasets import imagenet"),
    "datasets reading a law": ("datasets.imagenet", "from progressfit.laws import linear"),
    "public name of the package": ("studies.base", "from progressfit import fit"),
    "the package as a whole": ("cli", "import progressfit as pf"),
    "no floor": ("helpers", "import jax"),
    "samplers": ("infer.optimise", "from numpyro.infer import MCMC"),
    "samplers through the package": ("density", "def f():\n    from numpyro import infer"),
    "numpyro at module level": ("density", "import numpyro"),
    "distributions": ("model", "import numpyro.distributions as dist"),
    "distributions by name": ("links", "from numpyro import distributions"),
    "optimisers": ("infer.minimise", "import optimistix"),
    "data frames": ("dataset", "import pandas as pd"),
    "data frames in a function": ("cli", "def f():\n    import pandas"),
    "plots at module level": ("report.plots", "import matplotlib.pyplot as plt"),
    "plots elsewhere": ("studies.base", "def f():\n    from matplotlib import pyplot"),
    "arviz": ("report.table", "import arviz"),
    "an engine nobody pinned": ("infer.optimise", "import sympy"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_planted_violations_are_found(what):
    module, source = PLANTED[what]
    modules = dict.fromkeys(sources(), "") | {module: source}
    assert len(violations(modules)) == 1


ALLOWED = {
    "downward": ("model", "from progressfit.params import leaves\nfrom progressfit.terms.base import as_term"),
    "type checking": ("dataset", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas as pd"),
    "listed before": ("infer.laplace", "from progressfit.infer.bootstrap import nearest_optimum"),
    "relative": ("terms.power", "from .base import Leaf\nfrom ..params import wrapper_field"),
    "catalogue": ("cli", "from progressfit import __version__\nfrom progressfit.catalogue import LAWS"),
    "plots in a function": ("report.plots", "def f():\n    import matplotlib.pyplot as plt"),
    "view": ("density", "def f():\n    import numpyro"),
    "priors": ("laws.linear", "import numpyro.distributions as dist"),
    "tables": ("datasets.imagenet", "import pandas as pd\nfrom progressfit.dataset import Dataset"),
    "studies": ("studies.one", "from progressfit.datasets import imagenet\nfrom progressfit.studies.base import Study"),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_what_the_design_allows_passes(what):
    module, source = ALLOWED[what]
    assert violations(dict.fromkeys(sources(), "") | {module: source}) == []


def test_a_branch_other_than_type_checking_counts():
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nelse:\n    import sympy"
    assert violations({"model": source}) == ["model:5: imports sympy, which is pinned to no file"]
