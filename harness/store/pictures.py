"""Pictures of what went on inside a run, as MLflow's pages show them.

They are drawn as pixels, in a few milliseconds, from what the run holds anyway: no digest covers
them, and nothing reads them back.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from safetensors import SafetensorError
from safetensors.numpy import load

from harness.store.digest import IMAGES, LAYERS
from harness.subjects.figures import HeatFigure
from harness.subjects.subject import Array, Subject
from harness.subjects.trace import Entry, Trace
from harness.training.records import Result

HAS_IMAGES = {"mlflow.loggedImages": "True"}  # tag: MLflow's UI then looks for images
HISTOGRAM, RANGE = "_histogram", "_range"  # how the names of such series end
WEIGHTS = ".safetensors"
BINS = 80  # of a histogram of weights
MOST_ROWS = 24  # layers in a picture
LONGEST_LABEL = 18  # letters
BAR, ROW, CELL = 4, 26, 16  # pixels: width of a bin, height of a layer, side of a heat map's cell
LEFT, TOP, BOTTOM = 116, 18, 18  # pixels around the picture proper, for text
FONT = ImageFont.load_default_imagefont()

# Places in the palette; the shades that follow go from white over Okabe and Ito's blues to night.
INK, RULE, UNKNOWN, SHADES = 0, 1, 2, 3
NAMED = np.array([[0, 0, 0], [190, 190, 190], [225, 215, 200]])
BLUES = np.array([[255, 255, 255], [86, 180, 233], [0, 114, 178], [0, 30, 70]])
DARKEST = 255 - SHADES
PALETTE = np.vstack([
    NAMED,
    np.stack([np.interp(np.linspace(0, 3, DARKEST + 1), range(4), part) for part in BLUES.T], 1),
]).astype(np.uint8)  # fmt: skip


class Histogram(NamedTuple):
    """One row of a picture.

    Attributes:
        label: beside it.
        counts: in equally wide bins (BINS,).
        reach: the bins cover ± this.
    """

    label: str
    counts: Array
    reach: float


def draw_layers(folder: Path, subject: Subject, trace: Trace) -> None:
    """Write a heat map of layers × probed steps, as a figure of the run.

    It shows what the subject's report shows so, else the first quantity measured layer by layer.
    """
    shares = {f.quantity: f.share for f in subject.figures if isinstance(f, HeatFigure)}
    for quantity in (*shares, *subject.layers):
        entries = trace.entries(quantity)
        if any(entry.layers and np.isfinite(entry.values).any() for entry in entries.values()):
            picture = heat_map(quantity, entries, share=shares.get(quantity, False))
            _write(picture, folder / f"{LAYERS}{quantity}.png")
            return


def draw_histograms(folder: Path, result: Result) -> bool:
    """Write images of histograms at the steps at which there are some; whether there are any.

    MLflow's UI groups images by key and puts their steps on a slider, by their names alone. It
    shows the compressed one of a pair, and opens the other.
    """
    drawn = False
    for kind, step, rows in _histograms(result):
        drawn = True
        picture = bars(f"{kind}, step {step:,}", rows)
        stem = f"{IMAGES}histograms~{kind}+step+{step}+timestamp+{step}+{result.key}"
        _write(picture, folder / f"{stem}.png", folder / f"{stem}+compressed.png")
    return drawn


def _histograms(result: Result) -> Iterator[tuple[str, int, list[Histogram]]]:
    """Kind, step and rows of every histogram of the trace, and of the weights at the end."""
    trace = result.trace
    for series in trace.series:
        name = series.removesuffix(HISTOGRAM)
        for step, entry in trace.entries(series).items() if name != series else ():
            reach = trace.at(name + RANGE, step)
            if np.isfinite(entry.values).all() and np.isfinite(reach).all():
                yield (
                    f"{name}s",
                    step,
                    [
                        Histogram(*row)
                        for row in zip(_labels(entry), entry.values, reach, strict=True)
                    ],
                )
    for file, payload in result.files.items():
        if file.endswith(WEIGHTS) and (rows := list(_of_weights(payload))):
            yield "weights", trace.steps, rows


def _of_weights(payload: bytes) -> Iterator[Histogram]:
    """The histogram of each matrix in the file that is finite."""
    try:
        tensors = load(payload)
    except (SafetensorError, TypeError, KeyError):  # damaged, or of a type that numpy lacks
        return
    for name in sorted(tensors, key=_by_number):  # the file's own order is another each time
        tensor = tensors[name]
        if tensor.ndim > 1 and tensor.dtype.kind == "f" and np.isfinite(tensor).all():
            reach = float(np.abs(tensor).max(initial=0)) or 1.0
            counts, _ = np.histogram(tensor, BINS, (-reach, reach))
            yield Histogram(name.removesuffix(".weight"), counts, reach)


def _by_number(name: str) -> list[tuple[int, str]]:
    """What sorts "layer 2" before "layer 10"."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def bars(title: str, histograms: Sequence[Histogram]) -> Image.Image:
    """Histograms one below the other, each over its own range and as high as the others."""
    kept = [histograms[place] for place in _spread(len(histograms))]
    counts = np.stack([row.counts for row in kept])  # (L, BINS)
    heights = counts / np.maximum(counts.max(axis=1, keepdims=True), 1) * (ROW - 4)
    filled = np.arange(ROW - 1, -1, -1)[:, None] < np.repeat(heights, BAR, axis=1)[:, None, :]
    pixels = np.where(filled, SHADES + DARKEST * 2 // 3, SHADES)
    pixels[:, -1] = RULE
    labels = [f"{row.label[-LONGEST_LABEL:]}\n±{row.reach:.3g}" for row in kept]
    return _picture(title, pixels.reshape(-1, pixels.shape[2]), labels)


def heat_map(quantity: str, entries: Mapping[int, Entry], *, share: bool) -> Image.Image:
    """A quantity over layers, top to bottom, and probed steps, left to right, as colours.

    Args:
        quantity: its name.
        entries: what was measured of it, by step.
        share: whether it is a share; more colours go to small ones then.
    """
    steps, last = sorted(entries), entries[max(entries)]
    kept = _spread(last.layers)
    values = np.stack([entries[step].values[kept] for step in steps], axis=1)  # (L, steps)
    known = np.isfinite(values)
    low, high = (0.0, 1.0) if share else (values[known].min(), values[known].max())
    scaled = (np.where(known, values, low) - low) / ((high - low) or 1.0)
    shades = SHADES + np.rint((np.sqrt(scaled) if share else scaled) * DARKEST)
    pixels = np.where(known, shades, UNKNOWN).repeat(CELL, 0).repeat(CELL, 1)
    scale = "0 % is white, 100 % dark" if share else f"{low:.3g} is white, {high:.3g} dark"
    below = f"probed steps {steps[0]:,} to {steps[-1]:,}"
    labels = _labels(last)
    return _picture(
        f"{quantity}: {scale}", pixels, [labels[place][-LONGEST_LABEL:] for place in kept], below
    )


def _labels(entry: Entry) -> Sequence[str]:
    """A label for each layer."""
    return entry.names or [f"layer {entry.first_layer + i}" for i in range(entry.layers)]


def _spread(count: int) -> list[int]:
    """Places of at most `MOST_ROWS` of so many layers, evenly spread, first and last included."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_ROWS))})


def _picture(title: str, pixels: Array, labels: Sequence[str], below: str = "") -> Image.Image:
    """Pixels (H, W), places in the palette, with a title above and labels to the left."""
    high, wide = pixels.shape
    wide = max(wide, 8 * len(title) - LEFT)
    canvas = np.full((TOP + high + BOTTOM, LEFT + wide), SHADES, np.uint8)
    canvas[TOP : TOP + high, LEFT : LEFT + pixels.shape[1]] = pixels
    image = Image.fromarray(canvas).convert("P")
    image.putpalette(PALETTE.tobytes())
    draw = ImageDraw.Draw(image)
    draw.text((2, 2), title, INK, FONT)
    for place, label in enumerate(labels):
        draw.text((2, TOP + 1 + place * high // len(labels)), label, INK, FONT, spacing=0)
    draw.text((LEFT, TOP + high + 3), below, INK, FONT)
    return image


def _write(picture: Image.Image, *paths: Path) -> None:
    payload = BytesIO()
    picture.save(payload, format="png")
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(payload.getvalue())
