"""What every page of the static site has around its content; scripts sort and filter, no more."""

from html import escape
from urllib.parse import quote

from leaderboard.markup.table import STYLE

LOOK = """
<style>
:root {color-scheme: light dark}
body {margin:0 auto; max-width:1180px; padding:1rem 1.2rem 3rem; line-height:1.45;
  font-family:system-ui, sans-serif; color:light-dark(#20242b, #e6e9ee);
  background:light-dark(#ffffff, #14171c)}
nav a {margin-right:1.1rem}
a {color:light-dark(#005a8c, #7cc4f0)}
h1 {font-size:1.5rem} h2 {font-size:1.15rem; margin-top:2rem}
code {background:light-dark(#f0f2f5, #1f242c); padding:.1rem .3rem; border-radius:.3rem}
input {font:inherit; padding:.35rem .5rem; width:min(22rem, 90%); border-radius:.4rem;
  border:1px solid color-mix(in srgb, currentColor 40%, transparent); background:inherit;
  color:inherit}
th button {all:unset; cursor:pointer; font:inherit; padding:0 .3em}
th button:focus-visible {outline:2px solid #2f8fc9; outline-offset:2px}
.tm-wide, .hm-wrap {overflow-x:auto}
</style>
"""
SCRIPT = """
<script>
const words = document.getElementById('find');
const rows = () => [...document.querySelectorAll('.sortable tbody tr:not(.group)')];
const groups = shown => document.querySelectorAll('.sortable tr.group')
  .forEach(row => { row.hidden = !shown; });
if (words) words.addEventListener('input', () => {
  const asked = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
  rows().forEach(row => {
    row.hidden = !asked.every(word => row.textContent.toLowerCase().includes(word));
  });
  groups(asked.length === 0);
});
document.querySelectorAll('.sortable thead th').forEach((head, place) => {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = ' ↕';
  const named = head.querySelector('.hint') ?? head;
  button.setAttribute('aria-label', 'Sort by ' + named.firstChild.textContent);
  head.append(button);
  button.addEventListener('click', () => {
    const rising = head.getAttribute('aria-sort') !== 'ascending';
    document.querySelectorAll('.sortable th').forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', rising ? 'ascending' : 'descending');
    const key = row => row.cells[place].getAttribute('data-sort') ?? row.cells[place].textContent;
    const order = (a, b) => {
      const [x, y] = [key(a), key(b)], [m, n] = [Number(x), Number(y)];
      return Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y) : m - n;
    };
    groups(false);
    const sorted = rows().sort((a, b) => rising ? order(a, b) : order(b, a));
    sorted.forEach(row => row.parentNode.append(row));
  });
});
</script>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Nothing is loaded from anywhere."""


def page_html(title: str, body: str, *, suite: str, above: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Heading; escaped here.
    body : str
        Safe HTML.
    suite : str
        Suite that the page belongs to; empty: to none.
    above : str
        Path from the page's folder to the site's.
    """
    links = [(f"{above}index.html", "tailmark"), (f"{above}claims.html", "Claims")]
    if suite:
        folder = f"{above}{quote(suite)}"
        links += [(f"{folder}/index.html", f"Ranking of {suite}"), (f"{folder}/map.html", "Map")]
        more = {"compare": "Compare", "trade-offs": "Trade-offs", "ood": "OOD"}
        links += [(f"{folder}/{name}.html", words) for name, words in more.items()]
    nav = "".join(f"<a href='{escape(href)}'>{escape(words)}</a>" for href, words in links)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} · tailmark</title>{LOOK}{STYLE}</head>"
        f"<body><nav aria-label='Pages'>{nav}</nav><main><h1>{escape(title)}</h1>{body}</main>"
        f"{SCRIPT}</body></html>\n"
    )
