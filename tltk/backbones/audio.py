"""Networks for sound: raw samples in, features out."""

from pathlib import Path

import keras
from keras import KerasTensor, layers, ops

from tltk._cache import bundle_folder
from tltk._checks import check_count, check_number, refuse
from tltk._keras import all_layers, as_functional, check_channels_last, check_model
from tltk.backbones.hub import HubLayer
from tltk.backbones.load import load_backbone
from tltk.backbones.log_mel import LogMel
from tltk.backbones.weight_files import load_weights
from tltk.inputs.decoding import height_and_width

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
