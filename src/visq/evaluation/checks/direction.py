"""Check of direction: do larger labels mean better pictures, as they are read? Knows no picture.

Labels of some data sets are DMOS, where lower is better; read the other way round, every figure has the wrong
sign and every level word is wrong.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visq.evaluation.checks.finding import CheckedSet, Figure, Finding
from visq.evaluation.checks.groups import column_of, file_names, folder_of, stem_of, ways
from visq.evaluation.checks.labels import extreme_blocks
from visq.evaluation.checks.levels import levels_of
from visq.evaluation.figures.label_scale import scale_text
from visq.evaluation.figures.protocols import names, protocol
from visq.metrics import srcc

_STRENGTH = re.compile(r"(?P<series>.+[._-])0*(?P<strength>\d{1,2})")
_STRENGTH_COLUMNS = ("severity", "strength", "distortion_level", "dist_level", "noise_level")
_PRISTINE = re.compile(r"(?<![a-z])(?:pristine|undistorted|reference|refimgs?|ref|original|orig)(?![a-z])")
_SCORE_COLUMNS = ("prediction", "predicted", "pred", "model_score", "score")
_MOST_IN_SERIES = 10  # more steps are a running number, and no strength
_CLEAR = 3.5  # standard deviations of chance; one set in 4,000 by chance
_HALF = 0.5
_AGAINST_MODEL = -0.3  # SRCC; a model that knows nothing of such pictures stays nearer to 0
_USUAL = ((0.0, 1.0), (1.0, 5.0), (1.0, 10.0), (0.0, 100.0))
_FEWEST_PRISTINE = 3
_FEWEST = 10


@dataclass(frozen=True)
class _Reason:
    """Why labels seem to point the other way: in words, how strongly, and which rows show it."""

    text: str
    is_measured: bool
    figures: dict[str, Figure]
    rows: Sequence[int] = ()


def direction(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Labels that point another way than they are read, by six kinds of evidence; level words that do.

    The evidence: labels rise with the strength of a distortion; undistorted pictures have the worst labels; a
    column of scores runs against the labels; so does what a model scores the pictures; the pictures are of a
    data set that is known to have DMOS; a block of rows shares the label 0 at the worst end.
    """
    for one in sets:
        if one.is_yes_or_no:
            continue
        yield from _words(one)
        reasons = [reason for found in _EVIDENCE if (reason := found(one)) is not None]
        if not reasons:
            continue
        down = one.label_scale is not None and one.label_scale.direction == "down"
        read = "lower is better" if down else "higher is better"
        figures: dict[str, Figure] = {"n_reasons": len(reasons), "read_as": read}
        for reason in reasons:
            figures |= reason.figures
        yield Finding(
            "direction",
            "error" if any(reason.is_measured for reason in reasons) else "warning",
            f"{one.name}: labels are read as {read} and seem to mean the opposite: "
            f"{'; '.join(reason.text for reason in reasons)}; if so, say it with --label-scale "
            f"{_other_scale(one)}",
            (one.name,),
            one.found_rows({i for reason in reasons for i in reason.rows}),
            figures,
        )


def _other_scale(one: CheckedSet) -> str:
    """The scale turned round: the one stated, or the shortest usual one that holds the labels."""
    scale = one.label_scale
    if scale is None:
        highest = max((label for label in one.labels if label is not None), default=1.0)
        ends = next((ends for ends in _USUAL if highest <= ends[1]), (0.0, highest))
        return f"{ends[1]:g}..{ends[0]:g}"
    first, _, last = str(scale_text(scale)).partition("..")
    return f"{last}..{first}"


