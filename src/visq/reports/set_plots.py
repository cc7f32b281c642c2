"""The plots of one set: from its entry in the report and its rows to drawings with captions and numbers.

Each comes with a caption in plain words and the numbers behind it as a table, for whoever cannot see it.
Computes no figure: what is drawn is counted here or read from the report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from visq.core.scales import Scale
from visq.evaluation.figures.scored import Float64Array, ScoredSet
from visq.reports import plots
from visq.reports.figure_words import NOTHING, count, ends_written, written
from visq.reports.plots import Curve

Values = Mapping[str, Any]  # an entry of report.json

MOST_PARTS = 30
"""More parts than this are drawn as a histogram of their figures."""
MOST_LISTED = 200
N_TENTHS = 10
_N_CURVE = 200
_DOWN = "label, turned: higher is better"


@dataclass(frozen=True)
class Plot:
    """A drawing with all that is said of it.

    Attributes:
        title: what it shows, short.
        caption: how to read it.
        svg: the drawing.
        head: names of the columns of its numbers.
        rows: its numbers, as text.
    """

    title: str
    caption: str
    svg: Markup
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def plots_of(scored: ScoredSet, about: Values, level: str) -> Iterator[Plot]:
    """The plots of a set that its rows and its report give; none where no row has a score.

    Args:
        scored: the set, failures included.
        about: its entry in the report.
        level: nominal coverage of its intervals, such as `95 %`.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    rows = scored.kept(scored.is_scored)
    if len(rows) and "auroc" in (about.get("figures") or {}):
        yield from _classes(rows)
    elif len(rows):
        yield _scatter(rows, about)
    yield from _reliability(rows, about, level)
    yield from _levels(rows, about)
    yield from _labels(rows, about)
    if len(rows) and "auroc" not in (about.get("figures") or {}):
        yield _histogram("Scores", _SCORES, rows.scores, rows.score_scale, "score")
    for part in about.get("within") or ():
        yield from _parts(part)


_SCORES = "How many pictures got which score. Scores that crowd together tell pictures apart less well."


# --- scores against labels ---------------------------------------------------------------------------------


def _scatter(rows: ScoredSet, about: Values) -> Plot:
    x, y = rows.scores, rows.mos
    ends = np.linspace(x.min(), x.max(), _N_CURVE)
    curves, said = [], []
    if (line := _identity(rows)) is not None:
        curves.append(line)
        said.append("On the dashed line score and label say the same.")
    parameters = _fit(about)
    if parameters is not None:
        curves.append(Curve(ends, logistic4(ends, parameters)))
        said.append("The solid curve is the 4-parameter logistic fit to these labels.")
    form = (
        "The stronger the colour, the more pictures"
        if len(rows) > plots.MOST_POINTS
        else "Each point is a picture"
    )
    caption = " ".join((f"{form}: what the model said, against what people said.", *said))
    svg = plots.scatter(x, y, "score", _label_name(rows), curves)
    head = ("scores", "pictures", "mean label", "a tenth below", "a tenth above")
    return Plot("Scores and labels", caption, svg, head, list(tenths(x, y)))


def _label_name(rows: ScoredSet) -> str:
    scale = rows.label_scale
    return "label" if scale is None or scale.direction == "up" else _DOWN


def _identity(rows: ScoredSet) -> Curve | None:
    """Where score and label say the same; None where an end of a scale is not known."""
    scales = rows.score_scale, rows.label_scale
    if scales[0] is None or scales[1] is None:
        return None
    ends = np.linspace(scales[0].low, scales[0].high, _N_CURVE)
    return Curve(ends, scales[0].convert(ends, Scale(scales[1].low, scales[1].high)), is_dashed=True)


def _fit(about: Values) -> tuple[float, ...] | None:
    """Parameters of the 4-parameter fit; None where it did not converge."""
    fit = (about.get("figures") or {}).get("plcc_logistic4") or {}
    parameters = fit.get("parameters") or ()
    if fit.get("value") is None or len(parameters) != 4 or any(p is None for p in parameters):
        return None
    return tuple(map(float, parameters))


def logistic4(x: Float64Array, parameters: Sequence[float]) -> Float64Array:
    """The curve of `plcc_logistic4`.

    Args:
        x: float64 [n], scores.
        parameters: upper end, lower end, middle, width.

    Source:
        f(x) = (b1 - b2) / (1 + exp(-(x - b3) / b4)) + b2; VQEG, "Final report, FR-TV Phase II", 2003. The
        hyperbolic tangent is the same curve and does not overflow.
    """
    high, low, middle, width = parameters
    rise = 0.5 * (1 + np.tanh((x - middle) / (2 * width)))
    return np.asarray(low + (high - low) * rise, dtype=np.float64)


def tenths(x: Float64Array, y: Float64Array) -> Iterator[tuple[str, ...]]:
    """What y is in each tenth of the pictures by x, lowest first.

    Args:
        x: float64 [n], n >= 1, finite.
        y: float64 [n], finite.

    Returns:
        Ends of x, pictures, and of y the mean and what a tenth lies below and above of; as text.
    """
    for rows in np.array_split(np.argsort(x, kind="stable"), min(N_TENTHS, x.size)):
        inside = y[rows]
        below, above = np.quantile(inside, [0.1, 0.9])
        ends = f"{written(float(x[rows[0]]))} to {written(float(x[rows[-1]]))}"
        yield ends, str(rows.size), *map(written, (float(inside.mean()), float(below), float(above)))


# --- what the report holds -----------------------------------------------------------------------------


