"""The one writer of HTML tables: headings, groups, escaped text."""

import re

from harness.rankings.html_table import Column, Field, html_table, text

COLUMNS: list[Column[dict]] = [
    Column("Name", lambda row: text(row["name"]), names_row=True),
    Column("Value", lambda row: Field(str(row["value"]), "low", "color:red", 0.5), css="num"),
]
ROWS = [{"name": "a", "value": 1}, {"name": "<b>", "value": 2}]


def test_headings_name_their_columns_and_rows():
    found = html_table(COLUMNS, ROWS, caption="What & why")
    assert "<caption>What &amp; why</caption>" in found
    assert re.findall(r"<th scope='(\w+)'[^>]*>([^<]*)", found) == [
        ("col", "Name"),
        ("col", "Value"),
        ("row", "a"),
        ("row", "&lt;b&gt;"),
    ]


def test_a_field_has_the_classes_of_its_column_and_its_own():
    found = html_table(COLUMNS, ROWS[:1], caption="x")
    assert "<td class='num low' style='color:red' data-sort='0.5'>1</td>" in found


def test_a_group_stands_across_the_table_above_its_first_row():
    found = html_table(
        COLUMNS, ROWS, caption="x", above=lambda row, old: "" if old else "<i>first</i>"
    )
    assert found.count("<td colspan='2'>") == 1
    assert found.index("<i>first</i>") < found.index("scope='row'>a<")


def test_a_line_has_classes_and_a_style():
    found = html_table(COLUMNS, ROWS[:1], caption="x", line=lambda row: ("first", "--hue:red"))
    assert "<tr class='first' style='--hue:red'>" in found
