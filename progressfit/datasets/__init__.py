"""The embedded tables. Sources, licences and quirks: ``README.md`` in this folder."""

from progressfit.datasets._chinchilla import chinchilla, chinchilla_table
from progressfit.datasets._estimates import estimates
from progressfit.datasets._imagenet import imagenet, imagenet_table
from progressfit.datasets._language import language, language_table

__all__ = ["chinchilla", "chinchilla_table", "estimates", "imagenet", "imagenet_table", "language", "language_table"]
