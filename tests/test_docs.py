"""The documentation: its code runs, its gallery is what commands print, and every public name is on one page."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import progressfit as pf
from progressfit.catalogue import STUDIES
from progressfit.report.export import study_dict
from progressfit.studies import load
from progressfit.studies.base import Wanted

DOCS = Path(__file__).parents[1] / "docs"
CHEAPEST = "hernandez-brown-2020"


def module(name, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def run(page):
    names = {}
    for k, block in enumerate(blocks(page)):
        exec(compile(block, f"{page}[{k}]", "exec"), names)
    return names


def test_the_worked_law_runs_and_finds_the_truth(capsys):
    names = run("add-a-law.md")
    said = capsys.readouterr().out
    assert names["point"].converged and "Converged" in said
    rate = float(names["point"].map(pf.growth_rate))
    # By differentiation and from the parameter: the same number to rounding.
    (path,) = [one for one in names["point"].parameters if one.endswith("rate")]
    assert rate == pytest.approx(float(names["point"].parameters[path]), rel=1e-10)
    # Five standard errors: a false alarm of one in a million, at a fixed seed.
    assert abs(rate - 0.8) < 5 * float(names["point"].stderr()[path])


def test_no_other_page_has_code_that_nobody_runs():
    assert {path.name for path in DOCS.glob("*.md") if blocks(path.name)} == {"add-a-law.md"}


def test_the_gallery_holds_what_the_command_finds(monkeypatch):
    measure = module("measure", monkeypatch)
    found = measure.slim(study_dict(load(CHEAPEST).run(Wanted(), lambda text: None)))
    kept = json.loads((measure.MEASURED / f"{CHEAPEST}.json").read_text(encoding="utf-8"))
    assert found["answer"] == kept["answer"] and found["n"] == kept["n"]
    for now, then in zip(found["quantities"], kept["quantities"], strict=True):
        assert (now["name"], now["published"], now["agrees"]) == (then["name"], then["published"], then["agrees"])
        # Optima are certified to 1e-6 of their own standard errors; other machines round otherwise.
        np.testing.assert_allclose(now["value"], then["value"], rtol=1e-6)


def test_every_study_is_in_the_gallery_with_all_its_published_figures(monkeypatch):
    hooks = module("hooks", monkeypatch)
    page = hooks.gallery()
    assert re.findall(r"^## (\S+)$", page, re.MULTILINE) == list(STUDIES)
    for name in STUDIES:
        kept = json.loads((DOCS / "measured" / f"{name}.json").read_text(encoding="utf-8"))
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        judged = [one for one in kept["quantities"] if one["published"] is not None]
        assert section.count("| `") == len(judged) > 0
        agree = sum(one["agrees"] is True for one in judged)
        assert f"**{agree} of {len(judged)} published figures are reproduced.**" in section


def test_every_public_name_is_on_one_page(monkeypatch):
    pages = module("hooks", monkeypatch).reference()
    listed = [name for names in pages.values() for name in names]
    assert len(listed) == len(set(listed))
    ends = {name.rpartition(".")[2] for name in listed}
    assert set(pf._HOMES) | set(pf.plot.__all__) | {"Logit", "Gaussian", "Sum", "chinchilla", "imagenet"} <= ends


def test_names_in_the_pages_are_public():
    for page in DOCS.glob("*.md"):
        for name in re.findall(r"\bpf\.(\w+)", page.read_text(encoding="utf-8")):
            assert hasattr(pf, name), (page.name, name)


def test_files_the_pages_name_exist():
    for page in DOCS.glob("*.md"):
        for name in re.findall(r"`((?:benchmarks|notebooks)/[\w./]+)`", page.read_text(encoding="utf-8")):
            assert (DOCS.parent / name).exists(), (page.name, name)
