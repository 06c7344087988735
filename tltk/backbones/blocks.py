"""The blocks of a network, read from its layer names and graph alone.

Nothing is remembered between calls, so a classifier that plain Keras reloaded has the same blocks.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras

from tltk._keras import as_functional, check_model, nodes_of

BLOCK_NAME = re.compile(
    r"(expanded_conv|block_?\d+[a-z]?|(?:conv|stack)\d_block\d+)_\w+"
    r"|convnext_[a-z]+_(stage_\d_block_\d+)_\w+"
    r"|convnext_[a-z]+_(downsampling)_[a-z]+(_\d)"
    r"|(word_vectors)"
)
DENSENET_BLOCK_NAME = re.compile(r"(conv[2-9]|pool[2-9])_\w+")
INCEPTION_BLOCK_NAME = re.compile(r"(mixed\d+)")
STEM, TOP, HEAD = "stem", "top", "head"


def block_names(model: keras.Model) -> list[str]:
    """List a network's blocks from input to output.

    Args:
        model: a backbone, a classifier built on one, or any other built model.

    Returns:
        The keys of `layers_by_block(model)`.

    Example:
        >>> from tltk.backbones import load_backbone
        >>> block_names(load_backbone("vgg16", weights=None, input_shape=(32, 32, 3)))
        ['block1', 'block2', 'block3', 'block4', 'block5']
    """
    return list(layers_by_block(model))


def layers_by_block(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Sort a network's layers into its blocks.

    Blocks carry the architecture's own names, such as `conv5_block1`, `mixed7` or `block5`. What
    comes before the first is `stem` (without weights of its own it joins the first block), what
    comes after the last is `top`, and layers called `head_...` are `head`. In any other model each
    top-level layer with weights opens a block of its own name, which the layers without weights
    after it join.

    Args:
        model: a backbone, a classifier built on one, or any other built model.

    Returns:
        Block name to layers, both from input to output. Each layer of the model is in exactly one
        block, and no block feeds an earlier one.

    Raises:
        ValueError: if the model is not built yet.

    Example:
        >>> from tltk.backbones import load_backbone
        >>> backbone = load_backbone("resnet18", weights=None, input_shape=(32, 32, 3))
        >>> [layer.name for layer in layers_by_block(backbone)["conv5_block2"]][:2]
        ['conv5_block2_1_conv', 'conv5_block2_1_bn']
    """
    check_model(model)
    if not model.built:
        raise ValueError(
            "Blocks can be read from a built model only. "
            f"Received: model={model.name!r}, not built. Call it once on a batch, or build() it."
        )
    base = [layer for layer in model.layers if not layer.name.startswith("head_")]
    head = [layer for layer in model.layers if layer.name.startswith("head_")]
    named = named_blocks([layer.name for layer in base]) if as_functional(model) is not None else {}
    blocks = blocks_of_graph(model, base, named) if named else blocks_of_layers(base)
    return blocks | {HEAD: head} if head else blocks


def named_blocks(layer_names: list[str]) -> dict[str, str]:
    """Find the layers whose own name tells their block: layer name to block name."""
    names = set(layer_names)
    if "conv2_block1_concat" in names:
        pattern = DENSENET_BLOCK_NAME
    elif "mixed0" in names:
        pattern = INCEPTION_BLOCK_NAME
    else:
        pattern = BLOCK_NAME
    matches = {name: pattern.fullmatch(name) for name in layer_names}
    return {name: "".join(filter(None, match.groups())) for name, match in matches.items() if match}


def blocks_of_layers(layers: list) -> dict[str, list]:
    """Let each layer with weights open a block; layers without weights join the one before."""
    blocks: dict[str, list] = {}
    waiting: list = []
    for layer in layers:
        if layer.weights:
            blocks[layer.name] = [*waiting, layer]
            waiting = []
        elif blocks:
            blocks[next(reversed(blocks))].append(layer)
        else:
            waiting.append(layer)
    return blocks or {STEM: waiting}


def blocks_of_graph(model: keras.Model, layers: list, named: dict[str, str]) -> dict[str, list]:
    """Sort layers into named blocks and place the others by what feeds them and what they feed.

    An unnamed layer stands between the last block that feeds it and the first one that it feeds.
    With a block in between it runs beside that one (Xception's shortcuts). Else it ends the block
    before it if everything passes through it, and begins the block after it if something passes
    it by (Inception's branches). Behind the last block is the top.
    """
    order = list(dict.fromkeys(named[layer.name] for layer in layers if layer.name in named))
    places = [STEM, *order, TOP]
    blocks: dict[str, list] = {place: [] for place in places}
    numbers = {name: places.index(block) for name, block in named.items()}
    surroundings = surroundings_of(nodes_of(model), numbers, last=len(order) + 1)
    for layer in layers:
        if layer.name in numbers:
            place = numbers[layer.name]
        else:
            before, after, is_cut = surroundings[layer.name]
            beside = after - before > 1 or not is_cut or before == len(order)
            place = before + 1 if beside else before
        blocks[places[place]].append(layer)
    if not any(layer.weights for layer in blocks[STEM]):
        blocks[order[0]] = blocks.pop(STEM) + blocks[order[0]]
    return {place: members for place, members in blocks.items() if members}


class Surroundings(NamedTuple):
    """The last place that feeds a layer, the first that it feeds, and whether all passes it."""

    before: int
    after: int
    is_cut: bool


def surroundings_of(nodes: list, numbers: dict[str, int], last: int) -> dict[str, Surroundings]:
    """Look up and down the graph from every layer; `numbers` are the places of the named ones."""
    parents = {node: node.parent_nodes for node in nodes}
    children: dict[Any, list] = {node: [] for node in nodes}
    for node in nodes:
        for parent in parents[node]:
            children[parent].append(node)

    def look(order: Iterable, neighbours: dict, choose: Callable, end: int) -> tuple[dict, dict]:
        reached: dict = {}
        paths: dict = {}
        for node in order:
            near = neighbours[node]
            places = [numbers.get(n.operation.name, reached[n]) for n in near]
            reached[node] = choose(places, default=end)
            paths[node] = sum(paths[n] for n in near) or 1
        return reached, paths

    before, paths_in = look(nodes, parents, max, 0)
    after, paths_out = look(reversed(nodes), children, min, last)
    all_paths = sum(paths_in[node] for node in nodes if not children[node])
    return {
        node.operation.name: Surroundings(
            before[node], after[node], paths_in[node] * paths_out[node] == all_paths
        )
        for node in nodes
    }
