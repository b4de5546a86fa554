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
    "hernandez-brown-2020": (
        "progressfit.studies.hernandez_brown_2020",
        "Algorithmic efficiency of neural networks (arXiv 2005.04305): compute to AlexNet's level, 2012-2019, 6 runs",
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
    "hernandez_brown": "training compute that a fixed level takes, shrinking with the date (arXiv 2005.04305)",
    "ho2024": "loss of language models with progress in size and data efficiency, by benchmark (arXiv 2403.05812)",
    "kaplan": "loss as a joint power law in parameters and data (arXiv 2001.08361)",
    "linear": "linear baseline: logit performance on date and log inputs",
    "retests": "accuracy on a benchmark and its re-tests: a common trend, and one of its own for each re-test",
}
DATASETS = {
    "chinchilla": "language model loss, parameters, tokens, FLOP: 245 points of Hoffmann et al. 2022, 240 used",
    "efficiency": "training compute that reaches a fixed level, by date: 12 runs on four targets (arXiv 2005.04305)",
    "estimates": "published rates of progress, for comparison: 30 figures",
    "imagenet": "ImageNet-1k accuracy, date, training compute, images, parameters: 113 rows, 97 used in the 2022 fit",
    "imagenet_retests": "accuracy on ImageNet and five re-tests, date, compute, images: 886 networks, 2012-2025",
    "imagenet_retests_controls": "the same tests for 77 runs of one algorithm, trained further or on more images",
    "language": "language model loss on three benchmarks, date, parameters, tokens: 231 rows (arXiv 2403.05812)",
}
SECTIONS: dict[str, tuple[str, str]] = {
    "measurement": (
        "progressfit.sensitivity.measurement",
        "Measurement: conventions of the table, and errors in its input",
    ),
    "identification": (
        "progressfit.sensitivity.identification",
        "Identification: what the data say, and what they leave to the priors",
    ),
    "design": ("progressfit.sensitivity.design", "Design: what other tables would say"),
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
    "thresholds": (
        "progressfit.sensitivity.thresholds",
        "Thresholds: the reading at a fixed level of performance",
    ),
    "overlearning": (
        "progressfit.sensitivity.overlearning",
        "Overlearning: whether progress is specific to the benchmark",
    ),
    "multiverse": ("progressfit.sensitivity.multiverse", "Multiverse: the answer under every combination of choices"),
    "forecast": ("progressfit.sensitivity.forecast", "Forecast: how far the answer reaches"),
}
"""Sections of ``progressfit sensitivity``, in the order in which its page shows them: name -> (module, about)."""
