"""The embedded tables. Sources, licences and quirks: ``README.md`` in this folder."""

from progressfit.datasets._chinchilla import chinchilla, chinchilla_table
from progressfit.datasets._efficiency import efficiency, efficiency_table
from progressfit.datasets._estimates import estimates
from progressfit.datasets._imagenet import imagenet, imagenet_table
from progressfit.datasets._language import language, language_table
from progressfit.datasets._retests import (
    imagenet_retests,
    imagenet_retests_controls,
    imagenet_retests_controls_table,
    imagenet_retests_table,
)

__all__ = [
    "chinchilla",
    "chinchilla_table",
    "efficiency",
    "efficiency_table",
    "estimates",
    "imagenet",
    "imagenet_retests",
    "imagenet_retests_controls",
    "imagenet_retests_controls_table",
    "imagenet_retests_table",
    "imagenet_table",
    "language",
    "language_table",
]
