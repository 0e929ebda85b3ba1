"""The embedded corpus: a list of given names in the package, for use without a network.

`given_names.txt` was generated from the name lists of the Faker library 40.54.0, whose licence is
`given_names.LICENSE`. It has the given names of all locales, in lower case, without accents, other
Latin letters romanised (ø to o, þ to th); names with letters outside a–z and duplicates were
removed.
"""

from importlib.resources import files

from harness.subjects.corpus.corpus import Corpus

EMBEDDED = "embedded"  # the corpus's name
EMBEDDED_DIGEST = "67e72e24505934ce72b4b5ba6dbb318e41f81a2e51dad3ceafaff3476fdcb10c"
SOURCE = "given names from the lists of the Faker library 40.54.0 (MIT licence), reduced to a–z"


def embedded_corpus() -> Corpus:
    """The corpus of `given_names.txt`.

    Raises:
        RuntimeError: the file was changed.
    """
    text = files(__package__).joinpath("given_names.txt").read_text("utf-8")
    corpus = Corpus.of(EMBEDDED, text.split(), SOURCE)
    if corpus.digest != EMBEDDED_DIGEST:
        raise RuntimeError(f"given_names.txt was changed: its digest is {corpus.digest}")
    return corpus
