"""A TF-Hub network (a SavedModel in TF2 Hub format) as one layer of a Keras model."""

import hashlib
import inspect
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import keras

from tltk._cache import cache_folder, folder_from
from tltk._extras import require
from tltk._keras import check_on_tensorflow, in_safe_mode, track_variable
from tltk._paths import user_path
from tltk.datasets._tfds import is_online

_GRAPH = "saved_model.pb"
_CONTENT = ("saved_model.*", "assets/**/*", "variables/**/*")
_run_here: set[str] = set()  # digests of the SavedModels that somebody asked this process to run
_known_will_do = ContextVar("known_will_do", default=False)


@keras.saving.register_keras_serializable("tltk")
class HubLayer(keras.layers.Layer):
    """Run a SavedModel whose variables are the layer's weights.

    Frozen, nothing in it changes. Trainable, its trainable variables learn, and where its call
    takes `training`, batch statistics and dropout run as in training. A saved `.keras` file holds
    the weights, the handle and the digest: the SavedModel must still be there, unchanged, when the
    file is loaded. It runs whatever its graph says, so safe mode refuses such a file, as it
    refuses `keras.layers.TFSMLayer`; `tltk.load_model(path, trust=True)` loads it.

    Args:
        handle: as for `load_hub_backbone`.
        output_key: as for `load_hub_backbone`.
        digest: of the SavedModel's files; other files are refused before anything is loaded.
        rate: as for `load_hub_backbone`.
    """

    def __init__(self, handle, output_key=None, digest=None, rate=None, **settings):
        import tensorflow as tf

        check_on_tensorflow("Networks of TF-Hub")
        super().__init__(autocast=False, **settings)
        self.supports_jit = False
        self.handle, self.output_key, self.rate = str(handle), output_key, rate
        folder = _folder_of(self.handle)
        self.digest = _digest(folder)
        if digest not in (None, self.digest):
            raise ValueError(
                "A saved network needs the SavedModel it was made with. Received: "
                f"{self.handle}, whose files have changed since. Bring the old files back, or "
                "build the network anew with load_hub_backbone."
            )
        self._module = tf.saved_model.load(str(folder))
        _run_here.add(self.digest)
        functions = _functions_of(self._module, self.handle)
        _check_output_key(functions[0].structured_outputs, output_key)
        self._takes_training = "training" in inspect.signature(self._module.__call__).parameters
        self._regularization_losses = getattr(self._module, "regularization_losses", ())
        self.accepted = _accepted_by(functions)
        self.takes_one = self.accepted[0][1] != "string" and len(self.accepted[0][0]) == 1
        self._output = _chosen(functions[0].structured_outputs, output_key)
        for variable, learns in _variables_of(self._module, functions):
            track_variable(self, _shared(variable, learns))

    def call(self, inputs, training=None):
        learns = bool(self.trainable_weights)
        mode = {"training": bool(training) and learns} if self._takes_training else {}
        outputs = self._mapped(inputs, mode) if self.takes_one else self._run(inputs, mode)
        if learns:
            for loss in self._regularization_losses:
                self.add_loss(loss())
        return outputs

    def _run(self, inputs, mode):
        return _chosen(self._module(inputs, **mode), self.output_key)

    def _mapped(self, inputs, mode):
        """Run a SavedModel that takes one waveform, such as YAMNet, over a batch of them."""
        import tensorflow as tf

        signature = tf.TensorSpec(self._output.shape, self._output.dtype)
        return tf.map_fn(lambda x: self._run(x, mode), inputs, fn_output_signature=signature)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("handle", "output_key", "digest", "rate")}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        """Make the layer again: to copy a network, or, without safe mode, as a file says."""
        safe = in_safe_mode()
        known = config.get("digest") in _run_here and (safe is None or _known_will_do.get())
        if safe is not False and not known:
            raise ValueError(
                "A SavedModel runs whatever its graph says, so safe mode loads none. "
                f"Received: a file that names {config.get('handle')}. If you trust both, load the "
                "file with tltk.load_model(path, trust=True)."
            )
        return cls(**config)


