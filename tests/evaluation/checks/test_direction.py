from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from checked_tables import check_rows, loud, of, one_of, word_of


def series(sign, seed=0, form="{ref}.blur.{k}.png", folder=""):
    """Pictures of six references and five strengths; sign +1: labels rise with the strength, as DMOS does."""
    rng = np.random.default_rng(seed)
    return [
        {
            "image": folder + form.format(ref=f"ref{r}", k=k, r=r),
            "mos": round(float(np.clip(50 + sign * 15 * (k - 3) + rng.normal(0, 4), 0, 100)), 3),
        }
        for r in range(6)
        for k in range(1, 6)
    ]


@pytest.mark.parametrize("form", ["{ref}.blur.{k}.png", "I{r:02d}_03_{k:02d}.png"])
def test_labels_that_rise_with_the_distortion_are_dmos(tmp_path, form):
    rows = series(+1, form=form)
    found = one_of(check_rows(tmp_path, rows), "direction")
    assert found.severity == "error"
    assert set(found.rows) == {row["image"] for row in rows}
    assert "in 6 series" in found.message
    assert "--label-scale 100..0" in found.message
    assert not loud(check_rows(tmp_path, rows, label_scale="100..0"))


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_fall_with_the_distortion_are_quiet(tmp_path, seed):
    rows = series(-1, seed)
    assert not loud(check_rows(tmp_path, rows))
    found = one_of(check_rows(tmp_path, rows, label_scale="100..0"), "direction")
    assert "read as lower is better" in found.message
    assert "--label-scale 0..100" in found.message


def test_a_column_of_strengths(tmp_path):
    rows = [{**row, "severity": row["image"][-5], "image": f"r{i}.png"} for i, row in enumerate(series(+1))]
    rows = [{**row, "image": f"{i // 5}/x.png", "id": str(i)} for i, row in enumerate(rows)]
    assert one_of(check_rows(tmp_path, rows), "direction").figures["n_series"] == 6


def test_columns_of_reference_distortion_and_strength(tmp_path):
    rows = [
        {
            "image": f"{i:04d}.png",
            "reference": f"r{i // 5 % 6}",
            "distortion": "ab"[i // 30],
            "severity": i % 5,
        }
        for i in range(60)
    ]
    rng = np.random.default_rng(0)
    rows = [{**row, "mos": round(20 + 12 * row["severity"] + rng.normal(0, 4), 3)} for row in rows]
    found = one_of(check_rows(tmp_path, rows), "direction")
    assert (found.severity, found.figures["n_series"]) == ("error", 12)
    assert not loud(check_rows(tmp_path, [{**row, "mos": 100 - row["mos"]} for row in rows]))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_model_that_scores_the_pictures_the_other_way(tmp_path, sign):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        grey = int(rng.integers(20, 230))
        Image.new("RGB", (9, 9), (grey, grey, i)).save(tmp_path / f"{i}.png")
        rows.append({"image": f"{i}.png", "mos": round(3 + sign * grey / 120 + rng.normal(0, 0.1), 3)})
    options = {"pictures": True, "rate": lambda picture, aspect: float(picture[0, 0, 0])}
    found = of(check_rows(tmp_path, rows, **options), "direction")
    assert [f.severity for f in found] == ([] if sign > 0 else ["warning"])
    if found:
        assert found[0].figures["model_srcc"] < -0.9
        assert "what the model scores the pictures runs against them" in found[0].message
    assert not of(check_rows(tmp_path, rows, pictures=True), "direction"), "no model was asked"
    few = [{**row, "mos": round(rng.normal(3, 0.6), 3)} for row in rows]
    assert not of(check_rows(tmp_path, few, **options), "direction")


@pytest.mark.parametrize("seed", range(8))
def test_numbers_that_are_no_strength_are_quiet(tmp_path, seed):
    rng = np.random.default_rng(seed)
    rows = [
        {"image": f"p{p:03d}_v_{k}.jpg", "mos": round(rng.normal(3, 0.6), 3)}
        for p in range(80)
        for k in range(5)
    ]
    assert not loud(check_rows(tmp_path, rows))


def test_undistorted_pictures_at_the_bad_end(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"image": f"a/{i}.png", "mos": round(rng.uniform(20, 80), 3)} for i in range(60)]
    rows += [{"image": f"a/pristine_{i}.png", "mos": round(rng.uniform(0, 15), 3)} for i in range(6)]
    found = one_of(check_rows(tmp_path, rows), "direction")
    assert (found.severity, found.rows) == ("error", tuple(row["image"] for row in rows[60:]))
    assert "6 pictures that are called undistorted" in found.message
    good = [{**row, "mos": 100 - row["mos"]} for row in rows]
    assert not loud(check_rows(tmp_path, good))


