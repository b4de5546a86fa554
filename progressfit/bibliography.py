"""What to cite: the papers of laws, studies and embedded tables, and this software, as facts."""

from typing import Final, NamedTuple

_MOST_NAMES = 3


class Citation(NamedTuple):
    """One work.

    Attributes
    ----------
    key
        By which BibTeX knows it.
    authors
        Names, family name last; a group goes by its own name.
    title, year
        As printed.
    where
        "arXiv 2203.15556", or a version of software.
    """

    key: str
    authors: tuple[str, ...]
    title: str
    year: int
    where: str

    @property
    def text(self) -> str:
        """One line; four or more authors are "and others"."""
        names = self.authors if len(self.authors) <= _MOST_NAMES else (self.authors[0], "others")
        who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"{who} ({self.year}). {self.title}. {self.where}."

    @property
    def bibtex(self) -> str:
        """A BibTeX entry with all authors."""
        archive, _, number = self.where.partition(" ")
        entry, more = ("misc", f"eprint = {{{number}}},\n  archivePrefix = {{arXiv}}")
        if archive != "arXiv":
            entry, more = "software", f"version = {{{number}}}"
        # A group's name stands in braces of its own, or BibTeX would look for a family name in it.
        names = [name if archive == "arXiv" else f"{{{name}}}" for name in self.authors]
        who = " and ".join(names)
        return (
            f"@{entry}{{{self.key},\n  title = {{{{{self.title}}}}},\n  author = {{{who}}},\n"
            f"  year = {{{self.year}}},\n  {more},\n}}"
        )


SOFTWARE: Final = Citation(
    "progressfit",
    ("The progressfit developers",),
    "progressfit: differentiable model fitting for measuring progress in machine learning",
    2026,
    "Version 0.1.0",
)
"""This package, as ``CITATION.cff`` has it."""

HOFFMANN: Final = Citation(
    "hoffmann2022",
    (
        *("Jordan Hoffmann", "Sebastian Borgeaud", "Arthur Mensch", "Elena Buchatskaya", "Trevor Cai"),
        *("Eliza Rutherford", "Diego de Las Casas", "Lisa Anne Hendricks", "Johannes Welbl", "Aidan Clark"),
        *("Tom Hennigan", "Eric Noland", "Katie Millican", "George van den Driessche", "Bogdan Damoc", "Aurelia Guy"),
        *("Simon Osindero", "Karen Simonyan", "Erich Elsen", "Jack W. Rae", "Oriol Vinyals", "Laurent Sifre"),
    ),
    "Training compute-optimal large language models",
    2022,
    "arXiv 2203.15556",
)
BESIROGLU: Final = Citation(
    "besiroglu2024",
    ("Tamay Besiroglu", "Ege Erdil", "Matthew Barnett", "Josh You"),
    "Chinchilla scaling: a replication attempt",
    2024,
    "arXiv 2404.10102",
)
ERDIL: Final = Citation(
    "erdil2022",
    ("Ege Erdil", "Tamay Besiroglu"),
    "Algorithmic progress in computer vision",
    2022,
    "arXiv 2212.05153",
)
GUNDLACH: Final = Citation(
    "gundlach2025",
    (
        *("Hans Gundlach", "Alex Fogelson", "Jayson Lynch", "Ana Trisovic", "Jonathan Rosenfeld", "Anmol Sandhu"),
        "Neil Thompson",
    ),
    "On the origin of algorithmic progress in AI",
    2025,
    "arXiv 2511.21622",
)
HERNANDEZ: Final = Citation(
    "hernandez2020",
    ("Danny Hernandez", "Tom B. Brown"),
    "Measuring the algorithmic efficiency of neural networks",
    2020,
    "arXiv 2005.04305",
)
HO: Final = Citation(
    "ho2024",
    (
        *("Anson Ho", "Tamay Besiroglu", "Ege Erdil", "David Owen", "Robi Rahman", "Zifan Carl Guo"),
        *("David Atkinson", "Neil Thompson", "Jaime Sevilla"),
    ),
    "Algorithmic progress in language models",
    2024,
    "arXiv 2403.05812",
)
KAPLAN: Final = Citation(
    "kaplan2020",
    (
        *("Jared Kaplan", "Sam McCandlish", "Tom Henighan", "Tom B. Brown", "Benjamin Chess", "Rewon Child"),
        *("Scott Gray", "Alec Radford", "Jeffrey Wu", "Dario Amodei"),
    ),
    "Scaling laws for neural language models",
    2020,
    "arXiv 2001.08361",
)

LAWS: Final[dict[str, tuple[Citation, ...]]] = {
    "chinchilla": (HOFFMANN,),
    "erdil_besiroglu": (ERDIL,),
    "gundlach2025": (GUNDLACH,),
    "hernandez_brown": (HERNANDEZ,),
    "ho2024": (HO,),
    "kaplan": (KAPLAN,),
    "linear": (ERDIL,),
    "retests": (),
}
"""Papers by law; none for forms of this project's own."""

STUDIES: Final[dict[str, tuple[Citation, ...]]] = {
    "besiroglu-2024": (BESIROGLU, HOFFMANN),
    "erdil-besiroglu-2022": (ERDIL,),
    "hernandez-brown-2020": (HERNANDEZ,),
    "ho-2024": (HO,),
    "hoffmann-2022": (HOFFMANN, BESIROGLU),
}
"""Papers by study, that of the study first, then those of its law and its table."""

DATASETS: Final[dict[str, tuple[Citation, ...]]] = {
    "chinchilla": (HOFFMANN, BESIROGLU),
    "efficiency": (HERNANDEZ,),
    "imagenet": (ERDIL,),
    "imagenet_retests": (),
    "imagenet_retests_controls": (),
    "language": (HO,),
}
"""Sources by embedded table; none for those compiled for this project."""
