"""``progressfit sensitivity``: a study in, a page of doubts out."""

from pathlib import Path
from typing import NamedTuple

import jax

from progressfit.catalogue import STUDIES
from progressfit.commands.options import BadInput
from progressfit.infer.clock import Clock
from progressfit.sensitivity import ask, page_text, run_section, sections, write_page
from progressfit.sensitivity.page import page_json
from progressfit.studies import load
from progressfit.studies.base import Say


class DoubtRequest(NamedTuple):
    """What was asked for on the command line."""

    study: str
    only: tuple[str, ...]
    seed: int
    quick: bool
    json: bool
    out: Path | None


def doubt(request: DoubtRequest, say: Say) -> tuple[str, str | None]:
    """Run the sections and write their files as they are done.

    Returns
    -------
    What to print, and why the answer is not certified (``None`` if it is).

    Raises
    ------
    BadInput
        If the study has no answer to doubt.
    OSError
        If the folder cannot be written to.
    """
    clock = Clock()
    study = load(request.study)
    if study.subject is None:
        doubted = [name for name in STUDIES if load(name).subject is not None]
        raise BadInput(f"the study '{study.name}' has no growth rate to doubt; those that have: {', '.join(doubted)}")
    question = ask(study.subject(), key=jax.random.key(request.seed), quick=request.quick, say=say)
    outcomes = []
    for name in sections(request.only):
        say(f"section: {name}")
        outcomes.append(run_section(name, question, request.out))
        if request.out is not None:
            write_page(question, outcomes, request.out)
    doubts = [
        f"{found.name}: {found.doubt.removeprefix('Not certified: ')}" for found in outcomes if found.doubt is not None
    ]
    reason = None if question.point.converged else question.point.result.value
    seconds = sum(clock.seconds().values())
    text = page_json(question, outcomes, seconds) if request.json else page_text(question, outcomes)
    return text.rstrip("\n"), reason or ("; ".join(doubts) or None)
