"""Fonts for letters that the font of the style lacks: Chinese, Japanese, Korean.

1. matplotlib takes letter by letter the first family that has it, so the font of the style stays
   first and the pictures of everybody else stay as they are.
2. A picture without such letters never looks into a second family, as each look takes time
   (test_only_far_letters_cost_a_second_look).
3. Without any of these fonts such a letter is a box.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from matplotlib.font_manager import findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font

from fieldstation.export.picture import Picture

# Of Debian's fonts-wqy-microhei, fonts-wqy-zenhei, fonts-noto-cjk and fonts-droid-fallback: small
# ones first, but last the one without Korean.
FILES = (
    "wqy-microhei.ttc", "wqy-zenhei.ttc", "NotoSansCJK-Regular.ttc", "DroidSansFallbackFull.ttf",
)  # fmt: skip
# Here the scripts of East Asia begin in Unicode.
_FIRST_FAR = "\u2e80"


def further_families(picture: Picture) -> list[str]:
    """Names of font families for the letters of the picture, besides that of its style."""
    far = any(max(text, default="") >= _FIRST_FAR for text in _texts(picture))
    return list(installed()) if far else []


@cache
def installed() -> tuple[str, ...]:
    """The first of these fonts that this machine has; empty when it has none."""
    # matplotlib's own list is kept in a file and knows nothing of fonts installed later.
    found = {Path(file).name: file for file in findSystemFonts()}
    for name in FILES:
        if name in found:
            fontManager.addfont(found[name])
            return (FT2Font(found[name]).family_name,)
    return ()


def _texts(picture: Picture) -> list[str]:
    look = picture.look
    return [
        look.title, look.x_title, look.y_title, look.date_format,
        *(text for curve in picture.curves for text in (curve.label, curve.unit)),
        *(lane.label for lane in picture.lanes),
        *(text for lane in picture.lanes for _, _, text in lane.spans),
        *(gap.cause for gap in picture.gaps),
        *(note.text for note in picture.notes),
    ]  # fmt: skip
