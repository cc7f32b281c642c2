from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checked_tables import check_rows, of, one_of
from visq.evaluation.checks.limits import ceiling, mean_of_others


def naive_mean_of_others(kinds, labels, folds):
    found = []
    for kind, fold in zip(kinds, folds, strict=True):
        others = [y for k, y, f in zip(kinds, labels, folds, strict=True) if f != fold and k == kind]
        others = others or [y for y, f in zip(labels, folds, strict=True) if f != fold]
        found.append(sum(others) / len(others))
    return found


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 3)), min_size=2, max_size=40)
)
def test_means_of_other_folds_by_definition(rows):
    kinds, labels, folds = (list(column) for column in zip(*rows, strict=True))
    folds[0], folds[1] = 0, 1
    found = mean_of_others(kinds, np.array(labels, dtype=np.float64), np.array(folds))
    assert found == pytest.approx(naive_mean_of_others(kinds, labels, folds))


def made(seed, effect, n_prompts=60):
    rng = np.random.default_rng(seed)
    return [
        {
            "image": f"{p}x{g}.jpg",
            "prompt": f"p{p}",
            "generator": f"g{g}",
            "mos": round(2.5 + effect * (g - 1.5) + rng.normal(0, 0.5), 4),
        }
        for p in range(n_prompts)
        for g in range(4)
    ]


def test_a_generator_that_tells_much_is_a_finding_with_its_interval(tmp_path):
    rows = made(0, 0.5)
    found = one_of(check_rows(tmp_path, rows), "group-floor")
    assert found.severity == "warning"
    # Four levels 0.5 apart under noise of 0.5: the correlation of the level itself with the labels.
    levels = np.array([int(row["generator"][1]) for row in rows])
    by_level = np.corrcoef(levels, [row["mos"] for row in rows])[0, 1]
    assert found.figures["srcc"] == pytest.approx(by_level, abs=0.05)
    assert found.figures["low"] < found.figures["srcc"] < found.figures["high"]
    assert found.figures["n_groups"] == 60


@pytest.mark.parametrize("seed", range(4))
def test_a_generator_that_tells_nothing_is_a_note(tmp_path, seed):
    found = one_of(check_rows(tmp_path, made(seed, 0.0)), "group-floor")
    assert found.severity == "note"
    assert abs(found.figures["srcc"]) < 0.3


def test_a_floor_of_yes_or_no_is_auroc(tmp_path):
    rows = [{**row, "label": int(row.pop("mos") > 2.5)} for row in made(0, 0.5)]
    assert one_of(check_rows(tmp_path, rows), "group-floor").figures["auroc"] > 0.8


def test_zeros_and_ones_on_a_longer_scale_are_opinions(tmp_path):
    rows = [{**row, "label": int(row.pop("mos") > 2.5)} for row in made(0, 0.5)]
    assert "srcc" in one_of(check_rows(tmp_path, rows, label_scale="100..0"), "group-floor").figures
    assert "auroc" in one_of(check_rows(tmp_path, rows, label_scale="1..0"), "group-floor").figures


def test_the_tables_own_folds_are_used(tmp_path):
    rows = [{**row, "fold": int(row["prompt"][1:]) % 3} for row in made(1, 0.5)]
    labels = np.array([row["mos"] for row in rows])
    floored = naive_mean_of_others([r["generator"] for r in rows], labels.tolist(), [r["fold"] for r in rows])
    from scipy.stats import spearmanr

    found = one_of(check_rows(tmp_path, rows), "group-floor")
    assert found.figures["srcc"] == pytest.approx(spearmanr(floored, labels)[0], abs=1e-12)


def test_what_a_torn_group_tells(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {
            "image": f"{c}x{f}.jpg",
            "scene": f"s{c}",
            "mos": round(level + rng.normal(0, 0.1), 4),
            "split": rng.choice(["train", "test"]),
        }
        for c, level in enumerate(rng.normal(3, 1, 40))
        for f in range(6)
    ]
    found = one_of(check_rows(tmp_path, rows), "group-floor")
    assert "scene alone, its mean label in train by 'split'" in found.message
    assert found.figures["srcc"] > 0.95