def _by_strength(one: CheckedSet) -> _Reason | None:
    """Within series of one picture and one distortion, labels rise with its strength.

    Source:
        Under chance the rank correlation of a series of m has mean 0 and variance 1 / (m - 1) (Kendall and
        Gibbons 1990, section 5.9); the sum over series is held against that.
    """
    series = _series(one)
    rises: list[tuple[float, int]] = []
    rows: list[int] = []
    for members in series.values():
        strengths, labels = np.array([s for s, _, _ in members]), np.array([v for _, v, _ in members])
        if 3 <= len(members) <= _MOST_IN_SERIES and np.unique(strengths).size == len(members):
            r = srcc(strengths, labels)
            if not math.isnan(r):
                rises.append((r, len(members)))
                rows += [i for _, _, i in members]
    if len(rises) < 2:
        return None
    z = sum(r * math.sqrt(n - 1) for r, n in rises) / math.sqrt(len(rises))
    mean = float(np.mean([r for r, _ in rises]))
    if z < _CLEAR or mean < _HALF:
        return None
    return _Reason(
        f"in {len(rises)} series of one picture and one distortion, labels get better with its strength "
        "(mean "
        f"SRCC {mean:.2f})",
        True,
        {"strength_srcc": mean, "n_series": len(rises)},
        rows,
    )


def _series(one: CheckedSet) -> dict[str, list[tuple[float, float, int]]]:
    """Series of one picture and one distortion -> strength, label turned upwards, row."""
    at, labels = one.labelled()
    columns = one.rows[0].cells if one.rows else {}
    column = next((name for name in columns if name.casefold() in _STRENGTH_COLUMNS), None)
    cells = None if column is None else column_of(one, column)
    files = file_names(one)
    stated = None if column is None else _stated_series(one)
    found: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for i, label in zip(at.tolist(), labels.tolist(), strict=True):
        said = _strength(files[i], None if cells is None else cells[i])
        if said is not None:
            found[said[0] if stated is None else stated[i]].append((said[1], label, i))
    return found


def _stated_series(one: CheckedSet) -> list[str] | None:
    """Series of each row by columns of its reference and its distortion; None without a reference."""
    reference = next(
        (found for found in ways(one) if found.name == "reference" and not found.from_names), None
    )
    if reference is None:
        return None
    kinds = [column_of(one, name) for name in _kind_columns(one)]
    return ["/".join(cells) for cells in zip((v or "" for v in reference.values), *kinds, strict=True)]


def _strength(name: str, cell: str | None) -> tuple[str, float] | None:
    """Series and strength of a name such as `1600.AWGN.3.png` or `I01_02_05.png`, or of a column."""
    folder, stem = folder_of(name), stem_of(name)
    found = _STRENGTH.fullmatch(stem)
    if cell is not None:
        series = found["series"] if found else stem
        return (f"{folder}/{series}", float(cell)) if cell.replace(".", "", 1).isdecimal() else None
    # A distortion's name or number has to stand before the strength, or it is only a picture's number.
    if found is None or len(re.findall(r"[._-]", stem)) < 2:
        return None
    return f"{folder}/{found['series']}", float(found["strength"])


def _pristine(one: CheckedSet) -> _Reason | None:
    """Pictures that are called undistorted have worse labels than the others."""
    at, labels = one.labelled()
    files = file_names(one)
    kinds = [column_of(one, name) for name in _kind_columns(one)]
    called = np.array(
        [
            bool(_PRISTINE.search(stem_of(files[i]).casefold()))
            or any(_PRISTINE.search(cells[i].casefold()) for cells in kinds)
            for i in at.tolist()
        ],
        dtype=np.bool_,
    )
    n, m = int(called.sum()), int((~called).sum())
    if n < _FEWEST_PRISTINE or m < _FEWEST:
        return None
    # Mann-Whitney, with the variance of no ties: with ties it is smaller, so this errs on the quiet side.
    ordered = np.sort(labels[~called])
    below = np.searchsorted(ordered, labels[called], "left") + np.searchsorted(
        ordered, labels[called], "right"
    )
    share = float(below.sum() / 2 / (n * m))
    z = (share - _HALF) * n * m / math.sqrt(n * m * (n + m + 1) / 12)
    if z > -3 or share > 0.2:
        return None
    return _Reason(
        f"{n} pictures that are called undistorted have worse labels than {100 * (1 - share):.0f} % of the "
        "others",
        True,
        {"n_pristine": n, "pristine_share_above": share},
        at[called].tolist(),
    )


def _kind_columns(one: CheckedSet) -> list[str]:
    columns = one.rows[0].cells if one.rows else {}
    return [name for name in columns if name.casefold() in ("distortion", "distortion_type", "kind", "type")]


