"""How plots are saved: small enough for the tree."""

import io
import pathlib

from PIL import Image  # matplotlib brings it


def save(figure, path: pathlib.Path, dpi: int = 80) -> None:
    """A PNG of 64 colours, about a third of what matplotlib itself writes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi)
    Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
