"""Text to learn from: the items of a corpus, their alphabet, and their splits.

Read `corpus.py` first. `reading.py` parses a file, `choice.py` decides which corpus a folder uses,
`fetch.py` and `given_names.py` provide the two standard ones, `split.py` turns items into examples.
"""

from harness.subjects.corpus.choice import load_corpus, use_corpus
from harness.subjects.corpus.corpus import NAMES_DIGEST, Corpus
from harness.subjects.corpus.description import describe

__all__ = ["NAMES_DIGEST", "Corpus", "describe", "load_corpus", "use_corpus"]