def _by_scores(one: CheckedSet) -> _Reason | None:
    """A column of a model's scores runs against the labels."""
    columns = one.rows[0].cells if one.rows else {}
    column = next((c for c in columns if c.casefold() in _SCORE_COLUMNS and c != one.label_column), None)
    if column is None or one.label_column is None:
        return None
    at, labels = one.labelled()
    scores = np.array([_number(one.rows[i].cells.get(column, "")) for i in at.tolist()])
    known = np.isfinite(scores)
    n = int(known.sum())
    if n < 2 * _FEWEST:
        return None
    r = srcc(scores[known], labels[known])
    if math.isnan(r) or r > -0.2 or r * math.sqrt(n - 1) > -_CLEAR:
        return None
    return _Reason(
        f"the scores in column {column!r} run against them (SRCC {r:.3f}, n = {n})",
        True,
        {"scores_srcc": r, "scores_column": column},
    )


def _by_model(one: CheckedSet) -> _Reason | None:
    """What a model scores the pictures runs against the labels."""
    at, labels = one.labelled()
    scores = [one.facts[i].score for i in at.tolist()] if one.facts else []
    known = [k for k, score in enumerate(scores) if score is not None]
    if len(known) < 2 * _FEWEST:
        return None
    r = srcc(np.array([scores[k] for k in known], dtype=np.float64), labels[known])
    if math.isnan(r) or r > _AGAINST_MODEL or r * math.sqrt(len(known) - 1) > -_CLEAR:
        return None
    return _Reason(
        f"what the model scores the pictures runs against them (SRCC {r:.3f}, n = {len(known)})",
        False,
        {"model_srcc": r, "n_scored": len(known)},
    )


def _known(one: CheckedSet) -> _Reason | None:
    """The pictures lie in the folder of a data set whose labels are known to point the other way."""
    if one.protocol is not None or not one.rows or one.label_column is None:
        return None
    down = one.label_scale is not None and one.label_scale.direction == "down"
    folders = Counter(folder_of(name).casefold().partition("/")[0] for name in file_names(one))
    for name in names():
        forms = protocol(name).forms
        others = all((form.scale.direction == "down") != down for form in forms)
        if forms and others and folders[name] > len(one.rows) / 2:
            what = "opinion scores, higher is better" if down else "DMOS, lower is better"
            return _Reason(
                f"the pictures lie in {name!r}, and {protocol(name).title} has {what}",
                False,
                {"folder": name},
            )
    return None


def _block(one: CheckedSet) -> _Reason | None:
    """Many rows share the worst label exactly, and it is 0: undistorted pictures have DMOS 0."""
    at, labels = one.labelled()
    for what, rows in extreme_blocks(labels):
        if what == "lowest" and one.labels[int(at[rows[0]])] == 0:
            return _Reason(
                f"{rows.size} of {labels.size} labels are exactly 0, as those of undistorted pictures are in "
                "DMOS",
                False,
                {"n_zero": int(rows.size)},
                at[rows].tolist(),
            )
    return None


_EVIDENCE = (_by_strength, _pristine, _by_scores, _by_model, _known, _block)


def _words(one: CheckedSet) -> Iterator[Finding]:
    """The better a picture by its label, rightly read, the worse its word."""
    at, labels = one.labelled()
    words = levels_of(one)
    has = np.array([words[i] is not None for i in at.tolist()], dtype=np.bool_)
    if int(has.sum()) < _FEWEST:
        return
    levels: NDArray[np.float64] = np.array([words[i] for i in at[has].tolist()], dtype=np.float64)
    r = srcc(levels, labels[has])
    if math.isnan(r) or r > -_HALF:
        return
    down = one.label_scale is not None and one.label_scale.direction == "down"
    read = "lower is better" if down else "higher is better"
    yield Finding(
        "direction",
        "error",
        f"{one.name}: level words are upside down (SRCC {r:.3f} with the labels, of which {read}): the "
        "better a "
        "picture, the worse its word; make the words anew",
        (one.name,),
        one.found_rows(at[has].tolist()),
        {"words_srcc": r, "n": int(has.sum())},
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
