"""The package's one exception, and the kinds that callers tell apart."""


class DissectError(Exception):
    """Something the reader can mend: the message is one sentence that says how."""


class UnsupportedModel(DissectError):
    """The model's family has no row in `decomposition.families`, or it uses a feature that breaks the sum."""


class UnknownModel(DissectError):
    """No model is to be had under that name."""


class SilentNetwork(UnknownModel):
    """A host accepts connections and does not answer."""


class MissingCorpus(DissectError):
    """A corpus is not where it was looked for, or is damaged."""


class InexactSum(DissectError):
    """The four terms do not add up to the embedding as closely as the number format allows."""


class WrongTerm(DissectError):
    """A term is not what it is said to be, though the sum may be right."""


class TooLarge(DissectError):
    """What was asked for would not fit in memory."""
