"""Text from a table as it may be shown: nothing in it can move a cursor, colour a terminal or reverse a line."""

import unicodedata

# Control characters, invisible formatting (writing direction among it), surrogates, and separators of lines.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text without control and formatting characters; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) not in _HIDDEN)


def excerpt(value: object, most: int = 40) -> str:
    """A cell in one line of at most ``most`` characters, as it may be quoted in a sentence."""
    # Cut before anything else: a cell may be megabytes long.
    text = printable(" ".join(str(value)[: 4 * most].split()))
    return text if len(text) <= most else text[: most - 3] + "..."
