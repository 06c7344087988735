"""A stand-in for social networks: organisations whose members' roles are known by construction."""

from typing import NamedTuple

import numpy as np

from tltk._checks import check_number, check_seed

ROLES = ("member", "leader", "broker", "outsider")
MEMBER, LEADER, BROKER, OUTSIDER = range(4)
REACH = 2  # people that a broker knows in each of two teams


class Organisation(NamedTuple):
    """A made network and the role of everybody in it.

    Attributes:
        adjacency: (n, n) uint8, symmetric, 1 where two people know each other.
        labels: (n,) int32 numbers of roles.
        class_names: the roles.
    """

    adjacency: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]


def make_organisation(
    teams: int = 12,
    size: int = 8,
    density: float = 0.6,
    brokers: int = 12,
    *,
    outsiders: int = 12,
    noise: float = 0.02,
    seed: int = 0,
) -> Organisation:
    """Make a network of people in teams, with a role for each: synthetic, not observed.

    A team has one leader, who knows all its members, and members who know each other with
    probability `density`. A broker knows two people in each of two teams, an outsider one member of
    one team. Then a share `noise` of the acquaintances is forgotten, and as many strangers meet.

    Args:
        teams: number of teams.
        size: people in a team on average, its leader included; teams differ by up to a third.
        density: probability that two members of a team know each other, from 0 to 1.
        brokers: people between two teams.
        outsiders: people at the edge of one.
        noise: share of the acquaintances that is drawn anew, from 0 to 1.
        seed: decides everything random.

    Returns:
        An `Organisation` of about `teams * size + brokers + outsiders` people, in random order.

    Raises:
        ValueError: for fewer than two teams of three, or a density or noise outside 0 to 1.

    Example:
        >>> made = make_organisation(teams=4, brokers=3, outsiders=2)
        >>> np.bincount(made.labels)[1:].tolist(), int(np.diag(made.adjacency).sum())
        ([4, 3, 2], 0)

    Reference:
        Henderson et al., RolX: structural role extraction and mining in large graphs, 2012, for
        the idea of roles; the formula is ours.
    """
    least = {"teams": (teams, 2), "size": (size, 3)}
    least |= {"brokers": (brokers, 0), "outsiders": (outsiders, 0)}
    for name, (value, bound) in least.items():
        check_number(name, value, least=bound, whole=True)
    for name, value in (("density", density), ("noise", noise)):
        check_number(name, value, least=0, most=1)
    check_seed("seed", seed)
    rng = np.random.default_rng(seed)
    spread = size // 3
    sizes = rng.integers(size - spread, size + spread + 1, teams)
    team = np.repeat(np.arange(teams), sizes)
    leaders = np.cumsum(sizes) - sizes
    labels = np.zeros(len(team) + brokers + outsiders, "int32")
    labels[leaders] = LEADER
    labels[len(team) : len(team) + brokers] = BROKER
    labels[len(team) + brokers :] = OUTSIDER

    knows = np.zeros((len(labels), len(labels)), bool)
    together = team[:, None] == team[None, :]
    met = together & (rng.random(together.shape) < density)
    met |= together & ((labels[: len(team)] == LEADER)[:, None])
    knows[: len(team), : len(team)] = met
    for person in np.flatnonzero(labels == BROKER):
        for chosen in rng.choice(teams, 2, replace=False):
            knows[person, rng.choice(np.flatnonzero(team == chosen), REACH, replace=False)] = True
    members = np.flatnonzero(labels == MEMBER)
    knows[np.flatnonzero(labels == OUTSIDER), rng.choice(members, outsiders)] = True
    adjacency = _drawn_anew(np.triu(knows | knows.T, 1), noise, rng)
    order = rng.permutation(len(labels))
    return Organisation(adjacency[np.ix_(order, order)], labels[order], ROLES)


def _drawn_anew(upper, noise, rng) -> np.ndarray:
    """Forget a share of the edges of an upper triangle, draw as many, and make it symmetric."""
    edges, gaps = np.argwhere(upper), np.argwhere(np.triu(~upper, 1))
    count = min(round(noise * len(edges)), len(gaps))
    upper[tuple(rng.permutation(edges)[:count].T)] = False
    upper[tuple(rng.permutation(gaps)[:count].T)] = True
    return (upper | upper.T).astype("uint8")
