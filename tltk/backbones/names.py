"""Layer names that are the same in every build."""

import re

# ConvNeXt's last normalisation is named with the classifier and unnamed without it.
NAMED_LATER = {"layer_normalization": "convnext_tiny_head_layernorm"}


def kind_of(class_name: str) -> str:
    """Write a layer's class as Keras does in automatic names.

    Example:
        >>> kind_of("AveragePooling2D")
        'average_pooling2d'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", class_name).lower()


def steady_names(names: list[str], kinds: list[str]) -> list[str]:
    """Let automatic names such as `conv2d_94` count from zero, as in a process's first build.

    Args:
        names: layer names of one network.
        kinds: the `kind_of` each layer; a name is automatic if it is its kind with a number.

    Returns:
        The names in the same order, automatic ones renumbered.

    Example:
        >>> steady_names(["conv2d_4", "conv2d_5", "block1_conv1"], ["conv2d"] * 3)
        ['conv2d', 'conv2d_1', 'block1_conv1']
    """
    numbers = [automatic_number(name, kind) for name, kind in zip(names, kinds, strict=True)]
    first = {}
    for kind, number in zip(kinds, numbers, strict=True):
        if number is not None:
            first[kind] = min(number, first.get(kind, number))
    return [
        name if number is None else numbered(kind, number - first[kind])
        for name, kind, number in zip(names, kinds, numbers, strict=True)
    ]


def automatic_number(name: str, kind: str) -> int | None:
    match = re.fullmatch(rf"{re.escape(kind)}(?:_(\d+))?", name)
    return int(match[1] or 0) if match else None


def numbered(kind: str, number: int) -> str:
    name = f"{kind}_{number}" if number else kind
    return NAMED_LATER.get(name, name)
