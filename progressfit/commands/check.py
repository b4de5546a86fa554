"""``progressfit check``: all that is wrong with a table, row by row, before anything is fitted."""

import json
from typing import Any, Final

from progressfit.commands.options import BadInput, CheckRequest, FitRequest
from progressfit.commands.table import Reads, Taken, dataset, read_table, report, select, take_in
from progressfit.frame import TableError
from progressfit.intake.csv_text import LINE
from progressfit.intake.recognise import recognise

CLEAN, DOUBTED, REFUSED = 0, 1, 2
_ALL: Final = 10**9


def check(request: CheckRequest) -> tuple[str, int]:
    """What was found, as text or as one JSON object, and the exit status.

    Returns
    -------
    The text; 0 if every row can be used and nothing is doubted, 1 if the table can be used but cells are doubted or
    rows left out, 2 if ``progressfit fit`` would refuse the table.

    Raises
    ------
    BadInput, TableError
        If the table cannot be read, or has not the columns that were asked for.
    """
    table = request.table
    frame = select(read_table(table.table), table.where)
    taken = take_in(frame, _reads(request, frame), table)
    why = _refusal(request, taken)
    found = taken.screened.findings
    doubted = bool(found.errors or found.doubts) or not taken.screened.numbers
    status = REFUSED if why is not None else DOUBTED if doubted else CLEAN
    return (_json(taken, why) if request.json else _text(taken, why)), status


def _reads(request: CheckRequest, frame: Any) -> Reads:
    if request.law is not None:
        from progressfit.commands.specify import law_reads

        return law_reads(_whole(request))
    known = recognise(str(name) for name in frame.columns if name != LINE)
    inputs = dict.fromkeys([*request.table.inputs, *known.inputs])
    # A column that was given another part is not recognised.
    given = {request.table.response, request.table.weights, request.table.cluster, *request.table.inputs.values()}
    kept = [name for name in inputs if name in request.table.inputs or known.inputs[name] not in given]
    dated = request.table.date is not None or (known.date is not None and known.date not in given)
    return Reads(tuple(kept), dated, tuple(request.table.groups))


def _whole(request: CheckRequest) -> FitRequest:
    """The fit that was asked for; without a response what the law reads is known all the same."""
    if request.fit is not None:
        return request.fit
    table = request.table
    nothing: dict[str, Any] = dict.fromkeys(("noise", "link", "out"))
    numbers: dict[str, Any] = {"starts": 1, "bootstrap": 0, "max_steps": 1, "level": 0.95, "compute": 1.0, "seed": 0}
    flags: dict[str, Any] = {"mle": False, "sample": False, "json": request.json}
    return FitRequest(
        table=table.table,
        law=table.law,
        response="",
        inputs=table.inputs,
        date=table.date,
        groups=table.groups,
        cluster=table.cluster,
        fix={},
        prior={},
        where=table.where,
        weights=table.weights,
        **nothing,
        **numbers,
        **flags,
    )


def _refusal(request: CheckRequest, taken: Taken) -> str | None:
    """Why ``fit`` would refuse the table, if it would."""
    found = taken.screened.findings
    refusal = found.refusal(_ALL)
    if refusal is not None and (found.column_errors or not request.table.lenient):
        return refusal
    if request.fit is None:
        return None if not found.bad.all() else "no row can be used"
    from progressfit.commands.specify import law_arguments, specify
    from progressfit.infer.check import require

    try:
        data, _ = dataset(taken, request.table)
        spec = specify(request.fit, law_arguments(request.fit, data, taken.columns))
        require(spec, data, "mle" if request.fit.mle else "map")
    except (BadInput, TableError) as error:
        return str(error)
    return None


def _counts(taken: Taken) -> tuple[int, int]:
    bad = taken.screened.findings.bad
    return len(bad), int((~bad).sum())


def _text(taken: Taken, why: str | None) -> str:
    rows, usable = _counts(taken)
    found = taken.screened.findings
    lines = [f"{usable} of {rows} rows can be used."]
    lines += [line[0].upper() + line[1:] for line in report(taken, _ALL, dropped=why is None)]
    if not taken.screened.numbers:
        lines = ["No column was recognised, so no cell was looked at; name columns with --response, --input and --law."]
    if why is not None:
        lines += [f"Cannot be used: {why}"]
    elif taken.screened.numbers and not (found.errors or found.doubts):
        lines += ["Nothing is wrong with it."]
    return "\n".join(lines)


def _json(taken: Taken, why: str | None) -> str:
    rows, usable = _counts(taken)
    found = taken.screened.findings
    parts = taken.columns
    whole = {
        "rows": rows,
        "usable": usable,
        "columns": {**parts.inputs, **({} if parts.date is None else {"date": parts.date}), **parts.groups},
        "notes": list(taken.notes),
        "column_errors": list(found.column_errors),
        "errors": found.plain(found.errors),
        "doubts": found.plain(found.doubts),
        "refused": why,
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False)
