"""Table rows of the metrics of one pool: classification, ranking, probability, calibration."""

from harness.metrics import calibration as cal
from harness.metrics import classification as cls
from harness.metrics import probability, ranking, selective
from harness.metrics.metric import Metric
from harness.metrics.weighted import Weighted

UNIT = (0.0, 1.0)
UNBIASED = "unbiased for the target population"
UNCHANGED = "does not change"
PLUG_IN = "plug-in value: read it with n_eff = (Σw)²/Σw²"
ONE_CLASS = "only one class has test images"


def _log_loss(pool: Weighted) -> float:
    return probability.weighted_mean(-pool.outputs.log_true, pool.weights)


def _brier(pool: Weighted) -> float:
    return probability.weighted_mean(pool.outputs.rows.brier, pool.weights)


CLASSIFICATION = (
    Metric(
        key="accuracy",
        title="Accuracy",
        definition="Share of images whose predicted class is the true one; of equal maxima the "
        "lowest index is predicted.",
        function=cls.accuracy,
        evaluate=lambda pool: cls.accuracy_of(pool.confusion),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="labels",
        source="—",
        weighted=UNBIASED,
        undefined_when="",
        differs="",
        scale="logit",
    ),
    Metric(
        key="balanced_accuracy",
        title="Balanced accuracy",
        definition="Mean over classes of their recall.",
        function=cls.balanced_accuracy,
        evaluate=lambda pool: cls.balanced_accuracy_of(pool.confusion),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="labels",
        source="Brodersen et al. 2010, The balanced accuracy and its posterior distribution",
        weighted=UNCHANGED,
        undefined_when="",
        differs="A class without test images is left out of the mean, as in scikit-learn; "
        "`classes_scored` says how many are in it. In torchmetrics an absent class that is "
        "predicted once counts 0: labels 0 0 2 2, predictions 0 1 2 2 give 0.75 here, 0.5 there.",
        headline=True,
        scale="logit",
    ),
    Metric(
        key="worst_class_recall",
        title="Worst-class recall",
        definition="Smallest recall of any class.",
        function=cls.worst_class_recall,
        evaluate=lambda pool: cls.worst_recall_of(pool.confusion),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="labels",
        source="Sagawa et al. 2020, Distributionally Robust Neural Networks, section 2 (groups)",
        weighted=UNCHANGED,
        undefined_when="",
        differs="",
        scale="logit",
    ),
    Metric(
        key="gmean",
        title="G-mean",
        definition="Geometric mean over classes of their recall.",
        function=cls.gmean,
        evaluate=lambda pool: cls.gmean_of(pool.confusion),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="labels",
        source="Kubat and Matwin 1997, Addressing the curse of imbalanced training sets, section 2",
        weighted=UNCHANGED,
        undefined_when="",
        differs="Exactly 0 when a class has no recall. imbalanced-learn's `correction=0.001` gives "
        "0.50 when one of ten classes is never found and the others always are.",
        scale="logit",
    ),
    Metric(
        key="macro_f1",
        title="Macro F1",
        definition="Mean over classes of 2·TP/(2·TP + FP + FN).",
        function=cls.macro_f1,
        evaluate=lambda pool: cls.macro_f1_of(pool.confusion),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="labels",
        source="Opitz and Burst 2019, Macro F1 and macro F1 (the mean of F1 values)",
        weighted=PLUG_IN,
        undefined_when="",
        differs="Over classes with test images. scikit-learn also counts a class that is predicted "
        "but absent, with F1 0: labels 0 0 2 2, predictions 0 1 2 2 give 0.83 here, 0.56 there.",
        scale="logit",
    ),
    Metric(
        key="mcc",
        title="Matthews correlation coefficient",
        definition="Correlation of predicted and true class indicators.",
        function=cls.mcc,
        evaluate=lambda pool: cls.mcc_of(pool.confusion),
        direction="higher",
        bounds=(-1.0, 1.0),
        unit="correlation",
        needs="labels",
        source="Gorodkin 2004, Comparing two K-category assignments, equation 8",
        weighted=PLUG_IN,
        undefined_when="the model predicts one class for every image, or " + ONE_CLASS,
        differs="scikit-learn returns 0 for a constant prediction.",
    ),
    Metric(
        key="classes_scored",
        title="Classes scored",
        definition="Number of classes that have test images: means over classes are over these.",
        function=cls.classes_scored,
        evaluate=lambda pool: cls.classes_scored_of(pool.confusion),
        direction="none",
        bounds=(1.0, None),
        unit="classes",
        needs="labels",
        source="—",
        weighted=UNCHANGED,
        undefined_when="",
        differs="",
    ),
)

