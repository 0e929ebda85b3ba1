"""The data of `char_mlp`: the items of a text, their alphabet, and their splits.

Read `corpus.py` first. `reading.py` parses a file, `choice.py` decides which corpus a folder uses,
`fetch.py` and `given_names.py` provide the two standard ones, `split.py` turns items into examples.
"""

from harness.subjects.char_mlp.corpus.choice import load_corpus, use_corpus
from harness.subjects.char_mlp.corpus.corpus import NAMES_DIGEST, Corpus
from harness.subjects.char_mlp.corpus.description import describe

__all__ = ["NAMES_DIGEST", "Corpus", "describe", "load_corpus", "use_corpus"]
