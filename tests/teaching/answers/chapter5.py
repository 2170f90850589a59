"""Answers to the exercises on named entities."""

from tests.teaching.answers import Table

LEGAL = """
def legal(tags):
    before = "O"
    for tag in tags:
        if tag.startswith("I-") and before[2:] != tag[2:]:
            return False
        before = tag
    return True


answer = legal
"""

ENTITIES = """
from sklearn.metrics import f1_score


def entities(sentences):
    found = set()
    for s, tags in enumerate(sentences):
        for first, tag in enumerate(tags):
            if tag.startswith("B-"):
                last = first
                while last + 1 < len(tags) and tags[last + 1] == "I-" + tag[2:]:
                    last += 1
                found.add((s, tag[2:], first, last))
    return found


def f1(t, n):
    return 2 * len(t & n) / (len(t) + len(n)) if t & n else 0.0


def of_entities(true, said):
    return f1(entities(true), entities(said))


def changed(change):
    return lambda true, said: f1(*({change(e) for e in entities(rows)} for rows in (true, said)))


def left(keep):
    return lambda true, said: f1(*({e for e in entities(rows) if keep(e)} for rows in (true, said)))


def flat(rows):
    return [tag for row in rows for tag in row]


answer = of_entities
"""

MACRO = """
from sklearn.metrics import f1_score, precision_score, recall_score


def each(true, said, tags):
    scores = []
    for tag in tags:
        hits = sum(t == s == tag for t, s in zip(true, said))
        scores.append(2 * hits / (true.count(tag) + said.count(tag)))
    return scores


def macro(true, said):
    return np.mean(each(true, said, set(true) | set(said)))


answer = macro
"""

NOTHING = """
tags = given.tagged()[1]
true = sum(tags, [])
accuracy = true.count("O") / len(true)
f1_of_o = 2 * accuracy / (1 + accuracy)
answer = {"accuracy": accuracy, "macro_f1": f1_of_o / len(set(true)), "entity_f1": 0}
"""

ORDER = """
answer = {
    "true": ["B-PER", "I-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "I-LOC", "I-LOC"],
    "a": ["B-PER", "I-PER", "O", "O", "O", "O", "B-LOC", "I-LOC", "O"],
    "b": ["O", "O", "O", "O", "B-PER", "O", "O", "O", "O"],
}
"""

