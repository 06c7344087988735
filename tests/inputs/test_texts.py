import numpy as np
import pytest

from tltk.inputs import text_file, text_folder


def write(path, rows, header="text,label,by"):
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return path


@pytest.fixture
def reviews(tmp_path):
    rows = [f"film {i},{'good' if i % 2 else 'bad'},{i % 10}" for i in range(40)]
    return write(tmp_path / "reviews.csv", rows)


def texts_of(split):
    return split.fetch(np.arange(split.count)).tolist()


def test_splits_hold_each_row_once_with_its_label(reviews):
    splits = text_file(reviews, batch_size=7)
    assert splits.class_names == ("bad", "good")
    found = {}
    for part in ("train", "val", "test"):
        split = getattr(splits, part)
        served = [(x.numpy().tolist(), y.tolist()) for x, y in split]
        texts = [text.decode() for x, _ in served for text in x]
        labels = [label for _, y in served for label in y]
        assert texts == texts_of(split)
        found |= dict(zip(texts, labels, strict=True))
        numbers = [int(name.removeprefix("row ")) - 1 for name in splits.files[part]]
        assert texts == [f"film {number}" for number in numbers]
    assert found == {f"film {i}": i % 2 for i in range(40)}
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [24, 8, 8]


def test_groups_stay_on_one_side(reviews):
    splits = text_file(reviews, group="by")
    sides = [{int(text.split()[1]) % 10 for text in texts_of(split)} for split in splits[:3]]
    assert sum(map(len, sides)) == 10


def test_equal_texts_stay_on_one_side(tmp_path):
    rows = [f"film {i % 20},{'good' if i % 2 else 'bad'},x" for i in range(60)]
    splits = text_file(write(tmp_path / "a.csv", rows))
    sides = [set(texts_of(split)) for split in splits[:3]]
    assert sum(map(len, sides)) == 20
    assert sum(split.count for split in splits[:3]) == 60


def test_parts_may_have_files_of_their_own(reviews, tmp_path):
    other = write(tmp_path / "other.csv", ["seen,good,1", "heard,bad,2"])
    splits = text_file(reviews, test=other, val=0)
    assert texts_of(splits.test) == ["seen", "heard"]
    assert splits.test.labels.tolist() == [1, 0]
    assert splits.val is None
    assert splits.train.count == 40


def test_another_seed_is_another_split_and_the_same_seed_the_same(reviews):
    names = [text_file(reviews, seed=seed).files["test"] for seed in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_the_digest_is_that_of_the_texts(reviews, tmp_path):
    again = tmp_path / "copy.csv"
    again.write_bytes(reviews.read_bytes())
    digests = [text_file(path).train.digest for path in (reviews, again)]
    assert digests[0] == digests[1]
    again.write_text(again.read_text().replace("film 3,", "film three,"))
    assert text_file(again).train.digest != digests[0]


def test_one_class_only(tmp_path):
    path = write(tmp_path / "a.csv", [f"film {i},good,x" for i in range(9)])
    with pytest.raises(ValueError, match="at least two classes. Received: good only"):
        text_file(path)


def test_a_class_that_training_does_not_have(reviews, tmp_path):
    other = write(tmp_path / "other.csv", ["seen,so so,1"])
    with pytest.raises(ValueError, match="Received: so so beside bad, good"):
        text_file(reviews, test=other)


def test_a_class_with_one_text(tmp_path):
    path = write(tmp_path / "a.csv", [f"film {i},good,x" for i in range(9)] + ["poor,bad,x"])
    with pytest.raises(ValueError, match="class bad with 1 example"):
        text_file(path)


def write_folder(root, count=10):
    for i in range(count):
        file = root / ("good" if i % 2 else "bad") / f"{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"film {i}")


def test_a_folder_with_one_subfolder_per_class(tmp_path):
    write_folder(tmp_path)
    splits = text_folder(tmp_path, val=0)
    assert splits.class_names == ("bad", "good")
    for split in (splits.train, splits.test):
        numbers = [int(text.split()[1]) for text in texts_of(split)]
        assert split.labels.tolist() == [number % 2 for number in numbers]


def test_existing_train_and_test_folders_are_kept(tmp_path):
    write_folder(tmp_path / "train", 12)
    write_folder(tmp_path / "test", 4)
    splits = text_folder(tmp_path, val=0.2)
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [10, 2, 4]
    assert all(name.startswith("test/") for name in splits.files["test"])


def test_empty_and_undecodable_files_are_named(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "good" / "none.txt").write_text("")
    (tmp_path / "bad" / "picture.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.warns(UserWarning, match="2 without in .*bad/picture.txt, good/none.txt"):
        splits = text_folder(tmp_path, val=0, test=0)
    assert splits.train.count == 10


def test_a_folder_of_one_class(tmp_path):
    (tmp_path / "good").mkdir()
    with pytest.raises(ValueError, match="one subfolder per class, at least two.*with good"):
        text_folder(tmp_path)
