"""The statistics of a grid written out in plain Python: what the fast ones are compared with."""

from collections import Counter
from itertools import combinations, product
from math import log2


def sign(number):
    return int(number > 0) - int(number < 0)


def granulated(settings, x, y):
    """settings: dictionaries; psi by name of the axis, averaging over groups, then pairs."""
    result = {}
    for axis in settings[0]:
        groups = {}
        for place, setting in enumerate(settings):
            rest = tuple((name, value) for name, value in setting.items() if name != axis)
            groups.setdefault(rest, []).append(place)
        taus = []
        for members in groups.values():
            pairs = [(a, b) for a, b in product(members, members) if a != b]
            if pairs:
                agreement = [sign(x[a] - x[b]) * sign(y[a] - y[b]) for a, b in pairs]
                taus.append(sum(agreement) / len(pairs))
        result[axis] = sum(taus) / len(taus)
    result["mean"] = sum(result.values()) / len(result)
    return result


def information_score(settings, x, y, given=2):
    """The scoring rule of the PGDL competition, in percent."""
    scores = []
    for chosen in combinations(settings[0], given):
        cells = {}
        for a, b in product(range(len(x)), repeat=2):
            key = tuple((settings[a][name], settings[b][name]) for name in chosen)
            cells.setdefault(key, []).append((y[a] > y[b], x[a] > x[b]))
        # The number of pairs weighs; in a complete grid it is the same for all cells.
        information = [len(cell) * _mutual_information(cell) for cell in cells.values()]
        entropy = [len(cell) * _entropy([first for first, _ in cell]) for cell in cells.values()]
        scores.append(sum(information) / sum(entropy))
    return 100 * min(scores)


def _entropy(values):
    return -sum(n / len(values) * log2(n / len(values)) for n in Counter(values).values())


def _mutual_information(pairs):
    first, second = zip(*pairs, strict=True)
    return _entropy(first) + _entropy(second) - _entropy(pairs)
