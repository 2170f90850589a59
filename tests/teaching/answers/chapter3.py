"""Answers to the exercises on masked words."""

from tests.teaching.answers import Table

EXPECTED = """
right = {"targets": 1500, "masked": 1200, "replaced": 150, "unchanged": 150}
"""

COUNT = """
text = given.masked()
mask = given.loaded().tokenizer.mask_token_id

def count(targets, ids=text.input_ids, labels=text.labels):
    seen = [(ids[s][p], label) for (s, p), label in zip(targets, labels) if p < len(ids[s])]
    masked = sum(token == mask for token, _ in seen)
    same = sum(token == label for token, label in seen)
    return masked, len(seen) - masked - same, same

masked, replaced, unchanged = count(text.targets)
total = len(text.labels)
"""

WORDS = """
labels = np.array(given.masked().labels)
split = given.by_sentence()
train, dev, test = labels[split.train], labels[split.dev], labels[split.test]
top = lambda some: Counter(some.tolist()).most_common(1)[0][0]
share = lambda some, word: (some == word).mean()
right = share(test, top(train))
"""

LEAK = """
text = given.masked()
source = np.array(text.source)
split = given.by_target()
train, dev, test = (source[some] for some in (split.train, split.dev, split.test))
right = np.isin(test, train).mean()
both = set(train) & set(test)
copy = np.array([sentence for sentence, _ in text.targets])
"""

STUDY = """
study = {
    "finding": "Accuracy rises more for i than for h where the target can be seen.",
    "evidence": {("i", "masked"): 0.1, ("i", "seen"): 0.9, ("h", "masked"): 0.3, ("h", "seen"): 0.4},
    "limit": "Only forty of the test targets can be seen, so the intervals are wide.",
}
"""

