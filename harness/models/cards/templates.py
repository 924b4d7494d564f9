"""What ``tailmark new`` writes: a card with a comment at every field that needs thought."""

_HEAD = """\
# Read by `tailmark check {name}`; an unknown field is refused with the closest known one.
format = 1
name = "{name}"  # equals the folder
kind = "{kind}"
title = ""                     # as people write it; the name when empty
summary = ""                   # one or two sentences: what it is
paper = ""                     # citation or URL
code = ""                      # https address of the authors' own code, where it is public
authors = ""
licence = ""                   # of weights or predictions
ood_score = {ood_score:<18} # the declared OOD score: `tailmark list scores`
rank_variants = []             # post-hoc variants that get a row of their own, e.g. ["la"]
deterministic = false          # true: equal numbers over seeds are expected
suites = []                    # empty: for every suite; ["cifar10-v1"]: for these only
"""
_PARTS = {
    "method": """
[method]                       # the harness trains it, per cell and seed
trainer = "{trainer}"  # a name of `tailmark list methods`, or "baselines.module:function"
{recipe}# auxiliary = "generated-textures"  # outliers to train against (docs/methods.md)

[method.overrides]             # settings that differ from the recipe
""",
    "model": """
[model]                        # weights per cell and seed; the harness loads and passes
arch = "{arch}"  # a name in timm.list_models(); never pretrained by the harness
# preprocessing = {{ size = [32, 32], channels = 3, mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}

[model.kwargs]                 # of the architecture, e.g. in_chans = 1, img_size = 28

[model.files]                  # "<cell>-s<seed>": path in this folder, sha256 of its bytes
# "digits-exp10-clean-s0" = {{ path = "weights/exp10-s0.safetensors", sha256 = "…" }}
""",
    "predictions": """
[predictions.files]            # "<cell>-s<seed>/<pool>": npz, npy, csv or parquet
# "digits-exp10-clean-s0/test" = {{ path = "exp10-s0-test.npz", sha256 = "…" }}
# test is required; calibration, train, ood/near/<set>, ood/far/<set> as far as you have them
""",
}
_OPEN_FACETS = """
[facets]                       # what a reader must know to compare fairly
backbone = "{backbone}"        # the architecture's name in the field, or "none"
# Nobody but you knows these. Take away the # and say what is true: while one is not declared, the
# row stands beside the ranking.
# pretraining = "none"           # or the name of weights and data
# extra_data = "none"            # none | unlabelled | labelled: data beyond the split
# saw_clean_labels = false       # anything fitted on clean labels of a noisy split?
# saw_ood_data = false           # OOD data used in any way before the test?
# selection = "last"             # last | noisy_val | clean_val: which epoch is scored
"""
_ADAPTS = """\
# transductive = false           # adapted on unlabelled test inputs?
"""
_FACETS = """
[facets]                       # what a reader must know to compare fairly
backbone = "none"              # the architecture's name in the field, or "none"
pretraining = "none"           # or the name of weights and data
extra_data = "none"            # none | unlabelled | labelled
saw_clean_labels = false       # anything fitted on clean labels of a noisy split?
saw_ood_data = false           # OOD data used in any way before the test?
transductive = false           # adapts on unlabelled test inputs?
selection = "last"             # last | noisy_val | clean_val: which epoch is scored
"""


def card_text(
    name: str,
    kind: str,
    *,
    trainer: str = "",
    recipe: str | None = None,
    arch: str = "",
    score: str | None = None,
) -> str:
    """Return the text of a fresh card of one kind: ``method``, ``model`` or ``predictions``."""
    line = f'recipe = "{recipe}"\n' if recipe else '# recipe = "…"  # a recipe of the trainer\n'
    score = score or ("msp" if kind == "predictions" else "energy")
    head = (_HEAD + _PARTS[kind]).format(
        name=name, kind=kind, trainer=trainer, recipe=line, arch=arch, ood_score=f'"{score}"'
    )
    return head + (_FACETS if kind == "method" else open_facets(kind))


def open_facets(kind: str, backbone: str = "none") -> str:
    """Return ``[facets]`` of what was trained elsewhere: every line waits for its author.

    Parameters
    ----------
    kind : str
        ``model`` or ``predictions``; of the latter nobody knows whether they were adapted.
    backbone : str, default="none"
        The architecture, where it is known.
    """
    told = _OPEN_FACETS.format(backbone=backbone)
    return told + (_ADAPTS if kind == "predictions" else "")
