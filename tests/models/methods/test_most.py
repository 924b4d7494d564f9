"""A card cannot ask for what no machine can do."""

import pytest

from harness.errors import CardError
from harness.models.methods.methods import settings_of
from harness.models.methods.most import MOST
from harness.types import EntryCard


def card(**overrides) -> EntryCard:
    method = {"trainer": "cross-entropy", "recipe": "small-cnn", "overrides": overrides}
    return EntryCard.model_validate(
        {"format": 1, "name": "large", "kind": "method", "method": method}
    )


@pytest.mark.parametrize("setting", sorted(MOST))
def test_a_setting_above_the_most_is_refused_and_the_most_is_not(setting):
    most = int(MOST[setting])
    assert settings_of(card(**{setting: most}), "digits")[1][setting] == most
    with pytest.raises(CardError, match=f"large: {setting} may be {most:,} at most; got"):
        settings_of(card(**{setting: 10**9}), "digits")
