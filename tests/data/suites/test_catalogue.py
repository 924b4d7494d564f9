"""The identity of a shipped suite never moves: records carry it."""

from dataclasses import fields, replace

import pytest

from harness.data.suites.catalogue import SUITES
from harness.types import Suite

SHA256 = {
    "digits-v1": "ec0b005857826904c70dd704596c1b1064d8e4020ebe24d06ca255c028cb8f03",
    "fashion-v1": "ce41d4a70e5bd941cbb0f16b53fb37b172785c07c39d810dc6fceb83678f0e5a",
    "cifar10-v1": "cfe767e123a2ea0e6cd0af71200f5b426654f3437dcb9c72d397eed60d5fe8aa",
    "cifar100-v1": "c6b99b05bd0585ebc6515584fc7643bb1bb5e6398115346f5f9a8dcbd3e2ab3f",
    "cifar100-lt-v1": "55941724a280a1a39ec27fcb859150dfdc8a0cd67dcd47b82837ed864f4d69fa",
    "cifar10n-v1": "858848c1a87747ed6556c1d70c2f0243325b37c2d0f5c9ace546ceb6e3ea82ca",
    "cifar100n-v1": "7ddfa566f5b00a62a4f6ef635cfe74312f4105a0ad0e959a035986e605a798e4",
    "tiny200-v1": "0c3a9b7d4a0ffb7be069796da78c944960d3fc75e8c6b6d433f179d5dcc958f1",
    "tabular-v1": "0dbb665a2b86a7a39859299abaea3b2139e9ecf9c6e87d96a2defab904b15324",
    "medmnist-v1": "6029108010ea671e31c9fb1cb880fd7342227efd309d9fa9d8a9069daa22425f",
    "openood-cifar10-v1": "12e1f172219d8eb781821f2317f4e7adaf72a1b574972071cc7c4cf1ba7d7ffa",
    "openood-cifar100-v1": "96364d62fa141e947d866f5eaf07ef9de03fd019312b666e60075d5ac414e743",
    "openood-imagenet200-v1": "c0bdf30df199aa6bebabbe0cca0bfcea5c59807724ac00be9d8ffd213e3a27fd",
    "openood-imagenet-v1": "26bd6a19df282721e788663fe20bd10f7040ffb083b39f38ffd3b23708959386",
    "openood-imagenet200-fs-v1": "eeb957139e48931bfdcd6efb61356a19dfad1e15aaf48739502176d82486b405",
    "openood-imagenet-fs-v1": "e55630e4062dc2aa2a2487e8ae3dbc8c8b8933f43f1d60777735de583fbd173f",
    "imagenet-lt-v1": "2f767280152c80a1655769cc0e1ea95fc314bd51de4399773273f0d3d536cfe3",
    "places-lt-v1": "d66606338262a43f480d3cb424cd09bcfe02c88c0f6ba5789ada23547680ecb8",
    "inat18-v1": "9a5381aad3627294c9dd50d90aa628af6dd4a465fd5c27065e48b4c4124aec2b",
    "clothing1m-v1": "5b2fc822b9a6f88726b8d350321bd43b1c274baadd2cca4bdaa661cc2f53cb10",
    "digits-shift-v1": "a6bd74e072454e2c939a588546c2ae3691a3ae6d055eed2c4a8ec19e8cc2a0f6",
    "digits-fractions-v1": "7b8df71eef54be8137d1ca27f0f8126803a15322bdcfa969decb9fc6c3ee687e",
    "digits-spurious-v1": "7f62462a5ff2395402ada201d3a39f60bdef08b14ebe491b958f57a8d8acffef",
    "digits-unlearn-v1": "a4f71ed6b64435f5b5a6f7129f904289dca400a20782c6f63b9051eefd47a46c",
    "fashion-spurious-v1": "8201b5b42120bf037d182ce348bd5494853bff1e07c1625414c4b4a47d4915dc",
    "cifar10-shift-v1": "ddcfbcb3025e0825e5d4fc158ee2cc0b2e77beec1b045350378ad08f5e2def18",
    "cifar10-familiar-tiny-v1": "0dce1bf55d150a9fce0c2dff6d0ee21081c8a93b67e9d16ab79fd8f2489e0440",
    "cifar10-familiar-v1": "71958284f9b1503d78b0b662f729d723a764845f271955277c211b89c62215d2",
    "keel-v1": "9417e64df4933fb1c51910980d7ff2ff78f897f11eb5b214ceb0ff8e40777cb8",
    "published-abalone-v1": "1c3cd1cc234e77a2b25969e91909d9bb46749d995fc1220878c0ecddc32c518a",
    "funnel-v1": "0fc086bbe14db512c49427fb1555505dd1a79c2fccbcd80e256c759295ce995e",
    "ordinal-v1": "1046ba9e0dafe3d153f3106b184e56a9ea4587940dceffc6bd09819c21816137",
    "published-v1": "2c32e37d177bb1972c75b851dc159f80c3996103ba996fd76b235aff329adfe6",
    "published-folds-v1": "aadf5ee9f1d069602ea9b91e82a48d8b4eeaebff04e05c28a982ffe91d39314a",
}


@pytest.mark.parametrize("suite", SHA256)
def test_the_identity_of_a_suite_is_what_records_carry(suite):
    assert SUITES[suite].sha256 == SHA256[suite]


OTHER = {
    "partition_of": "x-v1",
    "photo_patches": 1,
    "lists": {"a": "b"},
    "covariate_lists": {"a": "b"},
    "corruptions": ("fog-1",),
    "published_corruptions": ("fog-1",),
    "truths": ("label_errors",),
    "subsampled": True,
    "open_set": "mnist",
    "planted_test": 0.25,
    "familiar": {"imagenet-1k": ["mnist"]},
    "imagenet_familiar": 3,
    "group": "who",
    "crossfit": {"wine": 0},
    "extra": ("top5_accuracy",),
    "folds": 5,
    "fold": 0,
    "cells": ("digits-balanced-clean",),
    "seeds": (7,),
    "near": (),
    "far": (),
    "views": (),
    "primary": "test/nll",
    "groups": "shots",
    "classes": (1, 2),
    "dataset": "mnist",
    "id": "made-v1",
    "tail_metric": "recall_few",
    "calibration_fraction": 0.0,
    "test_fraction": None,
    "metrics_version": 2,
}


def test_every_field_but_the_words_for_people_is_in_the_identity():
    suite = SUITES["digits-v1"]
    words = {"title": "x", "notes": ("x",), "superseded_by": "x"}
    assert {f.name for f in fields(Suite)} == {*OTHER, *words}
    shas = [replace(suite, **{name: value}).sha256 for name, value in OTHER.items()]
    assert len({*shas, suite.sha256}) == len(OTHER) + 1
    assert replace(suite, **words).sha256 == suite.sha256
