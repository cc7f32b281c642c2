"""Figures that others computed from data beside the project, to the digits they gave."""

from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict

import numpy as np
import pytest

from visq.core.numbers import number_text
from visq.metrics import crps_levels, emd_r1, mae, plcc, srcc

LEVELS = ["bad", "poor", "fair", "good", "excellent"]


def rows_of(path):
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "split", "n", "by_rank", "by_value"),
    [
        ("koniq", "train", 7046, 0.9517, 0.9606),
        ("koniq", "test", 2010, 0.9516, 0.9609),
        ("spaq", "train", 8897, 0.9690, 0.9681),
        ("spaq", "test", 2224, 0.9691, 0.9695),
        ("kadid", "train", 8088, 0.9787, 0.9814),
        ("kadid", "test", 2000, 0.9662, 0.9707),
    ],
)
def test_what_a_level_word_alone_reaches(shared, name, split, n, by_rank, by_value):
    """Five values only: nearly every row is tied. Eighteen rows of KADID have no level word."""
    rows = rows_of(shared / "labels" / "qalign" / f"{name}.csv")
    rows = [row for row in rows if row["split"] == split and row["level"]]
    levels = [LEVELS.index(row["level"]) for row in rows]
    scores = [float(row["score"]) for row in rows]
    assert len(rows) == n
    assert f"{srcc(levels, scores):.4f} {plcc(levels, scores):.4f}" == f"{by_rank:.4f} {by_value:.4f}"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "n", "mapped", "by_rank_of_hundred"),
    [
        ("koniq", 9056, [".9046 .9182", ".9983 .9989", ".99998 .99999"], ".9997"),
        ("spaq", 11121, [".9473 .9463", ".9994 .9994", ".99999 .99999"], ".9999"),
    ],
)
def test_what_rounded_labels_reach(shared, name, n, mapped, by_rank_of_hundred):
    """SPEC 2.3 and 2.9: labels of 0..100 brought to 1..5, and rounded to no, one and two decimals."""
    labels = [float(row["score"]) for row in rows_of(shared / "labels" / "qalign" / f"{name}.csv")]
    exact = [1 + 4 * label / 100 for label in labels]
    assert len(labels) == n
    for decimals, (wanted, digits) in enumerate(zip(mapped, (4, 4, 5), strict=True)):
        rounded = [float(number_text(label, decimals)) for label in exact]
        found = (f"{reached(rounded, exact):.{digits}f}"[1:] for reached in (srcc, plcc))
        assert " ".join(found) == wanted
    whole = [float(number_text(label, 0)) for label in labels]
    assert f"{srcc(whole, labels):.4f}"[1:] == by_rank_of_hundred


@pytest.mark.shared
def test_generators_and_equal_pictures_of_agiqa(shared):
    rows = rows_of(shared / "agiqa3k" / "labels.csv")
    found = {}
    for aspect in ("quality", "consistency"):
        of_generator, of_set = defaultdict(list), defaultdict(list)
        for row in rows:
            of_generator[row["generator"]].append(float(row[aspect]))
            if row["duplicate_set"]:
                of_set[row["duplicate_set"]].append(float(row[aspect]))
        means = [np.mean(of_generator[row["generator"]]) for row in rows]
        pairs = [labels for labels in of_set.values() if len(labels) == 2]
        apart = mae([a for a, _ in pairs], [b for _, b in pairs])
        found[aspect] = (
            f"{srcc(means, [float(row[aspect]) for row in rows]):.3f}",
            len(pairs),
            f"{apart:.3f}",
        )
    assert found == {"quality": ("0.722", 6, "0.212"), "consistency": ("0.604", 6, "1.295")}
    quality, consistency = ([float(row[a]) for row in rows] for a in ("quality", "consistency"))
    assert f"{srcc(quality, consistency):.3f}" == "0.742"


@pytest.mark.shared
def test_votes_and_scores_of_koniq(shared):
    rows = rows_of(shared / "labels" / "qalign" / "koniq_votes.csv.gz")
    votes = np.array([[int(row[f"c{k}"]) for k in range(1, 6)] for row in rows])
    shares = votes / votes.sum(axis=1, keepdims=True)
    means, mos = shares @ np.arange(1, 6), [float(row["mos"]) for row in rows]
    assert len(rows) == 10_073
    assert f"{plcc(means, mos):.4f}" == "0.9954"
    # Against its own mean, a distribution's CRPS is at most half its mean absolute deviation from it.
    off = (shares * np.abs(np.arange(1, 6) - means[:, None])).sum(axis=1)
    gaps = crps_levels(means, shares, values=range(1, 6))
    assert (gaps <= off / 2 + 1e-12).all()
    # Five times the distance to a point at the least level is the mean less that level.
    least = np.tile([1.0, 0, 0, 0, 0], (len(rows), 1))
    np.testing.assert_allclose(5 * emd_r1(shares, least), means - 1, atol=1e-12)
