"""Answers to the exercises on word senses."""

from tests.teaching.answers import Table

KNN = """
def nearness(x, query):
    return x @ query / np.linalg.norm(x, axis=1) / np.linalg.norm(query)


def vote(senses, order):
    return Counter(senses[n] for n in order).most_common(1)[0][0]


def knn(x, senses, query, k):
    return vote(senses, np.argsort(-nearness(x, query))[:k])


answer = knn
"""

ALL_FOUR = """
senses, terms = given.senses_of("address.verb")


def cosines(x):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


def right(nearness, k=1, itself=False):
    nearness = nearness.copy()
    if not itself:
        np.fill_diagonal(nearness, -np.inf)
    named = [Counter(senses[m] for m in np.argsort(-row)[:k]).most_common(1)[0][0] for row in nearness]
    return np.mean(np.array(named) == np.array(senses))


answer = {name: right(cosines(x)) for name, x in zip("ihfc", terms)}
"""

TABLES = {
    "4.1": Table(
        right=[
            "answer = {'Held out': 3 / 7, 'Left out': 0}",
            "answer = {'held out': 3 / 7, 'left out': 0}",
            "answer = {'held out': 0.43, 'left out': 0.0}",
            "answer = {'left out': torch.zeros(1), 'held out': Fraction(3, 7), 'note': 'of seven'}",
            "answer = {'held out': np.array([0.4286]), 'left out': np.float32(0)}",
        ],
        wrong=[
            ("chose the sense by the test items", "answer = {'held out': 5 / 7, 'left out': 0}"),
            ("most frequent sense of its own", "answer = {'held out': 2 / 7, 'left out': 0}"),
            ("how often it is wrong", "answer = {'held out': 4 / 7, 'left out': 0}"),
            ("on the training items", "answer = {'held out': 9 / 14, 'left out': 0}"),
            ("items that count alike", "answer = {'held out': (2 / 3 + 1 / 4) / 2, 'left out': 0}"),
            ("name each lemma's sense, then count", "answer = {'held out': 0.5, 'left out': 0}"),
            ("between 0 and 1", "answer = {'held out': 42.9, 'left out': 0}"),
            ("left out each time", "answer = {'held out': 3 / 7, 'left out': 0.5}"),
            ("Which is named?", "answer = {'held out': 3 / 7, 'left out': 9 / 19}"),
            ("the sense that is named", "answer = {'held out': 3 / 7, 'left out': 10 / 19}"),
            ("how often it is wrong", "answer = {'held out': 3 / 7, 'left out': 1}"),
            ("a dictionary", "answer = (3 / 7, 0)"),
        ],
    ),
    "4.2": Table(
        before=KNN,
        right=[
            "",
            "answer = lambda x, senses, query, k=5: knn(x, senses, query, k)",
            """
def answer(x, senses, query, k):
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return knn(x, senses, query, k)
""",
            "answer = lambda x, senses, query, k: np.array([knn(x, np.array(senses), query, k)])",
            """
def answer(x, senses, query, k):
    order = sorted(range(len(x)), key=lambda n: -float(nearness(x, query)[n]))[:k]
    votes = [senses[n] for n in order]
    return max(votes, key=votes.count)
""",
            """
def answer(x, senses, query, k):
    cosine = torch.cosine_similarity(torch.tensor(x), torch.tensor(query)[None], dim=-1)
    return vote(senses, cosine.topk(k).indices.tolist())
""",
        ],
        wrong=[
            (
                "Euclidean distance",
                "answer = lambda x, s, query, k: vote(s, np.argsort(np.linalg.norm(x - query, axis=1))[:k])",
            ),
            ("largest dot product", "answer = lambda x, s, query, k: vote(s, np.argsort(-(x @ query))[:k])"),
            ("the farthest ones", "answer = lambda x, s, q, k: vote(s, np.argsort(nearness(x, q))[:k])"),
            ("what is `k` for", "answer = lambda x, s, query, k: s[nearness(x, query).argmax()]"),
            (
                "leave the nearest one out",
                "answer = lambda x, s, query, k: vote(s, np.argsort(-nearness(x, query))[1 : k + 1])",
            ),
            ("too many", "answer = lambda x, s, query, k: knn(x, s, query, k + 1)"),
            ("missing from the vote", "answer = lambda x, s, query, k: knn(x, s, query, max(k - 1, 1))"),
            ("All items have a say", "answer = lambda x, s, query, k: Counter(s).most_common(1)[0][0]"),
            (
                "in a vote each counts one",
                """
def answer(x, senses, query, k):
    near, votes = nearness(x, query), Counter()
    for n in np.argsort(-near)[:k]:
        votes[senses[n]] += near[n]
    return max(votes, key=votes.get)
""",
            ),
            (
                "Only ties are off",
                """
def answer(x, senses, query, k):
    votes = [senses[n] for n in np.argsort(-nearness(x, query))[:k]]
    return max(sorted(set(votes)), key=votes.count)
""",
            ),
            ("no sense of the training items", "answer = lambda x, s, q, k: int(nearness(x, q).argmax())"),
            ("no sense of the training items", "answer = lambda x, s, query, k: [knn(x, s, query, k)]"),
            ("without a tie come out otherwise", "answer = lambda x, s, query, k: knn(x, s, query, 4)"),
            ("4 arguments", "answer = lambda x, senses, query: senses[0]"),
        ],
    ),
    "4.3": Table(
        before="answer = {'two senses': 0.2, 'three senses': 0.0, 'highest': 1.0}",
        right=[
            "",
            "answer = {'two senses': np.float32(0.2), 'three senses': torch.tensor(0.0), 'highest': 1}",
            "answer |= {'why': 'who is wrong together agrees'}",
        ],
        wrong=[
            ("took the two to be independent", "answer |= {'two senses': 0.4**2 + 0.6**2}"),
            ("took the two to be independent", "answer |= {'three senses': 0.4**2 + 0.6**2 / 2}"),
            ("agreement can be lower", "answer |= {'three senses': 0.2}"),
            ("agreement cannot be as low", "answer |= {'two senses': 0}"),
            ("may also say the same", "answer |= {'highest': 0.4}"),
            ("may also say the same", "answer |= {'highest': 0.8}"),
            ("between 0 and 1", "answer = {'two senses': 20, 'three senses': 0, 'highest': 100}"),
        ],
    ),
    "4.4": Table(
        before=ALL_FOUR,
        right=[
            "answer = {n.upper(): share for n, share in answer.items()}",
            "",
            "answer = {name: right(cosines(x.astype(np.float64))) for name, x in zip('ihfc', terms)}",
            "answer = {name: round(float(share), 2) for name, share in answer.items()}",
            """
from scipy.spatial.distance import cdist
answer = {}
for name, x in zip("ihfc", terms.astype(np.float64)):
    far = cdist(x, x, "cosine") + 9 * np.eye(len(x))
    answer[name] = torch.tensor(np.mean([senses[n] == senses[m] for n, m in enumerate(far.argmin(1))]))
""",
        ],
        wrong=[
            (
                "its own nearest neighbour",
                "answer = {n: right(cosines(x), itself=True) for n, x in zip('ihfc', terms)}",
            ),
            ("largest dot product", "answer = {n: right(x @ x.T) for n, x in zip('ihfc', terms)}"),
            (
                "smallest Euclidean distance",
                "answer = {n: right(-np.linalg.norm(x[:, None] - x, axis=-1)) for n, x in zip('ihfc', terms)}",
            ),
            ("the farthest item", "answer = {n: right(-cosines(x)) for n, x in zip('ihfc', terms)}"),
            ("a correlation", "answer = {n: right(np.corrcoef(x)) for n, x in zip('ihfc', terms)}"),
            (
                "the mean over items away",
                "answer = {n: right(cosines(x - x.mean(0))) for n, x in zip('ihfc', terms)}",
            ),
            ("3 neighbours vote", "answer = {n: right(cosines(x), k=3) for n, x in zip('ihfc', terms)}"),
            ("5 neighbours vote", "answer = {n: right(cosines(x), k=5) for n, x in zip('ihfc', terms)}"),
            ("another sense", "answer = {n: 1 - share for n, share in answer.items()}"),
            ("between 0 and 1", "answer = {n: 100 * share for n, share in answer.items()}"),
            ("Off are: f, c", "answer |= {'f': answer['c'], 'c': answer['f']}"),
            ("Off are: h", "answer |= {'h': answer['h'] - 1 / 13}"),
        ],
    ),
}