@pytest.mark.parametrize("seed", range(6))
def test_undistorted_pictures_anywhere_are_quiet(tmp_path, seed):
    rng = np.random.default_rng(seed)
    names = [f"a/{'pristine_' if i % 8 == 0 else ''}{i}.png" for i in range(64)]
    rows = [{"image": name, "mos": round(rng.uniform(20, 80), 3)} for name in names]
    assert not of(check_rows(tmp_path, rows), "direction")


def test_a_models_scores_against_the_labels(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.uniform(0, 100, 80).round(3)
    scores = (5 - labels / 25 + rng.normal(0, 0.5, 80)).round(4)
    rows = [
        {"image": f"{i}.png", "gt_score": y, "score": s, "n": 1}
        for i, (y, s) in enumerate(zip(labels.tolist(), scores.tolist(), strict=True))
    ]
    found = one_of(check_rows(tmp_path, rows), "direction")
    assert found.severity == "error"
    assert "column 'score' run against them" in found.message
    assert found.figures["scores_srcc"] == pytest.approx(-0.95, abs=0.05)
    noise = [{**row, "score": round(rng.normal(), 4)} for row in rows]
    assert not loud(check_rows(tmp_path, noise))


def test_the_folder_of_a_set_with_dmos_is_a_warning(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"image": f"live/blur/img{i}.bmp", "mos": round(rng.uniform(10, 80), 4)} for i in range(30)]
    found = one_of(check_rows(tmp_path, rows), "direction")
    assert found.severity == "warning"
    assert "LIVE has DMOS" in found.message
    assert of(check_rows(tmp_path, rows, label_scale="0..100"), "direction")
    assert not of(check_rows(tmp_path, rows, label_scale="100..0"), "direction")
    assert not of(check_rows(tmp_path, [{**r, "image": f"livec/{r['mos']}.bmp"} for r in rows]), "direction")


def test_a_block_of_zeros_is_a_warning(tmp_path):
    rng = np.random.default_rng(0)
    labels = [*rng.uniform(10, 80, 40).round(4).tolist(), *[0.0] * 10]
    rows = [{"image": f"{i}.bmp", "mos": label} for i, label in enumerate(labels)]
    found = one_of(check_rows(tmp_path, rows), "direction")
    assert (found.severity, found.rows) == ("warning", tuple(f"{i}.bmp" for i in range(40, 50)))
    assert "10 of 50 labels are exactly 0" in found.message


def test_level_words_made_of_dmos_as_if_it_were_mos(tmp_path):
    scores = np.random.default_rng(0).uniform(0, 100, 60).round(3).tolist()
    rows = [{"image": f"{i}.bmp", "mos": s, "level": word_of(s, 0, 100)} for i, s in enumerate(scores)]
    assert not loud(check_rows(tmp_path, rows))
    found = one_of(check_rows(tmp_path, rows, label_scale="100..0"), "direction")
    assert found.severity == "error"
    assert "level words are upside down" in found.message
    assert len(found.rows) == 60
    assert not of(check_rows(tmp_path, rows, label_scale="100..0"), "level-rule")


def test_yes_or_no_has_no_direction(tmp_path):
    rows = [{"image": f"live/{i}.png", "label": i % 2} for i in range(40)]
    assert not of(check_rows(tmp_path, rows), "direction")
    assert of(check_rows(tmp_path, [{**row, "label": i / 9} for i, row in enumerate(rows)]), "direction")