@contextmanager
def known_networks() -> Iterator[None]:
    """In this block, safe mode loads SavedModels that this process has run before, by digest.

    For files of our own making whose network is in memory anyway: a file that was exchanged can
    name no other SavedModel.
    """
    token = _known_will_do.set(True)
    try:
        yield
    finally:
        _known_will_do.reset(token)


def load_hub_backbone(
    handle: str | Path,
    input_shape: tuple[int | None, ...] | None = None,
    dtype: str | None = None,
    output_key: str | int | None = None,
    *,
    scale: float | None = None,
    name: str = "hub",
    rate: int | None = None,
) -> keras.Model:
    """Load a TF-Hub network, ready to be reused: what its SavedModel takes in, features out.

    The SavedModel is one layer and one block, so it is frozen and fine-tuned as a whole. One that
    takes a single waveform (samples,), as YAMNet does, is run over each waveform of a batch.
    `train_batch_norm` does not reach into it: fine-tuned, its batch statistics move.

    Args:
        handle: a folder with a SavedModel in TF2 Hub format, or an https address at tfhub.dev or
            kaggle.com, which `tensorflow_hub` downloads into `$TFHUB_CACHE_DIR`, by default
            below tltk's own cache folder.
        input_shape: the shape of one example: () for a text, (h, w, 3) for a picture, (samples,)
            for a waveform. By default what the SavedModel says.
        dtype: "string", "float32" and the like; by default what the SavedModel says.
        output_key: which output, where it gives several: a key of its dict (such as "default"),
            or a place in its tuple.
        scale: what raw pixels are multiplied by; 1/255 for most pictures of TF-Hub, whose networks
            take values from 0 to 1.
        name: of the model, its layer and its block.
        rate: samples a second, where it takes waveforms; `predict` then reads recordings.

    Returns:
        A `keras.Model`: `(b, *input_shape)` in, features out. Saved, it loads with
        `tltk.load_model(path, trust=True)` as long as `handle` can still be read, unchanged. Keep
        to handles that you trust: a SavedModel runs whatever its graph says.

    Raises:
        FileNotFoundError: if there is no such folder, or no SavedModel in it.
        ConnectionError: if the address cannot be downloaded.
        PermissionError: if the cache of downloads belongs to another user.
        ImportError: for an address, where the extra "hub" is not installed.
        ValueError: for an address without https, a module of TF1, a SavedModel that cannot be
            called, an output to choose, or an input that it does not take.

    Example:
        >>> import tensorflow as tf
        >>> module = tf.Module()
        >>> module.weight = tf.Variable([[1.0], [2.0]])
        >>> module.__call__ = tf.function(lambda x: x @ module.weight, [tf.TensorSpec((None, 2))])
        >>> tf.saved_model.save(module, "encoder")
        >>> load_hub_backbone("encoder").predict(tf.constant([[3.0, 4.0]]), verbose=0).tolist()
        [[11.0]]

    Reference:
        https://www.tensorflow.org/hub/reusable_saved_models
    """
    layer = HubLayer(handle, output_key, rate=rate, name=name)
    accepted_shape, accepted_dtype = layer.accepted[0]
    example_shape = accepted_shape if layer.takes_one else accepted_shape[1:]
    shape = example_shape if input_shape is None else input_shape
    inputs = keras.Input(shape, dtype=dtype or accepted_dtype, name="input")
    try:
        features = layer(inputs if scale is None else keras.layers.Rescaling(scale)(inputs))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The input must be what the SavedModel takes, of shape and type "
            f"{' or '.join(f'{shape} {dtype}' for shape, dtype in layer.accepted)}, None being "
            f"free. Received: {inputs.shape} {inputs.dtype} for {handle}. "
            "Pass another input_shape or dtype."
        ) from error
    return keras.Model(inputs, features, name=name)


