"""One description of a result, and its forms: text, terminals, HTML. Nothing is lost in any of them."""

from __future__ import annotations

import io
import sys
from html.parser import HTMLParser

import pytest
import torch

import antialias as aa
from antialias._bars import bars_on_one_scale
from antialias._display import Display, Displayed, TextTable, show
from antialias.metrics import Score, flip_rate
from antialias.report import Report, render
from antialias.results import Column, Comparison, Entry, Evaluation, Table

TABLE = TextTable(
    headings=("network", "Accuracy, %", "why"),
    rows=[("plain <1>", "84.8 (82.1 to 87.3)", "as it is"), ("adaptive", "90.4", "")],
    title="Scenes & crops",
    strong=(1,),
)


class Cells(HTMLParser):
    """The standard library's reading of a page: balanced tags, and the text of each cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def test_html_holds_every_cell_escaped() -> None:
    text = TABLE.html()
    assert Cells(text).cells == [*TABLE.headings, *(cell for row in TABLE.rows for cell in row)]
    assert "<1>" not in text
    assert "<caption>Scenes &amp; crops</caption>" in text
    assert text.count('class="strong"') == 1
    assert 'class="number">84.8' in text
    assert "<td>as it is" in text


def test_columns_of_words_are_aligned_to_the_left_and_numbers_to_the_right() -> None:
    heading, rule, *rows = TABLE.text(100).splitlines()[1:]
    assert [row.index("as it is") for row in rows[:1]] == [heading.index("why")]
    assert rows[1].index("90.4") + 4 == rule.rindex("  ")


def test_styled_text_is_the_same_text() -> None:
    display = Display("It is steadier.", (TABLE,), ("Ended early:", "  " + "word " * 40))
    plain, styled = display.text(60), display.text(60, styled=True)
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[0m"):
        assert code in styled
        styled = styled.replace(code, "")
    assert styled == plain
    assert max(map(len, plain.splitlines())) <= 60
    assert all(line.startswith("  word") for line in plain.splitlines() if "word" in line)


def test_details_unfold_in_html_only() -> None:
    display = Display("As it is.", details={"Protocol": "one pixel"})
    assert "<details><summary>Protocol</summary><p>one pixel</p></details>" in display.html()
    assert display.text() == "As it is."


def results() -> dict[str, Displayed]:
    torch.manual_seed(0)
    network = aa.models.TinyResNet(num_classes=10)
    plan = aa.inspect(network)
    images = torch.rand(12, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    score = aa.consistency(network, images)
    run = Evaluation(model="tiny", config=None, scores={"consistency": score}, curves=())
    return {
        "plan": plan,
        "conversion": aa.convert_(network, aa.Fixed()),
        "score": score,
        "curve": flip_rate(network, images, distances=(1, 2)),
        "table": Table.of([Column(key="top1", title="Accuracy")], {"plain": {"top1": 0.848}}),
        "flicker": aa.flicker({"tiny": network, "again": network}, images, fps=30),
        "comparison": Comparison((Entry("tiny", (run,)), Entry("the same", (run,)))),
    }


@pytest.fixture(scope="module")
def shown() -> dict[str, Displayed]:
    return results()


@pytest.mark.parametrize("name", ["plan", "conversion", "score", "curve", "table", "comparison", "flicker"])
def test_every_result_has_all_forms(shown: dict[str, Displayed], name: str) -> None:
    rich = pytest.importorskip("rich.console")
    result = shown[name]
    html = result._repr_html_()
    cells = Cells(html).cells
    text = result.text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert all(word in text for table in result.display().tables for row in table.rows for word in row[0].split())
    assert len(cells) == sum(len(t.headings) * (1 + len(t.rows)) for t in result.display().tables)
    terminal = io.StringIO()
    rich.Console(file=terminal, width=80, force_terminal=True).print(result)
    plain = io.StringIO()
    rich.Console(file=plain, width=80).print(result)
    assert [line.rstrip() for line in plain.getvalue().splitlines()] == result.display().text(80).splitlines()
    assert "\x1b[1m" in terminal.getvalue()


def test_a_comparison_in_a_notebook_has_the_bars_of_the_page(shown: dict[str, Displayed]) -> None:
    comparison = shown["comparison"]
    assert isinstance(comparison, Comparison)
    html, page = comparison._repr_html_(), render(Report(title="Two", table=comparison.table()))
    bars = [bar.svg() for row in comparison.table().bars() for bar in row if bar]
    assert len(bars) == 2
    assert all(bar in html and bar in page for bar in bars)
    assert html.count('<svg class="bar') == 3  # and the difference from the first


def test_a_bar_lies_where_its_numbers_lie_on_the_common_scale() -> None:
    wide, narrow, none = bars_on_one_scale(
        [(0.5, 0.0, 1.0, (0.25, 0.75)), (0.75, 0.7, 0.8, ()), (float("nan"), float("nan"), float("nan"), ())]
    )
    assert wide is not None
    assert narrow is not None
    assert (wide.low, wide.value, wide.high, wide.runs, wide.colour) == (4.0, 50.0, 96.0, (27.0, 73.0), 0)
    assert (narrow.low, narrow.value, narrow.colour, none) == (68.4, 73.0, 1, None)
    assert wide.svg().count('class="seed"') == 2
    assert narrow.svg(5).startswith('<svg class="bar n5"')


def test_a_score_prints_as_before_and_unfolds_its_protocol(shown: dict[str, Displayed]) -> None:
    score = shown["score"]
    assert isinstance(score, Score)
    assert str(score).startswith("classification consistency ")
    assert "<summary>Protocol</summary>" in score._repr_html_()
    assert f"passes: {score.protocol['passes']}" in score._repr_html_()


def test_a_pipe_gets_plain_lines_of_any_length(shown: dict[str, Displayed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    show(shown["plan"])
    assert pipe.getvalue() == shown["plan"].text() + "\n"
    assert "\x1b" not in pipe.getvalue()
