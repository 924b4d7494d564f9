"""Types that cross a wall between rooms; they know nothing else of ours but errors and keys."""

from harness.types.data import (
    ArrayInputs,
    DatasetSpec,
    Inputs,
    Pool,
    Split,
    SplitSpec,
    Suite,
    View,
)
from harness.types.models import (
    EntryCard,
    Facets,
    FitContext,
    Model,
    Output,
    Predictions,
    Preprocessing,
    TrainingData,
)
from harness.types.results import (
    JobRecord,
    MetricResult,
    RunRecord,
    UndefinedValue,
    VariantRecord,
    Verdict,
)

__all__ = [
    "ArrayInputs",
    "DatasetSpec",
    "EntryCard",
    "Facets",
    "FitContext",
    "Inputs",
    "JobRecord",
    "MetricResult",
    "Model",
    "Output",
    "Pool",
    "Predictions",
    "Preprocessing",
    "RunRecord",
    "Split",
    "SplitSpec",
    "Suite",
    "TrainingData",
    "UndefinedValue",
    "VariantRecord",
    "Verdict",
    "View",
]