def _folder_of(handle) -> Path:
    folder = user_path(_downloaded(handle) if "://" in handle else handle, "handle")
    if (folder / "tfhub_module.pb").exists():
        raise ValueError(
            "Only SavedModels in TF2 Hub format can be reused in Keras 3. Received: "
            f"{handle}, a TF1 Hub module. Look for a version of it that is marked TF2."
        )
    if not (folder / _GRAPH).is_file():
        raise FileNotFoundError(
            f"A TF-Hub network is a folder with {_GRAPH}. Received: {handle}, "
            f"{'without that file' if folder.is_dir() else 'which does not exist'}. "
            "Check the spelling, or pass its address (https://www.kaggle.com/models/…); a saved "
            "model needs the folder where it was when it was saved."
        )
    return folder


def _downloaded(handle) -> str:
    if not handle.lower().startswith("https://"):
        raise ValueError(
            "A network is downloaded over https alone: on any other way it can be exchanged. "
            f"Received: {handle}. Use its https address, or download it yourself, look where it "
            "comes from, and pass its folder."
        )
    cache = folder_from("TFHUB_CACHE_DIR") or cache_folder() / "tfhub"
    kept = cache / hashlib.sha1(handle.encode(), usedforsecurity=False).hexdigest()
    for folder in (cache, kept):
        _check_owner(folder)
    problem = "no network"
    if kept.is_dir() or is_online():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            require("hub", "tensorflow_hub")
        from tensorflow_hub import resolve

        try:
            with _environment("TFHUB_CACHE_DIR", str(cache)):
                return resolve(handle)
        except Exception as error:
            problem = str(error)
    raise ConnectionError(
        "A network of TF-Hub must be on this machine or downloadable. "
        f"Received: {handle}, not in {cache}; download: {problem}. Download and unpack it where "
        "there is a network and pass its folder, or bring the cache folder here and set "
        "TFHUB_CACHE_DIR to it."
    )


def _check_owner(folder) -> None:
    """What another user put into a shared folder is not run; root could do anything anyway."""
    if hasattr(os, "getuid") and folder.exists() and folder.stat().st_uid not in (os.getuid(), 0):
        raise PermissionError(
            "A cache of downloaded networks must be your own: its files are run. Received: "
            f"{folder}, of user number {folder.stat().st_uid}. Let TFHUB_CACHE_DIR name a folder "
            "of yours; or pass the SavedModel's own folder, if you trust who put it there."
        )


@contextmanager
def _environment(name, value):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _digest(folder) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _CONTENT for path in folder.glob(pattern)):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _functions_of(module, handle) -> list:
    """The graphs behind a SavedModel's call, one for each input and mode that it was made for."""
    functions = module.__call__.concrete_functions if callable(module) else []
    if not functions:
        raise ValueError(
            "A SavedModel in TF2 Hub format can be called. Received: "
            f"{handle}, which has only the signatures {sorted(getattr(module, 'signatures', ()))}. "
            "Use keras.layers.TFSMLayer for it."
        )
    return functions


def _chosen(outputs, key):
    return outputs if key is None else outputs[key]


def _accepted_by(functions) -> list[tuple]:
    firsts = [keras.tree.flatten(f.structured_input_signature)[0] for f in functions]
    return list(dict.fromkeys((tuple(spec.shape), spec.dtype.name) for spec in firsts))


def _check_output_key(outputs, key) -> None:
    if isinstance(outputs, dict):
        keys = sorted(outputs)
    else:
        keys = [*range(len(outputs))] if isinstance(outputs, (list, tuple)) else [None]
    if key not in keys:
        raise ValueError(
            "output_key chooses one of the SavedModel's outputs. "
            f"Received: output_key={key!r}. Choose one of: {', '.join(map(repr, keys))}."
        )


def _variables_of(module, functions):
    """Each variable, and whether it learns: as the module lists it, else as it was made."""
    found = [*getattr(module, "variables", ()), *(v for f in functions for v in f.variables)]
    listed = getattr(module, "trainable_variables", None)
    learning = None if listed is None else {id(variable) for variable in listed}
    for variable in {id(variable): variable for variable in found}.values():
        yield variable, variable.trainable if learning is None else id(variable) in learning


def _shared(variable, learns) -> keras.Variable:
    name = variable.name.split(":")[0].replace("/", "_")
    return keras.Variable(
        variable, variable.shape, variable.dtype.name, trainable=learns, autocast=False, name=name
    )
