"""Answers to the exercises on the derivation."""

from tests.answers import Table

WHERE = """
answer = {
    "word vector": "i", "position vector": "i", "value bias": "c", "inner bias of a feed-forward": "f",
    "output bias of a feed-forward": "c", "bias of a norm": "c", "mean that a norm takes away": "c",
}
"""

TABLES = {
    "1.1": Table(
        before=WHERE,
        right=["", "answer = dict(reversed(answer.items()))"],
        wrong=[
            ("inner bias of a feed-forward", "answer['inner bias of a feed-forward'] = 'c'"),
            ("mean that a norm takes away", "answer['mean that a norm takes away'] = 'i'"),
            ("value bias", "answer['value bias'] = 'h'"),
            ("position vector", "answer['position vector'] = 'c'"),
        ],
    ),
}
