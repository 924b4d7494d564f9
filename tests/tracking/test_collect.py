"""Records come back from an MLflow server as they went in, and only under names of entries."""

import pytest

pytest.importorskip("mlflow")

from harness.connection import local_uri
from harness.errors import TrackingError
from harness.records.reading import load_records
from harness.tracking import collect
from harness.tracking.collect import collect_records
from harness.tracking.mirror import mirror
from tests.leaderboard.made import made


def test_the_newest_record_of_an_entry_comes_back_and_is_fetched_once(tmp_path):
    uri = local_uri(tmp_path / "server")
    first, second = made("cnn-ce", 0.9), made("cnn-ce", 0.8)
    mirror(first, uri=uri)
    folder, fetched = collect_records(uri, store=tmp_path / "here")
    assert fetched == 1
    (found,) = load_records("digits-v1", [folder]).records
    assert found.record == first.record
    assert set(found.arrays) == set(first.arrays)
    assert collect_records(uri, store=tmp_path / "here") == (folder, 0)
    mirror(second, uri=uri)
    assert collect_records(uri, store=tmp_path / "here") == (folder, 1)
    (found,) = load_records("digits-v1", [folder]).records
    assert found.record == second.record


@pytest.mark.parametrize("name", ["../up", "a/b", "", "A", "a+b", "a@local"])
def test_what_is_no_entrys_name_is_no_folder(name):
    assert not collect._is_entry(name)


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TrackingError, match="no record was changed"):
        collect_records("http://127.0.0.1:9", store=tmp_path)
