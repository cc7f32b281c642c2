"""Comparisons against loops written out, by properties, and by what may not be compared."""

from __future__ import annotations

import json

import numpy as np
import pytest

from run_folders import make_run, make_set, scorers
from visq.core.errors import DataError, InputError
from visq.core.scales import Scale
from visq.evaluation.comparison.compare import compare, compare_runs, named_runs
from visq.evaluation.comparison.tables import verdict_lines
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.set_figures import set_figures
from visq.evaluation.statistics.published import smallest_detectable


def two_runs(tmp_path, labels, a, b, *, groups=None, column=None, name="koniq", **more):
    return [
        make_run(tmp_path / run, [make_set(name, labels, scores, groups=groups, group_column=column)], **more)
        for run, scores in (("a", a), ("b", b))
    ]


def only_pair(found, statistic="srcc"):
    return found["sets"][0]["pairs"][0][statistic]


def test_detectors_have_the_figures_and_intervals_of_evaluate(tmp_path):
    """Label 1 is the worse class, as of forged pictures; scores are higher for what is better."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 120).astype(float)
    scores = [np.clip(0.5 + 0.2 * (0.5 - labels) + s * rng.normal(size=120), 0, 1) for s in (0.1, 0.6)]
    forged = Scale(0, 1, "down")
    sets = [make_set("faces", labels, x, label_scale=forged, aspect="authenticity") for x in scores]
    runs = [make_run(tmp_path / n, [s], aspect="authenticity") for n, s in zip("ab", sets, strict=True)]
    found = compare_runs(runs)
    alone = [set_figures(one, settings=Settings(1000))["figures"] for one in sets]
    for run, figures in zip("ab", alone, strict=True):
        seen = found["sets"][0]["figures"][run]
        assert list(seen) == ["auroc", "ap"]
        for name in seen:
            ends = [figures[name][key] for key in ("value", "low", "high")]
            assert [seen[name][key] for key in ("value", "low", "high")] == pytest.approx(ends, abs=1e-12)
    assert only_pair(found, "auroc")["p"] < 0.05
    assert only_pair(found, "ap")["difference"] > 0
    assert found["settings"]["n_tests"] == {"auroc": 1, "ap": 1}
    assert found["mean"] is None
    assert "faces AUROC, a against b" in next(verdict_lines(found))


# --- the numbers ---------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_a_loop_written_out(tmp_path):
    from scipy.stats import pearsonr, spearmanr

    labels, (a, b), groups = scorers(np.random.default_rng(1), 42, (0.8, 1.0), per_group=3)
    runs = two_runs(tmp_path, labels, a, b, groups=groups, column="scene")
    found = compare_runs(runs, resamples=60, seed=5, margin=0.02)
    one = found["sets"][0]
    assert (one["n_common"], one["n_groups"], one["group_column"]) == (42, 14, "scene")
    for statistic, figure in (("srcc", spearmanr), ("plcc", pearsonr)):
        rng, loop = np.random.default_rng(5), []
        for _ in range(60):
            rows = [i for g in rng.integers(0, 14, 14) for i in range(42) if groups[i] == g]
            loop.append([figure(x[rows], labels[rows]).statistic for x in (a, b)])
        loop = np.array(loop)
        for k, (run, scores) in enumerate((("a", a), ("b", b))):
            seen = one["figures"][run][statistic]
            assert seen["value"] == pytest.approx(figure(scores, labels).statistic, abs=1e-12)
            ends = np.quantile(loop[:, k], [0.025, 0.975])
            assert [seen["low"], seen["high"]] == pytest.approx(list(ends), abs=1e-10)
        difference, test = loop[:, 0] - loop[:, 1], only_pair(found, statistic)
        ends = np.quantile(difference, [0.025, 0.975])
        assert [test["low"], test["high"]] == pytest.approx(list(ends), abs=1e-10)
        below, above = (1 + (difference <= 0).sum()) / 61, (1 + (difference >= 0).sum()) / 61
        assert test["p"] == test["p_holm"] == min(1, 2 * min(below, above))
        held = test["equivalence"]
        ends = np.quantile(difference, [0.05, 0.95])
        assert [held["low"], held["high"]] == pytest.approx(list(ends), abs=1e-10)
        assert held["no_worse"] == (ends[0] > -0.02)
        assert held["b_no_worse"] == (ends[1] < 0.02)
        assert held["equivalent"] == (held["no_worse"] and held["b_no_worse"])
        assert test["smallest_detectable"] == pytest.approx(2.801585 * difference.std(ddof=1), abs=1e-9)


def test_agreement_is_between_the_scorers(tmp_path):
    from scipy.stats import spearmanr

    labels, (a, b), _ = scorers(np.random.default_rng(2), 30, (0.8, 1.0))
    b = np.round(b)
    agreement = compare_runs(two_runs(tmp_path, labels, a, b), resamples=30)["sets"][0]["pairs"][0][
        "agreement"
    ]
    assert agreement["srcc"] == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)
    assert agreement["low"] < agreement["srcc"] < agreement["high"]
    told = [(i, j) for i in range(30) for j in range(i) if a[i] != a[j] and b[i] != b[j]]
    alike = sum((a[i] > a[j]) == (b[i] > b[j]) for i, j in told)
    assert agreement["n_pairs"] == len(told) < 435
    assert agreement["same_order"] == alike / len(told)


def test_on_single_rows_the_smallest_difference_is_near_the_closed_form(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(3), 800, (0.9, 0.9))
    found = compare_runs(two_runs(tmp_path, labels, a, b), resamples=300)
    figures = found["sets"][0]["figures"]
    r = min(figures[run]["plcc"]["value"] for run in "ab")
    between = float(np.corrcoef(a, b)[0, 1])
    expected = smallest_detectable(800, r, between, statistic="plcc")
    assert only_pair(found, "plcc")["smallest_detectable"] == pytest.approx(expected, rel=0.2)


def test_swapping_the_runs_turns_signs_and_nothing_else(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(4), 50, (0.6, 1.1))
    runs = two_runs(tmp_path, labels, a, b)
    one, other = (only_pair(compare_runs(order, resamples=99)) for order in (runs, runs[::-1]))
    assert other["difference"] == -one["difference"]
    assert (other["low"], other["high"]) == pytest.approx((-one["high"], -one["low"]))
    assert other["p"] == one["p"]
    assert other["smallest_detectable"] == pytest.approx(one["smallest_detectable"])
    assert other["equivalence"]["no_worse"] == one["equivalence"]["b_no_worse"]


def test_equal_scores_do_not_differ(tmp_path):
    labels, (a,), _ = scorers(np.random.default_rng(5), 40, (0.7,))
    found = compare_runs(two_runs(tmp_path, labels, a, 3 * a + 1), resamples=99)
    for statistic in ("srcc", "plcc"):
        test = only_pair(found, statistic)
        assert (test["difference"], test["low"], test["high"]) == pytest.approx((0, 0, 0), abs=1e-12)
    test = only_pair(found)  # ranks are equal to the last bit; of Pearson's r, rounding may decide
    assert (test["p"], test["equivalence"]["equivalent"], test["smallest_detectable"]) == (1, True, None)
    pair = found["sets"][0]["pairs"][0]
    assert pair["agreement"]["srcc"] == pair["agreement"]["same_order"] == 1
    assert found["sets"][0]["disagreements"] == []


def test_p_values_without_a_difference_are_spread_evenly(tmp_path):
    rng, ps = np.random.default_rng(6), []
    from visq.evaluation.comparison.pairing import measured_set
    from visq.evaluation.comparison.sets import common_sets

    for trial in range(80):
        labels, (a, b), groups = scorers(rng, 120, (0.8, 0.8), per_group=3)
        runs = {run: FakeRun([make_set("s", labels, x, groups=groups)]) for run, x in (("a", a), ("b", b))}
        (one,), _ = common_sets(runs)
        ps.append(measured_set(one, 0.005, 79, trial).tests["a", "b"]["srcc"].found.p_value)
    assert np.mean(np.array(ps) < 0.05) <= 0.125  # nominal .05, standard error .024
    assert 0.4 <= np.mean(ps) <= 0.6  # of even p-values .5, standard error .032


class FakeRun:
    """A run without its folder: what common_sets reads of one."""

    def __init__(self, sets):
        self.sets, self.report = sets, {"sets": [{} for _ in sets], "source": None}


def test_a_planted_difference_is_found_and_told(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(7), 300, (0.3, 1.5))
    test = only_pair(compare_runs(two_runs(tmp_path, labels, a, b), resamples=200))
    assert test["p"] == pytest.approx(2 / 201)
    assert test["low"] > 0
    assert "differ (p = .01" in test["verdict"]
    assert not test["equivalence"]["b_no_worse"]


def test_holm_runs_over_all_sets_and_pairs_of_a_statistic(tmp_path):
    rng = np.random.default_rng(8)
    noises = {"one": (0.55, 0.6, 0.9), "two": (0.7, 0.8, 0.75)}
    made = {name: scorers(rng, 70, noise) for name, noise in noises.items()}
    runs = [
        make_run(tmp_path / run, [make_set(name, labels, xs[k]) for name, (labels, xs, _) in made.items()])
        for k, run in enumerate("abc")
    ]
    found = compare_runs(runs, resamples=199)
    assert found["settings"]["n_tests"] == {"srcc": 6, "plcc": 6}
    for statistic in ("srcc", "plcc"):
        tests = [pair[statistic] for one in found["sets"] for pair in one["pairs"]]
        ordered = sorted(tests, key=lambda test: test["p"])
        largest = 0.0
        for i, test in enumerate(ordered):  # Holm 1979: 6 p(1), then at least as much, 5 p(2), ...
            largest = max(largest, min(1.0, (6 - i) * test["p"]))
            assert test["p_holm"] == pytest.approx(largest)
        alone = [test for test in tests if test["p"] < 0.05 <= test["p_holm"]]
        assert all("alone is Holm p" in test["verdict"] for test in alone)
        assert all("(Holm p" in test["verdict"] for test in tests if test["p_holm"] < 0.05)
        assert all("differ" not in test["verdict"] for test in tests if test["p_holm"] >= 0.05)


def test_there_are_resamples_enough_for_the_number_of_tests(tmp_path):
    labels, xs, _ = scorers(np.random.default_rng(19), 40, (0.3, 0.4, 0.5, 9.0))
    runs = [make_run(tmp_path / run, [make_set("s", labels, x)]) for run, x in zip("abcd", xs, strict=True)]
    found = compare_runs(runs)
    assert found["settings"]["resamples"] == 1200  # 200 for each of six pairs
    assert compare_runs(runs[:2])["settings"]["resamples"] == 1000
    smallest = min(pair["srcc"]["p_holm"] for pair in found["sets"][0]["pairs"])
    assert smallest == pytest.approx(6 * 2 / 1201)
    said = compare_runs(runs, resamples=239)["warnings"]  # 6 * 2 / 240 = .05
    assert "239 resamples cannot show a difference among 6 tests; 1200 can" in said
    assert not any("cannot show" in w for w in compare_runs(runs, resamples=240)["warnings"])


def test_labels_that_point_down_are_turned(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(9), 40, (0.5, 0.9))
    up = compare_runs(two_runs(tmp_path / "up", labels, a, b), resamples=50)
    down = Scale(0, 100, "down")
    runs = [
        make_run(tmp_path / "down" / run, [make_set("koniq", 100 - 10 * labels, x, label_scale=scale)])
        for run, x, scale in (("a", a, None), ("b", b, down))
    ]
    found = compare_runs(runs, resamples=50)
    assert only_pair(found)["difference"] == pytest.approx(only_pair(up)["difference"])
    assert found["sets"][0]["figures"]["a"]["srcc"]["value"] > 0
    assert any(
        "label scale differs: unknown in 'a', 100..0 in 'b'; 100..0 is used" in w for w in found["warnings"]
    )


def test_a_comparison_is_json_and_the_same_every_time(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(10), 30, (0.5, 0.9))
    b[:] = 2.0
    two_runs(tmp_path, labels, a, b)
    texts = {
        json.dumps(compare([tmp_path / "a", str(tmp_path / "b")], resamples=20, seed=seed), allow_nan=False)
        for seed in (3, 3)
    }
    assert len(texts) == 1
    test = only_pair(json.loads(texts.pop()))
    assert (test["difference"], test["p"], test["p_holm"], test["smallest_detectable"]) == (None,) * 4
    assert "no test of" in test["verdict"]


# --- what has to be said -------------------------------------------------------------------------------


def test_only_rows_that_all_runs_scored_count_and_this_is_said(tmp_path):
    labels, (a, b, c), _ = scorers(np.random.default_rng(11), 40, (0.5, 0.6, 0.7))
    a[3], c[7:9] = np.nan, np.nan
    order = np.random.default_rng(0).permutation(40)
    ids = np.array([f"{i}.png" for i in range(40)])
    runs = [
        make_run(tmp_path / "a", [make_set("s", labels, a)]),
        make_run(tmp_path / "b", [make_set("s", labels[order][:38], b[order][:38], ids=ids[order][:38])]),
        make_run(tmp_path / "c", [make_set("s", labels, c)]),
    ]
    found = compare_runs(runs, resamples=20)
    kept = [i for i in range(40) if i not in (3, 7, 8, *order[38:])]
    one = found["sets"][0]
    assert one["n_common"] == len(kept)
    n = len(kept)
    assert one["n_only"] == {"a": 39 - n, "b": 38 - n, "c": 38 - n}
    from scipy.stats import spearmanr

    for run, x in (("a", a), ("b", b), ("c", c)):
        expected = spearmanr(x[kept], labels[kept]).statistic  # pairing by position would be far off for b
        assert one["figures"][run]["srcc"]["value"] == pytest.approx(expected, abs=1e-12)
    said = "\n".join(found["warnings"])
    assert "run 'a' is partial, 39 of 40 rows scored" in said
    assert f"compared on the {n} rows that all runs scored" in said
    assert "s: manifest differs" in said


def test_settings_that_differ_are_said(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(12), 40, (0.5, 0.6))
    about = {"protocol": "koniq", "split": "test", "label_column": "MOS"}
    run_a = make_run(
        tmp_path / "a", [make_set("s", labels, a)], about={"s": about},
        source={"runtime": "onnxruntime", "preprocessing": "squash320"},
    )  # fmt: skip
    run_b = make_run(
        tmp_path / "b", [make_set("s", labels, b)], source={"runtime": "torch", "preprocessing": None}
    )
    said = compare_runs([run_a, run_b], resamples=20)["warnings"]
    assert "s: protocol differs: koniq in 'a', none in 'b'" in said
    assert "s: split differs: test in 'a', none in 'b'" in said
    assert "s: label column differs: MOS in 'a', mos in 'b'" in said
    assert any(w.startswith("runtime differs: onnxruntime in 'a', torch in 'b'") for w in said)
    assert not any("preprocessing" in w for w in said)  # one is not known


def test_few_groups_make_no_test_and_some_make_a_warning(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(13), 40, (0.5, 1.5))
    for n_groups, is_made in ((1, False), (5, False), (6, True), (29, True), (30, True)):
        groups = np.arange(40) % n_groups
        runs = two_runs(tmp_path / str(n_groups), labels, a, b, groups=groups, column="scene")
        found = compare_runs(runs, resamples=30)
        test = only_pair(found)
        assert (test["p"] is not None) == is_made
        assert (found["sets"][0]["figures"]["a"]["srcc"]["low"] is not None) == is_made
        assert found["sets"][0]["figures"]["a"]["srcc"]["value"] is not None
        said = "\n".join(found["warnings"])
        assert ("too few for an interval" in said) == (n_groups < 6)
        assert ("intervals are too short" in said) == (6 <= n_groups < 30)


def test_constant_and_upside_down_scores_are_said(tmp_path):
    labels, (a,), _ = scorers(np.random.default_rng(14), 60, (0.5,))
    said = compare_runs(two_runs(tmp_path, labels, np.full(60, 3.0), -a), resamples=30)["warnings"]
    assert "koniq: all scores of run 'a' are equal" in said
    assert "koniq: scores of run 'b' fall where labels rise; does its scale point down?" in said


def test_no_common_scored_row_is_a_set_without_figures(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(15), 20, (0.5, 0.5))
    a[:10], b[9:] = np.nan, np.nan
    found = compare_runs(two_runs(tmp_path, labels, a, b), resamples=20)
    one = found["sets"][0]
    assert (one["n_common"], one["n_groups"], one["disagreements"]) == (0, 0, [])
    assert one["figures"]["a"]["srcc"]["value"] is None
    assert "0 rows are too few" in "\n".join(found["warnings"])
    a[9] = 3.0
    b[9] = 2.0
    found = compare_runs(two_runs(tmp_path / "one", labels, a, b), resamples=20)
    assert found["sets"][0]["n_common"] == 1


# --- means over sets -----------------------------------------------------------------------------------


def three_sets(tmp_path, trained_a=(), trained_b=(), left_out_of_b=()):
    rng = np.random.default_rng(16)
    made = {name: scorers(rng, 60, (0.5, 0.9)) for name in ("koniq", "spaq", "kadid")}
    return [
        make_run(
            tmp_path / run,
            [make_set(n, y, xs[k]) for n, (y, xs, _) in made.items() if k == 0 or n not in left_out_of_b],
            source={"trained_on": titles},
        )
        for k, (run, titles) in enumerate((("a", list(trained_a)), ("b", list(trained_b))))
    ]


def test_the_mean_is_that_of_fishers_z(tmp_path):
    found = compare_runs(three_sets(tmp_path), resamples=60)
    mean = found["mean"]
    assert mean["sets"] == ["koniq", "spaq", "kadid"]
    assert found["mean_in_domain"] is None
    for run in "ab":
        z = [np.arctanh(one["figures"][run]["srcc"]["value"]) for one in found["sets"]]
        figure = mean["figures"][run]["srcc"]
        assert figure["value"] == pytest.approx(np.tanh(sum(z) / 3), abs=1e-12)
        assert figure["low"] < figure["value"] < figure["high"]
        widths = [
            one["figures"][run]["srcc"]["high"] - one["figures"][run]["srcc"]["low"] for one in found["sets"]
        ]
        assert figure["high"] - figure["low"] < min(widths)  # three sets know more than one
    pair = mean["pairs"][0]["srcc"]
    expected = mean["figures"]["a"]["srcc"]["value"] - mean["figures"]["b"]["srcc"]["value"]
    assert pair["difference"] == pytest.approx(expected)
    assert pair["low"] < pair["difference"] < pair["high"]


def test_sets_a_model_was_trained_on_are_kept_apart(tmp_path):
    found = compare_runs(three_sets(tmp_path, trained_a=["KonIQ-10k, training part"]), resamples=20)
    assert found["sets"][0]["trained_on"] == {"a": "KonIQ-10k, training part", "b": None}
    assert found["mean"]["sets"] == ["spaq", "kadid"]
    assert "koniq: run 'a' was trained on this set (KonIQ-10k, training part)" in found["warnings"]
    both = ["KonIQ", "SPAQ"]
    found = compare_runs(three_sets(tmp_path / "both", both, both), resamples=20)
    assert (found["mean"], found["mean_in_domain"]["sets"]) == (None, ["koniq", "spaq"])


def test_a_set_that_one_run_lacks_is_no_part_of_the_mean(tmp_path):
    found = compare_runs(three_sets(tmp_path, left_out_of_b=("spaq",)), resamples=20)
    assert [one["name"] for one in found["sets"]] == ["koniq", "kadid"]
    assert "spaq: only run 'a' has this set; it is not compared" in found["warnings"]
    assert found["mean"]["sets"] == ["koniq", "kadid"]


def test_three_runs_with_a_set_that_two_of_them_have(tmp_path):
    runs = three_sets(tmp_path, left_out_of_b=("spaq",))
    third = make_run(tmp_path / "c", [one for one in runs[0].sets if one.name != "koniq"])
    found = compare_runs([*runs, third], resamples=20)
    assert {one["name"]: list(one["figures"]) for one in found["sets"]} == {
        "koniq": ["a", "b"],
        "spaq": ["a", "c"],
        "kadid": ["a", "b", "c"],
    }
    assert found["mean"] is None


# --- names and refusals --------------------------------------------------------------------------------


def test_runs_are_called_by_their_folders(tmp_path):
    one = [make_set("s", [1, 2, 3], [1, 2, 3])]
    runs = [make_run(tmp_path / name, one) for name in ("x/mini", "y/mini", "brisque")]
    assert list(named_runs(runs[1:])) == ["mini", "brisque"]
    assert list(named_runs(runs)) == ["x/mini", "y/mini", f"{tmp_path.name}/brisque"]
    assert list(named_runs(runs, ["A", "B", "C"])) == ["A", "B", "C"]
    for names in (["A", "B"], ["A", "A", "B"], ["A", "", "B"]):
        with pytest.raises(InputError, match="3 runs need as many different names"):
            named_runs(runs, names)
    with pytest.raises(InputError, match="2 to 8 runs, not 1"):
        named_runs(runs[:1])
    with pytest.raises(InputError, match="2 to 8 runs, not 9"):
        named_runs(runs * 3)
    with pytest.raises(InputError, match="brisque' is given twice"):
        named_runs([runs[2], runs[0], runs[2]])


def test_wrong_requests_are_errors(tmp_path):
    labels, (a, b), _ = scorers(np.random.default_rng(17), 20, (0.5, 0.5))
    runs = two_runs(tmp_path, labels, a, b)
    for options, said in (
        ({"margin": 0}, "not 0"),
        ({"margin": 1.5}, r"not 1\.5"),
        ({"resamples": 0}, "from 0 resamples"),
        ({"seed": -1}, "not -1"),
    ):
        with pytest.raises(InputError, match=said):
            compare_runs(runs, **options)
    other = make_run(tmp_path / "c", runs[1].sets, aspect="aesthetics")
    with pytest.raises(
        InputError, match="different aspects are not compared: quality in 'a', aesthetics in 'c'"
    ):
        compare_runs([runs[0], other])
    with pytest.raises(InputError, match="is no finished run"):
        compare([tmp_path / "a", tmp_path / "nowhere"])


def refused(tmp_path, one, other):
    runs = [make_run(tmp_path / name, [scored]) for name, scored in (("a", one), ("b", other))]
    with pytest.raises(DataError) as error:
        compare_runs(runs, resamples=20)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_runs_that_contradict_each_other_are_errors(tmp_path):
    labels, (a, b), groups = scorers(np.random.default_rng(18), 20, (0.5, 0.5))
    other = labels.copy()
    other[4:6] += 1e-6
    said = refused(tmp_path / "labels", make_set("s", labels, a), make_set("s", other, b))
    assert "set 's', id '4.png': the label is" in said
    assert "in run 'a'" in said
    assert "(2 of 20 differ)" in said
    said = refused(
        tmp_path / "way",
        make_set("s", labels, a, label_scale=Scale(1, 5)),
        make_set("s", labels, b, label_scale=Scale(1, 5, "down")),
    )
    assert "labels are on 1..5 in run 'a' and 5..1 in run 'b', which point opposite ways" in said
    said = refused(
        tmp_path / "groups",
        make_set("s", labels, a, groups=groups // 2, group_column="scene"),
        make_set("s", labels, b, groups=groups // 3, group_column="author"),
    )
    assert "run 'a' groups rows by 'scene' and run 'b' by 'author', and these groups differ" in said
    b[2] = np.inf
    said = refused(tmp_path / "inf", make_set("s", labels, a), make_set("s", labels, b))
    assert "set 's', id '2.png': run 'b' has the score inf" in said
    ids = [f"other/{i}" for i in range(20)]
    said = refused(tmp_path / "ids", make_set("s", labels, a), make_set("s", labels, a, ids=ids))
    assert "run 'a' has 's' (ids like '0.png'); run 'b' has 's' (ids like 'other/0')" in said
