"""The embedded corpus: given names that the Faker library carries, for use without a network."""

import pkgutil
import re
import unicodedata
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version

from harness.corpus.corpus import Corpus
from harness.errors import UserError

EMBEDDED = "embedded"  # the corpus's name
FAKER = "40.54.0"
EMBEDDED_DIGEST = "67e72e24505934ce72b4b5ba6dbb318e41f81a2e51dad3ceafaff3476fdcb10c"

# Latin letters that are no letter plus accent; each as it is usually romanised.
ROMANISED = str.maketrans(
    {"æ": "ae", "đ": "d", "ð": "d", "ə": "a", "ı": "i", "ł": "l", "ø": "o", "þ": "th"}
)


def embedded_corpus() -> Corpus:
    """The distinct given names of all of Faker's locales that reduce to a–z, sorted.

    Raises:
        UserError: the Faker installed carries other names.
    """
    names = sorted({name for raw in raw_names() if re.fullmatch("[a-z]+", name := romanise(raw))})
    source = f"given names carried by the Faker library {FAKER} (MIT licence), reduced to a–z"
    corpus = Corpus.of(EMBEDDED, names, source)
    if corpus.digest != EMBEDDED_DIGEST:
        raise UserError(
            f"the embedded corpus is made of the names in Faker {FAKER}",
            f"Faker {version('faker')}, with {len(names):,} names of digest {corpus.digest[:16]}…",
            f"Run `pip install faker=={FAKER}`, or name a text file with --data.",
        )
    return corpus


def raw_names() -> Iterator[str]:
    """Each list of given names in each locale's provider, as Faker writes them."""
    persons = import_module("faker.providers.person")
    for locale in pkgutil.iter_modules(persons.__path__):
        provider = import_module(f"{persons.__name__}.{locale.name}").Provider
        for attribute in dir(provider):
            names = getattr(provider, attribute)
            if attribute.startswith("first_names") and not isinstance(names, property):
                yield from names


def romanise(name: str) -> str:
    """The name in lower case, without accents, its other Latin letters romanised.

    >>> romanise("Zoë"), romanise("Þórður")
    ('zoe', 'thordur')
    """
    letters = unicodedata.normalize("NFKD", name.strip().lower())
    return "".join(c for c in letters if not unicodedata.combining(c)).translate(ROMANISED)
