"""Fetching names.txt: one attempt, checked against the digest, written completely or not at all."""

import hashlib
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from harness.errors import UserError
from harness.files import write_atomically
from harness.subjects.corpus.corpus import NAMES_DIGEST

NAMES_URL = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
TIMEOUT = 3.0  # seconds without data from the server
DOWNLOAD_TIMEOUTS = 5  # time-outs that the whole download may take
LARGEST_DOWNLOAD = 1_000_000  # bytes; names.txt has 228,145


class FetchError(UserError):
    """Raised when names.txt cannot be fetched.

    Args:
        reason: why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "names.txt must be fetched once",
            reason,
            "Try again later, name a copy with --data, or run `ablate data --use embedded`.",
        )


def fetch_names(url: str, target: Path, timeout: float = TIMEOUT) -> None:
    """Fetch names.txt to the target.

    Args:
        url: of names.txt.
        target: the file to write.
        timeout: seconds to wait for a connection, and for each part of the response.

    Raises:
        FetchError: the response is late, an error, or has another digest; nothing is written.
        OSError: the target cannot be written.
    """
    results: SimpleQueue[bytes | FetchError] = SimpleQueue()
    # A socket's time-out covers neither name resolution nor a server that sends byte by byte, so
    # the download runs in a thread.
    Thread(target=lambda: results.put(_download(url, timeout)), daemon=True).start()
    try:
        result = results.get(timeout=DOWNLOAD_TIMEOUTS * timeout)
    except Empty:
        result = FetchError(f"no complete response within {DOWNLOAD_TIMEOUTS * timeout:g} s")
    if isinstance(result, FetchError):
        raise result
    digest = hashlib.sha256(result).hexdigest()
    if digest != NAMES_DIGEST:
        raise FetchError(f"a response with the wrong digest, {digest[:16]}…")
    write_atomically(target, result)


def _download(url: str, timeout: float) -> bytes | FetchError:
    """The bytes at the URL, or the reason why there are none."""
    import requests

    payload = b""
    try:
        with requests.get(url, timeout=timeout, stream=True) as response:
            if response.status_code != 200:
                return FetchError(f"status {response.status_code} from the server")
            for part in response.iter_content(65_536):
                payload += part
                if len(payload) > LARGEST_DOWNLOAD:
                    return FetchError(f"a response of over {LARGEST_DOWNLOAD:,} bytes")
    except requests.Timeout:
        return FetchError(f"no response within {timeout:g} s")
    except requests.RequestException as error:
        return FetchError(f"no connection ({type(error).__name__})")
    return payload
