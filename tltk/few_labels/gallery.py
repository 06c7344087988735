"""A gallery: classes known by a few examples, added without training, and "none of these"."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tltk._cache import whole_file
from tltk._checks import as_numbers, as_rows, check_flag, check_number, refuse, shown
from tltk._paths import existing_file, user_path
from tltk.few_labels.prototypes import FeatureNormalizer

SETTINGS = ("power", "center", "unit_length")
TINY = 1e-9


class OpenSetCurve(NamedTuple):
    """What each threshold leads to, from strict to lax (m,).

    `false_accepts` is the share of strangers that are called by some name, `identified` the share
    of known rows that are called by their own.
    """

    thresholds: np.ndarray
    false_accepts: np.ndarray
    identified: np.ndarray

    def at(self, false_accepts: float) -> float:
        """The share identified where at most this share of strangers is accepted."""
        return float(self.identified[self.false_accepts <= false_accepts].max())


class Gallery:
    """Classes known by examples: a new one is added in a moment, and others are turned away.

        similarity of x and a class = cosine of x and the mean of the class's unit vectors

    A row is called by the most similar class where the similarity is above the threshold, and None
    otherwise.

    Args:
        normalizer: a fitted `FeatureNormalizer`, through which all embeddings go first; None where
            they are ready. It is saved with the gallery.

    Attributes:
        names: the classes, in the order in which they were added.
        threshold: similarities at or below it are "none of these"; None accepts everything.

    Example:
        >>> gallery = Gallery().add("east", [[1.0, 0.0]]).add("north", [[0.0, 2.0], [0.2, 1.0]])
        >>> gallery.threshold = 0.5
        >>> gallery.predict([[3.0, 0.1], [0.1, 1.0], [-1.0, -1.0]]).tolist()
        ['east', 'north', None]

    References:
        - Phillips, Grother and Micheals, Evaluation methods in face recognition, 2011 (the open-set
          rates).
        - Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005 (the threshold).
    """

    def __init__(self, normalizer: FeatureNormalizer | None = None):
        if normalizer is not None and not hasattr(normalizer, "mean_"):
            refuse(
                "normalizer must be a fitted FeatureNormalizer, or None",
                f"normalizer={shown(normalizer)}",
                "Fit it on source features first",
            )
        self.normalizer = normalizer
        self.names: tuple[str, ...] = ()
        self.threshold = None
        self._sums = np.empty((0, 0))

    @property
    def threshold(self) -> float | None:
        """Similarities at or below it are "none of these"; None accepts everything."""
        return self._threshold

    @threshold.setter
    def threshold(self, value: float | None) -> None:
        infinite = isinstance(value, float) and math.isinf(value)  # the ends of a curve
        if value is not None and not infinite:
            check_number("threshold", value, advice="set_threshold finds one; None has none")
        self._threshold = value

    def add(self, name: str, embeddings) -> Gallery:
        """Add a class, or more examples of one.

        Args:
            name: what the class is called.
            embeddings: one example (d,) or several (n, d).

        Returns:
            The gallery itself. The threshold stays; with many more classes set it anew, for each
            of them is one more that a stranger may resemble.

        Raises:
            ValueError: for a name that is not a string, embeddings of another width, NaN, zeros,
                or examples that cancel each other out.
        """
        if not isinstance(name, str) or not name or "\0" in name:
            refuse("A class has a name, such as 'owl'", f"name={shown(name)}", "Pass one")
        rows = as_rows("embeddings", embeddings)
        total = self._unit(rows[None] if rows.ndim == 1 else rows).sum(axis=0)
        known = name in self.names
        total += self._sums[self.names.index(name)] if known else 0
        if np.linalg.norm(total) < TINY:
            raise ValueError(
                f"The examples of a class must not cancel each other out. Received: those of "
                f"{name!r}, whose sum is 0. Look at them, and at the normalizer."
            )
        if known:
            self._sums[self.names.index(name)] = total
        else:
            self._sums = np.vstack([self._sums.reshape(-1, len(total)), total])
            self.names = (*self.names, name)
        return self

    def remove(self, name: str) -> Gallery:
        """Forget a class."""
        if name not in self.names:
            raise ValueError(
                f"Only a class that is there can be removed. Received: name={name!r}. There are "
                f"{', '.join(self.names) or 'none'}."
            )
        self._sums = np.delete(self._sums, self.names.index(name), axis=0)
        self.names = tuple(each for each in self.names if each != name)
        return self

    def similarity(self, embeddings) -> np.ndarray:
        """The cosine of each row (n, d) with each class (n, k), in the order of `names`."""
        return self._likeness(embeddings)

    def _likeness(self, rows, name="embeddings") -> np.ndarray:
        if not self.names:
            raise ValueError(
                "A gallery answers once it has a class. Received: none. Call add first."
            )
        lengths = np.linalg.norm(self._sums, axis=1)
        return self._unit(rows, name) @ (self._sums / lengths[:, None]).T

    def predict(self, embeddings) -> np.ndarray:
        """The name of each row (n, d), or None: objects (n,)."""
        similarity = self.similarity(embeddings)
        answers = np.array(self.names, object)[similarity.argmax(axis=1)]
        if self.threshold is not None:
            answers[similarity.max(axis=1) <= self.threshold] = None
        return answers

    def set_threshold(self, strangers, false_accepts: float = 0.05) -> float:
        """Set the threshold such that few strangers are taken for a known class.

        Of n strangers it is the similarity with rank (n + 1) a, rounded down: another stranger of
        their kind lies above it with a chance of at most a.

        Args:
            strangers: embeddings (n, d) of classes that are not in the gallery, as those are that
                it will meet; not the ones that the rate is reported on.
            false_accepts: a, the share of strangers that may be accepted.

        Returns:
            The threshold.

        Raises:
            ValueError: for a rate outside 0 to 1, or fewer strangers than it takes.
        """
        check_number("false_accepts", false_accepts, above=0, below=1, advice="0.05 is usual")
        scores = np.sort(self._likeness(strangers, "strangers").max(axis=1))[::-1]
        rank = int((len(scores) + 1) * false_accepts + 1e-9)
        if not rank:
            raise ValueError(
                "A rate of false accepts a takes 1 / a - 1 strangers. "
                f"Received: false_accepts={false_accepts}, {len(scores)} strangers. "
                "Pass more, or allow a higher rate."
            )
        self.threshold = float(scores[rank - 1])
        return self.threshold

    def curve(self, embeddings, names, strangers) -> OpenSetCurve:
        """What every threshold leads to: strangers accepted against known rows identified.

        Args:
            embeddings: rows (n, d) of known classes, other ones than were added.
            names: what they are (n,).
            strangers: rows (m, d) of classes that are not in the gallery.

        Returns:
            An `OpenSetCurve`; `tltk.plotting.plot_open_set` draws it.

        Raises:
            ValueError: for names that are not in the gallery, or not one for each row.
        """
        names, similarity = np.asarray(names, object), self.similarity(embeddings)
        unknown = sorted({str(name) for name in names.flat} - set(self.names))
        if names.shape != (len(similarity),) or unknown:
            raise ValueError(
                f"There is a name from the gallery for each row ({len(similarity)},). Received: "
                f"names of shape {names.shape}, not there: {', '.join(unknown[:3]) or 'none'}. "
                "Rows of other classes are strangers."
            )
        right = np.array(self.names, object)[similarity.argmax(axis=1)] == names
        known = np.sort(similarity.max(axis=1)[right])
        others = np.sort(self._likeness(strangers, "strangers").max(axis=1))
        thresholds = np.unique(np.concatenate([known, others, [-np.inf]]))[::-1]
        above = [each.size - np.searchsorted(each, thresholds, "right") for each in (others, known)]
        return OpenSetCurve(thresholds, above[0] / len(others), above[1] / len(names))

    def save(self, path: str | Path) -> Path:
        """Write the gallery to one file: names, directions, threshold and normalizer.

        The file is written whole or not at all.

        Args:
            path: where; `.npz` is added to a name that does not end in it.

        Returns:
            The path of the file.
        """
        path = _with_npz(path)
        kept: dict[str, Any] = {
            "names": np.array(self.names, str),
            "sums": np.ascontiguousarray(self._sums),
        }
        if self.threshold is not None:
            kept["threshold"] = self.threshold
        if self.normalizer is not None:
            kept |= {name: getattr(self.normalizer, name) for name in (*SETTINGS, "mean_")}
        with whole_file(path) as scratch:
            np.savez(scratch, **kept)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Gallery:
        """Read what `save` wrote.

        Args:
            path: that of the file, or what `save` was given.

        Returns:
            The gallery.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or holds no gallery.
        """
        path = user_path(path)
        path = existing_file(path if path.exists() else _with_npz(path), "gallery")
        with path.open("rb") as file:
            try:
                return cls._of(_arrays(file, path.stat().st_size))
            except Exception as error:  # a damaged file has a dozen ways to fail
                raise ValueError(
                    f"A gallery is a file that Gallery.save wrote, whole. Received: {path}, whose "
                    f"reading ended with {type(error).__name__} ({error}). Check the path, or "
                    "delete the file and save the gallery anew."
                ) from error

    @classmethod
    def _of(cls, kept: dict[str, np.ndarray]) -> Gallery:
        """A gallery from its arrays, which may be anybody's."""
        gallery = cls()
        names, width = kept["names"].tolist(), kept["sums"].shape[-1]
        if "mean_" in kept:
            settings = {name: kept[name].item() for name in SETTINGS}
            check_number("power", settings["power"], above=0)
            check_flag("center", settings["center"])
            check_flag("unit_length", settings["unit_length"])
            gallery.normalizer = FeatureNormalizer(**settings)
            gallery.normalizer.mean_ = as_numbers("mean_", kept["mean_"], "(d,)")
            gallery.normalizer.n_features_in_ = len(kept["mean_"])
        named = len(set(names)) == len(names) and all(isinstance(n, str) and n for n in names)
        fits = kept["sums"].shape[:-1] == (len(names),) and not (names and width == 0)
        known = gallery.normalizer is None or not names or width == len(kept["mean_"])
        if not (named and fits and known):
            refuse(
                "A gallery has one direction for each of its names",
                f"{len(names)} names, sums of shape {kept['sums'].shape}",
                "Part of the file is missing",
            )
        if names:
            kept["sums"] = as_numbers("sums", kept["sums"])
            if np.linalg.norm(kept["sums"], axis=1).min() < TINY:
                refuse("A class has a direction", "a sum of 0", "Part of the file is missing")
        gallery.names, gallery._sums = tuple(names), kept["sums"]
        gallery.threshold = kept["threshold"].item() if "threshold" in kept else None
        return gallery

    def _unit(self, rows, name="embeddings") -> np.ndarray:
        """Rows (n, d) as unit vectors."""
        rows = as_numbers(name, rows)
        width = self._sums.shape[1] if self.names else rows.shape[1]
        if rows.shape[1] != width:
            raise ValueError(
                f"Embeddings are rows as wide as the gallery's, {width}. Received: {name} of "
                f"shape {rows.shape}. Take all of them from one network."
            )
        rows = rows if self.normalizer is None else self.normalizer.transform(rows)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not lengths.all():
            raise ValueError(
                "An embedding has a direction. Received: zeros in row "
                f"{int(np.argmin(lengths))}. Leave out what the network says nothing of."
            )
        return rows / lengths


def _with_npz(path) -> Path:
    """The path with `.npz` added where its name does not end so; nothing is replaced."""
    path = user_path(path)
    return path if path.name.endswith(".npz") else path.with_name(path.name + ".npz")


def _arrays(file, size: int) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, none of which may declare more bytes than the file has."""
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for part in archive.infolist():
            if part.file_size > size:
                raise ValueError(f"{part.filename} declares {part.file_size} bytes.")
            content = io.BytesIO(archive.read(part))
            version = np.lib.format.read_magic(content)
            read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
                version, np.lib.format.read_array_header_2_0
            )
            shape, column_major, dtype = read(content)
            data = content.read()
            if column_major or dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data):
                raise ValueError(f"{part.filename} declares shape {shape} of type {dtype}.")
            name = part.filename.removesuffix(".npy")
            arrays[name] = np.frombuffer(data, dtype).reshape(shape).copy()
    return arrays
