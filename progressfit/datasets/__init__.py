"""The embedded tables. Sources, licences and quirks: ``README.md`` in this folder."""

from progressfit.datasets._imagenet import imagenet, imagenet_table

__all__ = ["imagenet", "imagenet_table"]