RANKING = (
    Metric(
        key="auroc",
        title="AUROC",
        definition="Area under the ROC curve of one class against the rest, mean over classes; "
        "ties one half. From logits, ranked by z_k − logsumexp_{j≠k} z_j.",
        function=ranking.auroc,
        evaluate=lambda pool: ranking.macro_auroc(pool.pairs, pool.totals),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Fawcett 2006, An introduction to ROC analysis, section 9",
        weighted=UNBIASED + " (negatives are reweighted)",
        undefined_when=ONE_CLASS,
        differs="torchmetrics counts a class without test images as 0: with seven of ten absent it "
        "prints 0.3 times the mean of the three. Softmax before ranking makes ties of sharp "
        "logits: for class 0, (90, 0) and (40, 0) both become 1.0.",
        headline=True,
        scale="logit",
    ),
    Metric(
        key="auroc_ovo",
        title="AUROC, one against one",
        definition="Mean over ordered pairs of classes (k, j) of the chance that an image of k "
        "has the larger score of k; ties one half.",
        function=ranking.auroc_ovo,
        evaluate=lambda pool: ranking.macro_ovo(pool.pairs),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Hand and Till 2001, A simple generalisation of the area under the ROC curve, "
        "equation 7",
        weighted=UNCHANGED,
        undefined_when=ONE_CLASS,
        differs="",
        scale="logit",
    ),
    Metric(
        key="average_precision",
        title="Average precision",
        definition="Precision at the threshold of each positive, averaged over the positives of a "
        "class, mean over classes.",
        function=ranking.average_precision,
        evaluate=lambda pool: ranking.macro_precision(pool.precision),
        direction="higher",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Davis and Goadrich 2006, The relationship between Precision-Recall and ROC curves",
        weighted=PLUG_IN,
        undefined_when=ONE_CLASS,
        differs="Not the trapezoid area that many papers print as AUPR (see `ood_ap_out`).",
        scale="logit",
    ),
)

PROBABILITY = (
    Metric(
        key="nll",
        title="Negative log-likelihood",
        definition="Mean of −ln p(true).",
        function=probability.nll,
        evaluate=_log_loss,
        direction="lower",
        bounds=(0.0, None),
        unit="nats",
        needs="probs",
        source="Gneiting and Raftery 2007, Strictly proper scoring rules, section 4",
        weighted=UNBIASED,
        undefined_when="",
        differs="From logits nothing is clipped. Given probabilities are clipped at 1.2e-38 "
        "(float32's smallest normal number); scikit-learn clips at the machine epsilon of the "
        "dtype: a certain and wrong float32 row costs 15.9 there and 87.3 here.",
        headline=True,
        scale="log",
    ),
    Metric(
        key="brier",
        title="Brier score",
        definition="Mean of Σ_k (p_k − 1[k = true])², summed over classes and not halved.",
        function=probability.brier,
        evaluate=_brier,
        direction="lower",
        bounds=(0.0, 2.0),
        unit="squared error",
        needs="probs",
        source="Brier 1950, Verification of forecasts expressed in terms of probability",
        weighted=UNBIASED,
        undefined_when="",
        differs="scikit-learn halves it for two classes unless `scale_by_half=False`: 0.065 for "
        "0.13.",
    ),
)

