"""Reproduce every study in full and keep its figures for the gallery: ``python docs/measure.py [STUDY ...]``.

Four minutes for all of them on two cores. The gallery shows what these files hold and nothing else; a test repeats the
cheapest study and compares.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from progressfit.catalogue import STUDIES

MEASURED = Path(__file__).parent / "measured"
_KEPT = ("name", "published", "published_interval", "value", "interval", "level", "kind", "unit", "agrees", "why")


def measure(study: str) -> dict[str, Any]:
    """What the command line says of a study, without times."""
    command = [sys.executable, "-c", "from progressfit.cli import main; main()", "reproduce", study, "--json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return slim(json.loads(said))


def slim(found: dict[str, Any]) -> dict[str, Any]:
    """The parts that the gallery shows."""
    figures = [{key: figure[key] for key in _KEPT} for figure in found["quantities"]]
    certificate = {key: found["certificate"][key] for key in ("certified", "text")}
    about = {key: found[key] for key in ("study", "n", "answer", "versions")}
    return {**about, "certificate": certificate, "quantities": figures}


def main(names: list[str]) -> None:
    """Measure some studies, or all."""
    for study in names or STUDIES:
        path = MEASURED / f"{study}.json"
        path.write_text(json.dumps(measure(study), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