TABLES = {
    "3.1": Table(
        before=EXPECTED,
        right=[
            "answer = right",
            "answer = {name: float(n) for name, n in right.items()} | {'sum': 1500}",
            "t = 0.15 * 1e4; answer = dict(targets=t, masked=0.8 * t, replaced=t / 10, unchanged=0.1 * t)",
            "answer = {name: Fraction(n) for name, n in right.items()}",
            "answer = {name: torch.tensor([n]) for name, n in right.items()}",
            "import pandas as pd; answer = pd.Series(right)",
            "answer = {f' {name.title()} ': n for name, n in right.items()}",
        ],
        wrong=[
            (
                "share of masked, replaced, unchanged taken",
                "answer = right | dict(masked=8000, replaced=1000, unchanged=1000)",
            ),
            ("share of masked taken", "answer = right | {'masked': 8000}"),
            ("are no target", "answer = right | {'unchanged': 8500}"),
            ("masked twice", "answer = {name: 2 * n for name, n in right.items()}"),
            (
                "shares or percent",
                "answer = dict(targets=0.15, masked=0.12, replaced=0.015, unchanged=0.015)",
            ),
            ("shares or percent", "answer = dict(targets=15, masked=80, replaced=10, unchanged=10)"),
            ("after masking", "answer = right | dict(replaced=30, unchanged=270)"),
            (
                "Not every word piece",
                "answer = dict(targets=10000, masked=8000, replaced=1000, unchanged=1000)",
            ),
            ("do not add up", "answer = right | {'replaced': 200}"),
            ("Look again at: masked, unchanged", "answer = right | dict(masked=150, unchanged=1200)"),
            ("Look again at: masked, replaced", "answer = right | dict(masked=1100, replaced=250)"),
            ("nothing for: unchanged", "del right['unchanged']; answer = right"),
            ("a dictionary", "answer = [1500, 1200, 150, 150]"),
        ],
    ),
    "3.2": Table(
        before=COUNT,
        right=[
            "answer = [masked, replaced, unchanged]",
            "answer = count(text.targets)",
            "answer = np.array([masked, replaced, unchanged], dtype=float)",
            "answer = torch.tensor([masked, replaced, unchanged])",
        ],
        wrong=[
            ("These are shares", "answer = [masked / total, replaced / total, unchanged / total]"),
            ("These are shares", "answer = [round(n / total, 2) for n in (masked, replaced, unchanged)]"),
            ("percent", "answer = [100 * n / total for n in (masked, replaced, unchanged)]"),
            ("one expects", "answer = [0.8 * total, 0.1 * total, 0.1 * total]"),
            ("one expects", "answer = [round(0.8 * total), round(0.1 * total), round(0.1 * total)]"),
            ("counted once", "answer = [masked, masked + replaced, unchanged]"),
            ("read the right one", "answer = [masked, replaced + unchanged, unchanged]"),
            (
                "are no target",
                "answer = [masked, replaced, sum(map(len, text.input_ids)) - masked - replaced]",
            ),
            ("another order", "answer = [masked, unchanged, replaced]"),
            ("beside each target", "answer = count([(s, p - 1) for s, p in text.targets])"),
            ("beside each target", "answer = count([(s, p + 1) for s, p in text.targets])"),
            ("`source`", "answer = count([(s, p) for s, (_, p) in zip(text.source, text.targets)])"),
            ("Off are: replaced, unchanged", "answer = [masked, unchanged + 1, replaced - 1]"),
            ("not the number of targets", "answer = [masked + 1, replaced, unchanged]"),
            ("shape", "answer = [masked, replaced]"),
        ],
    ),
    "3.3": Table(
        before=WORDS,
        right=[
            "answer = right",
            "answer = float(right)",
            "answer = round(float(right), 4)",
            "answer = round(float(right), 3)",
            "answer = round(float(right), 2)",
            "answer = Fraction(int((test == top(train)).sum()), len(test))",
            "answer = torch.tensor(right, requires_grad=True)",
            "types, n = np.unique(train, return_counts=True); answer = [(test == types[n.argmax()]).mean()]",
        ],
        wrong=[
            ("among the test targets", "answer = share(test, top(test))"),
            ("among the test targets", "answer = share(test, top(labels))"),
            ("among the test targets", "answer = share(test, top(np.concatenate([train, dev])))"),
            ("no accuracy on the test", "answer = share(train, top(train))"),
            ("no accuracy on the test", "answer = share(dev, top(train))"),
            ("no accuracy on the test", "answer = share(labels, top(train))"),
            ("no accuracy on the test", "answer = share(labels, top(labels))"),
            ("no accuracy on the test", "answer = share(dev, top(dev))"),
            ("at random among the types", "answer = 1 / len(set(train.tolist()))"),
            ("at random among the types", "answer = 1 / len(set(labels.tolist()))"),
            ("as often as it occurs", "answer = np.mean([share(train, label) for label in test])"),
            (
                "one by one",
                "split = given.by_target(); answer = share(labels[split.test], top(labels[split.train]))",
            ),
            ("how often it is wrong", "answer = 1 - right"),
            ("occurs in training", "answer = np.isin(test, train).mean()"),
            ("in percent", "answer = 100 * right"),
            ("or a count", "answer = (test == top(train)).sum()"),
            ("does occur", "answer = 0.0"),
            ("which one word", "answer = 0.2"),
            ("shape", "answer = test == top(train)"),
        ],
    ),
    "3.4": Table(
        before=LEAK,
        right=[
            "answer = [right, 0.0]",
            "answer = (float(right), 0)",
            "answer = torch.tensor([right, 0])",
            "answer = np.round([right, 0], 4)",
            "answer = np.round([right, 0], 3)",
            "answer = np.round([right, 0], 2)",
            "answer = [sum(s in set(train.tolist()) for s in test.tolist()) / len(test), False]",
        ],
        wrong=[
            ("rounded too far", "answer = np.round([right, 0], 1)"),
            ("other's place", "answer = [0, right]"),
            ("The second number is off", "answer = [right, 0.2]"),
            ("The second number is off", "answer = [right, right]"),
            ("of the training targets", "answer = [np.isin(train, test).mean(), 0]"),
            ("a share of sentences", "answer = [np.isin(np.unique(test), train).mean(), 0]"),
            ("a share of sentences", "answer = [len(both) / len(set(source)), 0]"),
            ("a share of sentences", "answer = [len(both) / len(set(train)), 0]"),
            ("sentences by one of targets", "answer = [len(both) / len(test), 0]"),
            ("development targets", "answer = [np.isin(test, np.concatenate([train, dev])).mean(), 0]"),
            ("development targets", "answer = [np.isin(dev, train).mean(), 0]"),
            ("development targets", "answer = [np.isin(test, dev).mean(), 0]"),
            ("each masked copy", "answer = [np.isin(copy[split.test], copy[split.train]).mean(), 0]"),
            (
                "same word in the same sentence",
                "pairs = list(zip(text.source, text.labels)); seen = {pairs[n] for n in split.train}\n"
                "answer = [np.mean([pairs[n] in seen for n in split.test]), 0]",
            ),
            ("does not stand", "answer = [1 - right, 0]"),
            ("look up each", "answer = [0.5, 0]"),
            ("between 0 and 1", "answer = [100 * right, 0]"),
            ("between 0 and 1", "answer = [np.isin(test, train).sum(), 0]"),
            ("shape", "answer = right"),
        ],
    ),
    "3.5": Table(
        before=STUDY,
        right=[
            "answer = study",
            "import pandas as pd; answer = study | {'evidence': pd.Series(study['evidence']).unstack()}",
            "answer = study | {'evidence': [[0.1, 0.9], [0.3, 0.4]]}",
        ],
        wrong=[
            ("fewer numbers", "answer = study | {'evidence': [0.1, 0.2]}"),
            ("nothing for: evidence", "del study['evidence']; answer = study"),
            ("NaN", "answer = study | {'evidence': [0.1, 0.2, float('nan'), 0.3]}"),
            ("no difference", "answer = study | {'evidence': [0.1] * 4}"),
            ("finding is to be a whole sentence", "answer = study | {'finding': ''}"),
        ],
    ),
}
