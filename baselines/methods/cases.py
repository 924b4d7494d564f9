"""Case-based prototypes on rows: pixels, columns or frozen features."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from baselines.networks.cases import Cases
from baselines.probes.heads import Batch, HeadSettings, Objective, standardised
from baselines.probes.row_network import RowNetwork, fitted, on_rows
from baselines.settings import Count, NonNegative, Positive
from harness.types.models import FitContext, TrainingData


class CasesSettings(HeadSettings):
    """Settings of case-based prototypes."""

    prototypes: Count = 15
    """m; the paper's 15 for ten digits."""
    hidden: Count = 128
    """Units between rows and code."""
    code: Count = 32
    """Numbers in a code."""
    reconstruction: NonNegative = 0.05
    """Weight of the mean squared error of a row that was decoded again: λ."""
    prototype_to_row: NonNegative = 0.05
    """Weight of each prototype's distance to the nearest row of the batch: λ₁."""
    row_to_prototype: NonNegative = 0.05
    """Weight of each row's distance to the nearest prototype: λ₂."""
    batch_size: Count = 128
    """Largest batch; an epoch is cut into batches of nearly equal size."""
    lr: Positive = 3e-3
    """Peak learning rate of AdamW; a cosine brings it to 0."""
    weight_decay: NonNegative = 1e-4
    """Decoupled decay of AdamW, times the learning rate a step."""


@on_rows(CasesSettings, Cases)
def fit_cases(train: TrainingData, ctx: FitContext, settings: CasesSettings) -> RowNetwork:
    """Train autoencoder, prototypes and answer together by cross-entropy and three distances.

    The paper's encoder is convolutional; here rows pass through one hidden layer.

    References
    ----------
    Li et al. 2018, "Deep Learning for Case-Based Reasoning through Prototypes".
    """
    data = standardised(train)
    sizes = {
        "columns": data.rows.shape[1],
        "classes": len(data.classes),
        "hidden": settings.hidden,
        "code": settings.code,
        "prototypes": settings.prototypes,
    }

    def objective(network: Cases) -> Objective:
        def loss(batch: Batch) -> Tensor:
            code = network.encode(batch.rows)
            distances = network.distances(code)
            wrong = F.cross_entropy(network.answer(distances), batch.labels)
            wrong = wrong + settings.reconstruction * F.mse_loss(network.decode(code), batch.rows)
            near_row, near_prototype = nearest(distances)
            wrong = wrong + settings.prototype_to_row * near_row
            return wrong + settings.row_to_prototype * near_prototype

        return loss

    return fitted(Cases, sizes, data, settings, ctx, objective)


def nearest(
    distances: Float[Tensor, "b m"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the mean over prototypes of the nearest row, and over rows of the nearest prototype.

    Parameters
    ----------
    distances : float tensor of shape (b, m)
        Of rows to prototypes, squared.
    """
    return distances.min(0).values.mean(), distances.min(1).values.mean()