TABLES = {
    "5.1": Table(
        before=LEGAL,
        right=[
            "",
            "answer = lambda tags, before='O': legal(tags)",
            "answer = lambda tags: np.all([t[0] != 'I' or b[1:] == t[1:] for b, t in zip(['O', *tags], tags)])",
            "answer = lambda tags: int(legal(tags))",
            "answer = lambda tags: tags.insert(0, 'O') or legal(tags)",
            "import re; answer = lambda tags: bool(re.fullmatch(r'(O|B-(\\w+)(\\s+I-\\2)*|\\s)*', ' '.join(tags)))",
        ],
        wrong=[
            ("allows I-PER.", "answer = lambda tags: all(t[0] != 'I' or a[2:] == t[2:] for a, t in zip(tags, tags[1:]))"),
            ("allows B-PER I-LOC.", "answer = lambda tags: all(t[0] != 'I' or a != 'O' for a, t in zip(['O', *tags], tags))"),
            ("forbids B-PER I-PER I-PER", "answer = lambda tags: all(t[0] != 'I' or a == 'B' + t[1:] for a, t in zip(['O', *tags], tags))"),
            ("forbids B-PER B-PER", "answer = lambda tags: legal(tags) and not any(a[0] == b[0] == 'B' for a, b in zip(tags, tags[1:]))"),
            ("forbids B-PER B-LOC", "answer = lambda tags: legal(tags) and not any(a[1:] != b[1:] for a, b in zip(tags, tags[1:]) if 'O' not in (a, b))"),
            ("allows B-PER I-PROD", "answer = lambda tags: all(t[0] != 'I' or a[2:3] == t[2:3] for a, t in zip(['O', *tags], tags))"),
            ("allows", "answer = lambda tags: legal(tags[:3])"),
            ("forbids O", "answer = lambda tags: not legal(tags)"),
            ("allows I-PER", "answer = lambda tags: True"),
            ("not a str", "answer = lambda tags: str(legal(tags))"),
            ("not a list", "answer = lambda tags: [legal(tags)]"),
            ("is there a `return`", "answer = lambda tags: None"),
            ("not a bool", "answer = legal(['O'])"),
        ],
    ),
    "5.2": Table(
        before=ENTITIES,
        right=[
            "",
            "from seqeval.metrics import f1_score; answer = lambda true, said: f1_score(true, said)",
            "answer = lambda true, said, digits=2: round(of_entities(true, said), digits)",
            """
def answer(true, said):
    t, n = entities(true), entities(said)
    precision, recall = len(t & n) / max(len(n), 1), len(t & n) / max(len(t), 1)
    return torch.tensor(2 * precision * recall / (precision + recall) if t & n else 0)
""",
        ],
        wrong=[
            ("F1 over words", "answer = lambda true, said: f1_score(flat(true), flat(said), average='micro', labels=['B-PER', 'I-PER', 'B-LOC', 'I-LOC'])"),
            ("words with the right tag", "answer = lambda true, said: np.mean(np.array(true) == np.array(said))"),
            ("where entities begin", "answer = changed(lambda e: e[:3])"),
            ("where entities end, and not where they begin", "answer = changed(lambda e: (e[0], e[1], e[3]))"),
            ("do not compare the types", "answer = changed(lambda e: (e[0], e[2], e[3]))"),
            ("which sentence", "answer = changed(lambda e: e[1:])"),
            ("the precision", "answer = lambda true, said: len(entities(true) & entities(said)) / max(len(entities(said)), 1)"),
            ("the recall", "answer = lambda true, said: len(entities(true) & entities(said)) / max(len(entities(true)), 1)"),
            ("mean over sentences", "answer = lambda true, said: np.mean([of_entities([t], [s]) for t, s in zip(true, said)])"),
            ("mean over types", "from seqeval.metrics import f1_score; answer = lambda true, said: f1_score(true, said, average='macro', zero_division=0)"),
            (
                "side by side for one",
                '''
def runs(rows):
    found = set()
    for s, row in enumerate(rows):
        types, first = [tag[2:] for tag in row], 0
        for n in range(1, len(row) + 1):
            if n == len(row) or types[n] != types[first]:
                found |= {(s, types[first], first, n)} if types[first] else set()
                first = n
    return found


def answer(true, said):
    return f1(runs(true), runs(said))
''',
            ),
            ("at the end of a sentence", "answer = left(lambda e: e[3] < 7)"),
            ("entities of one word", "answer = left(lambda e: e[3] > e[2])"),
            ("entities of several words", "answer = left(lambda e: e[3] == e[2])"),
            ("a percentage", "answer = lambda true, said: 100 * of_entities(true, said)"),
            ("too high", "answer = lambda true, said: 1"),
            ("too low", "answer = lambda true, said: len(entities(true) & entities(said)) / (len(entities(true)) + len(entities(said)))"),
            ("ZeroDivisionError", "answer = lambda true, said: 2 / (len(entities(said)) / len(entities(true) & entities(said)) + len(entities(true)) / len(entities(true) & entities(said)))"),
            ("ZeroDivisionError", "answer = lambda true, said: 2 * len(entities(true) & entities(said)) / (len(entities(true)) + len(entities(said)))"),
        ],
    ),
    "5.3": Table(
        before=MACRO,
        right=[
            "",
            "answer = lambda true, said, tags=None: macro(true, said)",
            "answer = lambda true, said: round(float(macro(true, said)), 3)",
            "answer = lambda true, said: f1_score(true, said, average='macro')",
            """
def answer(true, said):
    true, said = np.array(true), np.array(said)
    scores = []
    for tag in np.unique(np.concatenate([true, said])):
        hits = ((true == tag) & (said == tag)).sum()
        scores.append(2 * hits / ((true == tag).sum() + (said == tag).sum()))
    return torch.tensor(scores, requires_grad=True).mean()
""",
        ],
        wrong=[
            ("micro-average", "answer = lambda true, said: sum(t == s for t, s in zip(true, said)) / len(true)"),
            ("how often they occur", "answer = lambda true, said: f1_score(true, said, average='weighted')"),
            ("left a tag out", "answer = lambda true, said: np.mean(each(true, said, (set(true) | set(said)) - {'O'}))"),
            ("tags of their own", "answer = lambda true, said: macro([t[2:] for t in true], [s[2:] for s in said])"),
            ("mean of the precisions", "answer = lambda true, said: precision_score(true, said, average='macro', zero_division=0)"),
            ("mean of the recalls", "answer = lambda true, said: recall_score(true, said, average='macro', zero_division=0)"),
            ("F1 comes first, the mean after", "answer = lambda true, said: 2 / sum(1 / f(true, said, average='macro', zero_division=0) for f in (precision_score, recall_score))"),
            ("not yet their mean", "answer = lambda true, said: sum(each(true, said, set(true) | set(said)))"),
            ("a percentage", "answer = lambda true, said: 100 * macro(true, said)"),
            ("whole entities", "from seqeval.metrics import f1_score as by_entity; answer = lambda true, said: by_entity([true], [said])"),
            ("in `said` only", "answer = lambda true, said: np.mean(each(true, said, set(true)))"),
            ("in `true` only", "answer = lambda true, said: np.mean(each(true, said, set(said)))"),
            ("on one side only", "answer = lambda true, said: np.mean(each(true, said, set(true) & set(said)))"),
            ("over no others", "answer = lambda true, said: f1_score(true, said, average='macro', zero_division=0, labels=['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'])"),
            ("ZeroDivisionError", "answer = lambda true, said: np.mean(each(true, said, ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']))"),
            ("too low", "answer = lambda true, said: 0.0"),
        ],
    ),
    "5.4": Table(
        before=NOTHING,
        right=[
            "",
            "answer = {name: round(score, 2) for name, score in answer.items()}",
            "answer = {name: torch.tensor(score) for name, score in answer.items()}",
            """
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import accuracy_score, f1_score
said = ["O"] * len(true)
answer = {
    "accuracy": accuracy_score(true, said), "macro_f1": f1_score(true, said, average="macro"),
    "entity_f1": entity_f1(tags, [["O"] * len(row) for row in tags], zero_division=0),
}
""",
        ],
        wrong=[
            ("tags that are never named", "answer |= {'macro_f1': f1_of_o}"),
            ("O counts as any other", "answer |= {'macro_f1': 0}"),
            ("the mean over types", "answer |= {'macro_f1': f1_of_o / len({tag[2:] for tag in true})}"),
            ("in the place of the F1 of O", "answer |= {'macro_f1': accuracy / len(set(true))}"),
            ("micro-average", "answer |= {'macro_f1': accuracy}"),
            ("how often they occur", "answer |= {'macro_f1': f1_of_o * accuracy}"),
            ("the F1 of each single tag", "answer |= {'macro_f1': 0.5}"),
            ("how many entities", "answer |= {'entity_f1': accuracy}"),
            ("tagger is wrong", "answer |= {'accuracy': 1 - accuracy}"),
            ("the F1 of O", "answer |= {'accuracy': f1_of_o}"),
            ("mean over sentences", "answer |= {'accuracy': np.mean([row.count('O') / len(row) for row in tags])}"),
            ("how many of the words", "answer |= {'accuracy': 0.5}"),
            ("between 0 and 1", "answer |= {'accuracy': 100 * accuracy}"),
        ],
    ),
    "5.5": Table(
        before=ORDER,
        right=[
            "",
            "answer = {name: np.array(row) for name, row in answer.items()}",
            "answer = {name: tuple(row) for name, row in answer.items()}",
            "import pandas as pd; answer = {name: pd.Series(row) for name, row in answer.items()}",
        ],
        wrong=[
            ("the other way round", "answer = {'true': answer['true'], 'a': answer['b'], 'b': answer['a']}"),
            ("By macro-F1 a is not ahead", "answer |= {'a': ['O'] * 9}"),
            ("By entity F1 b is not ahead", "answer |= {'b': ['O'] * 9}"),
            ("say the same", "answer |= {'a': answer['b']}"),
            ("not legal", "answer |= {'a': ['I-PER'] * 9}"),
            ("of the same length", "answer |= {'b': ['O']}"),
            ("none of O, B-PER", "answer |= {'b': ['B-ORG'] + ['O'] * 8}"),
            ("none of O, B-PER", "answer = {name: [row] for name, row in answer.items()}"),
            ("not a list", "answer = {name: ' '.join(row) for name, row in answer.items()}"),
            ("no entity in 'true'", "answer |= {'true': ['O'] * 9}"),
        ],
    ),
}  # fmt: skip
