"""``tailmark macs``: counted on the data, listed beside the entries, shown with the costs."""

import json
import shutil
from pathlib import Path

from harness.rankings.field import suite_rows

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"


def test_submitted_records_get_their_lines(tailmark, home):
    root = home / "submissions"
    for name in ("logistic-regression", "majority"):
        shutil.copytree(SUBMISSIONS / name, root / name)
    done = tailmark("macs", "--format", "json")
    assert done.code == 0, done.err
    # 8 × 8 pixels and 8 classes: one multiply-accumulate for each weight.
    assert [(row["entry"], row["macs"]) for row in json.loads(done.out)] == [
        ("logistic-regression", "512"), ("majority", "")
    ]  # fmt: skip
    rows = {row.name: row for row in suite_rows("digits-v1", roots=[root])}
    assert rows["logistic-regression"].macs.count == 512
    assert rows["majority"].macs.why == "not a network"
    before = (root / "macs.toml").read_text()
    refused = tailmark("macs", "majority", "--suite", "digits-shift-v1")
    assert refused.code == 2
    assert "majority has no record of digits-shift-v1" in refused.err
    assert (root / "macs.toml").read_text() == before
