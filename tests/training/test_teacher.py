"""Labels drawn towards an honest linear guess: the mixture, and that no label tells of itself."""

from __future__ import annotations

import numpy as np
import pytest

from visq.training.teacher import taught

N, D = 60, 7


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(N, D))
    mos = np.clip(3 + features[:, 0] + rng.normal(0, 0.3, N), 1, 5)
    return features, mos, np.arange(N) % 2, np.arange(N) // 2 % 3


def _naive(features, mos, aspect, folds, strength):
    """Normal equations with a column of ones, one row at a time."""
    out = np.empty(N)
    for i in range(N):
        at = (aspect == aspect[i]) & (folds != folds[i])
        mean, std = features[at].mean(0), features[at].std(0)
        z = np.column_stack([(features[at] - mean) / std, np.ones(at.sum())])
        penalty = np.diag([strength] * D + [0.0])
        w = np.linalg.solve(z.T @ z + penalty, z.T @ mos[at])
        out[i] = np.append((features[i] - mean) / std, 1.0) @ w
    return out


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_is_the_mixture_of_labels_and_out_of_fold_predictions(rows, share):
    features, mos, aspect, folds = rows
    wanted = (1 - share) * mos + share * _naive(*rows, strength=4.0)

    found = taught(features, mos, aspect, folds, ridge=4.0, share=share)

    assert found == pytest.approx(np.clip(wanted, 1, 5), abs=1e-9)


def test_a_label_does_not_tell_of_itself_nor_of_its_fold(rows):
    features, mos, aspect, folds = rows
    changed = np.where(folds == 1, 5.0, mos)

    before, after = (taught(features, y, aspect, folds, ridge=4.0, share=1.0) for y in (mos, changed))

    assert np.array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])


def test_aspects_do_not_mix(rows):
    features, mos, aspect, folds = rows
    changed = np.where(aspect == 1, 1.0, mos)

    before, after = (taught(features, y, aspect, folds, ridge=4.0, share=0.5) for y in (mos, changed))

    assert np.array_equal(before[aspect == 0], after[aspect == 0])
