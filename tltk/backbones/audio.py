"""Networks for sound: raw samples in, features out."""

from pathlib import Path

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from tltk._cache import bundle_folder
from tltk._checks import check_count, check_flag, check_number, refuse
from tltk._keras import all_layers, as_functional, check_channels_last, check_model
from tltk.backbones.hub import HubLayer
from tltk.backbones.images import load_backbone
from tltk.backbones.weights import load_weights
from tltk.inputs.decoding import height_and_width

FULL_SCALE = 32768.0
SMALLEST_POWER = 1e-10


@keras.saving.register_keras_serializable("tltk")
class LogMel(keras.layers.Layer):
    """Turn waveforms into log-mel spectrograms in decibels, each floored below its own maximum.

        10 log10(max(M |STFT(32768 x)|^2, 1e-10)), at least its maximum over the example - floor

    M holds triangular filters, evenly spaced on Slaney's mel scale (linear below 1 kHz,
    logarithmic above) and of equal area. Decibels count from one step of 16-bit samples. Frames
    lie wholly inside the waveform; the window is a periodic Hann window. With the defaults this
    is the front end of Google's speech embedding, its maximum taken per example. The layer has no
    weights and computes in float32.

    Args:
        rate: samples a second.
        bands: mel bands.
        low: the lowest frequency in Hz.
        high: the highest in Hz, at most half the rate.
        window: seconds that a frame looks at; the FFT is as long as the next power of two.
        hop: seconds from a frame to the next.
        floor: decibels below the example's maximum that are kept.
        relative: measure from the example's maximum, so that values lie between -floor and 0.

    Input and output: float (b, samples) from -1 to 1; float32 (b, frames, bands), with
    frames = 1 + (samples - fft length) // hop.

    Raises:
        ValueError: for settings that no filter bank has, or waveforms shorter than one frame.

    Example:
        >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)[None]
        >>> spectrogram = ops.convert_to_numpy(LogMel(relative=True)(tone))
        >>> spectrogram.shape, int(spectrogram[0, 50].argmax()), float(spectrogram.min())
        ((1, 97, 32), 13, -80.0)

    References:
        - Slaney, Auditory toolbox, 1998.
        - Lin et al., Training keyword spotters with limited and synthesized speech data, 2020.
    """

    def __init__(
        self,
        rate=16000,
        bands=32,
        low=60.0,
        high=3800.0,
        *,
        window=0.025,
        hop=0.01,
        floor=80.0,
        relative=False,
        **settings,
    ):
        check_count("rate", rate)
        check_count("bands", bands)
        check_flag("relative", relative)
        check_number("low", low, least=0)
        positive = {"high": high, "window": window, "hop": hop, "floor": floor}
        for argument, value in positive.items():
            check_number(argument, value, above=0)
        super().__init__(**{"dtype": "float32", **settings}, autocast=False)
        self.rate, self.bands, self.low, self.high = rate, bands, low, high
        self.window, self.hop, self.floor, self.relative = window, hop, floor, relative
        if not low < high <= rate / 2:
            raise ValueError(
                "A filter bank lies between 0 and half the rate. "
                f"Received: rate={rate}, low={low}, high={high}. Leave out what need not change."
            )
        self.window_samples, self.hop_samples = round(window * rate), max(1, round(hop * rate))
        self.fft_samples = 2 ** int(np.ceil(np.log2(self.window_samples)))
        turns = np.arange(self.window_samples) / self.window_samples
        self._hann = (np.sin(np.pi * turns) ** 2).astype("float32")
        self._filters = mel_filters(rate, self.fft_samples, bands, low, high)
        if not self._filters.any(axis=0).all():
            raise ValueError(
                "Every band must hold a frequency of the FFT. "
                f"Received: bands={bands}, and frequencies {rate / self.fft_samples:g} Hz apart. "
                "Use fewer bands, or a longer window."
            )

    def call(self, waveforms):
        real, imaginary = ops.stft(
            FULL_SCALE * ops.cast(waveforms, "float32"),
            sequence_length=self.window_samples,
            sequence_stride=self.hop_samples,
            fft_length=self.fft_samples,
            window=self._hann,
            center=False,
        )
        power = ops.matmul(ops.square(real) + ops.square(imaginary), self._filters)
        decibels = 10 * ops.log10(ops.maximum(power, SMALLEST_POWER))
        loudest = ops.max(decibels, axis=(1, 2), keepdims=True)
        below = ops.maximum(decibels - loudest, -self.floor)
        return below if self.relative else loudest + below

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 2 or (input_shape[1] or self.fft_samples) < self.fft_samples:
            raise ValueError(
                f"Waveforms have shape (b, samples), with at least {self.fft_samples} samples. "
                f"Received: {tuple(input_shape)}. Use longer windows, or the mean of the channels."
            )
        samples = input_shape[1]
        frames = samples and 1 + (samples - self.fft_samples) // self.hop_samples
        return (input_shape[0], frames, self.bands)

    def get_config(self):
        names = ("rate", "bands", "low", "high", "window", "hop", "floor", "relative")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def mel_filters(rate: float, fft_samples: int, bands: int, low: float, high: float) -> np.ndarray:
    """Triangles of equal area on Slaney's mel scale: float32 (fft_samples // 2 + 1, bands)."""
    frequencies = np.arange(fft_samples // 2 + 1) * rate / fft_samples
    edges = _hertz(np.linspace(_mel(low), _mel(high), bands + 2))
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - left) / (centre - left)
    falling = (right - frequencies[:, None]) / (right - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (right - left)).astype("float32")


