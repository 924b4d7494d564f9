"""Split ids: from text to a spec and back, with a sentence for every way to get one wrong."""

import re
from dataclasses import replace
from typing import Any

from harness.data.splits.imbalance import PROFILES, WITHOUT_FACTOR, WITHOUT_ORDER
from harness.data.splits.noise import NOISES
from harness.data.splits.unlearning import ATTACKS
from harness.errors import SpecError
from harness.lookup import lookup, unknown
from harness.types.data import ORDERS, SplitSpec, number

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_VALUE = re.compile(rf"{_NUMBER}(?:_[0-9]+)*")
_WORD = re.compile(rf"([a-z][a-z0-9_]*?)({_VALUE.pattern})?")
_FORM = "<dataset>-<imbalance>[IF][~order]-<noise>[rate][~val0.1]"
_OPTIONS = {
    "mu": "minority_share",
    "alpha": "alpha",
    "frac": "train_fraction",
    "planted": "correlation",
}
_NOISE_OPTIONS = {"known": "known_fraction", "val": "val_fraction"}


def parse_split_id(text: str) -> SplitSpec:
    """Return the spec of a split id: the exact inverse of ``SplitSpec.id``.

    Parameters
    ----------
    text : str
        For example ``cifar10-exp100~shuffled-symmetric0.4~val0.1``; without a seed.

    Raises
    ------
    SpecError
        If it has another form, a value is out of its range, or the spec is written otherwise.
    UnknownNameError
        If the profile, the order or the noise kind does not exist.

    Examples
    --------
    >>> parse_split_id("digits-exp50-symmetric0.4").imbalance_factor
    50.0
    """
    parts = re.split(r"-(?=[a-z])", text)
    if len(parts) != 3:
        raise SpecError(
            f"A split id has the form {_FORM}; got {text!r}. "
            "Write for example 'digits-exp50-symmetric0.4'."
        )
    spec = _with_imbalance(SplitSpec(parts[0]), parts[1])
    spec = _with_noise(spec, parts[2])
    check_spec(spec)
    if spec.id != text:
        raise SpecError(f"Split ids are written in one way only; got {text!r}. Write {spec.id!r}.")
    return spec


def check_spec(spec: SplitSpec) -> None:
    """Refuse a spec with a value outside its range, with the sentence of PROTOCOL.

    Parameters
    ----------
    spec : SplitSpec
        From an id or made by hand.

    Raises
    ------
    SpecError
        If factor, rate, order, share or fraction is not what its profile or kind takes.
    UnknownNameError
        If the profile, the order or the noise kind does not exist.
    """
    lookup("imbalance profile", spec.imbalance, PROFILES)
    _check_factor(spec)
    _check_order(spec)
    _check_rate(spec)
    _check_shares(spec)
    _check_planted(spec)
    _check_known(spec)


def _with_imbalance(spec: SplitSpec, text: str) -> SplitSpec:
    """Read ``exp50~frac0.1~shuffled``."""
    head, *options = text.split("~")
    name, value = _name_and_value("imbalance profile", head, list(PROFILES))
    if name == "counts":
        spec = replace(spec, imbalance=name, counts=tuple(map(int, (value or "0").split("_"))))
    else:
        spec = replace(spec, imbalance=name, imbalance_factor=_float(value, head))
    for option in options:
        if option in ORDERS:
            spec = replace(spec, order=option)
            continue
        known, share = _name_and_value(
            "option of an imbalance profile", option, [*_OPTIONS, *ORDERS]
        )
        spec = _with_option(spec, _OPTIONS[known], option, share)
    return spec


def _with_noise(spec: SplitSpec, text: str) -> SplitSpec:
    """Read ``symmetric0.4~val0.1`` or ``random_swap0.1~known0.3``."""
    head, *options = text.split("~")
    name, value = _name_and_value("noise kind", head, list(NOISES))
    spec = replace(spec, noise=name, noise_rate=_float(value, head))
    for option in options:
        known, share = _name_and_value("option of a noise kind", option, list(_NOISE_OPTIONS))
        spec = _with_option(spec, _NOISE_OPTIONS[known], option, share)
    return spec


def _with_option(spec: SplitSpec, field: str, option: str, share: str | None) -> SplitSpec:
    """Return the spec with the number of an option such as ``~val0.1``."""
    value = _float(share, option)
    if value is None:
        raise SpecError(f"The option '~{option}' needs a number; got none. Write '~{option}0.1'.")
    values: dict[str, Any] = {field: value}
    return replace(spec, **values)


def _name_and_value(kind: str, text: str, names: list[str]) -> tuple[str, str | None]:
    """Split ``symmetric0.4`` into a known name and its number.

    Names may end in digits: ``asymmetric_fine50.3`` is ``asymmetric_fine5`` at 0.3.
    """
    if text in names:
        return text, None
    for name in names:
        value = text.removeprefix(name)
        if value != text and _VALUE.fullmatch(value):
            return name, value
    match = _WORD.fullmatch(text)
    if match is None:
        raise unknown(kind, text, names)
    raise unknown(kind, match[1], names)


def _float(text: str | None, where: str) -> float | None:
    """Return the number of an id's part, None where there is none."""
    try:
        return None if text is None else float(text)
    except ValueError:
        raise SpecError(f"Expected one number in {where!r}; got {text!r}.") from None


