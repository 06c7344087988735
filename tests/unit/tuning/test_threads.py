import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from tltk.tuning import build_classifier, fit_linear_head
from tltk.tuning.linear_head import few_threads


def blas_threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_small_products_take_one_thread_and_large_ones_what_there_is():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with few_threads(1e6):
            assert blas_threads() == {1}
        with few_threads(1e10):
            assert blas_threads() == before
        assert blas_threads() == before


def test_a_head_is_solved_with_few_threads(body, pictures, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    used, fit = [], LogisticRegression.fit
    monkeypatch.setattr(
        LogisticRegression, "fit", lambda *args: used.append(blas_threads()) or fit(*args)
    )
    with threadpool_limits(2, user_api="blas"):
        fit_linear_head(build_classifier(body(), 3), pictures, strengths=(0.1,), cache=False)
    assert used
    assert all(threads == {1} for threads in used)
