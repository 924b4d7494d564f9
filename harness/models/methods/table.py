"""The methods that a card can name: strings only, so that listing them imports no trainer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """One row of `METHODS`: what trains an entry, and who described it."""

    trainer: str
    """``module:function`` of the fit function."""
    family: str
    """What it changes: ``control``, ``probe``, ``loss``, ``prior``, …"""
    title: str
    """As people write it."""
    paper: str = ""
    """Citation or URL; empty for textbook methods."""
    needs: tuple[str, ...] = ("torch",)
    """Optional packages it needs; without ``torch`` it always runs on the CPU."""


METHODS: dict[str, Method] = {
    "majority": Method(
        "baselines.methods.probes:fit_majority", "control", "Majority class", needs=()
    ),
    "prior": Method("baselines.methods.probes:fit_prior", "control", "Class prior", needs=()),
    "nearest-mean": Method(
        "baselines.methods.probes:fit_nearest_mean",
        "probe",
        "Nearest class mean",
        "Janson et al. 2022, arXiv:2210.04428",
        needs=(),
    ),
    "logistic-regression": Method(
        "baselines.methods.probes:fit_logistic", "probe", "Logistic regression", needs=()
    ),
    "linear-svm": Method(
        "baselines.methods.probes:fit_linear_svm",
        "probe",
        "Linear SVM",
        "Razavian et al. 2014, arXiv:1403.6382",
        needs=(),
    ),
    "naive-bayes": Method(
        "baselines.methods.gaussian:fit_naive_bayes",
        "probe",
        "Naive Bayes",
        "Hand and Yu 2001, Idiot's Bayes",
        needs=(),
    ),
    "lda": Method(
        "baselines.methods.gaussian:fit_lda",
        "probe",
        "Linear discriminant analysis",
        "Lee et al. 2018, arXiv:1807.03888",
        needs=(),
    ),
    "classifier-alignment": Method(
        "baselines.methods.gaussian:fit_classifier_alignment",
        "probe",
        "Classifier alignment",
        "Zhang et al. 2023 (SLCA), arXiv:2303.05118",
        needs=(),
    ),
    "gaussian-sampling": Method(
        "baselines.methods.gaussian:fit_gaussian_sampling",
        "probe",
        "Gaussian feature sampling",
        "Yang et al. 2021, arXiv:2101.06395",
        needs=(),
    ),
    "neighbours": Method(
        "baselines.methods.controls:fit_neighbours",
        "probe",
        "k nearest neighbours",
        "Cover and Hart 1967",
        needs=(),
    ),
    "image-statistics": Method(
        "baselines.methods.controls:fit_image_statistics", "control", "Image statistics", needs=()
    ),
    "random-convolutions": Method(
        "baselines.methods.controls:fit_random_convolutions",
        "control",
        "Random convolutions",
        "Saxe et al. 2011, On Random Weights",
        needs=(),
    ),
    "hist-gradient-boosting": Method(
        "baselines.methods.tree:fit_hist_gradient_boosting",
        "probe",
        "Gradient boosting",
        "Ke et al. 2017, LightGBM",
        needs=(),
    ),
    "balanced-random-forest": Method(
        "baselines.methods.tree:fit_balanced_random_forest",
        "probe",
        "Balanced random forest",
        "Chen et al. 2004, Using Random Forest to Learn Imbalanced Data",
        needs=(),
    ),
    "cross-entropy": Method("baselines.methods.prior:fit_cross_entropy", "loss", "Cross-entropy"),
    "label-smoothing": Method(
        "baselines.methods.loss:fit_label_smoothing",
        "loss",
        "Label smoothing",
        "Szegedy et al. 2016, arXiv:1512.00567",
    ),
    "focal": Method(
        "baselines.methods.loss:fit_focal",
        "loss",
        "Focal loss",
        "Lin et al. 2017, arXiv:1708.02002",
    ),
    "class-balanced": Method(
        "baselines.methods.loss:fit_class_balanced",
        "loss",
        "Class-balanced cross-entropy",
        "Cui et al. 2019, arXiv:1901.05555",
    ),
    "class-balanced-focal": Method(
        "baselines.methods.loss:fit_class_balanced_focal",
        "loss",
        "Class-balanced focal",
        "Cui et al. 2019, arXiv:1901.05555",
    ),
    "cost-sensitive": Method(
        "baselines.methods.loss:fit_cost_sensitive",
        "loss",
        "Cost-sensitive cross-entropy",
        "Japkowicz and Stephen 2002",
    ),
    "loss-reweighting": Method(
        "baselines.methods.loss:fit_loss_reweighting",
        "loss",
        "Loss-based reweighting",
        "Sow et al. 2025, arXiv:2502.06733",
    ),
    "ldam": Method(
        "baselines.methods.margin:fit_ldam", "loss", "LDAM", "Cao et al. 2019, arXiv:1906.07413"
    ),
    "ldam-drw": Method(
        "baselines.methods.margin:fit_ldam_drw",
        "loss",
        "LDAM-DRW",
        "Cao et al. 2019, arXiv:1906.07413",
    ),
    "dice": Method(
        "baselines.methods.overlap:fit_dice",
        "loss",
        "Dice loss",
        "Li et al. 2020, arXiv:1911.02855",
    ),
    "self-adjusting-dice": Method(
        "baselines.methods.overlap:fit_self_adjusting_dice",
        "loss",
        "Self-adjusting dice",
        "Li et al. 2020, arXiv:1911.02855",
    ),
    "tversky": Method(
        "baselines.methods.overlap:fit_tversky",
        "loss",
        "Tversky loss",
        "Salehi et al. 2017, arXiv:1706.05721",
    ),
    "balanced-softmax": Method(
        "baselines.methods.prior:fit_balanced_softmax",
        "prior",
        "Balanced softmax",
        "Ren et al. 2020, arXiv:2007.10740",
    ),
    "logit-adjustment": Method(
        "baselines.methods.prior:fit_logit_adjustment",
        "prior",
        "Logit adjustment",
        "Menon et al. 2021, arXiv:2007.07314",
    ),
    "oversampling": Method(
        "baselines.methods.sampling:fit_oversampling",
        "sampling",
        "Over-sampling",
        "Buda et al. 2018, arXiv:1710.05381",
    ),
    "undersampling": Method(
        "baselines.methods.sampling:fit_undersampling",
        "sampling",
        "Under-sampling",
        "Buda et al. 2018, arXiv:1710.05381",
    ),
    "class-balanced-sampling": Method(
        "baselines.methods.sampling:fit_class_balanced_sampling",
        "sampling",
        "Class-balanced sampling",
        "Shen et al. 2016, arXiv:1512.05830",
    ),
    "square-root-sampling": Method(
        "baselines.methods.sampling:fit_square_root_sampling",
        "sampling",
        "Square-root sampling",
        "Mahajan et al. 2018, arXiv:1805.00932",
    ),
    "two-phase": Method(
        "baselines.methods.sampling:fit_two_phase",
        "sampling",
        "Two-phase training",
        "Buda et al. 2018, arXiv:1710.05381",
    ),
    "thresholding": Method(
        "baselines.methods.sampling:fit_thresholding",
        "prior",
        "Thresholding",
        "Buda et al. 2018, arXiv:1710.05381",
    ),
    "mixup": Method(
        "baselines.methods.mixing:fit_mixup", "data", "mixup", "Zhang et al. 2018, arXiv:1710.09412"
    ),
    "remix": Method(
        "baselines.methods.mixing:fit_remix", "data", "Remix", "Chou et al. 2020, arXiv:2007.03943"
    ),
    "cutmix": Method(
        "baselines.methods.mixing:fit_cutmix", "data", "CutMix", "Yun et al. 2019, arXiv:1905.04899"
    ),
    "crt": Method(
        "baselines.methods.decoupling:fit_crt",
        "decoupling",
        "cRT",
        "Kang et al. 2020, arXiv:1910.09217",
    ),
    "lws": Method(
        "baselines.methods.decoupling:fit_lws",
        "decoupling",
        "LWS",
        "Kang et al. 2020, arXiv:1910.09217",
    ),
    "tau-normalisation": Method(
        "baselines.methods.decoupling:fit_tau_normalisation",
        "decoupling",
        "tau-normalisation",
        "Kang et al. 2020, arXiv:1910.09217",
    ),
    "nearest-class-mean": Method(
        "baselines.methods.decoupling:fit_nearest_class_mean",
        "decoupling",
        "Nearest class mean of features",
        "Kang et al. 2020, arXiv:1910.09217",
    ),
    "gce": Method(
        "baselines.methods.robust:fit_gce",
        "noise",
        "Generalised cross-entropy",
        "Zhang and Sabuncu 2018, arXiv:1805.07836",
    ),
    "gce-truncated": Method(
        "baselines.methods.truncated:fit_truncated_gce",
        "noise",
        "Truncated generalised cross-entropy",
        "Zhang and Sabuncu 2018, arXiv:1805.07836",
    ),
    "sce": Method(
        "baselines.methods.robust:fit_sce",
        "noise",
        "Symmetric cross-entropy",
        "Wang et al. 2019, arXiv:1908.06112",
    ),
    "bootstrapping": Method(
        "baselines.methods.robust:fit_bootstrapping",
        "noise",
        "Bootstrapping",
        "Reed et al. 2015, arXiv:1412.6596",
    ),
    "elr": Method(
        "baselines.methods.robust:fit_elr",
        "noise",
        "Early-learning regularisation",
        "Liu et al. 2020, arXiv:2007.00151",
    ),
    "forward-correction": Method(
        "baselines.methods.robust:fit_forward_correction",
        "noise",
        "Forward correction",
        "Patrini et al. 2017, arXiv:1609.03683",
    ),
    "early-stopping": Method(
        "baselines.methods.robust:fit_early_stopping",
        "noise",
        "Early stopping",
        "Chen et al. 2021, arXiv:2012.04193",
    ),
    "co-teaching": Method(
        "baselines.methods.coteaching:fit_coteaching",
        "noise",
        "Co-teaching",
        "Han et al. 2018, arXiv:1804.06872",
    ),
    "dividemix": Method(
        "baselines.methods.selection:fit_dividemix",
        "noise",
        "DivideMix",
        "Li et al. 2020, arXiv:2002.07394",
    ),
    "self-training": Method(
        "baselines.methods.selection:fit_self_training",
        "noise",
        "Self-training",
        "Amini et al. 2022, arXiv:2202.12040",
    ),
    "without-known": Method(
        "baselines.methods.unlearning:fit_without_known",
        "repair",
        "Retraining without known rows",
        "Goel et al. 2024, arXiv:2402.14015",
    ),
    "fine-tuning": Method(
        "baselines.methods.unlearning:fit_fine_tuning",
        "repair",
        "Fine-tuning without known rows",
        "Goel et al. 2024, arXiv:2402.14015",
    ),
    "selective-dampening": Method(
        "baselines.methods.unlearning:fit_selective_dampening",
        "repair",
        "Selective synaptic dampening",
        "Foster et al. 2023, arXiv:2308.07707",
    ),
    "ride": Method(
        "baselines.methods.experts:fit_ride",
        "experts",
        "RIDE",
        "Wang et al. 2021, arXiv:2010.01809",
    ),
    "sade": Method(
        "baselines.methods.experts:fit_sade",
        "experts",
        "SADE",
        "Zhang et al. 2022, arXiv:2107.09249",
    ),
    "sade-test-time": Method(
        "baselines.methods.aggregation:fit_sade_test_time",
        "experts",
        "SADE with test-time aggregation",
        "Zhang et al. 2022, arXiv:2107.09249",
    ),
    "mdcs": Method(
        "baselines.methods.experts:fit_mdcs",
        "experts",
        "MDCS",
        "Zhao et al. 2023, arXiv:2308.09922",
    ),
    "batchformer": Method(
        "baselines.methods.relations:fit_batchformer",
        "relations",
        "BatchFormer",
        "Hou et al. 2022, arXiv:2203.01522",
    ),
    "rcal": Method(
        "baselines.methods.joint:fit_rcal", "joint", "RCAL", "Zhang et al. 2023, arXiv:2211.10955"
    ),
}
"""Name on cards → what trains it."""
