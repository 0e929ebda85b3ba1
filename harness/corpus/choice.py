"""Which corpus a clone uses: chosen once, remembered, and never changed unasked."""

import json
from dataclasses import replace
from pathlib import Path

from harness.corpus.corpus import NAMES_DIGEST, Corpus
from harness.corpus.fetch import NAMES_URL, TIMEOUT, FetchError, fetch_names
from harness.corpus.given_names import embedded_corpus
from harness.corpus.reading import read_corpus
from harness.errors import UserError
from harness.files import write_atomically

FOLDER = Path("data")
NAMES = "names.txt"
EMBEDDED = "embedded"
CHOICE = "corpus.json"  # in the folder: what is used, and its digest
AGAIN = "Restore it, or choose again: `ablate data --use names.txt`, `embedded` or a file's path."


def load_corpus(
    path: str | None, folder: Path = FOLDER, url: str = NAMES_URL, timeout: float = TIMEOUT
) -> Corpus:
    """The corpus to use: the one named, else the one remembered, else names.txt, else the embedded.

    Args:
        path: a text file, as `--data` or ABLATE_DATA name it; None where they do not.
        folder: where names.txt and the choice are kept.
        url: where names.txt is fetched from, if it must be.
        timeout: seconds to wait for an answer.

    Raises:
        UserError: the file named or remembered is gone, changed or unreadable.
    """
    if path is not None:
        return read_corpus(Path(path))
    choice = _read_choice(folder / CHOICE)
    if choice is not None:
        return _remembered(*choice, folder, url, timeout)
    try:
        return use_corpus(NAMES, folder, url, timeout)
    except FetchError as error:
        note = (
            f"names.txt could not be fetched ({error.received}): the embedded corpus is used from "
            "now on. `ablate data --use names.txt` tries again."
        )
        corpus = use_corpus(EMBEDDED, folder)
        return replace(corpus, notes=(*corpus.notes, note))


def use_corpus(
    use: str, folder: Path = FOLDER, url: str = NAMES_URL, timeout: float = TIMEOUT
) -> Corpus:
    """The corpus of that choice, which is remembered from now on.

    Args:
        use: "names.txt", "embedded", or the path of a text file.
        folder: where names.txt and the choice are kept.
        url: where names.txt is fetched from, if it must be.
        timeout: seconds to wait for an answer.

    Raises:
        FetchError: names.txt is not there and could not be fetched.
        UserError: the file cannot be used, or the folder cannot be written.
    """
    if use not in (NAMES, EMBEDDED):
        use = str(Path(use).absolute())
    corpus = _open(use, folder, url, timeout)
    choice = {"use": use, "digest": corpus.digest}
    try:
        write_atomically(folder / CHOICE, json.dumps(choice).encode())
    except OSError as error:
        raise _unwritable(folder, error) from None
    return corpus


def _open(use: str, folder: Path, url: str, timeout: float) -> Corpus:
    """The corpus of that choice; names.txt is fetched if it is not in the folder."""
    if use == EMBEDDED:
        return embedded_corpus()
    if use != NAMES:
        return read_corpus(Path(use))
    names = folder / NAMES
    try:
        if not names.exists():
            fetch_names(url, names, timeout)
    except OSError as error:
        raise _unwritable(folder, error) from None
    corpus = read_corpus(names)
    if corpus.digest != NAMES_DIGEST:
        raise UserError(
            f"{names} must have the digest {NAMES_DIGEST[:16]}…", f"{corpus.digest[:16]}…",
            "Delete it, and it is fetched again; to train on it as it is, name it with --data.",
        )  # fmt: skip
    return corpus


def _remembered(use: str, digest: str, folder: Path, url: str, timeout: float) -> Corpus:
    """The corpus of the remembered choice, if it is what it was when it was chosen."""
    corpus = _open(use, folder, url, timeout)
    if corpus.digest != digest:
        raise UserError(
            f"the corpus chosen before, {use}, must not change",
            f"digest {corpus.digest[:16]}… instead of {digest[:16]}…", AGAIN,
        )  # fmt: skip
    return corpus


def _read_choice(path: Path) -> tuple[str, str] | None:
    """What is used and its digest; None where nothing was chosen yet."""
    try:
        choice = json.loads(path.read_bytes())
        return str(choice["use"]), str(choice["digest"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} must say which corpus is used", repr(error), AGAIN) from None


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        "the folder for data must be writable", f"'{folder}' ({error.strerror})",
        "Make it so, or name a text file with --data or ABLATE_DATA.",
    )  # fmt: skip
