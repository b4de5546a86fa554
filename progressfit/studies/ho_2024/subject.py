"""What the sensitivity analyses are given: model 7 with the scale of its noise free, and the published table."""

from progressfit.datasets import language
from progressfit.studies.base import Subject
from progressfit.studies.ho_2024 import published
from progressfit.studies.ho_2024.evidence import growth, posterior_spec

NAME = "ho-2024"
_STARTS = 64


def subject() -> Subject:
    """The core form, with Laplace priors as strong as the published penalty, to be doubted."""
    return Subject(
        name=NAME,
        title=published.CITATION,
        spec=posterior_spec(),
        data=language(),
        of=growth,
        quantity="growth rate of effective compute in language models",
        input="parameters",
        comparable="training compute at fixed performance",
        starts=_STARTS,
    )
