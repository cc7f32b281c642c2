"""Figures in words: what each is called, how it is written, what it says. Knows values of reports; no page.

A value that does not exist is None here, and its note says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figure = Mapping[str, Any]
Values = Mapping[str, Any]  # values that JSON holds

NOTHING = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"

_TITLES = {
    "srcc": ("SRCC", "rank correlation with what people said"),
    "plcc": ("PLCC", "linear correlation, no fit"),
    "plcc_logistic4": ("PLCC, 4-parameter fit", "after a logistic curve fitted to these labels"),
    "plcc_logistic5": ("PLCC, 5-parameter fit", "after a logistic curve fitted to these labels"),
    "krcc": ("KRCC", "Kendall's tau-b"),
    "rmse": ("RMSE", "root mean squared error, in the labels' unit"),
    "mae": ("MAE", "mean absolute error, in the labels' unit"),
    "outlier_ratio": ("Outlier ratio", "share far outside what raters gave"),
    "pair_accuracy": ("Pair accuracy", "share of pairs put in the right order"),
    "gaussian_kl": ("KL to the raters", "between Gaussians, mean over pictures"),
    "gaussian_js": ("JS to the raters", "between Gaussians, mean over pictures"),
    "gaussian_w2": ("W2 to the raters", "between Gaussians, mean over pictures"),
    "crps_gaussian": ("CRPS", "the score's Gaussian against the label, mean over pictures"),
    "coverage": ("Coverage", "share of labels inside the score's interval"),
    "half_width": ("Half width", "of the score's interval, in its unit"),
    "srcc_failures_at_middle": ("SRCC, failures counted", "failed rows at the middle of the scale"),
    "auroc": ("AUROC", "area under the ROC curve"),
    "ap": ("AP", "average precision"),
    "accuracy": ("Accuracy", "share judged right"),
    "balanced_accuracy": ("Balanced accuracy", "mean over both classes"),
    "f1": ("F1", "of label 1"),
    "tpr_at_fpr_01": ("TPR at 1 % FPR", "found, when 1 of 100 others is accused"),
    "tpr_at_fpr_05": ("TPR at 5 % FPR", "found, when 5 of 100 others are accused"),
    "ece": ("ECE", "expected calibration error"),
}
_GAP = re.compile(r"pair_accuracy_gap_(\d+)")
_FLOOR = re.compile(r"floor_(.+)_(srcc|plcc)")
_UNBOUNDED = {"rmse", "mae", "half_width", "gaussian_kl", "gaussian_js", "gaussian_w2", "crps_gaussian"}
_CLEAR = 0.05  # differences of correlations and of shares of a scale below it are not worth a sentence


def title_of(name: str) -> tuple[str, str]:
    """What a figure is called, and what it is, both short.

    Example:
        >>> title_of("pair_accuracy_gap_25")
        ('Pair accuracy, gap 25 %', 'pairs whose labels lie that share of the scale apart')
        >>> title_of("new_figure")
        ('New figure', '')
    """
    if name in _TITLES:
        return _TITLES[name]
    if gap := _GAP.fullmatch(name):
        about = "pairs whose labels lie that share of the scale apart"
        return f"Pair accuracy, gap {int(gap.group(1))} %", about
    if floor := _FLOOR.fullmatch(name):
        return f"Floor: {floor.group(2).upper()} of {floor.group(1)}", "a predictor that sees no pixels"
    return name.replace("_", " ").capitalize(), ""


def is_bounded(name: str) -> bool:
    """Whether a figure lies within -1..1 by its definition."""
    return (name in _TITLES and name not in _UNBOUNDED) or bool(
        _GAP.fullmatch(name) or _FLOOR.fullmatch(name)
    )


def written(value: float | None, *, sign: bool = False) -> str:
    """A figure with three decimals, from ten on with fewer, so that it has four digits; a dash for None.

    Example:
        >>> written(0.8123), written(12.0), written(0.004, sign=True), written(1234.5)
        ('0.812', '12.00', '+0.004', '1234')
    """
    if value is None:
        return NOTHING
    size = abs(value)
    decimals = 3 if size < 9.9995 else 2 if size < 99.995 else 1 if size < 999.95 else 0
    text = f"{size:.{decimals}f}"
    before = _MINUS if value < 0 and float(text) else "+" if sign else ""
    return before + text


def ends_written(figure: Figure, *, sign: bool = False) -> str:
    """The interval of a figure in brackets; empty where there is none."""
    low, high = figure.get("low"), figure.get("high")
    if low is None or high is None:
        return ""
    return f"[{written(low, sign=sign)}, {written(high, sign=sign)}]"


def whole(figure: Figure) -> str:
    """Value and interval as a sentence holds them."""
    return f"{written(figure.get('value'))} {ends_written(figure)}".rstrip()


def p_written(p: float | None) -> str:
    """A p-value; a dash where there is none."""
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def level_written(settings: Values) -> str:
    """The nominal coverage of intervals, such as `95 %`."""
    return f"{100 * (settings.get('level') or 0.95):g} %"


def count(n: int | None, word: str) -> str:
    """A number of things: `1 picture`, `2,015 pictures`."""
    return f"{n or 0:,} {word}{'' if n == 1 else 's'}"


# --- what a set's figures say ----------------------------------------------------------------------------


def sentences(about: Values) -> Iterator[str]:
    """What the figures of a set say, in plain words, the most important first.

    Args:
        about: the set's entry in `report.json`.
    """
    figures: Mapping[str, Figure] = about.get("figures") or {}
    if about.get("partial") and not any("partial" in text for text in about.get("warnings") or ()):
        yield (
            f"Partial: figures are over the {count(about.get('n_scored'), 'picture')} with a score, "
            f"of {about.get('n_expected') or 0:,} expected."
        )
    for say in (_on_rank, _on_detection):
        yield from say(figures)
    for part in about.get("within") or ():
        yield from _on_part(part, figures.get("srcc") or {})
    yield from _on_errors(about, figures)
    yield from (f"{capital(text)}." for text in about.get("verdict") or () if not _is_said(text))


def _is_said(verdict: str) -> bool:
    """What the evaluation says of a missing figure is said above, with its reason."""
    return verdict.startswith("there is no ")


def _on_rank(figures: Mapping[str, Figure]) -> Iterator[str]:
    srcc = figures.get("srcc")
    if srcc is None:
        return
    if srcc.get("value") is None:
        yield f"There is no rank correlation: {srcc.get('note') or 'it does not exist on these rows'}."
        return
    low, high = srcc.get("low"), srcc.get("high")
    text = f"Scores rank the pictures as people do with SRCC {whole(srcc)}"
    if low is None or high is None:
        yield f"{text}; there is no interval, so nothing is certain about other pictures."
    elif low <= 0 <= high:
        yield f"{text}: the interval holds 0, so no agreement is shown."
    elif high < 0:
        yield f"{text}: scores fall where labels rise. Does one of the scales point down?"
    else:
        yield f"{text}."
    pairs = figures.get("pair_accuracy") or {}
    if pairs.get("value") is not None:
        yield (
            f"Of two pictures with different labels, the better one gets the higher score "
            f"in {percent(pairs['value'])} of cases."
        )


def _on_detection(figures: Mapping[str, Figure]) -> Iterator[str]:
    auroc = figures.get("auroc") or {}
    if auroc.get("value") is not None:
        yield (
            f"Of a picture labelled 1 and one labelled 0, scores tell which is which in "
            f"{percent(auroc['value'])} of cases (AUROC {whole(auroc)}; chance is 0.5)."
        )
    elif auroc:
        yield f"There is no AUROC: {auroc.get('note') or 'it does not exist on these rows'}."


def _on_part(part: Values, srcc: Figure) -> Iterator[str]:
    mean, over_all = part.get("mean") or {}, srcc.get("value")
    if mean.get("value") is None:
        return
    about = part.get("about") or f"inside each {part.get('column')}"
    text = f"{capital(about)} the mean SRCC is {whole(mean)}"
    if over_all is None:
        yield f"{text}."
    elif over_all - mean["value"] > _CLEAR:
        yield (
            f"{text}, against {written(over_all)} over all pictures: part of the overall figure is telling "
            "these parts apart."
        )
    else:
        yield f"{text}, against {written(over_all)} over all pictures."


def _on_errors(about: Values, figures: Mapping[str, Figure]) -> Iterator[str]:
    mae, coverage = figures.get("mae") or {}, figures.get("coverage") or {}
    if mae.get("value") is not None:
        yield (
            f"On average a score lies {written(mae['value'])} from the label, on a scale of "
            f"{about.get('label_scale') or 'unknown ends'}."
        )
    yield from _on_levels(about)
    if coverage.get("value") is not None:
        yield _on_coverage(coverage)


def _on_levels(about: Values) -> Iterator[str]:
    """Whether scores flatter bad pictures and short-change good ones, or the other way round."""
    known = [each for each in about.get("levels") or () if each.get("mean_residual") is not None]
    length = _length(about.get("label_scale"))
    if len(known) < 2 or length is None:
        return
    said = [_bias(each) for each in (known[0], known[-1]) if abs(each["mean_residual"]) > _CLEAR * length]
    if said:
        yield f"Pictures that people call {', those they call '.join(said)}, on average."


def capital(text: str) -> str:
    """The text with a capital first letter; the others stay as they are."""
    return text[:1].upper() + text[1:]


def _bias(level: Values) -> str:
    residual = level["mean_residual"]
    way = "high" if residual > 0 else "low"
    return f"{level['level']} are scored {written(abs(residual))} too {way}"


def _length(scale: str | None) -> float | None:
    low, dots, high = (scale or "").partition("..")
    try:
        return abs(float(high) - float(low)) if dots else None
    except ValueError:
        return None


def _on_coverage(coverage: Figure) -> str:
    nominal = coverage.get("nominal") or 0.9
    found = percent(coverage["value"])
    text = f"The {percent(nominal)} intervals of scores hold the label for {found} of pictures"
    low, high = coverage.get("low"), coverage.get("high")
    if low is None or high is None:
        return f"{text}."
    ends = f"{text} [{percent(low)}, {percent(high)}]"
    if high < nominal:
        return f"{ends}: too narrow for these pictures."
    if low > nominal:
        return f"{ends}: wider than they need to be."
    return f"{ends}, as they should."


def percent(share: float) -> str:
    """A share in percent, such as `97.5 %`."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def note_of(name: str, figure: Figure) -> str:
    """What stands beside a figure: its note, and what belongs to it."""
    # How many resamples an interval is made of stands beside its method already.
    said = [part for part in (figure.get("note") or "").split("; ") if part and part[:8] != "interval"]
    for key, form in _DETAILS.items():
        if _is_known(figure.get(key)):
            said.append(form.format(_plain(figure[key])))
    if figure.get("at_limit"):
        said.append("the best curve lies at the edge of what is searched: a step, an exponential or a line")
    if figure.get("n_undefined"):
        said.append(f"{figure['n_undefined']} resamples without it left out")
    if name.startswith("pair_accuracy") and figure.get("gap"):
        said.append(f"labels more than {_plain(figure['gap'])} apart")
    return "; ".join(said)


_DETAILS = {
    "parameters": "parameters {}",
    "nominal": "aim {}",
    "threshold": "threshold {}",
    "max_fpr": "at a false positive rate of {}",
    "bins": "{} bins",
}


def _is_known(value: object) -> bool:
    return value is not None and (not isinstance(value, list) or (bool(value) and None not in value))


def _plain(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
