"""The grammar of metric keys and row names: the one place that takes them apart.

A metric key says where a metric was measured, then which: ``test/ece``, ``uniform/nll``,
``covariate/fog-3/accuracy``, ``truth/label_errors/agreement``, ``ood/<set>/<score>/<metric>`` and
its full-spectrum twin ``fsood/…``. A row name is ``entry``, ``entry+variant``, or one of the two
followed by ``@committed`` or ``@local``.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal, cast

from harness.errors import SpecError

DECLARED = "declared"
"""In a metric key: each entry's own declared OOD score, e.g. ``ood/near/declared/ood_auroc``."""
OOD_ROOTS = ("ood", "fsood")
"""First parts of keys that name an OOD set and a score: plain, and full spectrum."""
_PART = re.compile(r"[a-z0-9_-][a-z0-9_.-]*")
_ROW = re.compile(
    r"(?P<entry>[a-z0-9][a-z0-9-]{0,62})(\+(?P<variant>[a-z0-9_.+-]+))?(@(?P<source>committed|local))?"
)

Source = Literal["", "committed", "local"]


@dataclass(frozen=True, order=True)
class MetricKey:
    """Where a metric was measured, and which metric."""

    place: tuple[str, ...]
    """Parts before the metric; empty for a metric's bare name."""
    metric: str
    """Name in METRICS, or of a count that is not a metric."""

    @classmethod
    def parse(cls, text: str) -> "MetricKey":
        """Return the key that a text spells.

        Raises
        ------
        SpecError
            If it is not parts of ``[a-z0-9_.-]`` with ``/`` between them.

        Examples
        --------
        >>> MetricKey.parse("ood/near/msp/ood_auroc").score
        'msp'
        """
        *place, metric = text.split("/")
        if not all(_PART.fullmatch(part) for part in (*place, metric)):
            raise SpecError(
                "A metric key is parts of a-z, 0-9, _ . - with / between them, such as test/ece; "
                f"got {text!r}. See: tailmark list metrics"
            )
        return cls(tuple(place), metric)

    def __str__(self) -> str:
        return "/".join((*self.place, self.metric))

    @property
    def root(self) -> str:
        """Return the first part of the place; empty for a bare name."""
        return self.place[0] if self.place else ""

    @property
    def ood_set(self) -> str | None:
        """Return the OOD set, ``near`` or ``far``; None where the key is not of OOD detection."""
        return self.place[1] if self.is_ood else None

    @property
    def score(self) -> str | None:
        """Return the OOD score; None where the key is not of OOD detection."""
        return self.place[2] if self.is_ood else None

    @property
    def names(self) -> tuple[str, ...]:
        """Return what is computed: the metric, and of OOD detection the score."""
        return (self.metric,) if self.score is None else (self.score, self.metric)

    @property
    def truth(self) -> str | None:
        """Return the other truth that labels come from; None for the published labels."""
        return self.place[1] if self.root == "truth" and len(self.place) == 2 else None

    @property
    def is_ood(self) -> bool:
        """Return whether the key names an OOD set and a score, plain or full spectrum."""
        return self.root in OOD_ROOTS and len(self.place) == 3

    @property
    def is_declared(self) -> bool:
        """Return whether the key stands for each entry's own OOD score."""
        return self.score == DECLARED

    def with_score(self, score: str) -> "MetricKey":
        """Return the key under another OOD score; a key of no OOD set as it is."""
        return replace(self, place=(*self.place[:2], score)) if self.is_ood else self

    def resolved(self, score: str) -> "MetricKey":
        """Return the key with ``declared`` replaced by an entry's own score.

        Examples
        --------
        >>> str(MetricKey.parse("fsood/near/declared/ood_auroc").resolved("energy"))
        'fsood/near/energy/ood_auroc'
        """
        return self.with_score(score) if self.is_declared else self


def metric_name(key: str) -> str:
    """Return the metric that a key ends in, without reading the rest of it.

    Examples
    --------
    >>> metric_name("test/ece"), metric_name("ece")
    ('ece', 'ece')
    """
    return key.rsplit("/", 1)[-1]


def own_key(key: str, score: str) -> str:
    """Return a key as one entry's record spells it: ``declared`` is the entry's own score."""
    return str(MetricKey.parse(key).resolved(score)) if DECLARED in key else key


def differing_parts(one: str, other: str) -> tuple[str, str]:
    """Return the parts in which two keys differ; of keys of other lengths, both whole.

    Examples
    --------
    >>> differing_parts("ood/near/msp/ood_auroc", "ood/near/knn/ood_auroc")
    ('msp', 'knn')
    """
    a, b = (MetricKey.parse(key) for key in (one, other))
    if len(a.place) != len(b.place):
        return one, other
    pairs = zip((*a.place, a.metric), (*b.place, b.metric), strict=True)
    unlike = [(x, y) for x, y in pairs if x != y]
    return "/".join(x for x, _ in unlike), "/".join(y for _, y in unlike)


@dataclass(frozen=True, order=True)
class RowName:
    """How a row of a ranking is called."""

    entry: str
    """Entry's name."""
    variant: str = ""
    """Post-hoc variant; empty for the entry itself."""
    source: Source = ""
    """Which of two records of one entry is meant; empty: the one that is read first."""

    @classmethod
    def parse(cls, text: str) -> "RowName":
        """Return the row that a text names.

        Raises
        ------
        SpecError
            If it is not ``entry``, ``entry+variant`` or one of them with ``@committed`` or
            ``@local``.

        Examples
        --------
        >>> RowName.parse("cnn-ce+la+ts")
        RowName(entry='cnn-ce', variant='la+ts', source='')
        """
        found = _ROW.fullmatch(text)
        if found is None:
            raise SpecError(
                "A row is named entry or entry+variant, of lower-case letters, digits and dashes, "
                f"perhaps with @committed or @local behind it; got {text!r}. "
                "See: tailmark list entries"
            )
        return cls(found["entry"], found["variant"] or "", cast(Source, found["source"] or ""))

    def __str__(self) -> str:
        variant = f"+{self.variant}" if self.variant else ""
        return f"{self.entry}{variant}{f'@{self.source}' if self.source else ''}"
