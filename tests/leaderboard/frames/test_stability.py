"""The page's numbers are those of the command line."""

from harness.rankings.field import suite_rows
from harness.rankings.stability import Stability, order_stability
from leaderboard.frames.stability import ABOUT, stability_frame
from tests.leaderboard.made import write_field


def test_every_line_is_one_of_the_commands_and_is_explained(tmp_path):
    found = order_stability(
        suite_rows("digits-v1", roots=[write_field(tmp_path)]), suite="digits-v1"
    )
    frame = stability_frame(found)
    assert frame["between"].tolist() == [each.between for each in found]
    assert all(frame["about"]) and set(frame["between"]) <= set(ABOUT)
    for line, each in zip(frame.to_dict("records"), found, strict=True):
        assert line["text"] == ("–" if each.tau is None else f"{each.tau:.3f}")
        assert line["reason"] == (each.reason or "")


def test_what_has_no_value_is_a_dash_with_its_reason():
    line = stability_frame([Stability("epochs", None, 0, 3, "why")]).iloc[0]
    assert (line["text"], line["reason"]) == ("–", "why")
