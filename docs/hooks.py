"""Pages that mkdocs makes while it builds: the gallery from measured figures, the reference from the public names."""

import html
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.structure.files import File, Files

import progressfit
from progressfit.catalogue import STUDIES

_HERE = Path(__file__).parent
# Folder of a name's home -> title of its page, from the table to the picture.
_PAGES = {
    "dataset": "Tables",
    "frame": "Tables",
    "model": "Laws",
    "params": "Laws",
    "density": "Laws",
    "ready_density": "Laws",
    "cache": "Fitting",
    "infer": "Fitting",
    "bars": "Fitting",
    "growth": "Analyses",
    "analysis": "Analyses",
    "report": "Reports and pictures",
}
_NAMESPACES = {
    "Tables": ("datasets",),
    "Laws": ("terms", "links", "noise", "laws", "spec"),
    "Reports and pictures": ("plot", "report"),
}
_ABOUT = "The public names, as their docstrings have them. `import progressfit as pf` gives all of them as `pf.NAME`."


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    files.append(File.generated(config, "gallery.md", content=gallery()))
    for title, names in reference().items():
        files.append(File.generated(config, f"api/{slug(title)}.md", content=_reference_page(title, names)))
    return files


def slug(title: str) -> str:
    """File name of a page."""
    return title.lower().replace(" ", "-")


def reference() -> dict[str, list[str]]:
    """Title of each reference page -> full names on it, every public name exactly once."""
    found: dict[str, list[str]] = {title: [] for title in dict.fromkeys(_PAGES.values())}
    for name, home in progressfit._HOMES.items():
        found[_PAGES[home.split(".")[0]]].append(f"progressfit.{home}.{name}")
    for title, namespaces in _NAMESPACES.items():
        for namespace in namespaces:
            found[title] += _members(getattr(progressfit, namespace))
    # A name that two namespaces show stands once.
    return {title: list(dict.fromkeys(names)) for title, names in found.items()}


def _members(namespace: ModuleType) -> list[str]:
    """Full names of what a namespace shows, each where it is defined."""
    names = getattr(namespace, "__all__", [name for name in vars(namespace) if not name.startswith("_")])
    shown = {name: getattr(getattr(namespace, name), "__module__", "") for name in names}
    return [f"{home}.{name}" for name, home in shown.items() if home.startswith(namespace.__name__)]


def _reference_page(title: str, names: list[str]) -> str:
    return "\n\n".join([f"# {title}", _ABOUT, *(f"::: {name}" for name in names)])


def gallery() -> str:
    """Every study: its answer, and published against reproduced."""
    pages = [_study(json.loads((_HERE / "measured" / f"{name}.json").read_text(encoding="utf-8"))) for name in STUDIES]
    return "\n\n".join(
        [
            "# Gallery of studies",
            "Every number on this page was printed by `progressfit reproduce STUDY --json` and kept by "
            "`python docs/measure.py`; a test repeats the cheapest study and compares. A published figure that is not "
            "reached stands here with the reason. Figures that nobody published are left to the command itself.",
            *pages,
        ]
    )


def _study(found: dict[str, Any]) -> str:
    judged = [figure for figure in found["quantities"] if figure["published"] is not None]
    agree = sum(figure["agrees"] is True for figure in judged)
    open_ones = [figure for figure in judged if figure["agrees"] is not True and figure["why"]]
    rows = ["| figure | published | reproduced | interval | agrees |", "|---|---|---|---|---|", *map(_row, judged)]
    parts = [
        f"## {found['study']}",
        _text(STUDIES[found["study"]][1]) + f". {found['n']} rows.",
        *map(_text, found["answer"]),
        f"**{agree} of {len(judged)} published figures are reproduced.**",
        _text(" ".join(found["certificate"]["text"])),
        *(f"* `{figure['name']}`: {_text(figure['why'])}" for figure in open_ones),
        f'??? note "All {len(judged)} published figures"',
        "\n".join(f"    {row}" for row in rows),
        f"`progressfit reproduce {found['study']}`",
    ]
    return "\n\n".join(parts)


def _row(figure: dict[str, Any]) -> str:
    interval = figure["interval"]
    span = f"[{interval[0]:.4g}, {interval[1]:.4g}] {figure['level']:.0%} {figure['kind']}" if interval else ""
    value = "-" if figure["value"] is None else f"{figure['value']:.6g}"
    agrees = {True: "yes", False: "no", None: "-"}[figure["agrees"]]
    unit = f" ({figure['unit']})" if figure["unit"] else ""
    cells = (f"`{figure['name']}`{_text(unit)}", f"{figure['published']:.6g}", value, _text(span), agrees)
    return "| " + " | ".join(cells) + " |"


def _text(value: str) -> str:
    """Text in which nothing is markup."""
    return (
        html.escape(value, quote=False)
        .replace("|", "&#124;")
        .replace("*", "&#42;")
        .replace("_", "&#95;")
        .replace("[", "&#91;")
    )
