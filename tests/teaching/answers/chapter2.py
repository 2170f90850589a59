"""Answers to the exercises on importance."""

from tests.teaching.answers import Table

MEASURE = """
def dot(x, y): return (x * y).sum(-1)
length = lambda x: np.linalg.norm(x, axis=-1)
"""

PLACES = """
places = []
for sentence in given.SENTENCES:
    c = given.dissected(sentence).importance()[3, 0].tolist()
    places += [(c[n], sentence, n) for n in range(1, len(c) - 1)]
low, high = min(places)[1:], max(places)[1:]
"""

RANKS = """
from scipy.stats import kendalltau, rankdata, spearmanr

def ranks(x):
    x = np.asarray(x)
    return (x[None] < x[:, None]).sum(1) + (x[None] == x[:, None]).sum(1) / 2

def corr(x, y): return np.corrcoef(x, y)[0, 1]
"""

JOIN = """
def join(terms, orders, worth=lambda x: x @ x):
    total = np.zeros(4)
    for order in orders:
        at = 0 * terms[0]
        for n in order:
            total[n] += worth(at + terms[n]) - worth(at)
            at = at + terms[n]
    return total

orders = list(permutations(range(4)))
"""

STUDY = """
study = {
    "finding": "In most layers c has a larger share in punctuation than in words.",
    "evidence": {"word": [0.1, 0.2], "punctuation": [0.3, 0.4]},
    "limit": "Five sentences only, and punctuation mostly stands at the end of them.",
}
"""

