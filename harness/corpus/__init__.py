"""What networks are trained on: the items of a text, their alphabet, and their splits.

Read `corpus` first; `reading` makes one from bytes, `choice` says which one a clone uses, `fetch`
and `given_names` get the two it may choose from, and `split` turns one into examples.
"""

from harness.corpus.choice import load_corpus, use_corpus
from harness.corpus.corpus import NAMES_DIGEST, Corpus
from harness.corpus.description import describe

__all__ = ["NAMES_DIGEST", "Corpus", "describe", "load_corpus", "use_corpus"]
