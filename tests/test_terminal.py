"""Tables in terminals: nothing wider than the terminal, nothing lost, no word torn where it need not be."""

from __future__ import annotations

import pytest

from antialias._terminal import break_lines, table_text
from antialias.results import Cost, cost_columns, score_columns

SCORES = ("accuracy", "top5_accuracy", "consistency", "consistency_on_correct", "top1_change")
INTERVAL = "84.8 (82.1 to 87.3)"


def test_a_narrow_table_is_a_grid() -> None:
    text = table_text(["network", "Accuracy, %"], [["plain", "84.8"], ["adaptive", "90.4"]], width=80, note="Of 600.")
    assert text.splitlines() == [
        "network   Accuracy, %",
        "────────  ───────────",
        "plain            84.8",
        "adaptive         90.4",
        "Of 600.",
    ]


def test_transposed_rows_are_side_by_side() -> None:
    text = table_text(["network", "Accuracy, %"], [["plain", "84.8"], ["adaptive", "90.4"]], transpose=True, width=80)
    assert text.splitlines()[0].split() == ["network", "plain", "adaptive"]
    assert text.splitlines()[2].split() == ["Accuracy,", "%", "84.8", "90.4"]


@pytest.mark.parametrize("networks", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("transpose", [False, True])
def test_real_columns_are_readable_in_80_columns(networks: int, transpose: bool) -> None:
    columns = (*score_columns(SCORES), *cost_columns([Cost(parameters=1, macs=1, time=1.0, memory=1.0)]))
    headings = ["network", *(f"{column.title}, {column.unit}" for column in columns)]
    names = [f"timm:efficientnetv2_rw_t.ra2_in1k, adaptive kernel_size={i}" for i in range(networks)]
    rows = [[name, *[INTERVAL] * len(columns)] for name in names]
    text = table_text(headings, rows, transpose=transpose, width=80, title="images:/data, 50,000 test pictures")
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("(82.1 to 87.3)") == networks * len(columns)
    assert all(word in text for word in ("Multiply-adds,", "Consistency", "efficientnetv2_rw_t.ra2_in1k,"))


def test_a_table_that_fits_no_terminal_is_a_paragraph_a_row() -> None:
    long = "x" * 18
    text = table_text(["what", *(f"number {i}" for i in range(9))], [["name" * 6, *[long] * 9]] * 2, width=40)
    lines = text.splitlines()
    assert lines[0] == "name" * 6
    assert lines[1] == f"  number 0  {long}"
    assert lines.count("") == 1
    assert max(map(len, lines)) <= 40


def test_many_rows_are_spread_over_tables_of_some_columns() -> None:
    text = table_text(["what", *(f"measure number {i}" for i in range(20))], [["a", *["1.00"] * 20]] * 2, width=40)
    blocks = [block.splitlines() for block in text.split("\n\n")]
    assert len(blocks) == 5
    assert all(block[-1].split() == ["a", *["1.00"] * 4] for block in blocks)
    assert max(map(len, text.splitlines())) <= 40


def test_words_longer_than_the_terminal_lose_no_letter() -> None:
    text = table_text(["what", "of"], [["x" * 95, "1"]], width=40)
    assert text.count("x") == 95
    assert max(map(len, text.splitlines())) <= 40


def test_an_empty_table_has_its_headings() -> None:
    assert table_text(["what", "of"], [], width=40).splitlines() == ["what  of", "────  ──"]


@pytest.mark.parametrize("width", [1, 5, 9])
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_no_terminal_is_too_narrow(width: int, columns: int) -> None:
    text = table_text(["what"] * columns, [["a long name", *["1.00 (0.50 to 2.00)"] * (columns - 1)]], width=width)
    assert "".join(text.split()).count("0") == 6 * (columns - 1)


def test_parentheses_that_fit_no_line_are_broken_between_words() -> None:
    text = table_text(["what"], [], title="consistency 78.1 % (" + "every pair of windows " * 4 + "counts)", width=30)
    assert all(len(line) <= 30 and line == line.strip() for line in text.splitlines())
    assert " ".join(text.splitlines()).count("every pair of windows") == 4


def test_breaking_lines_adds_no_space_behind_parentheses() -> None:
    text = "Kept step 10 (margin 2). Consistency (95 % interval): +1.0"
    assert break_lines(text, 80) == [text]
    assert break_lines(text, 24) == ["Kept step 10 (margin 2).", "Consistency", "(95 % interval): +1.0"]
