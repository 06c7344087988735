import numpy as np
import pytest

from tltk.inputs.columns import content_digest, row_chunks, temporary_columns


def test_columns_come_back_whole_each_with_its_own_length():
    rng = np.random.default_rng(0)
    chunks = [
        [rng.normal(size=(size, 2, 3)), np.arange(7 * size, dtype="int16"), np.array(["é"], object)]
        for size in (1, 4, 2)
    ]
    columns = temporary_columns(iter(chunks))
    for number, column in enumerate(columns):
        np.testing.assert_array_equal(column, np.concatenate([chunk[number] for chunk in chunks]))
        assert column.dtype == chunks[0][number].dtype
    with pytest.raises(ValueError, match="read-only"):
        columns[0][0] = 1


def test_no_chunks_give_no_columns():
    assert temporary_columns([]) == []


@pytest.mark.parametrize("shape", [(10, 2**20), (3,), (5, 0), (0, 4)])
def test_row_chunks_cover_every_row_once(shape):
    array = np.zeros(shape, "float32")
    rows = [start + row for start, some in row_chunks(array) for row in range(len(some))]
    assert rows == list(range(shape[0]))


def test_the_digest_covers_every_byte_of_a_large_array():
    array = np.zeros((9, 2**20), "uint8")
    digests = {content_digest(array)}
    for row in range(9):
        array[row, -1] = 1
        digests.add(content_digest(array))
    assert len(digests) == 10
    assert content_digest(array, 224) != content_digest(array, 225)