# --- ceilings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0.2, 0.5, 0.8])
def test_the_ceiling_of_normal_labels_has_a_closed_form(error):
    rng = np.random.default_rng(1)
    true = rng.normal(size=5_000)
    labels = true + error * rng.normal(size=true.size)
    value, reliability = ceiling(labels, np.full(true.size, error), rng)
    assert reliability == pytest.approx(1 / (1 + error**2), abs=0.02)
    # Spearman of a bivariate normal: 6 / pi arcsin(rho / 2), rho = sqrt(reliability) (Pearson 1907).
    assert value == pytest.approx(6 / math.pi * math.asin(math.sqrt(reliability) / 2), abs=0.008)


def test_noise_as_large_as_the_spread_leaves_no_ceiling():
    assert all(map(math.isnan, ceiling(np.arange(9.0), np.full(9, 9.0), np.random.default_rng(0))))
    assert all(map(math.isnan, ceiling(np.ones(9), np.zeros(9), np.random.default_rng(0))))


def rated(n=120, seed=0, **columns):
    rng = np.random.default_rng(seed)
    return [
        {"image": f"{i}.jpg", "mos": round(m, 4), "mos_std": 0.8}
        | {name: of_row(i) for name, of_row in columns.items()}
        for i, m in enumerate(rng.normal(3, 1, n).tolist())
    ]


def test_ceiling_by_stds_and_counts(tmp_path):
    found = one_of(check_rows(tmp_path, rated(n_ratings=lambda i: 4)), "rater-ceiling")
    labels = np.array([row["mos"] for row in rated()])
    assert found.severity == "note"
    assert found.figures["reliability"] == pytest.approx(1 - 0.8**2 / 4 / labels.var())
    assert found.figures["raters_known"] == 1


def test_ceiling_without_counts_states_its_assumption(tmp_path):
    found = one_of(check_rows(tmp_path, rated()), "rater-ceiling")
    labels = np.array([row["mos"] for row in rated()])
    assert "if 15 people rated each picture" in found.message
    assert found.figures["reliability"] == pytest.approx(1 - 0.8**2 / 15 / labels.var())
    assert found.figures["raters_known"] == 0


def test_ceiling_by_votes(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for i, m in enumerate(rng.uniform(1.5, 4.5, 80)):
        votes = np.clip(np.round(rng.normal(m, 0.8, 30)), 1, 5)
        counts = {f"votes_{k}": int((votes == k).sum()) for k in range(1, 6)}
        rows.append({"image": f"{i}.jpg", "mos": votes.mean(), **counts, "_std": votes.std(ddof=1)})
    errors = np.array([row.pop("_std") for row in rows]) / math.sqrt(30)
    rows.append({"image": "last.jpg", "mos": 3.0} | {f"votes_{k}": "" for k in range(1, 6)})
    found = one_of(check_rows(tmp_path, rows), "rater-ceiling")
    labels = np.array([row["mos"] for row in rows[:-1]])
    assert found.figures["n"] == 80
    assert found.figures["reliability"] == pytest.approx(1 - (errors**2).mean() / labels.var())


def test_pictures_filed_twice_measure_the_noise(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{**row, "duplicate_set": "", "mos_std": ""} for row in rated(400)]
    for k in range(100):
        a, b = rows[2 * k], rows[2 * k + 1]
        a["duplicate_set"] = b["duplicate_set"] = f"d{k}"
        level = rng.normal(3, 1)
        a["mos"], b["mos"] = (round(level + rng.normal(0, 0.3), 4) for _ in range(2))
    found = one_of(check_rows(tmp_path, rows), "rater-ceiling")
    gaps = [abs(rows[2 * k]["mos"] - rows[2 * k + 1]["mos"]) for k in range(100)]
    assert found.figures["mean_gap"] == pytest.approx(np.mean(gaps))
    assert found.figures["noise_std"] == pytest.approx(0.3, abs=0.05)
    # Half-normal law: the mean of |a - b| is 2 / sqrt(pi) of the std that a and b have each.
    assert found.figures["noise_std"] == pytest.approx(found.figures["mean_gap"] * math.sqrt(math.pi) / 2)
    assert len(found.rows) == 200


def test_too_few_rows_have_no_limits(tmp_path):
    assert not of(check_rows(tmp_path, rated(30)), "rater-ceiling")
    assert not of(check_rows(tmp_path, made(0, 1.0, 5)), "group-floor")
