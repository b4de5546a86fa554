"""What the package contains, by name, readable without loading anything numeric."""

STUDIES = {
    "erdil-besiroglu-2022": (
        "progressfit.studies.erdil_besiroglu_2022",
        "Algorithmic progress in computer vision (arXiv 2212.05153): ImageNet, 97 models, 2012-2022",
    ),
}
LAWS = {
    "erdil_besiroglu": "augmented scaling law for accuracy: compute- and data-augmenting progress (arXiv 2212.05153)",
    "linear": "linear baseline: logit performance on date and log inputs",
}
DATASETS = {
    "imagenet": "ImageNet-1k accuracy, date, training compute, images, parameters: 113 rows, 97 used in the 2022 fit",
}
