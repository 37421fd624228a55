"""The losses over a tree once more, in plain Python: loops over nodes, exp and log as printed."""

from __future__ import annotations

from math import exp, log

from falcon_svc.hierarchy import Tree


class Plain:
    """Ancestors, descendants and children by walking up `parents`."""

    def __init__(self, tree: Tree) -> None:
        self.parent = tree.parents.tolist()
        self.nodes = range(len(self.parent))
        self.leaves = [v for v in self.nodes if v not in self.parent]

    def up(self, v):
        """v and its ancestors without the root, v first."""
        found = []
        while v > 0:
            found.append(v)
            v = self.parent[v]
        return found

    def down(self, v):
        """v and its descendants."""
        return [u for u in self.nodes if v == 0 or v in self.up(u)]

    def children(self, v):
        return [u for u in self.nodes if self.parent[u] == v]

    def depth(self, v):
        return len(self.up(v))

    def leaves_below(self, v):
        return [u for u in self.down(v) if u in self.leaves]


def sigmoid(x):
    return 1 / (1 + exp(-x))


def flat_softmax(t, s, y):
    return -log(flat_prob(t, s, y))


def flat_prob(t, s, v):
    return sum(exp(s[u]) for u in t.leaves_below(v)) / sum(exp(s[u]) for u in t.leaves)


def summed(t, s):
    return {v: sum(s[u] for u in t.up(v)) for v in t.nodes}


def ps_softmax(t, s, y):
    return flat_softmax(t, summed(t, s), y)


def aggregated(t, s, v):
    whole = sum(exp(s[u]) for u in t.nodes if u)
    return sum(exp(s[u]) for u in t.down(v) if u) / whole


def hce(t, s, y):
    return -log(aggregated(t, s, y))


def hace(t, s, y, d=0.5):
    path = t.up(y)
    total = 0.0
    for j, v in enumerate(path):
        share = d * (1 - d) ** j if j < len(path) - 1 else (1 - d) ** (len(path) - 1)
        total -= share * log(aggregated(t, s, v))
    return total


def conditional_prob(t, s, v):
    p = 1.0
    for u in t.up(v):
        p *= exp(s[u]) / sum(exp(s[w]) for w in t.children(t.parent[u]))
    return p


def conditional_softmax(t, s, y):
    return -log(conditional_prob(t, s, y))


def sigmoid_product(t, s, v):
    p = 1.0
    for u in t.up(v):
        p *= sigmoid(s[u])
    return p


def conditional_sigmoid(t, s, y):
    total, path = 0.0, t.up(y)
    for ancestor in [0, *path[1:]] if path else []:
        for v in t.children(ancestor):
            total -= log(sigmoid(s[v]) if v in path else 1 - sigmoid(s[v]))
    return total


def deep_rtc_uncut(t, s, y):
    """Without stops the frontier is the leaves."""
    return ps_softmax(t, s, y)


def deep_rtc_prob(t, s, v):
    return sigmoid(summed(t, s)[v] / 10) if v else 1.0


def soft_max_margin(t, s, y, margin=5.0):
    right = set(t.up(y)) | set(t.down(y))
    rivals = sum(exp(s[v] + margin * (v not in right)) for v in t.nodes if v)
    return log(rivals) - log(sum(exp(s[v]) for v in t.down(y) if v))


def soft_max_descendant(t, s, y):
    total = 0.0
    for a in t.up(y):
        beside = [b for u in t.up(a) for b in t.children(t.parent[u]) if b != u]
        outside = sum(exp(s[u]) for b in beside for u in t.down(b))
        total += (log(exp(s[a]) + outside) - s[a]) / len(t.leaves_below(a))
    return total


def multilabel_focal(t, s, y, alpha=0.95, gamma=2.0):
    total = 0.0
    for v in t.nodes:
        if v == 0 or (v in t.down(y) and v != y):
            continue
        positive = v in t.up(y)
        p = sigmoid(s[v]) if positive else 1 - sigmoid(s[v])
        total -= (alpha if positive else 1 - alpha) * (1 - p) ** gamma * log(p)
    return total


def cut(t, depth):
    return [v for v in t.nodes if t.depth(v) == depth or (v in t.leaves and 0 < t.depth(v) < depth)]


def level_prob(t, s, v, depth=None):
    if v == 0:
        return 1.0
    return exp(s[v]) / sum(exp(s[u]) for u in cut(t, depth or t.depth(v)))


def level_softmax(t, s, y):
    total = 0.0
    for depth in range(1, max(t.depth(v) for v in t.nodes) + 1):
        here = [v for v in t.up(y) if v in cut(t, depth)]
        if here and (y in t.leaves or t.depth(y) >= depth):
            total -= log(level_prob(t, s, here[0], depth))
    return total


def at_depth(t, y, depth):
    """The class of label y at a level, None where it does not say."""
    here = [v for v in t.up(y) if v in cut(t, depth)]
    known = here and (y in t.leaves or t.depth(y) >= depth)
    return here[0] if known else None


def hccf(t, batch, labels, i):
    """Sample i's loss by (B, B) similarities: batch[i][v] = cosine of sample i with text v."""
    total = 0.0
    for depth in range(1, max(t.depth(v) for v in t.nodes) + 1):
        classes = [at_depth(t, y, depth) for y in labels]
        known = [j for j, c in enumerate(classes) if c is not None]
        if i not in known:
            continue
        same = [j for j in known if classes[j] == classes[i]]
        to_text = sum(exp(batch[i][classes[j]]) for j in known)
        to_image = sum(exp(batch[j][classes[i]]) for j in known)
        for j in same:
            total -= log(exp(batch[i][classes[j]]) / to_text) / len(same)
            total -= log(exp(batch[j][classes[i]]) / to_image) / len(same)
    return total


LOSSES = {
    "flat_softmax": (flat_softmax, flat_prob),
    "ps_softmax": (ps_softmax, lambda t, s, v: flat_prob(t, summed(t, s), v)),
    "hce": (hce, aggregated),
    "hace": (hace, aggregated),
    "conditional_softmax": (conditional_softmax, conditional_prob),
    "conditional_sigmoid": (conditional_sigmoid, sigmoid_product),
    "deep_rtc": (deep_rtc_uncut, deep_rtc_prob),
    "soft_max_margin": (soft_max_margin, aggregated),
    "soft_max_descendant": (soft_max_descendant, aggregated),
    "multilabel_focal": (multilabel_focal, lambda t, s, v: sigmoid(s[v]) if v else 1.0),
    "level_softmax": (level_softmax, level_prob),
    "hcal": (level_softmax, level_prob),
    "hccf": (None, level_prob),
}
