"""What stands behind each chart: column of its frame → heading and how values are written."""

CELLS = {
    "label": ("cell", "s"),
    "value_text": ("value", "s"),
    "interval_text": ("95 % interval", "s"),
    "rank": ("rank", "s"),
    "tie": ("class", "s"),
}
RELIABILITY = {
    "low": ("from", ".2f"),
    "high": ("to", ".2f"),
    "confidence": ("confidence", ".1%"),
    "right": ("right", ".1%"),
    "images": ("test rows", "d"),
}
CONFUSION = {
    "true": ("true", "d"),
    "predicted": ("predicted", "d"),
    "share": ("share", ".1%"),
    "images": ("test rows", "d"),
}
COUNTS = {"class": ("class", "d"), "labels": ("labels", "s"), "images": ("training rows", ".1f")}
RECALLS = {"class": ("class", "d"), "seed": ("seed", "d"), "recall": ("recall", ".1%")}
CURVES = {
    "curve": ("curve", "s"),
    "seed": ("seed", "d"),
    "epoch": ("epoch", ".0f"),
    "value": ("value", ".3g"),
}
SCORES = {"score": ("score", "s"), "sets": ("sets", "s"), "auroc": ("OOD AUROC", ".1%")}
HISTOGRAM = {
    "pool": ("pool", "s"),
    "low": ("from", ".2f"),
    "high": ("to", ".2f"),
    "share": ("share of the pool", ".1%"),
}
ROC = {
    "pool": ("OOD set", "s"),
    "fpr": ("ID flagged", ".1%"),
    "tpr": ("OOD caught", ".1%"),
    "precision": ("precision", ".1%"),
}
ROUGH = {"imbalance": ("imbalance", "s"), "noise": ("noise", "s"), "text": ("OOD AUROC", "s")}
PLACES = {
    "name": ("entry", "s"),
    "what": ("what is wrong", "s"),
    "label": ("cell", "s"),
    "place": ("place", "d"),
    "rank": ("ranks that the data allow", "s"),
    "value_text": ("value", "s"),
}
TIED = {
    "label": ("cell", "s"),
    "name": ("first by value", "s"),
    "value_text": ("value", "s"),
    "tied": ("in class A", "d"),
    "ranked": ("ranked", "d"),
}
CLASSES = {
    "name": ("entry", "s"),
    "class": ("class", "d"),
    "images": ("training rows", ".0f"),
    "recall": ("recall", ".1%"),
}
