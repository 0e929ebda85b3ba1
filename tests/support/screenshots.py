"""Takes the screenshots on the pages: python -m tests.support.screenshots [TRACKING_URI]

The store must hold the study `core`; by default it is mlflow.db in the current directory.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page

from docs.pictures import IMAGES, UI_PICTURES
from harness.store.uri import tracking_uri
from tests.support import browser


def shoot(page: Page, address: str, drawn: str, path: Path) -> None:
    """Save what a page shows once it is drawn."""
    page.goto("about:blank")
    page.goto(address)
    page.locator(drawn).first.wait_for()
    page.wait_for_timeout(5000)  # lines and thumbnails come one by one
    page.screenshot(path=path)


def main(uri: str) -> None:
    """Save all of them."""
    program = browser.chromium()
    if program is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with browser.ui(uri, "core") as (_, addresses), browser.browsing(program) as page:
        for name, (what, drawn) in UI_PICTURES.items():
            shoot(page, addresses[what], drawn, IMAGES / name)


if __name__ == "__main__":
    main(tracking_uri(sys.argv[1] if len(sys.argv) > 1 else None))
