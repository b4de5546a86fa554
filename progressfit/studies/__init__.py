"""Studies: data, a law, settings, and the published figures that they must reproduce."""

import importlib

from progressfit.catalogue import STUDIES
from progressfit.studies.base import Study, StudyResult

__all__ = ["Study", "StudyResult", "load"]


def load(name: str) -> Study:
    """Find a study by name, for example "erdil-besiroglu-2022".

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those there are.
    """
    if name not in STUDIES:
        raise ValueError(f"there is no study '{name}'; there are: {', '.join(STUDIES)}")
    return importlib.import_module(STUDIES[name][0]).STUDY
