"""Small tokenizers of each kind, trained on a few lines: what they cut, and which offsets they tell."""

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>", "cls_token": "<s>"}
BYTES = pre_tokenizers.ByteLevel.alphabet()


def byte_level(lines, trim: bool, prefix: bool):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim)
    tokenizer.decoder = decoders.ByteLevel()
    return finished(tokenizer, trainers.BpeTrainer, lines, initial_alphabet=BYTES)


def metaspace(lines, model, trainer, prepend: str, **options):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
    return finished(tokenizer, trainer, lines, **options)


def word_pieces(lines):
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 3)])
    return finished(tokenizer, trainers.WordPieceTrainer, lines, vocab_size=150)


def across_words(lines):
    """Pieces that may hold the end of a word and the beginning of the next."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return finished(tokenizer, trainers.BpeTrainer, lines, initial_alphabet=BYTES)


def finished(tokenizer, trainer, lines, **options):
    options = {"vocab_size": 320, "special_tokens": list(SPECIAL.values())} | options
    tokenizer.train_from_iterator(lines, trainer(show_progress=False, **options))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=10**6, **SPECIAL)


def of_each_kind(lines) -> dict:
    """By name; each has an unknown, a padding and a mask token."""
    bpe, unigram = models.BPE(unk_token="<unk>"), models.Unigram()
    unigrams = {"unk_token": "<unk>", "vocab_size": 60}
    return {
        "byte level": byte_level(lines, trim=False, prefix=False),
        "byte level, prefix": byte_level(lines, trim=False, prefix=True),
        "byte level, trimmed": byte_level(lines, trim=True, prefix=False),
        "byte level, trimmed, prefix": byte_level(lines, trim=True, prefix=True),
        "Metaspace": metaspace(lines, bpe, trainers.BpeTrainer, "always"),
        "Metaspace, no prefix": metaspace(lines, models.BPE(unk_token="<unk>"), trainers.BpeTrainer, "never"),
        "Unigram": metaspace(lines, unigram, trainers.UnigramTrainer, "first", **unigrams),
        "WordPiece": word_pieces(lines),
    }
