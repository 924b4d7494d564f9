"""The two commands that look at data, as functions that the command line mounts."""

import pytest

from harness.cli.show import duplicates, show, truths
from harness.errors import SpecError


def test_show_writes_a_png_or_prints(tmp_path, capsys):
    show("digits-v1", cell="digits-exp10-symmetric0.2", output=tmp_path / "new" / "split.png")
    assert (tmp_path / "new" / "split.png").read_bytes().startswith(b"\x89PNG")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["split.png"]
    show("digits-v1", cell="digits-exp10-symmetric0.2", seed=1)
    assert "digits-exp10-symmetric0.2, seed 1" in capsys.readouterr().out


def test_show_refuses_a_name_that_is_no_png(tmp_path):
    with pytest.raises(SpecError, match=r"ending in .png; got 'split.jpg'"):
        show("digits-v1", output=tmp_path / "split.jpg")
    assert not list(tmp_path.iterdir())


def test_duplicates_of_digits_are_counted_and_listed(capsys):
    duplicates("digits-v1", min_correlation=0.99, most=2)
    lines = capsys.readouterr().out.splitlines()
    assert "of 481 images of test" in lines[0] and "at 0.99 or more" in lines[0]
    assert len(lines) <= 3


def test_truths_of_cifar10_are_summed_up(data_root, capsys):
    truths("cifar10-v1", data_root=data_root)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("label_errors: 18 of 10,000 labels differ from the published ones, 36 ")
    assert second.startswith("cifar10h: 79 of 10,000 labels differ")


def test_a_suite_without_other_truths_is_refused():
    with pytest.raises(SpecError, match="digits-v1 has the published ones only"):
        truths("digits-v1")
