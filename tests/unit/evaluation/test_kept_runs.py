"""Runs of a comparison that are killed, damaged, written by others, or written by two at once."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

import tltk
from tltk._cache import locked, read_facts, write_facts
from tltk.evaluation import _kept_runs as kept_runs
from tltk.evaluation._arms import counted_words
from tltk.evaluation._kept_runs import KeptRuns, Run
from tltk.evaluation.predictions import predict_split
from tltk.inputs.examples import Splits, examples_of

ROOT = Path(__file__).parents[3]


def points(count, seed):
    random = np.random.default_rng(seed)
    y = np.arange(count) % 2
    x = random.normal(size=(count, 4)).astype("float32")
    x[np.arange(count), y] += 2
    return x, y


@pytest.fixture(scope="module")
def data():
    parts = [examples_of(points(count, seed)) for seed, count in enumerate((40, 20, 200))]
    return Splits(*parts, ("a", "b"), {})


def body():
    return keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)], name="body")


def solved(train, val, seed, sign=1.0):
    """Least squares with a little noise that Keras's seed decides."""
    x, y = train.fetch(slice(None)), train.labels
    kernel, *_ = np.linalg.lstsq(x, np.eye(2)[y], rcond=None)
    model = tltk.build_classifier(body(), ["a", "b"])
    noise = 0.1 * np.asarray(keras.random.normal((4, 2)))
    model.layers[-1].set_weights([sign * kernel + noise, np.zeros(2)])
    return model


def turned(train, val, seed):
    return solved(train, val, seed, sign=-1.0)


def compare(data, folder=None, methods=None, **settings):
    settings = {"seeds": 3, "labels_per_class": 8, "epochs": 1, "verbose": False} | settings
    methods = {"turned": turned} if methods is None else methods
    return tltk.compare_transfer(
        body, data, methods=methods, arms=["small network"], small=solved, checkpoint=folder,
        **settings,
    )  # fmt: skip


def results(found):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in found.rows]


class Killed(BaseException):
    pass


def killing(monkeypatch, number, before):
    """Let the process die at a write: at the n-th renaming, before or after it."""
    replace, left = os.replace, [number]

    def dying(*paths):
        left[0] -= 1
        if left[0] == 0 and before:
            raise Killed
        replace(*paths)
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(os, "replace", dying)


@pytest.fixture
def quick(monkeypatch):
    """Scores by numpy: tracing a network takes longer than all else."""

    def scores(model, split):
        kernel, bias = model.layers[-1].get_weights()
        answers = split.fetch(slice(None)) @ kernel + bias
        right = answers.argmax(axis=1) == split.labels
        return {"accuracy": float(right.mean()), "balanced_accuracy": float(right.mean())}

    monkeypatch.setattr("tltk.evaluation.comparison._scores", scores)


@pytest.mark.usefixtures("quick")
def test_a_kill_at_every_write_resumes_to_the_same_rows(data, tmp_path, monkeypatch):
    whole = results(compare(data))
    interruptions = 0
    for before in (True, False):
        for number in range(1, 100):
            folder = tmp_path / f"{before} {number}"
            with monkeypatch.context() as patch:
                killing(patch, number, before)
                try:
                    compare(data, folder)
                    break
                except Killed:
                    interruptions += 1
            assert results(compare(data, folder)) == whole
    assert interruptions >= 20


@pytest.mark.usefixtures("quick")
def test_a_comparison_killed_at_each_of_its_writes_in_turn_ends_the_same(
    data, tmp_path, monkeypatch
):
    killed = 0
    for turn in range(100):
        with monkeypatch.context() as patch:
            killing(patch, 1 + turn % 2, before=turn % 4 < 2)
            try:
                found = compare(data, tmp_path)
                break
            except Killed:
                killed += 1
    assert killed >= 6
    assert results(found) == results(compare(data))


@pytest.mark.parametrize(
    "names", [("my method", "my_method"), ("lr=0.1", "lr~0.1"), ("a/b", "a:b"), ("é", "e\u0301")]
)
def test_methods_whose_names_look_alike_are_two(data, names):
    found = compare(data, methods=dict(zip(names, (solved, turned), strict=True)), seeds=1)
    scores = {row["method"]: row["accuracy"] for row in found.rows}
    assert scores[names[0]] > 0.6
    assert scores[names[1]] < 0.4


