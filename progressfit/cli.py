"""The command line: ``progressfit reproduce``, ``sensitivity``, ``fit``, ``check`` and ``list``."""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from progressfit import __version__
from progressfit.catalogue import DATASETS, LAWS, SECTIONS, STUDIES
from progressfit.commands.options import BadInput, add_fit_options, read_check_options, read_fit_options, require_known
from progressfit.printable import printable

DONE, NOT_CERTIFIED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_PARTIAL = ".partial"
_FIT_EXAMPLE = (
    "Example: progressfit fit runs.csv --law chinchilla --response loss --input parameters=size --input data=tokens "
    "--noise huber:1e-3 --mle --bootstrap 200. Exit status: 0 done and certified; 1 done, not certified; 2 bad input."
)

_CHECK_STATUS = (
    "Takes the options of fit, none of them required; without --law, columns are recognised by their names alone. "
    "Exit status: 0 every row can be used and nothing is doubted; 1 the table can be used, but cells are doubted, or "
    "rows left out as --lenient allows; 2 bad input: fit would refuse this table."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    0 done and certified; 1 done, but not certified (the reason on standard error); 2 bad input; 130 interrupted.
    """
    arguments = _parser().parse_args(argv)
    arguments.said = shlex.join(["progressfit", *(sys.argv[1:] if argv is None else argv)])
    try:
        return arguments.command(arguments)
    except KeyboardInterrupt:
        _say(f"progressfit: interrupted; {_how_to_resume(getattr(arguments, 'out', None))}")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has had enough (``| head``); nothing more can be printed, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _how_to_resume(out: Path | list[str] | None) -> str:
    # Options of ``fit`` come as lists, so that a second value can be refused.
    folder = Path(out[-1]) if isinstance(out, list) and out else out
    if not isinstance(folder, Path):
        return "nothing is kept without --out DIR; with it, finished parts are, and the same command goes on from them"
    return f"finished parts are in '{folder / _PARTIAL}': the same command goes on from them"


@contextmanager
def _long_work(out: Path | None) -> Iterator[None]:
    """Shows how far the work in the block is, and keeps finished parts in the folder until all of it is done."""
    from progressfit.bars import progress_bars
    from progressfit.infer.checkpoint import keep_partial
    from progressfit.infer.stop import stoppable

    folder = None if out is None else out / _PARTIAL
    with progress_bars(), stoppable(), keep_partial(folder):
        yield
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="progressfit",
        description="Measure progress in machine learning: fit a law to a table of trained models, with a certificate.",
        epilog="Exit status: 0 done and certified; 1 done, not certified; 2 bad input.",
    )
    parser.add_argument("--version", action="version", version=f"progressfit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    reproduce = commands.add_parser("reproduce", help="run a published study again and compare every figure")
    reproduce.add_argument("study", metavar="STUDY", help="name of a study; 'progressfit list' shows them")
    reproduce.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    reproduce.add_argument(
        "--out", type=Path, metavar="DIR", help="write report.html, tables and pictures to this folder"
    )
    reproduce.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of all random keys (default 0)")
    reproduce.add_argument("--quick", action="store_true", help="a tenth of the bootstrap replicates")
    reproduce.add_argument("--sample", action="store_true", help="draw from the posterior too, and add its columns")
    reproduce.add_argument("--table", metavar="NAME", help="make one of the study's long tables instead, such as loo")
    reproduce.set_defaults(command=_reproduce)

    fit = commands.add_parser("fit", help="fit a law to a table of your own", epilog=_FIT_EXAMPLE, allow_abbrev=False)
    add_fit_options(fit)
    fit.set_defaults(command=_fit)

    check = commands.add_parser(
        "check", help="what is wrong with a table, row by row", epilog=_CHECK_STATUS, allow_abbrev=False
    )
    add_fit_options(check)
    check.set_defaults(command=_check)

    doubts = commands.add_parser("sensitivity", help="what drives the answer of a study, and what its data cannot say")
    doubts.add_argument("study", metavar="STUDY", help="name of a study; 'progressfit list' shows them")
    doubts.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help=f"one section, repeatable: {', '.join(SECTIONS)}",
    )
    doubts.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    doubts.add_argument("--out", type=Path, metavar="DIR", help="write the page, tables and pictures to this folder")
    doubts.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of all random keys (default 0)")
    doubts.add_argument("--quick", action="store_true", help="a tenth of the replicates")
    doubts.set_defaults(command=_sensitivity)

    listing = commands.add_parser("list", help="show studies, laws and data sets")
    listing.set_defaults(command=_list)
    return parser


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to 2^63 - 1")
    return seed


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _list(arguments: argparse.Namespace) -> int:
    del arguments
    sections = {
        "Studies": {name: about for name, (_, about) in STUDIES.items()},
        "Laws": LAWS,
        "Data sets": DATASETS,
    }
    width = max(len(name) for section in sections.values() for name in section)
    for title, section in sections.items():
        print(title)
        for name, about in section.items():
            print(f"  {name:{width}}  {about}")
    return DONE


def _reproduce(arguments: argparse.Namespace) -> int:
    if arguments.study not in STUDIES:
        _say(f"progressfit: there is no study '{arguments.study}'; there are: {', '.join(STUDIES)}")
        return BAD_INPUT
    if arguments.out is not None and not _usable(arguments.out):
        return BAD_INPUT
    # Imported here, so that --help and list stay fast.
    from progressfit.startup import start_jax

    start_jax(_say)
    from progressfit.report.export import answer_text, study_json, write_folder
    from progressfit.studies import load
    from progressfit.studies.base import Wanted

    study = load(arguments.study)
    if arguments.sample and not study.samples:
        _say(f"progressfit: the study '{study.name}' has no posterior (it states no priors); leave out --sample")
        return BAD_INPUT
    if arguments.table is not None and arguments.table not in study.tables:
        have = "; ".join(f"{name}: {about}" for name, about in study.tables.items()) or "none"
        _say(f"progressfit: the study '{study.name}' has no table '{arguments.table}' (it has {have})")
        return BAD_INPUT
    with _long_work(arguments.out):
        result = study.run(Wanted(arguments.seed, arguments.quick, arguments.sample, arguments.table), _say)
    print(study_json(result) if arguments.json else answer_text(result))
    facts = {"Command": arguments.said, "Seed": str(arguments.seed)}
    if arguments.out is not None and not _written(lambda folder: write_folder(result, folder, facts), arguments.out):
        return BAD_INPUT
    return _status(result.doubt)


def _sensitivity(arguments: argparse.Namespace) -> int:
    try:
        require_known("study", arguments.study, STUDIES)
        for name in arguments.only:
            require_known("section", name, SECTIONS)
    except BadInput as error:
        return _refuse(error)
    if arguments.out is not None and not _usable(arguments.out):
        return BAD_INPUT
    # Imported here, so that --help and list stay fast.
    from progressfit.startup import start_jax

    start_jax(_say)
    from progressfit.commands.doubt import DoubtRequest, doubt

    request = DoubtRequest(
        arguments.study, tuple(arguments.only), arguments.seed, arguments.quick, arguments.json, arguments.out
    )
    try:
        with _long_work(request.out):
            text, reason = doubt(request, _say)
    except BadInput as error:
        return _refuse(error)
    except OSError as error:
        _say(f"progressfit: cannot write to '{arguments.out}': {error.strerror}")
        return BAD_INPUT
    print(text)
    return _status(reason)


def _written(write: Callable[[Path], list[Path]], folder: Path) -> bool:
    try:
        written = write(folder)
    except OSError as error:
        _say(f"progressfit: cannot write to '{folder}': {error.strerror}; the answer above is complete")
        return False
    _say(f"wrote {len(written)} files to {folder}")
    return True


def _status(reason: str | None) -> int:
    if reason is None:
        return DONE
    _say(f"progressfit: not certified: {reason.removeprefix('Not certified: ')}")
    return NOT_CERTIFIED


def _fit(arguments: argparse.Namespace) -> int:
    try:
        request = read_fit_options(arguments)
    except BadInput as error:
        return _refuse(error)
    # Imported here, so that --help stays fast; options are read before.
    from progressfit.startup import start_jax

    start_jax(_say)
    from progressfit.commands.fit import Interrupted, prepare_fit, run_fit
    from progressfit.frame import TableError
    from progressfit.report.fit_answer import fit_json, fit_text, write_fit

    try:
        job = prepare_fit(request, lambda text: _say(printable(text)))
    except (BadInput, TableError) as error:
        return _refuse(error)
    if request.out is not None and not _usable(request.out):
        return BAD_INPUT
    try:
        with _long_work(request.out):
            answer = run_fit(job, _say)
    except Interrupted as stopped:
        if request.out is not None:
            write_fit(stopped.answer, request.out)
        raise
    print(fit_json(answer) if request.json else printable(fit_text(answer)))
    if request.out is not None and not _written(lambda folder: write_fit(answer, folder), request.out):
        return BAD_INPUT
    return _status(answer.reason)


def _check(arguments: argparse.Namespace) -> int:
    try:
        request = read_check_options(arguments)
    except BadInput as error:
        return _refuse(error)
    # Imported here, so that --help stays fast.
    from progressfit.commands.check import check
    from progressfit.frame import TableError

    try:
        text, status = check(request)
    except (BadInput, TableError) as error:
        return _refuse(error)
    print(text if request.json else printable(text))
    return status


def _refuse(error: ValueError) -> int:
    _say(printable(f"progressfit: {error}"))
    return BAD_INPUT


def _usable(folder: Path) -> bool:
    """Make the output folder before the work is done, so that a bad path costs nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _say(f"progressfit: cannot write to '{folder}': {error.strerror}; give another folder with --out")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
