"""A visitor's own record on the board, and at the gate; nothing of it is published or kept."""

import hashlib

import streamlit as st

from harness.errors import HarnessError
from harness.rankings.display import difference_text, metric_title
from harness.rankings.ranking import rank
from harness.rankings.regress import Regression, advice, regress
from harness.records.records import Recorded
from leaderboard.frames.check import around_frame, findings_frame
from leaderboard.frames.headline import headline
from leaderboard.markup.parts import ANCHOR, plain
from leaderboard.markup.plain import plain_table
from leaderboard.predictions import ENDINGS, MOST_BYTES, scored
from leaderboard.uploads import MOST, overlaid, own_rows, read_upload
from leaderboard.views import address, board, pickers

RECORD, PREDICTIONS = "a record", "predictions"
MARGINS = ("0.005", "0", "0.01", "0.02")
"""How much worse a candidate may be, in units of the metric; the first is that of the gate."""


def page() -> None:
    """Draw the page."""
    address.start()
    st.title("Check a baseline", anchor=False)
    st.markdown(
        "Hand in a record of your own, or predictions, and see where it would stand. Nothing is "
        "published or kept: it stays in this visit, and nothing of it is run."
    )
    suite = pickers.suite()
    kind = pickers.one("hand-in", "Hand in", [RECORD, PREDICTIONS])
    recorded = _handed_in() if kind == RECORD else _predicted(suite)
    with st.container(horizontal=True):
        key = pickers.metric(suite)
        names = [row.name for row in board.ranking(suite).rows] or [*board.field(suite).by_name]
        against = pickers.one("against", "Held against", names)
        margin = pickers.one(
            "margin",
            "May be worse by",
            MARGINS,
            words=lambda least: difference_text(float(least), key).removeprefix("+"),
        )
    st.html(f"<span id='{ANCHOR}'></span>")
    if recorded is None and kind == PREDICTIONS:
        st.info(
            "One file for each cell and seed that you have, named such as "
            f"`{_example(suite)}.npz`: an array `logits`, `probs` or `pred` with a row for each "
            "test image (docs/predictions.md). The row is placed as if nothing special had been "
            f"used. `tailmark data export {suite} -o data` writes what to train on.",
            icon=":material/upload_file:",
        )
    elif recorded is None:
        st.info(
            "A record is two files of one name: `results/<suite>.json` and `.npz`. "
            f"`tailmark run my-method --suite {suite}` writes them below `.tailmark/records`.",
            icon=":material/upload_file:",
        )
    else:
        try:
            _overlay(suite, recorded, key)
            _gate(suite, recorded, against, key, float(margin))
        except HarnessError as error:
            board.say(error)
    board.left_out(suite)
    address.finish()


def _handed_in() -> Recorded | None:
    """Return the record of the two uploaded files; what is wrong with them is said."""
    left, right = st.columns(2)
    record = left.file_uploader(
        "Record (JSON)", type="json", max_upload_size=MOST["json"] >> 20, key="upload-json"
    )
    arrays = right.file_uploader(
        "Its arrays (NPZ)", type="npz", max_upload_size=MOST["npz"] >> 20, key="upload-npz"
    )
    if record is None or arrays is None:
        return None
    try:
        return read_upload(record.getvalue(), arrays.getvalue())
    except HarnessError as error:
        board.say(error)
    except (OSError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        st.error(
            f"The files cannot be read: {plain(str(error)[:200])}", icon=":material/error:"
        )  # fmt: skip
    return None


def _example(suite: str) -> str:
    stamp = board.field(suite).rows[0].recorded.record.suite
    return f"{stamp.cells[0]}-s{stamp.seeds[0]}"


def _predicted(suite: str) -> Recorded | None:
    """Return what the uploaded predictions become; what is wrong with them is said."""
    found = st.file_uploader(
        "Predictions of the test set (NPZ or CSV)",
        type=list(ENDINGS),
        accept_multiple_files=True,
        max_upload_size=MOST_BYTES >> 20,
        key="upload-predictions",
    )
    if not found:
        return None
    files = {each.name: each.getvalue() for each in found}
    stamp = board.field(suite).rows[0].recorded.record.suite
    sums = [f"{name} {hashlib.sha256(files[name]).hexdigest()}" for name in sorted(files)]
    # Scored once a visit, and forgotten with it: no other visitor's cache holds it.
    key = f"scored {suite} {sums}"
    try:
        if key not in st.session_state:
            with st.spinner("Scoring …"):
                st.session_state[key] = scored(files, suite, stamp.cells, stamp.seeds)
    except HarnessError as error:
        board.say(error)
        return None
    recorded: Recorded = st.session_state[key]
    return recorded


def _part(recorded: Recorded) -> tuple[list[str] | None, list[int] | None]:
    """Return the cells and seeds that a record has jobs of; None where it has all."""
    stamp, jobs = recorded.record.suite, recorded.record.jobs
    cells = [cell for i, cell in enumerate(stamp.cells) if any(job.cell == i for job in jobs)]
    seeds = [seed for i, seed in enumerate(stamp.seeds) if any(job.seed == i for job in jobs)]
    return (
        None if len(cells) == len(stamp.cells) else cells,
        None if len(seeds) == len(stamp.seeds) else seeds,
    )


def _overlay(suite: str, recorded: Recorded, key: str) -> None:
    rows = overlaid(board.field(suite), recorded)
    cells, seeds = _part(recorded)
    found = rank(rows, suite=suite, key=key, cells=cells, seeds=seeds)
    part = "".join(f" --cell {cell}" for cell in cells or ())
    part += "".join(f" --seed {seed}" for seed in seeds or ())
    entry = recorded.record.entry
    st.subheader(f"{plain(entry)} on {suite}", anchor=False)
    place = next((row for row in found.rows if row.name == entry), None)
    if place is None:
        lost = next((row.missing for row in found.missing if row.name == entry), "it adapts")
        st.warning(f"No rank by {plain(metric_title(key))}: {plain(lost)}", icon=":material/rule:")
    st.markdown(f"With it among them: {plain(headline(found))}")
    frame = around_frame(found, entry)
    st.html(plain_table(frame, caption="The rows around it"))
    st.caption(
        f"By {metric_title(key).lower()}, in the field of {len(found.rows)} ranked rows. An entry "
        "of the same name is replaced by yours. The same in a terminal, from your store: "
        f"`tailmark rank --suite {suite} --metric {key}{part} --with-local`"
    )
    for flag in () if place is None else place.flags:
        st.warning(f"Worth a second look: {plain(flag)}", icon=":material/flag:")


def _gate(suite: str, recorded: Recorded, against: str, key: str, margin: float) -> None:
    entry = recorded.record.entry
    reference = board.field(suite).by_name[against]
    found = regress(
        (entry, own_rows(recorded)[0]), (against, reference), keys=(key,), margin=margin
    )
    st.subheader(f"Against {plain(against)}: {found.state}", anchor=False)
    st.html(
        plain_table(
            findings_frame(found), caption=f"{entry} less {against}", left=["metric", "state"]
        )
    )
    _costs(found)
    st.caption(
        f"Positive: {plain(entry)} is better. {advice(found)} The same in a terminal: `tailmark "
        f"regress results/{suite}.json --against {against} --suite {suite} --metric {key} "
        f"--margin {margin:g}`"
    )


def _costs(found: Regression) -> None:
    for title, ours, theirs in found.costs:
        st.caption(f"{title[0].upper()}{title[1:]}: {ours:,.4g} against {theirs:,.4g}.")


page()
