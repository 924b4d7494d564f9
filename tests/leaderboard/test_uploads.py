"""Records that visitors hand in: read like every record, refused when hostile, never kept."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from harness.errors import HarnessError, SpecError
from harness.rankings.ranking import rank
from harness.rankings.regress import regress
from leaderboard import uploads
from leaderboard.frames.check import around_frame, findings_frame
from leaderboard.reading import read_field
from tests.leaderboard.made import made, note, ranked, write_field


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    return read_field("digits-v1", (write_field(tmp_path_factory.mktemp("submissions")),), ())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    from harness.records.records import write_record

    path = write_record(made("mine", 0.9), tmp_path_factory.mktemp("mine"))
    return path.read_bytes(), path.with_suffix(".npz").read_bytes()


def test_an_upload_stands_where_the_command_line_puts_it(field, files, tmp_path):
    recorded = uploads.read_upload(*files)
    assert recorded.path is None
    found = rank(uploads.overlaid(field, recorded), suite="digits-v1")
    own = tmp_path / "mine" / "results"
    own.mkdir(parents=True)
    for ending, content in zip(("json", "npz"), files, strict=True):
        (own / f"digits-v1.{ending}").write_bytes(content)
    note(own / "digits-v1.json")
    root = next(iter(field.rows)).recorded.path.parents[2]
    whole = ranked(root, local_roots=(tmp_path,))
    assert [(r.name, r.value, r.low, r.rank_low, r.tie_class) for r in found.rows] == [
        (r.name, r.value, r.low, r.rank_low, r.tie_class) for r in whole.rows
    ]
    assert "mine (yours)" in set(around_frame(found, "mine")["entry"])


def test_the_gate_says_what_regress_says(field, files):
    recorded = uploads.read_upload(*files)
    pair = ("mine", uploads.own_rows(recorded)[0]), ("cnn-bs", field.by_name["cnn-bs"])
    found = regress(*pair)
    assert found.state == "regression"
    frame = findings_frame(found)
    assert frame["state"].tolist() == [each.state for each in found.findings]
    assert frame["cell"].iloc[0] == "mean over cells"


def test_a_record_of_another_version_or_suite_is_not_overlaid(field, files):
    from harness.records.records import sealed
    from harness.types import RunRecord

    plain = made("mine", 0.9)
    for change, words in (({"sha256": "cd" * 32}, "another version"), ({"id": "x-v1"}, "Choose")):
        body = plain.record.model_dump(mode="json")
        body["suite"] |= change
        other = sealed(RunRecord.model_validate(body), plain.arrays)
        with pytest.raises(SpecError, match=words):
            uploads.overlaid(field, other)


class Harm:
    """An object whose unpickling would be seen."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def npz(**members: bytes) -> bytes:
    handle = io.BytesIO()
    with zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return handle.getvalue()


def objects() -> bytes:
    handle = io.BytesIO()
    np.save(handle, np.array([Harm()], dtype=object), allow_pickle=True)
    return handle.getvalue()


HOSTILE = {
    "no json": lambda r, a: (b"{", a),
    "nested json": lambda r, a: (b"[" * 200_000, a),
    "a pickle as record": lambda r, a: (pickle.dumps(Harm()), a),
    "a pickle as arrays": lambda r, a: (r, pickle.dumps(Harm())),
    "an array of objects": lambda r, a: (r, npz(x=objects())),
    "other arrays": lambda r, a: (r, npz(x=b"\x93NUMPY")),
    "an edited value": lambda r, a: (r.replace(b"0.9", b"0.8", 1), a),
    "a bomb": lambda r, a: (r, npz(x=bytes(1 << 29))),
    "a path as suite": lambda r, a: (
        json.dumps(json.loads(r) | {"suite": json.loads(r)["suite"] | {"id": "../../x"}}).encode(),
        a,
    ),
    "too large a record": lambda r, a: (bytes(uploads.MOST["json"] + 1), a),
    "too large arrays": lambda r, a: (r, bytes(uploads.MOST["npz"] + 1)),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_uploads_are_refused_in_a_sentence_without_a_folder(files, kind):
    with pytest.raises(HarnessError) as caught:
        uploads.read_upload(*HOSTILE[kind](*files))
    assert "tailmark-upload-" not in str(caught.value)