def _check_factor(spec: SplitSpec) -> None:
    """Refuse a factor below 1, one where there should be none, and none where there should be."""
    factor = spec.imbalance_factor
    if spec.imbalance in WITHOUT_FACTOR:
        if factor is not None:
            raise SpecError(
                f"The profile {spec.imbalance!r} takes no imbalance factor; got {number(factor)}. "
                f"Write {spec.imbalance!r} alone, or 'exp{number(factor)}'."
            )
        return
    if factor is None:
        raise SpecError(
            f"The profile {spec.imbalance!r} needs an imbalance factor n_max / n_min; got none. "
            f"Write for example '{spec.imbalance}100'."
        )
    if factor < 1:
        hint = f" Did you mean {1 / factor:.6g}?" if factor > 0 else " Write for example 'exp100'."
        raise SpecError(
            f"imbalance_factor is n_max / n_min and so at least 1; got {number(factor)}.{hint}"
        )


def _check_order(spec: SplitSpec) -> None:
    """Refuse an unknown order, and a shuffled one where no class is the head."""
    if spec.order not in ORDERS:
        raise unknown("class order", spec.order, ORDERS)
    if spec.order != "native" and spec.imbalance in WITHOUT_ORDER:
        raise SpecError(
            f"The profile {spec.imbalance!r} gives no class a rank, so its order cannot be "
            f"{spec.order!r}. Leave '~{spec.order}' out."
        )


def _check_rate(spec: SplitSpec) -> None:
    """Refuse a rate outside [0, 1), one where there should be none, none where there should be."""
    kind, rate = lookup("noise kind", spec.noise, NOISES), spec.noise_rate
    if not kind.rated:
        if rate is not None:
            raise SpecError(
                f"Noise {spec.noise!r} takes no rate; got {number(rate)}. "
                f"Write {spec.noise!r} alone, or 'symmetric{number(rate)}'."
            )
        return
    if rate is None:
        raise SpecError(
            f"Noise {spec.noise!r} needs a rate; got none. Write for example '{spec.noise}0.4'."
        )
    if not 0 <= rate < 1:
        percent = f" Did you mean {number(rate / 100)}?" if 2 <= rate < 100 else ""
        hint = percent or " Write for example 'symmetric0.4'."
        raise SpecError(
            f"noise_rate is a share of labels, at least 0 and below 1; got {number(rate)}.{hint}"
        )


def _check_shares(spec: SplitSpec) -> None:
    """Refuse shares outside their range and options that the profile does not know."""
    if not 0 <= spec.val_fraction < 1:
        raise SpecError(
            "val_fraction is a share of the training rows, at least 0 and below 1; "
            f"got {number(spec.val_fraction)}. Write for example '~val0.1'."
        )
    if spec.val_fraction and spec.noise == "open_set":
        raise SpecError(
            "Open-set noise replaces images, which have no true class to validate on; got "
            f"'~val{number(spec.val_fraction)}' with it. Leave the option out."
        )
    if not 0 < spec.train_fraction <= 1:
        raise SpecError(
            "train_fraction is a share of each class, above 0 and at most 1; "
            f"got {number(spec.train_fraction)}. Write for example '~frac0.1'."
        )
    if spec.minority_share is not None and (
        spec.imbalance != "step" or not 0 < spec.minority_share < 1
    ):
        raise SpecError(
            "'~mu' is the share of rare classes of the profile 'step', between 0 and 1; got "
            f"{number(spec.minority_share)} with {spec.imbalance!r}. Write 'step10~mu0.2'."
        )
    if spec.alpha is None and spec.imbalance == "pareto":
        raise SpecError(
            "The profile 'pareto' needs the shape of its tail; got none. "
            "Write for example 'pareto256~alpha6'."
        )
    if spec.alpha is not None and (spec.imbalance != "pareto" or spec.alpha <= 0):
        raise SpecError(
            f"'~alpha' is the shape of the profile 'pareto', above 0; got {number(spec.alpha)} "
            f"with {spec.imbalance!r}. Write 'pareto256~alpha6'."
        )
    if (spec.counts is not None) != (spec.imbalance == "counts"):
        raise SpecError("A list of counts belongs to the profile 'counts'. Write 'counts50_20'.")


def _check_planted(spec: SplitSpec) -> None:
    """Refuse a planted attribute outside its range or together with a partly revealed attack."""
    if spec.correlation is None:
        return
    if not 0 < spec.correlation <= 1:
        raise SpecError(
            "'~planted' is the share of images whose square agrees with their class, above 0 and "
            f"at most 1; got {number(spec.correlation)}. Write for example '~planted0.95'."
        )
    if spec.noise in ATTACKS:
        raise SpecError(
            f"A split is planted or attacked, not both: a patch would hide squares; got "
            f"'~planted{number(spec.correlation)}' with {spec.noise!r}. Leave one of them out."
        )


def _check_known(spec: SplitSpec) -> None:
    """Refuse a revealed share where nothing can be revealed, and its absence where it must be."""
    if spec.noise not in ATTACKS:
        if spec.known_fraction:
            raise SpecError(
                "'~known' reveals a share of the rows that an attack corrupted; got it with "
                f"{spec.noise!r}. Write for example 'random_swap0.1~known0.3'."
            )
        return
    if not 0 < spec.known_fraction <= 1:
        raise SpecError(
            f"Noise {spec.noise!r} reveals a share of what it corrupts, above 0 and at most 1; got "
            f"{number(spec.known_fraction)}. Write '{spec.noise}0.1~known0.3'."
        )
    if spec.val_fraction and spec.noise == "patch_poison":
        raise SpecError(
            "A poisoned image set aside would teach selection the poison; got "
            f"'~val{number(spec.val_fraction)}' with 'patch_poison'. Leave the option out."
        )
