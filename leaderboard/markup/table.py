"""How every table of the board looks, and explanations that keyboards and touch screens reach.

A meaning is never in a ``title``: `hint` can be focused.
"""

from html import escape

STYLE = """
<style>
.tm {width:100%; border-collapse:collapse; font-variant-numeric:tabular-nums; line-height:1.3}
.tm caption, .tm-sr {position:absolute; width:1px; height:1px; overflow:hidden;
  clip-path:inset(50%); white-space:nowrap}
.tm th {font-weight:600; text-align:left; padding:.3rem .55rem}
.tm thead th {font-size:.8rem; color:light-dark(#4a5260, #b4bcc8)}
.tm td {padding:.45rem .55rem; vertical-align:middle}
.tm tr, .tm th, .tm td {border:none}
.tm tbody tr {border-top:1px solid color-mix(in srgb, currentColor 10%, transparent)}
.tm tbody tr.first {border-top:2px solid color-mix(in srgb, currentColor 38%, transparent)}
.tm tbody tr:hover {background:color-mix(in srgb, currentColor 5%, transparent)}
.tm .group td {padding:.5rem .55rem .2rem; font-size:.8rem; font-weight:600;
  color:light-dark(#414956, #c2c9d3)}
.tm tbody tr.group:hover {background:none}
.tm .num {text-align:right; white-space:nowrap}
.tm th.num {white-space:normal}
.tm-wide {overflow-x:auto}
.tm .iv {width:38%; min-width:9rem}
.tm .ends {display:block; font-size:.78rem; color:light-dark(#565e6c, #a9b1bd)}
.tm a, .tm-link {color:inherit; font-weight:600; text-decoration:underline;
  text-decoration-color:color-mix(in srgb, currentColor 45%, transparent);
  text-underline-offset:.18em}
.tm a:focus-visible, .hint:focus-visible {outline:2px solid #2f8fc9; outline-offset:2px;
  border-radius:3px}
.tm .tie {display:inline-block; min-width:1.7em; padding:.08em .35em; border-radius:.35em;
  text-align:center; font-weight:700; border:1.5px solid var(--hue);
  background:color-mix(in srgb, var(--hue) 22%, transparent)}
.tm .badge {display:inline-block; margin:.12rem .25rem 0 0; padding:0 .45em; border-radius:.8em;
  font-size:.72rem; white-space:nowrap; color:light-dark(#414956, #c2c9d3);
  border:1px solid color-mix(in srgb, currentColor 30%, transparent)}
.tm .warn {border-color:#d55e00; color:inherit}
.tm .track {position:relative; height:1.5rem}
.tm .rail {position:absolute; left:0; right:0; top:50%; height:1px; opacity:.16;
  background:currentColor}
.tm .ref {position:absolute; top:-.45rem; bottom:-.45rem; width:0;
  border-left:2px dashed light-dark(#8a4b00, #e6a04d)}
.tm .bar {position:absolute; top:calc(50% - 4px); height:8px; border-radius:4px;
  min-width:3px; background:var(--hue); opacity:.5}
.tm .dot {position:absolute; top:calc(50% - 6px); width:12px; height:12px; margin-left:-6px;
  border-radius:50%; background:var(--hue)}
.tm .off {position:absolute; top:50%; transform:translateY(-50%);
  font-size:1.15rem; line-height:1}
.tm .scale {display:flex; justify-content:space-between; font-weight:400}
.tm .small {font-size:.78rem; color:light-dark(#565e6c, #a9b1bd); white-space:normal}
.hint {position:relative; display:inline-block; cursor:help;
  text-decoration:underline dotted 1px; text-underline-offset:.2em}
.hint.bare {text-decoration:none}
.hint > .hint-text {display:none; position:absolute; z-index:20; top:calc(100% + .3rem); left:0;
  width:max-content; max-width:min(19rem, 70vw); padding:.45rem .6rem; border-radius:.4rem;
  background:light-dark(#20242b, #eef1f5); color:light-dark(#ffffff, #14171c);
  font-size:.78rem; font-weight:400; line-height:1.35; text-align:left; white-space:normal;
  box-shadow:0 2px 10px rgb(0 0 0 / .25)}
.hint.end > .hint-text {left:auto; right:0}
.hint:hover > .hint-text, .hint:focus > .hint-text {display:block}
@media (max-width: 640px) {
  .tm .wide {display:none}
  .tm td, .tm th {padding:.35rem .25rem}
  .tm .iv {width:32%; min-width:5rem}
  .tm {font-size:.86rem}
  .tm .dot {top:calc(50% - 4px); width:8px; height:8px; margin-left:-4px}
}
</style>
"""
"""The look of every table; colours are the page's own, so that light and dark both work."""


def hint(inner: str, meaning: str, *, css: str = "") -> str:
    """Return HTML with an explanation that appears when it is pointed at or focused.

    Parameters
    ----------
    inner : str
        Safe HTML.
    meaning : str
        Any text; escaped here.
    css : str, optional
        ``bare``: without the dotted line; ``end``: the explanation opens to the left.
    """
    classes = f"hint {css}".strip()
    return (
        f"<span class='{classes}' tabindex='0'>{inner}"
        f"<span class='hint-text' role='tooltip'>{escape(meaning)}</span></span>"
    )