def _levels(rows: ScoredSet, about: Values) -> Iterator[Plot]:
    found = [each for each in about.get("levels") or () if each.get("mean_residual") is not None]
    if not found:
        return
    every = about["levels"]
    names = [str(each["level"]) for each in every]
    means, stds = (_column(every, key) for key in ("mean_residual", "std_residual"))
    caption = (
        "Mean of score less label for pictures that people put in each level, in the labels' unit, with one "
        "standard deviation to each side. Above the line scores are too high."
    )
    listed = [
        (str(each["level"]), str(each["n"]), *map(written, (each["mean_residual"], each["std_residual"])))
        for each in every
    ]
    svg = plots.levels(names, means, stds, "score less label")
    yield Plot("Residuals by level", caption, svg, ("level", "pictures", "mean", "std"), listed)


def _reliability(rows: ScoredSet, about: Values, level: str) -> Iterator[Plot]:
    bins = [b for b in about.get("reliability") or () if None not in (b["score_mean"], b["label_mean"])]
    if not bins:
        return
    is_detection = "auroc" in (about.get("figures") or {})
    x, y, low, high = (_column(bins, key) for key in ("score_mean", "label_mean", "low", "high"))
    line = Curve(np.array([0, 1.0]), np.array([0, 1.0]), True) if is_detection else _identity(rows)
    if is_detection:
        names = ("probability", "share labelled 1")
        caption = "How often the label is 1 where the model says so with a given probability."
    else:
        names = ("mean score", "mean label")
        caption = "Pictures in bins of about equal size by their score, and the mean label in each."
    if np.isfinite(low).any():
        caption += f" Bars are {level} intervals."
    if line is not None:
        caption += " On the dashed line scores mean what they say."
    listed = [
        (written(b["score_mean"]), str(b["n"]), written(b["label_mean"]), ends_written(b) or NOTHING)
        for b in bins
    ]
    svg = plots.reliability(x, y, low, high, names, line)
    yield Plot("Reliability", caption, svg, (names[0], "pictures", names[1], "interval"), listed)


def _parts(part: Values) -> Iterator[Plot]:
    known = [each for each in part.get("parts") or () if each.get("srcc") is not None]
    if not known:
        return
    mean = part.get("mean") or {}
    about = part.get("about") or f"inside each {part.get('column')}"
    values = _column(known, "srcc")
    said = f"SRCC {about}: {count(len(known), 'part')}, mean {written(mean.get('value'))}."
    if len(known) > MOST_PARTS:
        edges = np.linspace(min(-0.0, float(values.min())), 1.0, 21)
        svg = plots.bars(edges, np.histogram(values, edges)[0].tolist(), "SRCC of a part", y_name="parts")
        caption = f"{said} How many parts have which."
    else:
        lines = [plots.line_of(str(each["name"]), {"value": each["srcc"], **_ends(each)}) for each in known]
        svg = plots.intervals(lines, "SRCC", written, reference=mean.get("value"))
        caption = f"{said} The dashed line is the mean over parts."
    listed = [
        (str(each["name"]), str(each["n"]), written(each["srcc"]), ends_written(each) or NOTHING)
        for each in known[:MOST_LISTED]
    ]
    if len(known) > MOST_LISTED:
        caption += f" The table holds the first {MOST_LISTED}; report.json holds all."
    head = (str(part.get("column")), "pictures", "SRCC", "interval")
    yield Plot(f"Within {part.get('column')}", caption, svg, head, listed)


def _labels(rows: ScoredSet, about: Values) -> Iterator[Plot]:
    labels = about.get("labels") or {}
    histogram = labels.get("histogram") or {}
    edges, counts = histogram.get("edges") or (), histogram.get("counts") or ()
    if not counts or None in edges:
        return
    caption = "How many pictures people gave which label, failed ones included."
    for low, high in labels.get("empty") or ():
        caption += f" None lies between {written(low)} and {written(high)}: correlations come out too high."
    svg = plots.bars(np.array(edges, dtype=np.float64), counts, "label", tone=2)
    yield Plot("Labels", caption, svg, ("label", "pictures"), list(_bars_listed(edges, counts)))


def _column(entries: Sequence[Values], key: str) -> Float64Array:
    values = (each.get(key) for each in entries)
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _ends(figure: Values) -> Values:
    return {key: figure.get(key) for key in ("low", "high")}


# --- histograms of scores --------------------------------------------------------------------------------


def _classes(rows: ScoredSet) -> Iterator[Plot]:
    for label in (0, 1):
        inside = rows.scores[rows.labels == label]
        if inside.size:
            caption = f"Scores of the pictures labelled {label}. The less both overlap, the better."
            title = f"Scores of label {label}"
            yield _histogram(title, caption, inside, rows.score_scale, "score", tone=4 * label)


def _histogram(
    title: str, caption: str, values: Float64Array, scale: Scale | None, name: str, tone: int = 4
) -> Plot:
    low, high = float(values.min()), float(values.max())
    if low == high:
        caption += " All are equal."
    if scale is not None:
        low, high = min(low, scale.low), max(high, scale.high)
    elif low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, plots.N_BARS, (low, high))
    svg = plots.bars(edges, counts.tolist(), name, tone)
    return Plot(title, caption, svg, (name, "pictures"), list(_bars_listed(edges.tolist(), counts.tolist())))


def _bars_listed(edges: Sequence[float], counts: Sequence[int]) -> Iterator[tuple[str, str]]:
    for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True):
        yield f"{written(low)} to {written(high)}", str(n)
