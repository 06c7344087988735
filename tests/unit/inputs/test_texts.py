import numpy as np
import pandas as pd
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


def test_dataframes_may_be_parts(tmp_path):
    table = pd.DataFrame({"text": [f"film {i}" for i in range(20)], "label": [0, 1] * 10})
    splits = text_file(table.iloc[:16], val=0, test=table.iloc[16:])
    assert splits.class_names == ("0", "1")
    assert texts_of(splits.test) == [f"film {i}" for i in range(16, 20)]
    assert splits.files["test"] == ("row 16", "row 17", "row 18", "row 19")
    assert splits.val is None


def put(root, names, content="film {}"):
    for i, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.format(i), "utf-8")


def test_texts_are_known_by_their_content(tmp_path):
    """As 20 Newsgroups has them, without a suffix, or with one in capitals."""
    put(
        tmp_path,
        [f"{c}/{i}{suffix}" for c in "ab" for i in (1, 2) for suffix in ("", ".TXT", ".7")],
    )
    assert text_folder(tmp_path, val=0, test=0).train.count == 12


def test_class_folders_keep_their_names(tmp_path):
    put(tmp_path, [f"{name}/{i}.txt" for name in ("NA", "None", "good  film") for i in range(3)])
    splits = text_folder(tmp_path, val=0, test=0)
    assert splits.class_names == ("NA", "None", "good  film")
    assert splits.train.count == 9


@pytest.mark.parametrize(
    "text", ["<3 this film", "[laughs] no", "{sigh}", "From: me\n\nHi \x1b[1m"]
)
def test_texts_may_begin_with_a_sign(tmp_path, text):
    put(tmp_path, ["a/1", "b/2"], text.replace("{", "{{").replace("}", "}}"))
    assert texts_of(text_folder(tmp_path, val=0, test=0).train) == [text, text]


def test_hidden_files_are_passed_over_in_silence(tmp_path):
    write_folder(tmp_path)
    put(tmp_path, ["good/._1.txt", "bad/.DS_Store", "bad/.ipynb_checkpoints/0-checkpoint.txt"])
    assert text_folder(tmp_path, val=0, test=0).train.count == 10


def test_what_is_no_text_is_counted_by_suffix(tmp_path):
    write_folder(tmp_path)
    put(tmp_path, ["good/a.html", "bad/b.html"], "<!doctype html><p>{}")
    put(tmp_path, ["good/a.json"], '{{"text": {}}}')
    (tmp_path / "good" / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    (tmp_path / "good" / "none").touch()
    with pytest.warns(UserWarning, match=r"passed over. Received: 5 .*: 2 .html, 1 .jpg"):
        assert text_folder(tmp_path, val=0, test=0).train.count == 10


def test_another_encoding_is_told(tmp_path):
    for i in range(10):
        file = tmp_path / "ab"[i % 2] / f"{i}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"naïve {i}", "latin-1")
    with pytest.raises(
        ValueError, match="Not in encoding='utf-8-sig'.*a/0.txt.*Try encoding=\"latin"
    ):
        text_folder(tmp_path)
    splits = text_folder(tmp_path, val=0, test=0, encoding="latin-1")
    assert sorted(texts_of(splits.train))[0] == "naïve 0"
    with pytest.raises(ValueError, match="one that Python knows. Received: encoding='latin-99'"):
        text_folder(tmp_path, encoding="latin-99")


def test_a_text_of_five_megabytes_is_named(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "good" / "long.txt").write_text("x" * 5_000_000)
    with pytest.warns(UserWarning, match="longer than 1,048,576 characters: good/long.txt"):
        assert text_folder(tmp_path, val=0, test=0).train.count == 10


def test_texts_of_files_are_composed(tmp_path):
    put(tmp_path, ["a/1.txt", "b/2.txt"], "cafe\u0301 {}")
    assert sorted(texts_of(text_folder(tmp_path, val=0, test=0).train)) == ["café 0", "café 1"]
