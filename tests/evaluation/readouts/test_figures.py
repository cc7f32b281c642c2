"""Figures of read-outs against scipy and sums by hand; a swap of two read-outs, and what is distrusted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from visq.core.errors import InputError
from visq.core.scales import MOS, Scale
from visq.evaluation.figures.measured import Settings
from visq.evaluation.figures.scored import ScoredSet
from visq.evaluation.readouts.candidates import candidates_of
from visq.evaluation.readouts.figures import costs, readout_figures, scored_as
from visq.evaluation.readouts.reader import Read
from visq.scoring.asked import Wanted, choose

(OWN,) = choose(Wanted(("quality",), "levels"), ["quality"], "visq")
CANDIDATES, _ = candidates_of(OWN, ["integers", "text"], closed_set=False, model="m", wanted=Wanted())
SETTINGS = Settings(resamples=300)
N = 60
RNG = np.random.default_rng(4)
LABELS = RNG.uniform(0, 5, N)


def labelled(n=N, *, groups=None, scale=Scale(0, 5)):  # noqa: B008
    nothing = np.full(n, math.nan)
    return ScoredSet(
        name="s",
        aspect="quality",
        ids=np.array([f"{i}.png" for i in range(n)]),
        paths=tuple(f"{i}.png" for i in range(n)),
        groups=np.array([f"g{i // 2}" for i in range(n)] if groups is None else groups),
        labels=LABELS[:n],
        stds=nothing,
        scores=nothing,
        low=nothing,
        high=nothing,
        spread=nothing,
        outside=nothing,
        errors=("",) * n,
        kinds=("",) * n,
        hashes=("",) * n,
        label_scale=scale,
        score_scale=MOS,
    )


def outcomes(noise, *, outside=0.1, seed=1, n=N):
    """Scores on 1..5: the label moved there, and noise; all that is outside is on no answer."""
    rng = np.random.default_rng(seed)
    values = np.clip(1 + 0.8 * LABELS[:n] + rng.normal(0, noise, n), 1, 5)
    return [Read(float(value), 0.5, outside, i % 4 == 0, outside) for i, value in enumerate(values)]


def rows_of(levels, integers, text, base=None, settings=SETTINGS):
    base = base or labelled()
    told = {"levels": levels, "integers": integers, "text": text}
    pictures = [dict(zip(told, of_one, strict=True)) for of_one in zip(*told.values(), strict=True)]
    scored = {name: scored_as(base, values) for name, values in told.items()}
    return {row["readout"]: row for row in readout_figures(CANDIDATES, scored, pictures, settings)}


def values(outcomes):
    return np.array([one.value for one in outcomes])


@pytest.fixture(scope="module")
def found():
    return rows_of(outcomes(0.9), outcomes(0.2, seed=2), outcomes(4.0, outside=None, seed=3))


def test_correlations_are_scipy_s(found):
    for name, told in (("levels", outcomes(0.9)), ("integers", outcomes(0.2, seed=2))):
        row = found[name]
        assert row["srcc"]["value"] == pytest.approx(stats.spearmanr(values(told), LABELS).statistic)
        assert row["plcc"]["value"] == pytest.approx(stats.pearsonr(values(told), LABELS).statistic)
        assert row["srcc"]["low"] < row["srcc"]["value"] < row["srcc"]["high"]
        assert (row["srcc"]["n"], row["srcc"]["n_groups"]) == (N, N // 2)


def test_differences_are_to_the_model_s_own_and_adjusted_together(found):
    assert found["levels"]["is_default"]
    assert found["levels"]["difference"] is None
    better, worse = found["integers"]["difference"], found["text"]["difference"]
    assert better["value"] == pytest.approx(
        found["integers"]["srcc"]["value"] - found["levels"]["srcc"]["value"]
    )
    assert better["low"] > 0 > worse["high"]
    raw = [better["p_value"], worse["p_value"]]
    assert raw[0] == 2 / 301  # the smallest there is of 300 resamples
    small, large = sorted(raw)
    assert sorted([better["p_adjusted"], worse["p_adjusted"]]) == [2 * small, max(2 * small, large)]


def test_two_read_outs_swapped_turn_the_difference_round(found):
    swapped = rows_of(outcomes(0.2, seed=2), outcomes(0.9), outcomes(4.0, outside=None, seed=3))
    assert swapped["integers"]["difference"]["value"] == pytest.approx(
        -found["integers"]["difference"]["value"]
    )
    assert swapped["integers"]["difference"]["high"] < 0


def test_the_same_order_is_no_test_and_does_not_count_among_them():
    same = [Read(one.value / 2 + 1, 0.5, 0.1, False) for one in outcomes(0.9)]
    rows = rows_of(outcomes(0.9), same, outcomes(1.5, seed=3))
    equal, other = rows["integers"]["difference"], rows["text"]["difference"]
    assert (equal["value"], equal["low"], equal["high"]) == (0, 0, 0)
    assert math.isnan(equal["p_value"])
    assert equal["note"] == "the same order: there is nothing to test"
    assert other["p_adjusted"] == other["p_value"]


def test_too_few_groups_make_no_interval_and_no_test():
    base = labelled(groups=["a", "b"] * (N // 2))
    row = rows_of(outcomes(0.9), outcomes(0.2), outcomes(0.3), base)["integers"]
    assert math.isnan(row["srcc"]["low"])
    assert math.isnan(row["difference"]["p_adjusted"])
    assert "2 groups are too few" in row["difference"]["note"]
    assert row["difference"]["value"] != 0


def test_errors_are_in_the_unit_of_the_labels():
    off = [
        Read(value, 0.5, 0.0, False) for value in (2 + 0.8 * LABELS).tolist()
    ]  # 1 of 4 too much: 1.25 of 5
    row = rows_of(off, outcomes(0.2), outcomes(0.3))["levels"]
    assert row["bias"]["value"] == pytest.approx(1.25)
    assert row["rmse"]["value"] == pytest.approx(1.25)
    assert row["calibration_error"]["value"] == pytest.approx(1.25)
    assert math.isnan(row["calibration_error"]["low"])
    unknown = rows_of(off, outcomes(0.2), outcomes(0.3), labelled(scale=None))["levels"]
    assert math.isnan(unknown["calibration_error"]["value"])
    assert "--label-scale" in unknown["bias"]["note"]


def test_failures_are_counted_and_never_scored():
    text = outcomes(0.2)
    text[3], text[7] = InputError("no score in 'so'", kind="no-score"), InputError("x", kind="no-score")
    row = rows_of(outcomes(0.9), outcomes(0.2), text)["text"]
    assert (row["n_scored"], row["n_unread"], row["first_unread"]) == (N - 2, 2, "no score in 'so'")
    keep = [i for i in range(N) if i not in (3, 7)]
    wanted = stats.spearmanr(values([text[i] for i in keep]), LABELS[keep]).statistic
    assert row["srcc"]["value"] == pytest.approx(wanted)
    assert row["difference"]["n"] == N - 2


def test_what_the_model_would_not_have_said_is_distrusted():
    shares = [0.4 if i < N // 2 else 0.7 for i in range(N)]
    told = [
        Read(one.value, 0.5, share, False, share) for one, share in zip(outcomes(0.2), shares, strict=True)
    ]
    row = rows_of(told, outcomes(0.2, outside=0.49), outcomes(0.2, outside=None))
    assert row["levels"]["outside"] == pytest.approx(0.55)
    assert row["levels"]["outside_median"] == pytest.approx(0.55)
    assert row["levels"]["distrust"] == (
        "not trained for it, not to be trusted: half of the pictures have 0.55 or more of the probability on "
        "no answer"
    )
    assert row["integers"]["distrust"] is None
    assert row["text"]["distrust"] is None
    assert math.isnan(row["text"]["outside"])


def test_what_is_on_other_answers_of_the_question_is_another_matter():
    own = [Read(one.value, 0.5, 0.6, None, 0.004) for one in outcomes(0.2)]
    hidden = [Read(one.value, 0.5, None, None, 0.9) for one in outcomes(0.2)]  # a formula of a closed set
    row = rows_of(outcomes(0.2), own, hidden)
    assert row["integers"]["distrust"] == (
        "not trained for these answers alone, mind its values: half of the pictures have 0.60 or more of the "
        "probability on others of the same question"
    )
    assert "have 0.90 or more of the probability on no answer" in row["text"]["distrust"]
    assert (row["text"]["outside"] != row["text"]["outside"], row["text"]["elsewhere_median"]) == (True, 0.9)


def test_texts_that_mostly_give_no_score_are_distrusted():
    silent = [InputError("no score in ''", kind="no-score")] * (N // 2 + 1)
    row = rows_of(outcomes(0.9), outcomes(0.2), silent + outcomes(0.2)[N // 2 + 1 :])["text"]
    assert row["distrust"].endswith("31 of 60 answers give no score")
    none = rows_of(outcomes(0.9), outcomes(0.2), [silent[0]] * N)["text"]
    assert (none["n_scored"], none["srcc"]["note"]) == (0, "a correlation needs 2 rows")


def test_the_share_of_split_answers_is_over_those_that_have_neighbours():
    told = [Read(one.value, 0.5, 0.1, [True, False, None][i % 3]) for i, one in enumerate(outcomes(0.2))]
    rows = rows_of(told, outcomes(0.2), [Read(3.0 + i / N) for i in range(N)])
    assert rows["levels"]["split"] == 0.5
    assert rows["integers"]["split"] == 0.25
    assert math.isnan(rows["text"]["split"])


def test_costs_are_medians_of_ratios_picture_by_picture():
    found = costs({"levels": [0.01, 0.02, 0.04], "text": [0.03, 0.02, 0.16]}, "levels")
    assert found["levels"] == {"ms": 20.0, "ratio": 1.0, "n_pictures": 3}
    assert found["text"] == {"ms": 30.0, "ratio": 3.0, "n_pictures": 3}
    assert costs({}, "levels") == {}
