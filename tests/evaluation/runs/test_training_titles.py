"""Which titles of training data name a set, and which only sound alike."""

from __future__ import annotations

import pytest

from visq.evaluation.runs.training_titles import title_naming


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["agiqa3k"], "AGIQA-3K, shared part"),
        (["agiqa"], "AGIQA-3K"),
        (["koniq10k"], "KonIQ"),
        (["agiqa3k/labels", None], "AGIQA-3K, shared part"),
        (["my test", "koniq"], "KonIQ-10k (training split)"),
        (["ava"], "AVA subset of three bands, shared part"),
        (["tad66k"], "TAD 66K"),
        (["spaq"], "KonIQ-10k, SPAQ and KADID-10k"),
        (["KADID-10k"], "KonIQ + KADID"),
    ],
)
def test_titles_that_name_the_set(names, title):
    assert title_naming(names, ["LSVQ", title]) == title


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["agiqa1k"], "AGIQA-3K"),
        (["live"], "LIVE-C"),
        (["ava"], "Java pictures"),
        (["ava"], "pictures like those of AVA"),
        (["shared"], "AGIQA-3K, shared part"),
        (["training", "test", None], "training set of ours"),
        (["q"], "Q"),
        ([], "KonIQ"),
    ],
)
def test_titles_that_do_not(names, title):
    assert title_naming(names, [title]) is None
    assert title_naming(names, []) is None
