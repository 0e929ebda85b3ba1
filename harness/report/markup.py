"""From a document to HTML and to Markdown: the same content, everything escaped."""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files
from itertools import groupby
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from harness.report.document import Block, Document, Inline, Link, Strong, Words

SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
LIST_OR_HEADING = re.compile(r"^(\s*)([-+=#>]|\d+[.)])(?=[\s=#>-]|$)")  # or a quotation
BREAK = re.compile(r"(?<=\w/)(?=\w)")  # where names such as final/dev_loss may go on below
SAFE_ADDRESS = re.compile(r"^(https?://|[A-Za-z0-9_./#-]+$)")


def to_html(document: Document) -> str:
    """The report as one page that needs nothing else."""
    script = _file("report.js")
    return _render(
        document, "report.html.jinja", html=True,
        style=Markup(_file("report.css")), script=Markup(script), script_hash=_hash(script),  # noqa: S704
    )  # fmt: skip


def to_markdown(document: Document) -> str:
    """The report for GitHub and for plain reading."""
    text = _render(document, "report.md.jinja", html=False)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _render(document: Document, template: str, *, html: bool, **parts: str) -> str:
    environment = Environment(autoescape=html, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters |= {"words": html_words if html else markdown_words, "fenced": fenced,
                            "raw": Markup, "plain": markdown_text, "by_kind": by_kind}  # fmt: skip
    return environment.from_string(_file(template)).render(doc=document, **parts)


def _file(name: str) -> str:
    """A file of this package."""
    return files("harness.report").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """By which the page's policy allows this script and no other."""
    return b64encode(sha256(script.encode()).digest()).decode()


def by_kind(blocks: Iterable[Block]) -> list[tuple[str, list[Block]]]:
    """The blocks in their order, neighbours of one kind together."""
    return [(kind, list(alike)) for kind, alike in groupby(blocks, lambda b: type(b).__name__)]


def address(href: str) -> str:
    """The address if it is http(s) or a path inside the report, else nothing."""
    return href if SAFE_ADDRESS.match(href) else ""


def html_words(words: Words) -> Markup:
    """Running text as HTML."""
    return Markup("").join(map(_html, words if isinstance(words, tuple) else (words,)))


def _html(part: Inline) -> Markup:
    match part:
        case Link(text, href) if address(href):
            return Markup('<a href="{}">{}</a>').format(href, text)
        case Strong(text, ""):
            return Markup("<strong>{}</strong>").format(text)
        case Strong(text, tone):
            return Markup('<strong class="{}">{}</strong>').format(tone, text)
        case Link(text) | text:
            return Markup("<wbr>").join(BREAK.split(str(text)))


def markdown_words(words: Words) -> str:
    """Running text as Markdown."""
    return "".join(map(_markdown, words if isinstance(words, tuple) else (words,)))


def _markdown(part: Inline) -> str:
    match part:
        case Link(text, href) if address(href):
            return f"[{markdown_text(text)}]({quote(href, safe=':/?&=#%.,~[]@-_')})"
        case Strong(text):
            return f"**{markdown_text(text)}**" if text else ""
        case Link(text) | text:
            return markdown_text(text)


def markdown_text(text: Any) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, HTML or a new line."""
    text = " ".join(str(text).split("\n"))
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    text = SPECIAL.sub(r"\\\1", text)
    return LIST_OR_HEADING.sub(lambda m: f"{m[1]}{m[2][:-1]}\\{m[2][-1]}", text)  # "1." as "1\\."


def fenced(text: str) -> str:
    """Text in a code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
