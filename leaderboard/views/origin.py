"""Where an entry's numbers come from: how to make them again, its records, files to take away."""

import json
from functools import partial
from pathlib import Path

import streamlit as st

from harness.records.records import Recorded
from leaderboard.frames import facts
from leaderboard.frames.history import history_frame, install_line
from leaderboard.markup.parts import plain
from leaderboard.markup.plain import plain_table
from leaderboard.reading import folders

RUNS = "runs.json"
"""In a folder of records from an MLflow server: sha256 of a record → its run's page."""


def origin(recorded: Recorded, variant: str, suite: str) -> None:
    """Draw the commands, the history, the provenance and the downloads of an entry's record."""
    record = recorded.record
    st.subheader("Again from nothing", anchor=False)
    lines = [
        install_line(record.provenance.get("versions")),
        f"tailmark run {record.entry} --suite {suite}",
        f"tailmark rank --suite {suite} --local --against-committed",
        f"tailmark rescore {record.entry} --suite {suite}",
    ]
    st.code("\n".join(filter(None, lines)), language="bash")
    st.caption(
        "`run` makes the record again, all its cells and seeds; two runs agree when their "
        "`record_sha256` is the same. `rank --against-committed` says which values differ by more "
        "than their intervals. `rescore` recomputes the record from stored predictions, without "
        "any model."
    )
    _history(record.entry)
    with st.expander("Provenance", icon=":material/fingerprint:"):
        frame = facts.facts_frame(recorded, variant)
        st.html(plain_table(frame, caption="Where the record comes from", left=["which"]))
    _mlflow(str(record.record_sha256))
    _downloads(recorded)


def _history(entry: str) -> None:
    submitted, local = folders()
    frame = history_frame(entry, submitted, local)
    label = f"Its records: {len(frame)} over all suites"
    with st.expander(label, icon=":material/history:"):
        left = ["where", "made", "version", "jobs", "record sha256"]
        st.html(plain_table(frame, caption=f"Records of {entry}", left=left))


def _downloads(recorded: Recorded) -> None:
    evidence, path = recorded.record.evidence, recorded.path
    if path is None:
        return
    files = [path]
    if recorded.record.arrays is not None:
        files.append(path.parent / recorded.record.arrays.file)
    with st.container(horizontal=True):
        for file, what in zip(
            files, ("Record (JSON)", "Replicates and details (NPZ)"), strict=False
        ):
            st.download_button(
                what,
                partial(_content, file),
                f"{recorded.record.entry}-{file.name}",
                "application/json" if file.suffix == ".json" else "application/octet-stream",
                icon=":material/download:",
                on_click="ignore",
                key=f"download-{file.suffix}",
            )
    if evidence is None:
        st.caption("Predictions are not kept with this record.")
        return
    where = f"at {plain(evidence.url)}" if evidence.url else "in the store of the machine that ran"
    st.caption(
        f"Predictions ({evidence.bytes / 1e6:.1f} MB, sha256 {evidence.sha256[:16]}…) lie {where}."
    )


def _mlflow(sha: str) -> None:
    """Link the record's run on the MLflow server that it was fetched from."""
    for folder in folders()[1]:
        try:
            pages = json.loads((folder / RUNS).read_text("utf-8"))
        except (OSError, ValueError):
            continue  # not fetched from a server
        address = pages.get(sha) if isinstance(pages, dict) else None
        if isinstance(address, str) and address.startswith(("http://", "https://")):
            st.link_button("Its run in MLflow", address, icon=":material/open_in_new:")


def _content(file: Path) -> bytes:
    """Return a file when it is asked for: thousands of pages need none."""
    return file.read_bytes()
