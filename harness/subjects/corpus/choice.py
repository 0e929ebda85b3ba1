"""Which corpus a folder uses: chosen once, remembered, and changed only on request."""

import json
from dataclasses import replace
from pathlib import Path

from harness.errors import UserError
from harness.files import read_json, write_atomically
from harness.subjects.corpus.corpus import NAMES_DIGEST, Corpus
from harness.subjects.corpus.fetch import NAMES_URL, FetchError, fetch_names
from harness.subjects.corpus.given_names import EMBEDDED, embedded_corpus
from harness.subjects.corpus.reading import read_corpus

FOLDER = Path("data")
NAMES = "names.txt"
CHOICE = "corpus.json"  # in the folder: which corpus is used, and its digest
REMEDY = "Restore it, or choose again: `ablate data --use names.txt`, `embedded` or a file's path."


def load_corpus(
    source: str | None = None,
    relative_to: Path = Path(),
    folder: Path = FOLDER,
    url: str = NAMES_URL,
) -> Corpus:
    """The named corpus, else the remembered one, else names.txt, else the embedded one.

    Args:
        source: a text file, "names.txt" or "embedded"; None if none is named.
        relative_to: the folder that a file's path is relative to.
        folder: where names.txt and the choice are stored.
        url: of names.txt, in case it has to be fetched.

    Raises:
        UserError: the named or remembered file is missing, changed or unreadable.
    """
    if source is not None:
        named = source in (NAMES, EMBEDDED) and not (relative_to / source).exists()
        return _open(source if named else str(relative_to / source), folder, url)
    choice = _read_choice(folder / CHOICE)
    if choice is not None:
        use, digest = choice
        corpus = _open(use, folder, url)
        if corpus.digest != digest:
            raise UserError(
                f"the corpus chosen before, {use}, must not change",
                f"digest {corpus.digest[:16]}… instead of {digest[:16]}…",
                REMEDY,
            )
        return corpus
    try:
        return use_corpus(NAMES, folder, url)
    except FetchError as error:
        note = (
            f"names.txt could not be downloaded ({error.received}). The embedded corpus is used "
            "from now on; `ablate data --use names.txt` tries again."
        )
        corpus = use_corpus(EMBEDDED, folder)
        return replace(corpus, notes=(*corpus.notes, note))


def use_corpus(use: str, folder: Path = FOLDER, url: str = NAMES_URL) -> Corpus:
    """Choose a corpus: it is returned, and remembered for later commands.

    Args:
        use: "names.txt", "embedded", or the path of a text file.
        folder: where names.txt and the choice are stored.
        url: of names.txt, in case it has to be fetched.

    Raises:
        FetchError: names.txt is missing and could not be fetched.
        UserError: the file cannot be used, or the folder cannot be written.
    """
    if use not in (NAMES, EMBEDDED):
        use = str(Path(use).absolute())
    corpus = _open(use, folder, url)
    choice = {"use": use, "digest": corpus.digest}
    try:
        write_atomically(folder / CHOICE, json.dumps(choice).encode())
    except OSError as error:
        raise _unwritable(folder, error) from None
    return corpus


def _open(use: str, folder: Path, url: str) -> Corpus:
    """A corpus by its name or path; names.txt is fetched if it is not in the folder."""
    if use == EMBEDDED:
        return embedded_corpus()
    if use != NAMES:
        return read_corpus(Path(use))
    names = folder / NAMES
    try:
        if not names.exists():
            fetch_names(url, names)
    except OSError as error:
        raise _unwritable(folder, error) from None
    corpus = read_corpus(names)
    if corpus.digest != NAMES_DIGEST:
        raise UserError(
            f"{names} must have the digest {NAMES_DIGEST[:16]}…",
            f"{corpus.digest[:16]}…",
            "Delete it to download it again, or name it with --data to use it as it is.",
        )
    return corpus


def _read_choice(path: Path) -> tuple[str, str] | None:
    """The chosen corpus and its digest; None if none has been chosen."""
    try:
        choice = read_json(path)
        return str(choice["use"]), str(choice["digest"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} must say which corpus is used", repr(error), REMEDY) from None


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        "the folder for data must be writable",
        f"'{folder}' ({error.strerror})",
        "Change its permissions, or name a text file with --data or ABLATE_DATA.",
    )
