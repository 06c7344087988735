"""How many threads linear algebra may use."""

from __future__ import annotations

WORTH_SHARING = 1e9


def few_threads(multiplications: float):
    """Keep small matrix products on one thread, where more wait for each other longer than work.

    A solver calls thousands of them in turn. On a machine whose cores are busy, two threads took
    15 times as long for a head of 1000 examples as one.

    Args:
        multiplications: of one product, such as examples x features x classes.

    Returns:
        A context; products of 1e9 multiplications and more keep the threads that they have.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1 if multiplications < WORTH_SHARING else None, user_api="blas")
