"""How much faster the cut may make training, by the multiply-adds of its parts."""

from tltk.backbones._cost import multiply_adds
from tltk.tuning._cutting import cut_frozen


def training_bound(model, epochs, train, val, speed_up=1.0):
    """How many times as fast the cut may make a training run, by its multiply-adds.

    The whole network, every epoch: forward over all pictures, backward through the part that
    trains. The cut one: the frozen part once over all pictures, `speed_up` times as fast where
    another engine runs it, and in every epoch only what is behind it. Backward counts each layer
    twice, once for the gradient of its weights, once for that of its input, which the first trained
    layers do without. Reading pictures, optimizer and anything but kernels count nothing.

    Args:
        model: the classifier, frozen as it will be trained.
        epochs: how many.
        train: the number of training pictures.
        val: the number of validation pictures.
        speed_up: of the frozen part, on its own.
    """
    cut = cut_frozen(model)
    tensors = {id(tensor) for tensor in cut.prefix.outputs}
    behind = [layer for layer in cut.suffix.layers if layer.weights]
    first = [layer for layer in behind if id(layer.input) in tensors]
    frozen, trained = multiply_adds(cut.prefix.layers), multiply_adds(behind)
    backward = 2 * trained - multiply_adds(first)
    every_epoch = train * (trained + backward) + val * trained
    once = (train + val) * frozen
    return epochs * (once + every_epoch) / (once / speed_up + epochs * every_epoch)
