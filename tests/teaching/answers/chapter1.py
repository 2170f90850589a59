"""Answers to the exercises on the derivation."""

from tests.teaching.answers import Table

WHERE = """
answer = {
    "word vector": "i", "position vector": "i", "value bias": "c", "inner bias of a feed-forward": "f",
    "output bias of a feed-forward": "c", "bias of a norm": "c", "mean that a norm takes away": "c",
}
"""

LAYER = """
toy = given.toy_layer()
x, m1, s1 = given.norm(toy.x + toy.attention(toy.x), toy.g_1, toy.b_1)
_, m2, s2 = given.norm(x + toy.feedforward(x), toy.g_2, toy.b_2)
late = toy.g_2 / s2
early = toy.g_1 / s1 * late
i = early * toy.x
h = early * (toy.a @ toy.x @ toy.V @ toy.M)
f = late * (np.maximum(x @ toy.W1 + toy.b_W1, 0) @ toy.W2)
bias = toy.b_V @ toy.M
c = early * (bias + toy.b_M - m1) + late * (toy.b_1 + toy.b_W2 - m2) + toy.b_2
"""

SPREAD = """
c = given.dissected(given.CRANE).c[0]
apart, lengths = torch.cdist(c, c), c.norm(dim=-1)
right = (apart.max() / lengths.mean()).item()
"""

NORMS = """
norms = given.norms(given.CRANE)
e = given.dissected(given.CRANE).embedding[0]

def arrived(first=1, gain=True, deviation=1):
    result = []
    for n, norm in enumerate(norms):
        x = norm.bias.expand_as(e)
        for later in norms[n + first:]:
            x = x * (later.gain if gain else 1) / later.deviation ** deviation
        result.append(x)
    return result

def shares(some, e=e):
    return [((e * x).sum(-1) / (e * e).sum(-1)).mean().item() for x in some]

right = shares(arrived())
"""

GAIN = """
def importances(*terms):
    terms = np.stack(terms)
    return terms @ terms.sum(0) / (terms.sum(0) @ terms.sum(0))
"""

STUDY = """
study = {
    "finding": "What is missing without an attention is not what it wrote in any layer.",
    "evidence": {1: 0.5, 2: 0.25, 3: 0.75, 4: 1.5, 5: 0.125, 6: 2.0},
    "limit": "Zeros are an input that no layer above has met, and one sentence is few.",
}
"""