def with_sign(sign):
    return lambda train, val, seed: solved(train, val, seed, sign)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (with_sign(1.0), with_sign(-1.0)),
        (partial(solved, sign=1.0), partial(solved, sign=-1.0)),
        (solved, turned),
    ],
)
def test_another_method_of_the_same_name_is_refused(data, tmp_path, one, two):
    compare(data, tmp_path, {"mine": one}, seeds=1)
    with pytest.raises(ValueError, match="written with another method mine"):
        compare(data, tmp_path, {"mine": two}, seeds=1)


def test_other_contents_of_a_foreign_data_set_are_refused(data, tmp_path):
    import tensorflow as tf

    x, y = points(40, 0)

    def foreign(array):
        return data._replace(train=tf.data.Dataset.from_tensor_slices((array, y)).batch(8))

    compare(foreign(x), tmp_path, seeds=1)
    compare(foreign(x), tmp_path, seeds=1)
    with pytest.raises(ValueError, match="written with another training data"):
        compare(foreign(x + 1), tmp_path, seeds=1)


def damage(path, how):
    content = path.read_bytes()
    half = len(content) // 2
    changed = {
        "cut": content[:half],
        "empty": b"",
        "flipped": content[:half] + bytes([content[half] ^ 4]) + content[half + 1 :],
    }
    path.write_bytes(changed[how])


@pytest.mark.parametrize("ending", [".json", ".keras"])
@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "gone"])
def test_a_damaged_run_is_trained_again(data, tmp_path, ending, how):
    whole = results(compare(data, tmp_path, seeds=1))
    [path] = tmp_path.glob(f"turned-*{ending}")
    path.unlink() if how == "gone" else damage(path, how)
    if (ending, how) == (".json", "gone"):
        assert results(compare(data, tmp_path, seeds=1)) == whole
    else:
        with pytest.warns(UserWarning, match="Received damaged .* turned-8-0-.* trained again"):
            assert results(compare(data, tmp_path, seeds=1)) == whole
    assert results(compare(data, tmp_path, seeds=1)) == whole


def test_facts_that_somebody_changed_are_not_used(data, tmp_path):
    whole = results(compare(data, tmp_path, seeds=1))
    [path] = tmp_path.glob("turned-*.json")
    checksum, _, content = path.read_text().partition("\n")
    kept = json.loads(content)
    kept["facts"]["val_accuracy"] = 0.01
    path.write_text(f"{checksum}\n{json.dumps(kept)}")
    with pytest.warns(UserWarning, match="trained again"):
        assert results(compare(data, tmp_path, seeds=1)) == whole


def test_facts_under_the_name_of_another_run_are_not_used(data, tmp_path):
    compare(data, tmp_path, seeds=2)
    zero, one = sorted(tmp_path.glob("turned-*.json"))
    one.write_bytes(zero.read_bytes())
    with pytest.warns(UserWarning, match="trained again"):
        assert results(compare(data, tmp_path, seeds=2)) == results(compare(data, seeds=2))


def test_a_model_changed_before_the_test_is_noticed(tmp_path):
    kept, run = KeptRuns(tmp_path, {}, {}), Run("mine", 8, 0)
    kept.keep(run, body(), {})
    damage(tmp_path / kept._path(run, ".keras"), "flipped")
    with pytest.raises(OSError, match="changed by another program. Call again"):
        kept.model(run)
    kept.close()


def with_a_lambda():
    layer = keras.layers.Lambda(lambda x: 2 * x, output_shape=(4,))
    return keras.Sequential([keras.Input((4,)), layer])


def test_what_this_user_wrote_runs_code_of_its_own_and_nothing_else_does(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    run = Run("mine", 8, 0)
    kept = KeptRuns(tmp_path / "runs", {}, {})
    kept.keep(run, with_a_lambda(), {})
    kept.close()
    x = np.ones((1, 4), "float32")
    again = KeptRuns(tmp_path / "runs", {}, {})
    np.testing.assert_array_equal(again.model(run).predict(x, verbose=0), 2 * x)
    again.close()
    if os.name == "posix":  # elsewhere the user's folder is nobody else's
        assert os.stat(tmp_path / "cache" / "secret").st_mode & 0o077 == 0
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "of another user"))
    foreign = KeptRuns(tmp_path / "runs", {}, {})
    with pytest.raises(ValueError, match="unsafe"):
        foreign.model(run)
    foreign.close()


