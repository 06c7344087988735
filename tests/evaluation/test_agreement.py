import numpy as np
import pytest
from scipy.stats import kendalltau, weightedtau

from tltk.evaluation import rank_agreement

OUTCOMES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]


def test_tau_by_hand():
    """Three candidates, the two worst exchanged: pairs weigh 1 + 1/2, 1 + 1/3 and 1/2 + 1/3."""
    expected = (3 / 2 + 4 / 3 - 5 / 6) / (3 / 2 + 4 / 3 + 5 / 6)
    scores = np.array([3.0, 1.0, 2.0])
    assert weightedtau(scores, [3.0, 2.0, 1.0], rank=None).statistic == pytest.approx(expected)
    tau, low, high = rank_agreement([3, 1, 2], [3, 2, 1])
    assert tau == pytest.approx(weightedtau([3, 1, 2], [3, 2, 1]).statistic)
    assert low <= tau <= high


def test_mistakes_among_the_best_weigh_most():
    best, worst = list(OUTCOMES), list(OUTCOMES)
    best[:2], worst[-2:] = best[1::-1], worst[:-3:-1]
    taus = [rank_agreement(scores, OUTCOMES)[0] for scores in (best, worst)]
    assert taus[0] < taus[1] < 1
    assert kendalltau(best, OUTCOMES).statistic == kendalltau(worst, OUTCOMES).statistic


def test_intervals_widen_with_the_level_and_narrow_with_candidates():
    rng = np.random.default_rng(0)

    def width(count, level=0.95):
        outcomes = rng.normal(size=count)
        _, low, high = rank_agreement(outcomes + rng.normal(size=count), outcomes, level)
        return high - low

    assert np.mean([width(40) for _ in range(3)]) < np.mean([width(8) for _ in range(3)])
    scores = np.array(OUTCOMES)[[1, 0, 2, 4, 3, 5]]
    narrow, wide = (rank_agreement(scores, OUTCOMES, level) for level in (0.5, 0.95))
    assert wide[1] <= narrow[1] <= narrow[2] <= wide[2]


def test_no_order_no_agreement():
    assert np.isnan(rank_agreement([1, 1, 1], [1, 2, 3])).all()


def test_what_is_refused():
    for scores in ([1, 2], [1, 2, np.nan], [1, 2, 3, 4]):
        with pytest.raises(ValueError, match="three candidates or more"):
            rank_agreement(scores, [1, 2, 3][: len(scores)])