def _mel(hertz: float) -> float:
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


SPEECH = "speech_embedding"
SPEECH_RATE = 16000
SPEECH_FRAMES = 76
SPEECH_BLOCKS = (
    (24, 3, (2, 2)),
    (48, 4, (1, 2)),
    (72, 4, (2, 2)),
    (96, 4, (1, 2)),
    (96, 4, (2, 2)),
)
PICTURE_BANDS = 64


def load_audio_backbone(
    name: str | keras.Model = SPEECH,
    seconds: float = 1.0,
    rate: int = 16000,
    weights: str | Path | None = "pretrained",
    *,
    image_size: int | tuple[int, int] = 128,
) -> keras.Model:
    """Load a network for sound, ready to be reused: raw samples in, features out.

    The waveform becomes a log-mel spectrogram inside the network (`LogMel`). The speech embedding
    reads it as it did when Google trained it on 200 million short clips of speech. A network for
    pictures sees it as a grey picture, loudest spot white, 80 dB below it black, time from left to
    right and low tones below.

    Args:
        name: "speech_embedding", which comes with tltk: 20 convolutions in six blocks; or the
            name of a network for pictures (see `list_backbones`), or one of your own.
        seconds: length of the windows; the speech embedding needs 0.782 or more.
        rate: samples a second; 16,000 for the speech embedding.
        weights: "pretrained" (the bundled speech embedding; for pictures, ImageNet's), None for
            fresh ones, the path of a weight file. A network of your own comes with its weights.
        image_size: the height and width in pixels that the spectrogram is resized to, or one
            number for both; a network of your own with a fixed size keeps that.

    Returns:
        A `keras.Model`: float waveforms (b, samples) from -1 to 1 in. Out of the speech embedding
        come features (b, t, 96), one row for each 80 ms from 0.775 s on; out of a network for
        pictures its feature map (b, h, w, c). It saves and loads in safe mode once `tltk` is
        imported.

    Raises:
        ValueError: for an unknown name, windows that are too short, another rate than the speech
            embedding's, or weights that do not fit.
        FileNotFoundError: if the weights are nowhere.

    Example:
        >>> backbone = load_audio_backbone()
        >>> backbone.input_shape, backbone.output_shape
        ((None, 16000), (None, 3, 96))

    Reference:
        Lin et al., Training keyword spotters with limited and synthesized speech data, 2020.
    """
    check_channels_last(name if isinstance(name, keras.Model) else None)
    check_count("rate", rate)
    check_number("seconds", seconds, above=0, advice="Pass seconds=1.0")
    samples = round(seconds * rate)
    if samples < 1:
        least = "At least one sample must last"
        refuse(least, f"seconds={seconds}, rate={rate}", "Pass seconds=1.0")
    inputs = keras.Input((samples,), name="waveform")
    if isinstance(name, keras.Model):
        return _picture_network(inputs, rate, name, height_and_width(image_size))
    if name != SPEECH:
        known = "imagenet" if weights == "pretrained" else weights
        size = height_and_width(image_size)
        pictures = load_backbone(name, known, input_shape=(*size, 3))
        return _picture_network(inputs, rate, pictures, size)
    return _speech_network(inputs, rate, weights)


