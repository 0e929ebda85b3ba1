"""Works as BibTeX."""

import re
import unicodedata
from collections.abc import Iterable

from harness.subjects.works import Work

SPECIAL = re.compile(r"([\\&%$#_{}~^])")
IN_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
STOP_WORDS = {"a", "an", "the", "on", "of", "some"}  # no key names a work by these


def bibtex(works: Iterable[Work]) -> str:
    """The entries of some works, each once; their keys differ."""
    entries: dict[str, str] = {}
    for work in dict.fromkeys(works):
        fields = {
            "author": latex(" and ".join(work.authors)),
            "title": f"{{{latex(work.title)}}}",
            "year": str(work.year),
            "url": work.address,
            **({"note": latex(work.note)} if work.note else {}),
        }
        body = ",\n".join(f"  {name} = {{{text}}}" for name, text in fields.items())
        named = key(work)
        while named in entries:
            named += "x"
        entries[named] = f"@misc{{{named},\n{body}\n}}\n"
    return "\n".join(entries.values())


def key(work: Work) -> str:
    """By which text refers to a work: family name, year, first word of its title."""
    words = (plain(word) for word in re.findall(r"\w+", work.title))
    word = next((word for word in words if word not in STOP_WORDS), "")
    return f"{plain(work.families[0])}{work.year}{word}"


def plain(text: str) -> str:
    """A word in lower-case letters and digits of ASCII."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", ascii_only.lower())


def latex(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return SPECIAL.sub(lambda match: IN_LATEX.get(match[1], f"\\{match[1]}"), text)
