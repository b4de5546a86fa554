"""What the fit card says of a command: rows that were left out are counted and named."""

from progressfit.report.facts import card_facts
from progressfit.report.webpage.card import LEFT_OUT


def test_rows_that_never_reached_the_fit_are_on_the_card():
    cells = [{"row": 4, "column": "acc", "problem": "has no value"}, {"row": 4, "column": "date", "problem": "is odd"}]
    settings = {"command": "progressfit fit a.csv", "fixed": {}, "where": {"a": "b"}, "seed": 0}
    facts = card_facts("linear", settings | {"rows_looked_at": 9, "dropped": cells, "recognised": ["x", "y"]})
    assert facts[LEFT_OUT] == "1 of 9 (--lenient), by line of the file: 4: 'acc' has no value; 4: 'date' is odd"
    assert facts["Command"] == "progressfit fit a.csv" and facts["Where"] == "a: b" and facts["Recognised"] == "x; y"
    assert facts["Seed"] == "0" and "Fixed" not in facts
    assert card_facts("linear", settings | {"rows_looked_at": 9, "dropped": []})[LEFT_OUT] == "none of 9"
