"""From a waveform to the picture that the ear sees: a log-mel spectrogram, as a layer."""

import keras
import numpy as np
from keras import ops

from tltk._checks import check_count, check_flag, check_number

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
