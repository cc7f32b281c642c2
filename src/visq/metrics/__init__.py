"""The field's figures in six files, pure functions on arrays. Knows numbers only: no models, files or pages.

What a figure needs of scipy is imported when it is asked for (extra `eval`).
"""

from visq.metrics.calibration import (
    Isotonic,
    Reliability,
    Temperature,
    ece,
    fit_isotonic,
    fit_temperature,
    reliability,
)
from visq.metrics.correlation import FittedCorrelation, krcc, pair_accuracy, plcc, plcc_fitted, srcc
from visq.metrics.detection import (
    ChosenThreshold,
    Confusion,
    OperatingPoint,
    accuracy,
    auroc,
    average_precision,
    balanced_accuracy,
    choose_threshold,
    confusion,
    f1,
    tpr_at_fpr,
)
from visq.metrics.distribution import (
    crps_gaussian,
    crps_levels,
    emd_r1,
    emd_r2,
    gaussian_js,
    gaussian_kl,
    gaussian_w2,
)
from visq.metrics.error import mae, outlier_ratio, rmse
from visq.metrics.mask import (
    MaskFigure,
    dice,
    false_positive_area,
    iou,
    mask_figure,
    pixel_ap,
    pixel_auc,
    pixel_f1,
)

__all__ = [
    "ChosenThreshold",
    "Confusion",
    "FittedCorrelation",
    "Isotonic",
    "MaskFigure",
    "OperatingPoint",
    "Reliability",
    "Temperature",
    "accuracy",
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "choose_threshold",
    "confusion",
    "crps_gaussian",
    "crps_levels",
    "dice",
    "ece",
    "emd_r1",
    "emd_r2",
    "f1",
    "false_positive_area",
    "fit_isotonic",
    "fit_temperature",
    "gaussian_js",
    "gaussian_kl",
    "gaussian_w2",
    "iou",
    "krcc",
    "mae",
    "mask_figure",
    "outlier_ratio",
    "pair_accuracy",
    "pixel_ap",
    "pixel_auc",
    "pixel_f1",
    "plcc",
    "plcc_fitted",
    "reliability",
    "rmse",
    "srcc",
    "tpr_at_fpr",
]