CALIBRATION = (
    Metric(
        key="ece",
        title="Expected calibration error",
        definition="Top-label, 15 equal-width bins (lo, hi], |accuracy − confidence| weighted by "
        "share of images. Read it against `ece_null`.",
        function=cal.expected_calibration_error,
        evaluate=lambda pool: cal.ece_of(*pool.top),
        direction="lower",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Guo et al. 2017, On Calibration of Modern Neural Networks, section 2",
        weighted=PLUG_IN,
        undefined_when="",
        differs="torchmetrics agrees to float32. The code of Hendrycks et al. (natural adversarial "
        "examples) skips its last bin, the most confident images. Loops over bins [lo, hi) lose "
        "confidence exactly 1.0.",
        headline=True,
        scale="logit",
    ),
    Metric(
        key="ece_null",
        title="Expected calibration error of a perfect model",
        definition="Expected `ece` if every confidence were right, for this n: "
        "(1/Σw)·Σ_bins sqrt(2/π · Σ w²c(1−c)); exact in bins with Σ c(1−c) ≤ 25.",
        function=cal.calibration_error_null,
        evaluate=lambda pool: cal.ece_null_of(pool.top.confidence, pool.weights),
        direction="none",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="own derivation; Vaicenavicius et al. 2019, Evaluating model calibration in "
        "classification, section 4, for the idea",
        weighted="the closed form with w², for the weights at hand",
        undefined_when="",
        differs="",
    ),
    Metric(
        key="ece_mass",
        title="Expected calibration error, equal mass",
        definition="As `ece` in 15 bins of equal weight; equal confidences share a bin.",
        function=cal.equal_mass_calibration_error,
        evaluate=lambda pool: cal.ece_mass_of(*pool.top),
        direction="lower",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Nixon et al. 2019, Measuring Calibration in Deep Learning, section 3",
        weighted=PLUG_IN,
        undefined_when="",
        differs="Code that cuts the sorted array into 15 parts puts equal confidences into "
        "different bins: the value then depends on the order of the images.",
        scale="logit",
    ),
    Metric(
        key="classwise_ece",
        title="Class-wise calibration error",
        definition="Expected calibration error of each class's probability, mean over all c "
        "classes.",
        function=cal.classwise_calibration_error,
        evaluate=lambda pool: cal.classwise_ece_of(pool.outputs, pool.weights),
        direction="lower",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Kull et al. 2019, Beyond temperature scaling, equation 4",
        weighted=PLUG_IN,
        undefined_when="",
        differs="Some code sums over classes instead.",
        scale="logit",
    ),
    Metric(
        key="mce",
        title="Maximum calibration error",
        definition="Largest |accuracy − confidence| of the bins of `ece`.",
        function=cal.maximum_calibration_error,
        evaluate=lambda pool: cal.mce_of(*pool.top),
        direction="lower",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning",
        weighted=PLUG_IN,
        undefined_when="",
        differs="",
        scale="logit",
    ),
)

SELECTIVE = (
    Metric(
        key="aurc",
        title="Area under the risk-coverage curve",
        definition="Error among the images at least as confident, averaged over images; equal "
        "confidences are accepted together.",
        function=selective.aurc,
        evaluate=lambda pool: selective.aurc_of(pool.blocks),
        direction="lower",
        bounds=UNIT,
        unit="fraction",
        needs="probs",
        source="Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation, section 3",
        weighted=PLUG_IN,
        undefined_when="",
        differs="Code that walks the sorted array gives a tied block a value that depends on the "
        "order of the images.",
        scale="logit",
    ),
    Metric(
        key="augrc",
        title="Area under the generalised risk-coverage curve",
        definition="(1 − AUROC_f)·acc(1 − acc) + ½(1 − acc)², AUROC_f of right over wrong by "
        "confidence.",
        function=selective.augrc,
        evaluate=lambda pool: selective.augrc_of(pool.blocks),
        direction="lower",
        bounds=(0.0, 0.5),
        unit="fraction",
        needs="probs",
        source="Traub et al. 2024, Overcoming Common Flaws in the Evaluation of Selective "
        "Classification Systems, equation 7",
        weighted=PLUG_IN,
        undefined_when="",
        differs="",
        scale="logit",
    ),
)