TABLES = {
    "1.1": Table(
        before=WHERE,
        right=[
            "",
            "answer = dict(reversed(answer.items()))",
            "answer = {where: f' {term.upper()} ' for where, term in answer.items()}",
            "import pandas as pd; answer = pd.Series(answer)",
            "answer = {where.title().replace(' ', '_'): term for where, term in answer.items()}",
        ],
        wrong=[
            ("inner bias of a feed-forward", "answer['inner bias of a feed-forward'] = 'c'"),
            ("mean that a norm takes away", "answer['mean that a norm takes away'] = 'i'"),
            ("value bias", "answer['value bias'] = 'h'"),
            ("position vector", "answer['position vector'] = 'c'"),
            ("3 of 7", "answer = answer | dict.fromkeys(list(answer)[4:], 'f')"),
            ("one of four letters; look at: value bias", "answer['value bias'] = 'bias'"),
            ("one of four letters; look at: word vector", "answer['word vector'] = ['i']"),
            ("one of four letters; look at: word vector", "answer['word vector'] = np.ones(3)"),
            ("nothing for: bias of a norm", "del answer['bias of a norm']"),
            ("a dictionary", "answer = list(answer.values())"),
        ],
    ),
    "1.2": Table(
        before=LAYER,
        right=[
            "answer = [i, h, f, c]",
            "answer = i, h, f, c",
            "answer = np.stack([i, h, f, c])",
            "answer = torch.tensor(np.stack([i, h, f, c]), requires_grad=True)",
            "answer = [torch.tensor(x, dtype=torch.float32) for x in (i, h, f, c)]",
            "answer = [x.tolist() for x in (i, h, f, c)]",
            "answer = [x.round(4) for x in (i, h, f, c)]",
            "answer = [x.round(3) for x in (i, h, f, c)]",
            "answer = [x.round(2) for x in (i, h, f, c)]",
            "answer = [i, h, f, toy.embedding() - i - h - f]",
        ],
        wrong=[
            ("rounded too far", "answer = [x.round(1) for x in (i, h, f, c)]"),
            ("another order", "answer = [i, f, h, c]"),
            ("(4, 6, 5), not (4, 5, 6)", "answer = [x.T for x in (i, h, f, c)]"),
            ("shape", "answer = [i, h, f]"),
            ("shape", "answer = np.stack([i, h, f, c], axis=1)"),
            ("part of h belongs to c", "b = early * bias; answer = [i, h + b, f, c - b]"),
            ("part of h belongs to c", "b = early * (bias + toy.b_M); answer = [i, h + b, f, c - b]"),
            ("part of h belongs to c", "answer = [i, early * toy.attention(toy.x), f, c]"),
            ("attention weights", "answer = [i, early * (toy.x @ toy.V @ toy.M), f, c]"),
            ("turned over", "answer = [i, early * (toy.a.T @ toy.x @ toy.V @ toy.M), f, c]"),
            ("output projection", "answer = [i, early * (toy.a @ toy.x @ toy.V), f, c]"),
            ("art of f belongs to c", "b = late * toy.b_W2; answer = [i, h, f + b, c - b]"),
            ("art of f belongs to c", "answer = [i, h, late * toy.feedforward(x), c]"),
            ("inner bias", "answer = [i, h, late * (np.maximum(x @ toy.W1, 0) @ toy.W2), c]"),
            ("nonlinear function", "answer = [i, h, late * ((x @ toy.W1 + toy.b_W1) @ toy.W2), c]"),
            ("the layer's input", "answer = [i, h, late * (toy.feedforward(toy.x) - toy.b_W2), c]"),
            ("Off are: f. Is f rescaled by those", "answer = [i, h, f / late * early, c]"),
            ("Off are: i. Is i rescaled by every", "answer = [toy.x, h, f, c]"),
            ("Off are: i, h, f, c. Is i", "answer = [toy.x, h / early, f / late, toy.embedding() - toy.x]"),
            ("Is h rescaled by every", "answer = [i, h / late, f, c]"),
            ("Is i rescaled by every", "answer = [i / toy.g_1, h / toy.g_1, f, c]"),
            ("variance", "answer = [i / s1 / s2, h / s1 / s2, f / s2, c]"),
            ("d - 1", "answer = [i * 5 / 6, h * 5 / 6, f * np.sqrt(5 / 6), c]"),
            ("from the whole stream", "answer = [i - early * m1, h, f, c + early * m1]"),
            ("lacks 1 of", "answer = [i, h, f, c + early * m1]"),
            ("lacks 2 of", "answer = [i, h, f, c + early * m1 + late * m2]"),
            ("lacks 1 of", "answer = [i, h, f, c - toy.b_2]"),
            ("a mean is added", "answer = [i, h, f, c + 2 * early * m1 + 2 * late * m2]"),
            ("last bias", "answer = [i, h, f, c - toy.b_2 + late * toy.b_2]"),
            ("bias of the first norm", "answer = [i, h, f, c + (early - late) * toy.b_1]"),
            ("passes the output", "answer = [i, h, f, c + early * (toy.b_V - bias)]"),
            (
                "are rescaled, too",
                "answer = [i, h, f, 0 * c + bias + toy.b_M + toy.b_1 + toy.b_W2 + toy.b_2]",
            ),
            ("The sum is near", "answer = [i + 0.1, h, f, c - 0.1]"),
            ("miss the embedding by", "answer = [i, h, f + 0.5, c]"),
            ("NaN", "answer = [i, h, f, c * np.nan]"),
        ],
    ),
    "1.3": Table(
        before=SPREAD,
        right=[
            "answer = right",
            "answer = apart.max() / lengths.mean()",
            "answer = max(float((a - b).norm()) for a in c for b in c) / float(lengths.mean())",
            "c = c.numpy(); answer = np.array([np.linalg.norm(c[:, None] - c, axis=-1).max()"
            " / np.linalg.norm(c, axis=1).mean()])",
            "answer = round(right, 2)",
            "answer = round(right, 3)",
            "answer = round(right, 4)",
            "answer = torch.tensor([right], requires_grad=True)",
            "answer = Fraction(right)",
        ],
        wrong=[
            ("rounded too far", "answer = round(right, 1)"),
            ("compare two different tokens", "answer = 0.0"),
            (
                "another of the terms",
                "h = given.dissected().h[0]; answer = torch.cdist(h, h).max() / h.norm(dim=-1).mean()",
            ),
            (
                "the embedding varies",
                "c = given.dissected().embedding[0]; answer = torch.pdist(c).max() / c.norm(dim=-1).mean()",
            ),
            ("not yet relative", "answer = apart.max()"),
            ("special tokens", "answer = apart[1:-1, 1:-1].max() / lengths[1:-1].mean()"),
            ("special tokens", "answer = apart[1:-1, 1:-1].max() / lengths.mean()"),
            ("mean distance", "answer = apart.mean() / lengths.mean()"),
            ("mean distance", "answer = torch.pdist(c).mean() / lengths.mean()"),
            ("the largest length", "answer = apart.max() / lengths.max()"),
            ("length of the mean", "answer = apart.max() / c.mean(0).norm()"),
            ("squared", "answer = apart.max() ** 2 / lengths.mean()"),
            ("in percent", "answer = 100 * right"),
            ("lengths differ", "answer = (lengths.max() - lengths.min()) / lengths.mean()"),
            ("too small", "answer = (c[1] - c[2]).norm() / lengths.mean()"),
            ("too large", "answer = 3"),
            ("too small", "answer = -right"),
            ("shape", "answer = apart / lengths.mean()"),
        ],
    ),
    "1.4": Table(
        before=NORMS,
        right=[
            "answer = right",
            "answer = tuple(right)",
            "answer = np.array(right, dtype=np.float32)",
            "answer = torch.tensor(right, dtype=torch.float64, requires_grad=True)",
            "answer = [torch.tensor(x) for x in right]",
            "answer = [round(x, 4) for x in right]",
            "answer = [round(x, 3) for x in right]",
            "answer = [round(100 * x, 2) for x in right]",
            "answer = 100 * np.array(right)",
        ],
        wrong=[
            ("The last one is right", "answer = shares(arrived(first=99))"),
            ("once too often", "answer = shares(arrived(first=0))"),
            ("right after it", "answer = shares(arrived(first=2))"),
            ("not divided by the deviations", "answer = shares(arrived(deviation=0))"),
            ("not multiplied by the gains", "answer = shares(arrived(gain=False))"),
            ("variances", "answer = shares(arrived(deviation=2))"),
            ("the other way round", "answer = right[::-1]"),
            ("sums over the tokens", "answer = [12 * x for x in right]"),
            ("special tokens", "answer = shares([x[1:-1] for x in arrived()], e[1:-1])"),
            ("one token", "answer = shares([x[:1] for x in arrived()], e[:1])"),
            ("ratios of lengths", "answer = [(x.norm(dim=-1) / e.norm(dim=-1)).mean() for x in arrived()]"),
            ("dot products", "answer = [(e * x).sum(-1).mean() for x in arrived()]"),
            ("by the length of e", "answer = [((e * x).sum(-1) / e.norm(dim=-1)).mean() for x in arrived()]"),
            ("cosines", "answer = [torch.cosine_similarity(e, x, dim=-1).mean() for x in arrived()]"),
            ("mean afterwards", "answer = [(e * x).sum() / (e * e).sum() for x in arrived()]"),
            ("signs are gone", "answer = np.abs(right)"),
            ("keep four decimals", "answer = [round(x, 2) for x in right]"),
            ("norms are off: 0.", "answer = [right[0] + 0.1, *right[1:]]"),
            ("norms are off: 3, 5.", "right[3] *= 2; right[5] = 0; answer = right"),
            ("shape", "answer = right[1:]"),
        ],
    ),
    "1.5": Table(
        before=GAIN,
        right=[
            "def answer(i, h, f, c, b, a): return importances(a * i, a * h, a * f, a * (c - b) + b)",
            "answer = lambda i, h, f, c, b, a: list(importances(i, h, f, c - b + b / a))",
            "def answer(i, h, f, c, b, a, eps=0.0): return tuple(importances(i, h, f, c - b + b / a))",
            "def answer(*x): i, h, f, c, b, a = x; return importances(i, h, f, c - b + b / a).round(3)",
            """
def answer(i, h, f, c, b, a):
    x = torch.tensor(np.stack([a * i, a * h, a * f, a * (c - b) + b]), requires_grad=True)
    return (x @ x.sum(0)) / x.sum(0).square().sum()
""",
            """
class Answer:
    def __call__(self, i, h, f, c, b, a=1):
        return importances(i, h, f, c - b + b / a)
answer = Answer()
""",
        ],
        wrong=[
            ("do not move at all", "def answer(i, h, f, c, b, a): return importances(i, h, f, c)"),
            (
                "new one",
                "def answer(i, h, f, c, b, a):\n    e = i + h + f + c\n"
                "    return np.stack([a * i, a * h, a * f, c]) @ e / (e @ e)",
            ),
            ("do not add up", "def answer(i, h, f, c, b, a): return a * importances(i, h, f, c)"),
            ("the whole of it", "def answer(i, h, f, c, b, a): return importances(a * i, a * h, a * f, c)"),
            ("lost the last bias", "def answer(i, h, f, c, b, a): return importances(i, h, f, c - b)"),
            (
                "counted twice",
                "def answer(i, h, f, c, b, a): return importances(a * i, a * h, a * f, a * c + b)",
            ),
            ("other three", "def answer(i, h, f, c, b, a): return importances(i, h, f, a * (c - b) + b)"),
            (
                "you rescale the bias",
                "def answer(i, h, f, c, b, a): return importances(a*i, a*h, a*f, c - b + a*b)",
            ),
            ("divide by a", "def answer(i, h, f, c, b, a): return importances(i/a, h/a, f/a, (c - b)/a + b)"),
            ("With a = 0.5", "def answer(i, h, f, c, b, a): return importances(i, h, f * a, c)"),
            (
                "changes what it is given",
                "def answer(i, h, f, c, b, a): c -= b; return importances(i, h, f, c + b/a)",
            ),
            ("With a = 0.5", "def answer(i, h, f, c, b, a): return [0.25] * 4"),
            ("returns nothing", "def answer(i, h, f, c, b, a): importances(i, h, f, c)"),
            ("to take 6 arguments", "def answer(i, h, f, c): return [1, 0, 0, 0]"),
            (
                "shape",
                "def answer(i, h, f, c, b, a): return np.stack([a * i, a * h, a * f, a * (c - b) + b])",
            ),
            ("a function", "answer = [0.25] * 4"),
        ],
    ),
    "1.6": Table(
        before=STUDY,
        right=[
            "answer = study",
            "answer = study | {'evidence': list(study['evidence'].values())}",
            "answer = study | {'evidence': torch.arange(12.0).reshape(6, 2)}",
            "import pandas as pd; answer = study | {'evidence': pd.Series(study['evidence'])}",
        ],
        wrong=[
            ("nothing for: limit", "del study['limit']; answer = study"),
            ("fewer numbers", "answer = study | {'evidence': [0.5]}"),
            ("whole sentence", "answer = study | {'finding': 'They differ.'}"),
            ("shows no difference", "answer = study | {'evidence': [0.5] * 6}"),
            ("fewer numbers", "answer = study | {'evidence': 'six numbers'}"),
            ("NaN", "answer = study | {'evidence': [0.5, 0.25, float('nan'), 1, 2, 3]}"),
        ],
    ),
}
