"""Hoffmann et al. 2022: how large a language model, and how much data, for a given amount of training compute."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from progressfit.infer.clock import Clock
from progressfit.infer.describe import certificate_sentences
from progressfit.studies.base import Say, Study, StudyResult, Wanted, doubt_about
from progressfit.studies.hoffmann_2022 import published
from progressfit.studies.hoffmann_2022.evidence import Evidence, gather, letters
from progressfit.studies.hoffmann_2022.figures import interval, quantities
from progressfit.studies.hoffmann_2022.pictures import pictures

NAME = "hoffmann-2022"
_REPLICATES, _QUICK_REPLICATES = 1000, 200


def run(wanted: Wanted, say: Say) -> StudyResult:
    """Run the study; see :class:`progressfit.studies.base.Study`."""
    clock = Clock()
    found = gather(wanted.seed, _QUICK_REPLICATES if wanted.quick else _REPLICATES, say)
    figures, shown = quantities(found), pictures(found)
    return StudyResult(
        study=NAME,
        title=published.CITATION,
        n=len(found.data),
        answer=tuple(_answer(found)),
        data=found.data,
        fit=found.refit,
        draws=(found.rows,),
        doubt=doubt_about(found.refit, found.rows),
        certificate=tuple(_certificate(found)),
        quantities=figures,
        tables=_tables(found),
        pictures=shown,
        seconds=clock.seconds(),
    )


def _answer(found: Evidence) -> list[str]:
    splits, rows, losses = found.allocations, found.allocations_rows, found.losses
    low, high = interval(rows.parameters_exponent)
    few, many = interval(rows.tokens_per_parameter)
    first, second = (found.approaches[number] for number in (1, 2))
    truth = float(splits["refit"].parameters_exponent)
    return [
        f"Approach 3 as published asks for {float(splits['source'].tokens_per_parameter):.1f} tokens per parameter at "
        f"{published.COMPUTE:.3g} FLOP ({float(splits['rounded'].tokens_per_parameter):.1f} with the rounded "
        f"parameters), not the {published.TOKENS_PER_PARAMETER:.0f} of Chinchilla.",
        f"Its parameters are no optimum of its own objective on the {len(found.data)} points of figure 4: "
        f"{losses['source']:.6f} (rounded {losses['rounded']:.6f}) against {losses['refit']:.6f}. The refit asks for "
        f"{float(splits['refit'].tokens_per_parameter):.1f} tokens per parameter ({published.LEVEL:.0%} interval "
        f"{few:.1f} to {many:.1f}), model size growing as compute to the power {truth:.3f} ({low:.3f} to {high:.3f}).",
        f"Approaches 1 and 2 on the same points find powers of {float(first.found.parameters_exponent):.3f} and "
        f"{float(second.found.parameters_exponent):.3f}. If the refit were exactly true they would find "
        f"{first.noiseless:.3f} and {second.noiseless:.3f} there, not {truth:.3f}; with its residuals "
        f"{' and '.join(f'{a:.3f} to {b:.3f}' for a, b in map(interval, (first.simulated, second.simulated)))}.",
    ]


def _certificate(found: Evidence) -> list[str]:
    return [
        *certificate_sentences(found.refit),
        f"Replicates that did not converge: {found.rows.failed} of {len(found.rows)}.",
        f"Approach 2 found a vertex at {int(np.sum(found.approaches[2].found.used))} of {len(published.BUDGETS)} "
        f"budgets, approach 1 an inner size at {int(np.sum(found.approaches[1].found.used))} of "
        f"{published.ENVELOPE_BUDGETS}.",
    ]


def _tables(found: Evidence) -> dict[str, Sequence[dict[str, Any]]]:
    law = found.approaches[2].found
    return {
        "optima": [
            {"loss": optimum.loss, "starts": optimum.starts, "share": optimum.share} | letters(optimum.values)
            for optimum in found.refit.optima
        ],
        "isoflop": [
            {"compute": float(compute), "model_parameters": float(size), "loss": float(loss), "used": bool(used)}
            for compute, size, loss, used in zip(law.compute, law.parameters, law.loss, law.used, strict=True)
        ],
        "table_a3": _table_a3(found),
    }


def _table_a3(found: Evidence) -> list[dict[str, Any]]:
    """Table A3 beside what the published parameters and the refit give for the same model sizes."""
    table = []
    for size, tokens in published.TABLE_A3.items():
        row = {"model_parameters": size, "published_tokens": tokens}
        for name in ("source", "refit"):
            split = found.allocations[name]
            compute = published.COMPUTE * (size / float(split.parameters)) ** (1 / float(split.parameters_exponent))
            row[f"{name}_tokens"] = compute / 6 / size
        table.append(row)
    return table


STUDY = Study(NAME, published.CITATION, run)
