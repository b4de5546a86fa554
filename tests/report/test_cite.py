"""What to cite: known by name and by form; composed laws and tables of one's own are said to be so."""

import re
from pathlib import Path
from types import SimpleNamespace

import cases
import jax
import pytest

import progressfit as pf
from progressfit.bibliography import DATASETS, HO, HOFFMANN, LAWS, SOFTWARE, STUDIES
from progressfit.catalogue import DATASETS as TABLES
from progressfit.catalogue import LAWS as ALL_LAWS
from progressfit.catalogue import STUDIES as ALL_STUDIES
from progressfit.report.cite import law_of


def test_everything_listed_has_an_entry():
    """Estimates are a table of published figures, each with its source in it, and nothing to fit."""
    assert set(LAWS) == set(ALL_LAWS) and set(STUDIES) == set(ALL_STUDIES)
    assert set(DATASETS) == set(TABLES) - {"estimates"}


def test_papers_agree_with_the_catalogue():
    for papers, about in [(LAWS, ALL_LAWS), (STUDIES, {name: text for name, (_, text) in ALL_STUDIES.items()})]:
        for name, works in papers.items():
            for number in re.findall(r"arXiv (\d{4}\.\d{5})", about[name]):
                assert works[0].where == f"arXiv {number}", name


def test_the_software_is_what_the_citation_file_says():
    text = Path("CITATION.cff").read_text(encoding="utf-8") if Path("CITATION.cff").exists() else None
    text = text or (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    assert f'title: "{SOFTWARE.title}"' in text and f"version: {SOFTWARE.where.removeprefix('Version ')}\n" in text
    assert f'name: "{SOFTWARE.authors[0]}"' in text and f"date-released: {SOFTWARE.year}-" in text
    assert SOFTWARE.where == f"Version {pf.__version__}"


@pytest.mark.parametrize("name", [name for name in LAWS if name != "linear"])
def test_laws_are_known_by_form_whatever_their_numbers(name):
    spec = cases.LAWS[name]
    assert law_of(spec) == name and law_of(cases.draw(spec, 0)) == name
    found = pf.cite(spec)
    assert found.works == (*LAWS[name], SOFTWARE) and pf.cite(getattr(pf.laws, name)).works == found.works


def test_a_composed_law_cites_the_package_only_and_says_so():
    found = pf.cite(cases.small_law())
    assert found.works == (SOFTWARE,) and "form of none" in found.notes[0]
    other = pf.Model(
        pf.terms.Sum(size=cases.LAWS["chinchilla"].mean.terms[0]), pf.links.Log(), cases.NOISES["gaussian"]
    )
    assert law_of(other) is None


def test_a_fit_cites_law_and_table(monkeypatch):
    point = pf.fit(cases.small_law(), cases.small_table(), key=jax.random.key(0), starts=2)
    assert "none of those in this package" in pf.cite(point).notes[1]
    # As if it had been fitted to an embedded table.
    point.stats["table"] = pf.datasets.language().digest()
    found = pf.cite(point)
    assert found.works == (HO, SOFTWARE) and "'language' rests on arXiv 2403.05812" in found.notes[1]


def test_studies_and_names():
    assert pf.cite(pf.studies.load("ho-2024")).works == (HO, SOFTWARE)
    assert pf.cite("chinchilla").works == (HOFFMANN, SOFTWARE)
    with pytest.raises(ValueError, match="there is no law, study or table 'x'"):
        pf.cite("x")
    with pytest.raises(ValueError, match="give a fit"):
        pf.cite(SimpleNamespace())  # pyright: ignore[reportArgumentType]


def test_text_and_bibtex():
    found = pf.cite("kaplan")
    assert found.text.splitlines()[0] == (
        "Jared Kaplan and others (2020). Scaling laws for neural language models. arXiv 2001.08361."
    )
    entries = found.bibtex.split("\n\n")
    assert [entry.partition("{")[0] for entry in entries] == ["@misc", "@software"]
    assert "Dario Amodei" in entries[0] and "eprint = {2001.08361}" in entries[0]
    assert all(entry.count("{") == entry.count("}") for entry in entries)
    assert found.text in str(found) and found.bibtex in str(found)
