"""Works that a subject, or the way it is judged, rests on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A work to cite.

    Attributes:
        authors: each as "Family, Given".
        year: of publication.
        title: in full.
        address: where it is found (http or https).
        note: what of it is used; "" where the title says it.
    """

    authors: tuple[str, ...]
    year: int
    title: str
    address: str
    note: str = ""

    @property
    def families(self) -> list[str]:
        """The authors' family names."""
        return [author.partition(",")[0] for author in self.authors]

    @property
    def cited(self) -> str:
        """As running text cites it: "Ioffe and Szegedy, 2015"; of three authors the first."""
        families = self.families
        named = f"{families[0]} et al." if len(families) > 2 else " and ".join(families)
        return f"{named}, {self.year}"

    @property
    def text(self) -> str:
        """As a list of references has it: "Ioffe & Szegedy 2015, Batch Normalization: …"."""
        *others, last = self.families
        named = f"{', '.join(others)} & {last}" if others else last
        return f"{named} {self.year}, {self.title}" + (f": {self.note}" if self.note else "")
