"""From a document to HTML and to Markdown: the same content, everything escaped."""

import re
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from harness.report.document import Document, Inline, Link, Strong, Words

SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
AT_THE_START = re.compile(
    r"^(\s*)([-+=#>]|\d+[.)])(?=[\s=#>-]|$)"
)  # what begins a list, a heading, a quotation
SAFE_ADDRESS = re.compile(r"^(https?://|[A-Za-z0-9_./#-]+$)")


def to_html(document: Document) -> str:
    """The report as one page that needs nothing else."""
    return _environment(html=True).from_string(_template("report.html.jinja")).render(doc=document)


def to_markdown(document: Document) -> str:
    """The report for GitHub and for plain reading."""
    text = _environment(html=False).from_string(_template("report.md.jinja")).render(doc=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _template(name: str) -> str:
    return files("harness.report").joinpath(name).read_text(encoding="utf-8")


def _environment(*, html: bool) -> Environment:
    environment = Environment(autoescape=html, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters["words"] = html_words if html else markdown_words
    environment.filters["address"] = address
    environment.filters["fenced"] = fenced
    environment.filters["raw"] = Markup
    environment.filters["plain"] = markdown_text
    return environment


def _parts(words: Words) -> tuple[Inline, ...]:
    return words if isinstance(words, tuple) else (words,)


def address(href: str) -> str:
    """The address if it is http(s) or a path inside the report, else nothing."""
    return href if SAFE_ADDRESS.match(href) else ""


def html_words(words: Words) -> Markup:
    """Running text as HTML."""
    return Markup("").join(_html_part(part) for part in _parts(words))


def _html_part(part: Inline) -> Markup:
    if isinstance(part, Link):
        if not address(part.href):
            return Markup("{}").format(part.text)
        return Markup('<a href="{}">{}</a>').format(part.href, part.text)
    if isinstance(part, Strong):
        return Markup("<strong>{}</strong>").format(part.text)
    return Markup("{}").format(part)


def markdown_words(words: Words) -> str:
    """Running text as Markdown."""
    return "".join(_markdown_part(part) for part in _parts(words))


def _markdown_part(part: Inline) -> str:
    if isinstance(part, Link):
        if not address(part.href):
            return markdown_text(part.text)
        return f"[{markdown_text(part.text)}]({quote(part.href, safe=':/?&=#%.,~[]@-_')})"
    if isinstance(part, Strong):
        return f"**{markdown_text(part.text)}**" if part.text else ""
    return markdown_text(part)


def markdown_text(text: Any) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, HTML or a new line."""
    text = " ".join(str(text).split("\n"))
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    text = SPECIAL.sub(r"\\\1", text)
    return AT_THE_START.sub(start_of_text, text)


def start_of_text(match: re.Match[str]) -> str:
    """The start of a line so that it is read as text: "1." as "1\\."."""
    return f"{match[1]}{match[2][:-1]}\\{match[2][-1]}"


def fenced(text: str) -> str:
    """Text in a code block whose fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
