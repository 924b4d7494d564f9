"""Test inputs on which two entries differ, as HTML: images where inputs are images."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from harness.rankings.html_table import text
from leaderboard.markup.plain import plain_table

LOOK = """
<style>
.tm-examples {display:grid; grid-template-columns:repeat(auto-fill, minmax(8.5rem, 1fr));
  gap:.8rem; margin:0; padding:0; list-style:none}
.tm-examples img {width:100%; aspect-ratio:1; object-fit:contain; image-rendering:pixelated;
  background:#000000; border-radius:.4rem}
.tm-examples p {margin:.2rem 0 0; font-size:.8rem; line-height:1.35}
</style>
"""
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def examples_html(found: Mapping[str, Any]) -> str:
    """Return what `tailmark disagree --format json` gave as HTML.

    Parameters
    ----------
    found : mapping
        With ``candidate``, ``reference`` and ``examples``.
    """
    one, two = found["candidate"], found["reference"]
    given = found["examples"]
    if not all(_BASE64.fullmatch(each["image"] or "") for each in given):
        lines = [(each["row"], each["truth"], each["candidate"], each["reference"])
                 for each in given]  # fmt: skip
        frame = pd.DataFrame(lines, columns=["row", "class", one, two])
        return plain_table(frame, caption="Test inputs on which they differ", left=["class"])
    items = "".join(
        f"<li><img src='data:image/png;base64,{each['image']}' alt='Test image {each['row']} of "
        f"class {text(each['truth'])}'><p>class <b>{text(each['truth'])}</b><br>"
        f"{text(one)}: {text(each['candidate'])}<br>{text(two)}: {text(each['reference'])}</p></li>"
        for each in given
    )
    return f"{LOOK}<ul class='tm-examples'>{items}</ul>"
