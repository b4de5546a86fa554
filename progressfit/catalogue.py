"""What the package contains, by name, readable without loading anything numeric."""

STUDIES = {
    "besiroglu-2024": (
        "progressfit.studies.besiroglu_2024",
        "Chinchilla scaling law refitted (arXiv 2404.10102): language models, 240 points of figure 4",
    ),
    "erdil-besiroglu-2022": (
        "progressfit.studies.erdil_besiroglu_2022",
        "Algorithmic progress in computer vision (arXiv 2212.05153): ImageNet, 97 models, 2012-2022",
    ),
    "ho-2024": (
        "progressfit.studies.ho_2024",
        "Algorithmic progress in language models (arXiv 2403.05812): 231 rows, 2012-2023, twenty forms",
    ),
    "hoffmann-2022": (
        "progressfit.studies.hoffmann_2022",
        "Compute-optimal language models (arXiv 2203.15556): three approaches, on 240 points of figure 4",
    ),
}
LAWS = {
    "chinchilla": "loss as irreducible loss plus power laws in parameters and data (arXiv 2203.15556, approach 3)",
    "erdil_besiroglu": "augmented scaling law for accuracy: compute- and data-augmenting progress (arXiv 2212.05153)",
    "gundlach2025": "one power law of the loss in compute for each architecture (arXiv 2511.21622)",
    "ho2024": "loss of language models with progress in size and data efficiency, by benchmark (arXiv 2403.05812)",
    "kaplan": "loss as a joint power law in parameters and data (arXiv 2001.08361)",
    "linear": "linear baseline: logit performance on date and log inputs",
}
DATASETS = {
    "chinchilla": "language model loss, parameters, tokens, FLOP: 245 points of Hoffmann et al. 2022, 240 used",
    "imagenet": "ImageNet-1k accuracy, date, training compute, images, parameters: 113 rows, 97 used in the 2022 fit",
    "language": "language model loss on three benchmarks, date, parameters, tokens: 231 rows (arXiv 2403.05812)",
}
SECTIONS: dict[str, tuple[str, str]] = {
    # measurement, identification, design, complementarity, influence, priors, selection: in this order
    "complementarity": (
        "progressfit.sensitivity.complementarity",
        "Complementarity: whether progress and scale multiply",
    ),
    "influence": ("progressfit.sensitivity.influence", "Influence: which rows move the answer"),
    "priors": ("progressfit.sensitivity.priors", "Priors: how far the answer hangs on them"),
    "selection": (
        "progressfit.sensitivity.selection",
        "Selection: unobserved quality, and which rows were published",
    ),
    "ceiling": ("progressfit.sensitivity.ceiling", "Irreducible error: what the law tends to"),
    "transfer-exponent": (
        "progressfit.sensitivity.transfer_exponent",
        "Transfer exponent: whether data from elsewhere count in full",
    ),
    "trends": ("progressfit.sensitivity.trends", "Trends: the shape of progress over time, and which terms matter"),
}
"""Sections of ``progressfit sensitivity``, in the order in which its page shows them: name -> (module, about)."""