TABLES = {
    "2.1": Table(
        right=[
            "answer = [[2, 0], [-1, 0], [0, 1], [0, -1]]",
            "answer = ((3, 3), (-1.5, -1), (0, 0), (0, 0))",
            "answer = np.array([[2, 0], [-1, 0], [0, 1], [0, -1]])",
            "answer = torch.tensor([[2.0, 0], [-1, 0], [0, 1], [0, -1]], requires_grad=True)",
            "answer = [torch.tensor([1e-5, 0]), torch.tensor([-5e-6, 0]), torch.zeros(2), torch.zeros(2)]",
            "answer = [np.array([1e300, 0]), np.array([-5e299, 0]), np.zeros(2), np.zeros(2)]",
        ],
        wrong=[
            ("which way does h point", "answer = [[1, 0], [1, 0], [0, 1], [0, -1]]"),
            ("which way does h point", "answer = [[2, 0], [0, 1], [-0.5, 0], [0, 0]]"),
            ("no more than one", "answer = [[1, 0], [-1, 0], [2, 0], [0, 0]]"),
            ("add up to zero", "answer = [[1, 0], [-1, 0], [0, 1], [0, -1]]"),
            ("add up to zero", "answer = [[0.1 + 0.2, 0], [-0.3, 0], [0, 1], [0, -1]]"),
            ("All four are zero", "answer = np.zeros((4, 2))"),
            ("shape", "answer = [[1, 0], [-1, 0]]"),
            ("(2, 4), not (4, 2)", "answer = np.array([[2, 0], [-1, 0], [0, 1], [0, -1]]).T"),
            ("infinite", "answer = [[2, 0], [-np.inf, 0], [0, 1], [0, -1]]"),
            ("four vectors", "answer = [[2, 0], [-1, 0, 0], [0, 1], [0, -1]]"),
        ],
    ),
    "2.2": Table(
        before=MEASURE,
        right=[
            "def answer(e, x): return dot(e, x) / dot(e, e)",
            "answer = lambda e, x, axis=-1: (e * x).sum(axis) / (e * e).sum(axis)",
            "def answer(e, x): return [float(np.dot(a, b) / np.dot(a, a)) for a, b in zip(e, x)]",
            "def answer(e, x): return np.einsum('td,td->t', e, x) / length(e) ** 2",
            "def answer(first, term, *, axis=-1): return np.diag(first @ term.T) / length(first) ** 2",
            "def answer(e, x):\n    e, x = torch.tensor(e, requires_grad=True), torch.tensor(x)\n"
            "    return (e * x).sum(-1) / (e * e).sum(-1)",
            "def answer(e, x): return tuple(round(a, 3) for a in dot(e, x) / dot(e, e))",
            "def answer(e, x): return (dot(e, x) / dot(e, e)).round(2)",
            "def answer(e, x): e = e / length(e)[:, None] ** 2; return dot(e, x)",
            "def answer(e, x): return length(x) / length(e) * dot(e, x) / length(e) / length(x)",
        ],
        wrong=[
            ("is it a cosine", "def answer(e, x): return dot(e, x) / length(e) / length(x)"),
            ("ratio of lengths", "def answer(e, x): return length(x) / length(e)"),
            ("squared lengths", "def answer(e, x): return dot(x, x) / dot(e, e)"),
            ("never negative", "def answer(e, x): return abs(dot(e, x)) / dot(e, e)"),
            ("divide by x · x", "def answer(e, x): return dot(e, x) / dot(x, x)"),
            ("length of e", "def answer(e, x): return dot(e, x) / length(e)"),
            ("what is it divided by", "def answer(e, x): return dot(e, x)"),
            ("all tokens together", "def answer(e, x): return dot(e, x) / (e * e).sum()"),
            ("number by number", "def answer(e, x): return (x / e).sum(-1)"),
            ("do not add up to one", "def answer(e, x): return 1 + dot(e, x)"),
            ("add up to one, and are not", "def answer(e, x): return np.full(len(e), 0.25)"),
            ("add up to one, and are not", "def answer(e, x): return (x / e)[:, 0]"),
            ("shape", "def answer(e, x): return dot(e, x).sum() / dot(e, e).sum()"),
            ("(7,), not (5,)", "def answer(e, x): return (e * x).sum(0) / (e * e).sum(0)"),
            ("(5, 1), not (5,)", "def answer(e, x): return (dot(e, x) / dot(e, e))[:, None]"),
            ("changes what it is given", "def answer(e, x): x *= e; return x.sum(-1) / dot(e, e)"),
            ("to take 2 arguments", "def answer(e): return dot(e, e)"),
            ("returns nothing", "def answer(e, x): print(end='')"),
            ("raised", "def answer(e, x): return dot(e, y)"),
        ],
    ),
    "2.3": Table(
        before=PLACES,
        right=[
            "answer = [low, high]",
            "answer = tuple(map(list, (low, high)))",
            "answer = [(low[0], np.int64(low[1])), (high[0], torch.tensor(high[1]))]",
            "answer = [(low[0], float(low[1])), high]",
            "answer = np.array([low, high], dtype=object)",
            "answer = np.array([low, high])",
            "answer = zip(*zip(low, high))",
        ],
        wrong=[
            ("Your first token", "answer = [high, low]"),
            ("Your second token", "answer = [low, low]"),
            ("but [CLS]", "answer = [(given.CRANE, 0), high]"),
            ("but [SEP]", "answer = [low, (given.CRANE, 11)]"),
            ("last position is 11", "answer = [low, (given.CRANE, 12)]"),
            ("last position", "answer = [(given.CRANE, -2), high]"),
            ("whole number", "answer = [(given.CRANE, 1.5), high]"),
            ("in this order", "answer = [low[::-1], high[::-1]]"),
            ("in this order", "answer = [('crane', 'lifted'), high]"),
            ("in this order", "answer = low"),
            ("two pairs", "answer = [low]"),
            ("two pairs", "answer = {'negative': low, 'positive': high}"),
            ("model reads 512", "answer = [('crane ' * 2000, 3), high]"),
            ("in this order", "answer = [(low[0], True), high]"),
            ("last position is 1", "answer = [('', 2), high]"),
        ],
    ),
    "2.4": Table(
        before=RANKS,
        right=[
            "def answer(x, y): return corr(ranks(x), ranks(y))",
            "answer = lambda x, y, method='average': torch.tensor(corr(ranks(x), ranks(y)))",
            "def answer(a, b): return round(corr(ranks(a), ranks(b)), 3)",
            "def answer(a, b): return round(corr(ranks(a), ranks(b)), 2)",
            "def answer(*xy): return [corr(*map(ranks, xy))]",
            """
def answer(x, y):
    def rank(x):
        order, result = sorted(x), []
        for value in x:
            places = [n for n, other in enumerate(order) if other == value]
            result.append(sum(places) / len(places))
        return [r - sum(result) / len(result) for r in result]
    a, b = rank(x), rank(y)
    return sum(p * q for p, q in zip(a, b)) / (sum(p * p for p in a) * sum(q * q for q in b)) ** 0.5
""",
            "def answer(x, y): return corr(-ranks(x), -ranks(y))",
        ],
        wrong=[
            ("correlation of the values", "answer = corr"),
            ("no ranks yet", "def answer(x, y): return corr(x.argsort(), y.argsort())"),
            (
                "which rank do equal",
                "def answer(x, y): return corr(x.argsort().argsort(), y.argsort().argsort())",
            ),
            ("all get the lowest", "def answer(x, y): return corr(rankdata(x, 'min'), rankdata(y, 'min'))"),
            ("all get the highest", "def answer(x, y): return corr(rankdata(x, 'max'), rankdata(y, 'max'))"),
            (
                "followed by 3",
                "def answer(x, y): return corr(*(np.unique(z, return_inverse=True)[1] for z in (x, y)))",
            ),
            (
                "squared differences",
                "def answer(x, y):\n    d, n = ranks(x) - ranks(y), len(x)\n"
                "    return 1 - 6 * (d @ d) / (n * (n ** 2 - 1))",
            ),
            ("sign", "def answer(x, y): return corr(ranks(x), ranks(-y))"),
            ("Kendall", "def answer(x, y): return kendalltau(x, y).statistic"),
            ("the square", "def answer(x, y): return corr(ranks(x), ranks(y)) ** 2"),
            ("covariance", "def answer(x, y): return np.cov(ranks(x), ranks(y))[0, 1]"),
            ("p-value", "def answer(x, y): return spearmanr(x, y).pvalue"),
            ("stretched", "def answer(x, y): return corr(ranks(x), y)"),
            ("even without ties", "def answer(x, y): return 0.5"),
            ("shape", "def answer(x, y): return np.corrcoef(ranks(x), ranks(y))"),
            ("shape", "answer = spearmanr"),
            (
                "changes what it is given",
                "def answer(x, y): r = ranks(x), ranks(y); x.sort(); return corr(*r)",
            ),
            ("to take 2 arguments", "answer = ranks"),
        ],
    ),
    "2.5": Table(
        before=JOIN,
        right=[
            "def answer(terms): return terms @ terms.sum(0)",
            "def answer(terms): return list(join(terms, orders) / 24)",
            "def answer(terms, orders=orders): return tuple(join(terms, orders) / len(orders))",
            "answer = lambda x: torch.tensor(x, requires_grad=True) @ torch.tensor(x).sum(0)",
            "answer = lambda terms: np.round(terms @ terms.sum(0), 2)",
            "answer = lambda terms: [sum(float(a @ b) for b in terms) for a in terms]",
        ],
        wrong=[
            ("single order", "def answer(terms): return join(terms, [(0, 1, 2, 3)])"),
            ("to the first", "def answer(terms): return join(terms, [(3, 2, 1, 0)])"),
            ("24 times", "def answer(terms): return join(terms, orders)"),
            ("These are importances", "def answer(terms): e = terms.sum(0); return terms @ e / (e @ e)"),
            ("own squared lengths: what", "def answer(terms): return (terms * terms).sum(1)"),
            (
                "stretched to add up",
                "def answer(x):\n    y, e = (x**2).sum(1), x.sum(0)\n    return y * (e @ e) / y.sum()",
            ),
            ("joins last", "def answer(terms): return 2 * terms @ terms.sum(0) - (terms ** 2).sum(1)"),
            ("and not to the length", "def answer(terms): return join(terms, orders, np.linalg.norm) / 24"),
            (
                "24 times",
                """
def answer(terms):
    total, at = np.zeros(4), 0 * terms[0]
    for order in orders:
        for n in order:
            total[n] += (at + terms[n]) @ (at + terms[n]) - at @ at
            at = at + terms[n]
    return total / 24
""",
            ),
            ("do not add up to |e|²", "def answer(terms): return join(terms, orders[:6]) / 24"),
            ("another's part", "def answer(terms): return join(terms, orders[:6]) / 6"),
            ("another's part", "def answer(terms): return [terms.sum(0) @ terms.sum(0) / 4] * 4"),
            (
                "changes what it is given",
                """
def answer(terms):
    result = terms @ terms.sum(0)
    terms[:] = 0
    return result
""",
            ),
            (
                "changes what it is given",
                """
def answer(terms):
    at = terms[0]
    for x in terms[1:]:
        at += x
    return terms @ at
""",
            ),
            ("shape", "def answer(terms): return terms.sum(0)"),
            ("to take 1 argument", "def answer(i, h, f, c): return [1, 2, 3, 4]"),
        ],
    ),
    "2.6": Table(
        before=STUDY,
        right=[
            "answer = study",
            "import pandas as pd; answer = study | {'evidence': pd.DataFrame(study['evidence'])}",
            "answer = study | {'evidence': np.eye(2)}",
        ],
        wrong=[
            ("fewer numbers", "answer = study | {'evidence': [0.1, 0.2]}"),
            ("nothing for: finding", "del study['finding']; answer = study"),
            ("limit is to be a whole sentence", "answer = study | {'limit': 'Few sentences.'}"),
            ("no difference", "answer = study | {'evidence': [1, 1, 1, 1]}"),
            ("a dictionary", "answer = study['finding']"),
        ],
    ),
}
