"""Fixtures of the data room: OpenML's answers as scikit-learn keeps them."""

import gzip
import hashlib
import json

import pytest


@pytest.fixture
def openml(tmp_path):
    """A data root with data set 7 in the layout in which scikit-learn keeps OpenML's answers."""
    arff = "@RELATION r\n@ATTRIBUTE age NUMERIC\n@ATTRIBUTE job {clerk,farmer}\n"
    arff += "@ATTRIBUTE income NUMERIC\n@ATTRIBUTE ok {no,yes}\n@DATA\n"
    arff += "30,clerk,1.5,yes\n?,farmer,2,no\n50,clerk,3,yes\n70,?,4,yes\n"
    url = "https://www.openml.org/data/v1/download/70"
    facts = {
        "id": "7",
        "name": "r",
        "description": "made",
        "version": "1",
        "format": "ARFF",
        "file_id": "70",
    }
    facts |= {"url": url, "status": "active", "default_target_attribute": "ok"}
    facts |= {"md5_checksum": hashlib.md5(arff.encode()).hexdigest()}
    kinds = {"age": "numeric", "job": "nominal", "income": "numeric", "ok": "nominal"}
    features = [
        {
            "index": str(k),
            "name": name,
            "data_type": kind,
            "is_target": str(name == "ok").lower(),
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        for k, (name, kind) in enumerate(kinds.items())
    ]
    files = {
        "api/v1/json/data/7": json.dumps({"data_set_description": facts}),
        "api/v1/json/data/features/7": json.dumps({"data_features": {"feature": features}}),
        "api/v1/json/data/qualities/7": json.dumps(
            {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "4"}]}}
        ),
        "data/v1/download/70": arff,
    }
    for name, text in files.items():
        path = tmp_path / "openml/openml.org" / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    return tmp_path