SCRIPT = """
import sys, warnings
from tests.unit.evaluation.test_kept_runs import *
warnings.simplefilter("always")
parts = [examples_of(points(count, seed)) for seed, count in enumerate((40, 20, 200))]
print(json.dumps(results(compare(Splits(*parts, ("a", "b"), {}), sys.argv[1]))))
"""


def test_two_processes_on_one_folder_share_the_work(data, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path / "runs")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )
        for _ in range(2)
    ]  # fmt: skip
    answers = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    rows = [json.loads(out.strip().splitlines()[-1]) for out, _ in answers]
    assert rows[0] == rows[1] == results(compare(data))
    assert len(list((tmp_path / "runs").glob("*.keras"))) == 6
    assert not list((tmp_path / "runs").glob(".*.keras"))


def test_who_waits_is_told(tmp_path):
    import threading

    released = threading.Event()

    def hold():
        with locked(tmp_path / "comparison"):
            held.set()
            released.wait(30)

    held = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    threading.Timer(0.5, released.set).start()
    with pytest.warns(UserWarning, match="in use by another. Waiting for it to end"):
        KeptRuns(tmp_path, {}, {}).close()
    thread.join()


def test_a_full_disk_says_what_to_do_and_the_same_call_goes_on(data, tmp_path, monkeypatch):
    def full(path, facts):
        if "turned" in Path(path).name:
            raise OSError(28, "No space left on device")
        write_facts(path, facts)

    with monkeypatch.context() as patch:
        patch.setattr(kept_runs, "write_facts", full)
        with pytest.raises(OSError, match=r"Runs are kept on disk.*No space left.*MB free. Free"):
            compare(data, tmp_path, seeds=1)
    assert results(compare(data, tmp_path, seeds=1)) == results(compare(data, seeds=1))


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"must be writable.*Received: .*runs.*as checkpoint="):
        KeptRuns(tmp_path / "file" / "runs", {}, {})


def test_facts_come_back_or_do_not(tmp_path):
    facts = {"run": ["é", 8, 0], "accuracy": 0.1 + 0.2}
    write_facts(tmp_path / "facts.json", facts)
    assert read_facts(tmp_path / "facts.json") == facts
    content = (tmp_path / "facts.json").read_bytes()
    for place in range(0, len(content), 7):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        (tmp_path / "facts.json").write_bytes(flipped)
        assert read_facts(tmp_path / "facts.json") is None


def test_counted_words_of_several_seeds_are_those_of_each_alone(tmp_path, monkeypatch):
    """Vocabularies of one size and other words: one process after another must not mix them."""
    telling = [[f"{word}{n}" for n in range(15)] for word in ("good", "bad")]

    def texts(count, seed):
        random = np.random.default_rng(seed)
        labels = np.arange(count) % 2
        rows = [" ".join(random.choice(telling[label], 3)) for label in labels]
        return np.array(rows, object), labels

    monkeypatch.setattr("tltk.evaluation._arms.MOST_WORDS", 21)
    val, test = examples_of(texts(30, 10)), examples_of(texts(60, 11))
    trained = [examples_of(texts(20, seed)) for seed in range(3)]

    vocabularies = []

    def accuracy(train):
        model = counted_words(train, val, ("good", "bad"))
        vocabularies.append(model.get_layer("words").get_vocabulary())
        predictions = predict_split(model, test)
        right = predictions.probabilities.argmax(axis=1) == predictions.labels
        return float(right.mean())

    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "one for all"))
    together = [accuracy(train) for train in trained]
    alone = []
    for seed, train in enumerate(trained):
        monkeypatch.setenv("TLTK_CACHE", str(tmp_path / str(seed)))
        alone.append(accuracy(train))
    assert together == alone
    assert min(alone) > 0.55
    assert {len(words) for words in vocabularies} == {21}
    assert len(set(map(tuple, vocabularies))) == 3
