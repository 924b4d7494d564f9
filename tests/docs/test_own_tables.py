"""The commands of docs/datasets.md, "A table of your own", run as they stand there."""

import re
from pathlib import Path

import pytest

from harness.cli.app import main

ROOT = Path(__file__).resolve().parents[2]
N = 120


def section():
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    return text.partition("## A table of your own\n")[2].partition("\n## ")[0]


def commands():
    blocks = re.findall(r"```\n(.*?)```", section(), re.DOTALL)
    lines = [line.partition("  #")[0].split() for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == ["tailmark"]]


def rows(first, last):
    return [f"{k % 3 + (k * 7 % 11) / 9:.3f},p{k // 4},{'abc'[k % 3]}" for k in range(first, last)]


def test_every_command_of_the_section_ends_well(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAILMARK_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("TAILMARK_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TAILMARK_SUBMISSIONS", str(ROOT / "submissions"))
    head = "x,patient,label"
    (tmp_path / "mine.csv").write_text("\n".join([head, *rows(0, N)]))
    (tmp_path / "later.csv").write_text("\n".join([head, *rows(N, N + 30)]))
    parts = [
        f"{row[:-2]},{'test' if k % 4 == 3 else 'train'}{row[-2:]}"
        for k, row in enumerate(rows(0, N))
    ]
    (tmp_path / "official.csv").write_text("\n".join(["x,patient,part,label", *parts]))
    asked = commands()
    assert len(asked) > 10
    for words in asked:
        monkeypatch.setattr("sys.argv", ["tailmark", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None), (words, capsys.readouterr().err)
    printed = capsys.readouterr().out
    assert "mean of 15 cells × 3 seeds" in printed and "nearest-mean" in printed
    assert (tmp_path / "rows.csv").read_text().count("\n") > N // 3


def test_every_option_of_the_section_exists(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tailmark", "data", "prepare", "--help"])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main()
    there = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    named = set(re.findall(r"`(--[a-z-]+)", section()))
    assert len(named) >= 14 and named <= there
