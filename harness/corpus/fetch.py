"""Fetching names.txt: one short try, checked against its digest, written whole or not at all."""

import hashlib
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from harness.corpus.corpus import NAMES_DIGEST
from harness.errors import UserError
from harness.files import write_atomically

NAMES_URL = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
TIMEOUT = 3.0  # seconds without an answer
PATIENCE = 5  # the whole download may take so many time-outs
LARGEST_DOWNLOAD = 1_000_000  # bytes; names.txt has 228,145


class FetchError(UserError):
    """Names.txt could not be fetched.

    Args:
        reason: why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "names.txt must be fetched once", reason,
            "Try again later, name a copy with --data, or run `ablate data --use embedded`.",
        )  # fmt: skip


def fetch_names(url: str, target: Path, timeout: float = TIMEOUT) -> None:
    """Fetch names.txt to the target.

    Args:
        url: where it is.
        target: the file to write.
        timeout: seconds to wait for a connection, and for each part of the answer.

    Raises:
        FetchError: no answer in time, another answer, or other bytes; nothing was written then.
        OSError: the target cannot be written.
    """
    answers: SimpleQueue[bytes | FetchError] = SimpleQueue()
    # A thread, for neither a name server nor a server that drips bytes heeds a socket's time-out.
    Thread(target=lambda: answers.put(_answer(url, timeout)), daemon=True).start()
    try:
        answer = answers.get(timeout=PATIENCE * timeout)
    except Empty:
        answer = FetchError(f"no whole answer within {PATIENCE * timeout:g} s")
    if isinstance(answer, FetchError):
        raise answer
    digest = hashlib.sha256(answer).hexdigest()
    if digest != NAMES_DIGEST:
        raise FetchError(f"an answer with the wrong digest, {digest[:16]}…")
    write_atomically(target, answer)


def _answer(url: str, timeout: float) -> bytes | FetchError:
    """The bytes at the URL, or why they did not come."""
    import requests

    payload = b""
    try:
        with requests.get(url, timeout=timeout, stream=True) as response:
            if response.status_code != 200:
                return FetchError(f"the server's answer {response.status_code}")
            for part in response.iter_content(65_536):
                payload += part
                if len(payload) > LARGEST_DOWNLOAD:
                    return FetchError(f"an answer of over {LARGEST_DOWNLOAD:,} bytes")
    except requests.Timeout:
        return FetchError(f"no answer within {timeout:g} s")
    except requests.RequestException as error:
        return FetchError(f"no connection ({type(error).__name__})")
    return payload
