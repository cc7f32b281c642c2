"""Which pictures are shown: order by hand, ranks where scales are unknown, none where none stands out."""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.made_runs import scored_set
from visq.evaluation.figures.scored import ScoredSet
from visq.reports.set_pictures import MOST, most_uncertain, worst

NAN = float("nan")


def small(labels: list[float], scores: list[float], **changes: Any) -> ScoredSet:
    n = len(labels)
    held: dict[str, Any] = {
        "labels": np.array(labels),
        "scores": np.array(scores),
        "ids": [f"{i}.jpg" for i in range(n)],
        "errors": tuple("gone" if s != s else "" for s in scores),
        "kinds": tuple("missing" if s != s else "" for s in scores),
    }
    return scored_set(n, failed=0, **(held | changes))


def test_worst_by_residual_in_the_labels_unit() -> None:
    # Scores 1..5 are labels 0..100: 2 is 25, 5 is 100, 3 is 50; residuals -5, 70, -30.
    choice = worst(small([30.0, 30.0, 80.0], [2.0, 5.0, 3.0]))
    assert [(p.id, p.said) for p in choice.pictures] == [
        ("1.jpg", "70.00 too high"),
        ("2.jpg", "30.00 too low"),
        ("0.jpg", "5.000 too low"),
    ]


def test_labels_that_point_down_are_turned_first() -> None:
    from visq.core.scales import Scale

    choice = worst(small([87.5, 0.0], [1.5, 5.0], label_scale=Scale(0, 100, "down")))
    assert [(p.id, p.said) for p in choice.pictures] == []  # 1.5 is 12.5, and so is a DMOS of 87.5


def test_worst_by_rank_where_a_scale_is_unknown() -> None:
    choice = worst(small([1.0, 2.0, 3.0, 4.0], [0.9, 0.2, 0.3, 0.4], label_scale=None))
    # Rank shares (rank - 1/2) / 4: picture 0 is at 12.5 % by label and 87.5 % by score.
    assert choice.pictures[0].said == "too high: above 87.5 % by score, 12.5 % by label"
    assert "by rank" in choice.how


def test_failed_rows_are_never_the_worst() -> None:
    choice = worst(small([90.0, 50.0, 10.0], [NAN, 3.1, 1.5]))
    assert [p.id for p in choice.pictures] == ["1.jpg", "2.jpg"] or [p.id for p in choice.pictures] == [
        "2.jpg",
        "1.jpg",
    ]


def test_nothing_to_choose_from() -> None:
    assert not worst(small([], [])).pictures
    assert not worst(small([50.0], [3.0])).pictures
    constant = worst(small([1.0, 2.0], [3.0, 3.0], label_scale=None))
    assert (constant.pictures, constant.how) == (
        (),
        "All scores are equal: no picture is placed worse than another.",
    )


def test_most_uncertain_by_spread() -> None:
    rows = small([50.0] * 4, [3.0] * 4, spread=np.array([0.2, 0.9, NAN, 0.5]))
    assert [p.id for p in most_uncertain(rows).pictures][:2] == ["1.jpg", "3.jpg"]
    assert most_uncertain(rows).pictures[0].said == "spread 0.900"


def test_by_the_interval_where_there_is_no_spread() -> None:
    nothing = np.full(3, NAN)
    rows = small(
        [50.0] * 3, [3.0] * 3, spread=nothing, low=np.array([2.0, 2.5, 1.0]), high=np.array([3.0, 3.0, 4.0])
    )
    assert [p.id for p in most_uncertain(rows).pictures] == ["2.jpg", "0.jpg", "1.jpg"]


def test_intervals_that_differ_only_where_the_scale_cuts_them_single_nothing_out() -> None:
    n = 3 * MOST
    scores = np.linspace(1, 5, n)
    low, high = np.clip(scores - 0.7, 1, 5), np.clip(scores + 0.7, 1, 5)
    low[5:-5], high[5:-5] = 0.0, 1.4
    rows = small([50.0] * n, scores.tolist(), spread=np.full(n, 0.6), low=low, high=high)
    choice = most_uncertain(rows)
    assert choice.pictures == ()
    assert "equally sure" in choice.how


def test_scores_without_spread_and_interval_say_so() -> None:
    nothing = np.full(2, NAN)
    choice = most_uncertain(small([1.0, 2.0], [1.0, 2.0], spread=nothing, low=nothing, high=nothing))
    assert choice.how == "These scores come without spread and without interval."


def test_no_more_than_a_dozen_and_facts_of_each() -> None:
    choice = worst(scored_set(500))
    assert len(choice.pictures) == MOST
    facts = dict(choice.pictures[0].facts)
    assert set(facts) == {"Label", "Score", "Group"}
    assert "\N{PLUS-MINUS SIGN} 8.000" in facts["Label"]
    assert "[" in facts["Score"]
