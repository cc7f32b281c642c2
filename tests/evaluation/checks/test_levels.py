from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from checked_tables import check_rows, loud, of, one_of, set_of, word_of
from visq.core.scales import LEVEL_WORDS, LevelIntervals, Scale
from visq.evaluation.checks.levels import level_rule


def table(seed=0, n=200, ends=(0.0, 100.0), split=lambda i: "train"):
    scores = np.random.default_rng(seed).uniform(0, 100, n).round(3)
    return [
        {"image": f"{i}.jpg", "score": s, "level": word_of(s, *ends), "split": split(i)}
        for i, s in enumerate(scores.tolist())
    ]


def test_words_that_are_no_levels_are_named(tmp_path):
    rows = table()
    rows[3]["level"], rows[8]["level"], rows[9]["level"] = "mediocre", "", "mediocre"
    found = [f for f in of(check_rows(tmp_path, rows), "level-words") if f.severity == "error"]
    assert len(found) == 1
    assert found[0].rows == ("3.jpg", "8.jpg", "9.jpg")
    assert (
        "3 of 200 rows have none of bad, poor, fair, good, excellent (mediocre 2, (blank) 1)"
        in found[0].message
    )


def test_levels_are_counted_in_a_note(tmp_path):
    rows = table()
    found = one_of(check_rows(tmp_path, rows), "level-words")
    assert found.severity == "note"
    assert {word: sum(row["level"] == word for row in rows) for word in LEVEL_WORDS} == found.figures


def test_numbers_in_a_column_called_level_are_no_words(tmp_path):
    rows = [{"image": f"{i}.jpg", "mos": i * 1.1, "level": i % 5} for i in range(60)]
    assert not of(check_rows(tmp_path, rows), "level-words")


@pytest.mark.parametrize("seed", range(5))
def test_words_by_one_rule_are_silent_whatever_the_rule(tmp_path, seed):
    ends = (-3.0 - seed, 104.5 + 3 * seed)
    report = check_rows(tmp_path, table(seed, ends=ends, split=lambda i: "test" if i % 4 == 0 else "train"))
    assert not loud(report)
    assert not of(report, "level-rule")


def test_another_rule_in_test_is_an_error_with_what_it_implies(tmp_path):
    rows = table(1, 400, split=lambda i: "test" if i % 4 == 0 else "train")
    for row in rows:
        if row["split"] == "test":
            row["level"] = word_of(row["score"], -40.0, 100.0)
    found = one_of(check_rows(tmp_path, rows), "level-rule")
    wrong = [r["image"] for r in rows if r["level"] != word_of(r["score"], 0, 100)]
    assert found.severity == "error"
    assert found.figures["part"] == "split 'test'"
    assert len(set(found.rows) ^ set(wrong)) <= 3  # the interval fitted to train is known to a row or so
    assert found.figures["implied_low"] == pytest.approx(-40, abs=4)
    assert found.figures["implied_high"] == pytest.approx(100, abs=4)
    assert "use the scores, not the words" in found.message


def test_single_wrong_words_are_named(tmp_path):
    rows = table(2, 400)
    rows[10]["level"] = "excellent" if rows[10]["score"] < 50 else "bad"
    found = one_of(check_rows(tmp_path, rows), "level-rule")
    assert (found.severity, found.rows) == ("warning", ("10.jpg",))


def test_the_interval_of_a_protocol_is_what_words_are_held_against(tmp_path):
    rows = [{**row, "mos": row.pop("score")} for row in table(3, 300)]
    assert not of(check_rows(tmp_path, rows, protocol="livec"), "level-rule")  # 0..100
    found = one_of(check_rows(tmp_path, rows, protocol="spaq"), "level-rule")  # 0..94
    wrong = [r["image"] for r in rows if r["level"] != word_of(r["mos"], 0, 94)]
    assert found.rows == tuple(wrong)
    assert found.figures["share"] == pytest.approx(len(wrong) / 300)
    assert (found.figures["stated_low"], found.figures["stated_high"]) == (0, 94)


def test_a_word_that_misses_its_border_by_rounding_is_a_note(tmp_path):
    rows = [{**row, "mos": row.pop("score")} for row in table(4, 300)]
    rows[0] |= {"mos": 60.02, "level": "fair"}
    found = one_of(check_rows(tmp_path, rows, protocol="livec"), "level-rule")
    assert (found.severity, found.rows) == ("note", ("0.jpg",))


def test_an_interval_of_dmos_is_turned_with_its_scale(tmp_path):
    scale = Scale(0, 100, "down")
    scores = np.random.default_rng(6).uniform(0, 100, 200).round(3).tolist()
    cut = LevelIntervals(Scale(10, 80, "down"))
    rows = [{"image": f"{i}.bmp", "dmos": s, "level": word_of(100 - s, 20, 90)} for i, s in enumerate(scores)]
    one = replace(set_of(tmp_path, rows, label="dmos", label_scale="100..0"), intervals=cut)
    assert one.label_scale == scale
    assert not list(level_rule([one]))


def test_words_that_run_the_other_way_are_told_once(tmp_path):
    scores = np.random.default_rng(5).uniform(0, 100, 200).round(3).tolist()
    rows = [{"image": f"x/{i}.bmp", "dmos": s, "level": word_of(s, 0, 100)} for i, s in enumerate(scores)]
    report = check_rows(tmp_path, rows, protocol="live")
    assert of(report, "direction")
    assert not of(report, "level-rule")


def test_words_of_dmos_are_held_against_the_turned_interval(tmp_path):
    scores = np.random.default_rng(5).uniform(0, 100, 200).round(3).tolist()
    rows = [
        {"image": f"x/{i}.bmp", "dmos": s, "level": word_of(100 - s, 0, 100)} for i, s in enumerate(scores)
    ]
    assert not loud(check_rows(tmp_path, rows, protocol="live"))
    rows[7]["level"] = "bad" if rows[7]["dmos"] < 50 else "excellent"
    assert one_of(check_rows(tmp_path, rows, protocol="live"), "level-rule").rows == ("x/7.bmp",)