def sample_rate(model: keras.Model) -> int | None:
    """Samples a second that a network takes; None where it is not known to be one for sound.

    Example:
        >>> sample_rate(load_audio_backbone(weights=None))
        16000
    """
    check_model(model)
    fronts = [x for x in all_layers(model) if isinstance(x, (LogMel, HubLayer)) and x.rate]
    return fronts[0].rate if fronts else None


def _speech_network(inputs, rate, weights) -> keras.Model:
    front = LogMel(name="log_mel")
    least = front.fft_samples + (SPEECH_FRAMES - 1) * front.hop_samples
    if rate != SPEECH_RATE or inputs.shape[1] < least:
        raise ValueError(
            f"The speech embedding takes {SPEECH_RATE} samples a second and at least "
            f"{least / SPEECH_RATE:g} seconds. Received: rate={rate}, "
            f"seconds={inputs.shape[1] / rate:g}. Load the data with that rate and windows of "
            "that length (clips are resampled and shorter ones padded), or take a network for "
            "pictures, such as mobilenet_v2."
        )
    scaled = layers.Rescaling(0.1, 2.0, name="log_mel_scale")(front(inputs))
    spectrogram = layers.Reshape((-1, front.bands, 1), name="log_mel_channel")(scaled)
    features = speech_embedding(spectrogram)
    features = layers.Reshape((-1, features.shape[-1]), name="block6_time")(features)
    model = keras.Model(inputs, features, name=SPEECH)
    if weights is not None:
        bundled = bundle_folder() / f"{SPEECH}.weights.h5"
        load_weights(model, bundled if weights == "pretrained" else weights)
    return model


def speech_embedding(spectrogram: KerasTensor) -> KerasTensor:
    """Apply Google's speech embedding to log-mel spectrograms (b, frames, 32, 1).

    Convolutions run along the bands and along time by turns, along time without padding.
    """
    x = layers.ZeroPadding2D((0, 1), name="block1_pad")(spectrogram)
    for block, (filters, convolutions, pool) in enumerate(SPEECH_BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            along_bands = number % 2 == (0 if block == 1 else 1)
            kernel = (1, 3) if along_bands else (3, 1)
            if block == number == 1:
                kernel = (3, 3)
            padding = "same" if kernel == (1, 3) else "valid"
            name = f"block{block}_conv{number}"
            x = layers.Conv2D(filters, kernel, padding=padding, name=name)(x)
            x = layers.LeakyReLU(negative_slope=0.2, name=f"block{block}_leaky{number}")(x)
            x = ops.maximum(x, -0.4)
        x = layers.MaxPooling2D(pool, name=f"block{block}_pool")(x)
    return layers.Conv2D(SPEECH_BLOCKS[-1][0], (3, 1), name="block6_conv")(x)


def _picture_network(inputs, rate, network, image_size) -> keras.Model:
    """Put a spectrogram, drawn as a picture, in front of a network for pictures."""
    front = LogMel(rate, PICTURE_BANDS, high=min(8000.0, rate / 2), relative=True, name="log_mel")
    shape = getattr(network, "input_shape", None)
    if as_functional(network) is None or not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            "A network for pictures is a functional or sequential model with one input "
            f"(b, h, w, c). Received: name={network.name!r} with input_shape={shape}. "
            "Wrap it: keras.Model(inputs, features)."
        )
    height, width = shape[1] or image_size[0], shape[2] or image_size[1]
    white_is_loud = layers.Rescaling(255 / front.floor, 255.0, name="log_mel_pixels")
    low_tones_below = ops.flip(ops.transpose(white_is_loud(front(inputs)), (0, 2, 1)), axis=1)
    grey = layers.Reshape((front.bands, -1, 1), name="log_mel_grey")(low_tones_below)
    resized = layers.Resizing(height, width, name="log_mel_resized")(grey)
    pictures = ops.repeat(resized, shape[3], axis=-1)
    return keras.Model(
        inputs, as_functional(network).call(pictures), name=f"spectrogram_{network.name}"
    )
