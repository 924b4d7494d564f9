"""The board as files that any web host can serve: rankings, maps, entries, claims, downloads.

Pages hold the numbers of the command line, can be sorted and filtered without a server, load
nothing from elsewhere and need no script to be read.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pandas as pd

from harness.published.claims import Checked, summary
from harness.rankings.display import (
    cells_text,
    estimate_text,
    facet_labels,
    interval_title,
    metric_definition,
    metric_title,
    rank_text,
    value_text,
)
from harness.rankings.export import Rows, ranking_rows, rows_text
from harness.rankings.field import Candidate
from harness.types import RankedRow, Ranking
from leaderboard.cards import card_words, code_html, paper_html, title_html
from leaderboard.frames.cells import cell_intervals
from leaderboard.frames.cost import cost_text, cost_texts
from leaderboard.frames.facts import facts_frame, metrics_frame, undefined_frame
from leaderboard.frames.headline import headline
from leaderboard.frames.ranking import missing_frame, ranking_frame
from leaderboard.frames.roughness import best_frame
from leaderboard.markup.claims import claims_table, state_counts
from leaderboard.markup.map import best_map
from leaderboard.markup.plain import plain_table
from leaderboard.markup.ranking import missing_table, ranking_table, scale_of
from leaderboard.markup.site import page_html
from leaderboard.reading import SuiteField
from leaderboard.site_pages import compare_page, ood_page, trade_page

FORMS = {"csv": "csv", "json": "json", "markdown": "md"}
"""How a ranking can be had → the file's ending."""
_ENTRY = re.compile(r"href='entry\?([^']*)'")


def entry_file(name: str) -> str:
    """Return the file of a row's page.

    Examples
    --------
    >>> entry_file("cnn-ce+la")
    'entry-cnn-ce+la.html'
    """
    return f"entry-{quote(name, safe='+')}.html"


def with_static_links(html: str, *, above: str) -> str:
    """Return HTML whose links to entries lead to files.

    Parameters
    ----------
    html : str
        With addresses of the served board.
    above : str
        Path from the page's folder to the site's, such as ``../``.
    """

    def link(found: re.Match[str]) -> str:
        asked = parse_qs(urlsplit("?" + unescape(found[1])).query)
        path = f"{above}{quote(asked['suite'][0])}/{quote(entry_file(asked['entry'][0]))}"
        return f"href='{escape(path)}'"

    return _ENTRY.sub(link, html).replace(" target='_self'", "")


def suite_pages(field: SuiteField, ranking: Ranking, each: Mapping[str, Ranking]) -> dict[str, str]:
    """Return the pages and downloads of a suite.

    Parameters
    ----------
    field : SuiteField
        What was read.
    ranking : Ranking
        By the suite's primary metric.
    each : mapping of str to Ranking
        Cell → the ranking over that cell alone.

    Returns
    -------
    dict of str to str
        File name → content.
    """
    files = {
        f"ranking.{ending}": rows_text(ranking_rows(ranking), form) + "\n"
        for form, ending in FORMS.items()
    }
    files["index.html"] = _ranking_page(field, ranking)
    ranked = {cell: found for cell, found in each.items() if found.rows}
    if ranked:
        text = best_map(best_frame(ranked), suite=field.suite)
        text = f"<p>{escape(metric_title(ranking.key))}, the best entry of each cell.</p>{text}"
        files["map.html"] = _page(field.suite, f"Map of {field.suite}", text)
    more = {
        "trade-offs": ("Trade-offs", trade_page(field, ranking)),
        "ood": ("OOD detection", ood_page(field)),
        "compare": ("Compared with one reference", compare_page(field, ranking)),
    }
    for name, (title, text) in more.items():
        said = text or f"<p>No record of {escape(field.suite)} has what this page shows.</p>"
        files[f"{name}.html"] = _page(field.suite, f"{title} · {field.suite}", said)
    for name, row in field.by_name.items():
        files[entry_file(name)] = _entry_page(field.suite, name, row, ranking, each)
    return files


def _page(suite: str, title: str, body: str) -> str:
    return page_html(title, with_static_links(body, above="../"), suite=suite, above="../")


def _ranking_page(field: SuiteField, ranking: Ranking) -> str:
    frame = ranking_frame(ranking)
    direction = "higher" if ranking.higher_is_better else "lower"
    parts = [
        f"<p><b>{escape(metric_title(ranking.key))}</b>, {direction} is better · "
        f"{cells_text(len(ranking.cells))} × {len(ranking.seeds)} seeds · "
        f"{len(ranking.rows)} ranked, {len(ranking.missing)} not</p>"
    ]
    if ranking.rows:
        scale = scale_of(frame, zoomed=True)
        kinds = sorted({row.interval_kind for row in ranking.rows if row.interval_kind})
        table = ranking_table(
            frame,
            suite=field.suite,
            ends=[value_text(end, ranking.key) for end in (scale.low, scale.high)],
            heading=" / ".join(interval_title(kind) for kind in kinds) or "Interval",
            scale=scale,
            cost=cost_texts({name: field.by_name[name] for name in frame["name"]}),
            titles={name: title_html(card_words(field.by_name[name])) for name in frame["name"]},
        )
        parts += ["<p><label>Find <input id='find' type='search' autocomplete='off'></label></p>"]
        parts += [f"<div class='sortable'>{table}</div>"]
    if field.left_out:
        lost = "".join(
            f"<li><b>{escape(item.name)}</b>: {escape(item.reason)}</li>" for item in field.left_out
        )
        count = f"{field.loaded} loaded · {len(field.left_out)} left out and why"
        parts.append(f"<h2>{count}</h2><ul>{lost}</ul>")
    lacking = missing_frame(ranking)
    lacking = lacking[~lacking["missing"].str.startswith("left out:")]
    if len(lacking):
        parts.append(f"<h2>Not ranked</h2>{missing_table(lacking, suite=field.suite)}")
    links = " · ".join(f"<a href='ranking.{e}'>{form}</a>" for form, e in FORMS.items())
    notes = "".join(f"<li>{escape(note)}</li>" for note in ranking.notes)
    parts.append(
        f"<h2>About these numbers</h2><p>{escape(metric_definition(ranking.key))}</p>"
        f"<ul>{notes}</ul><p>Download: {links}. In a terminal: "
        f"<code>tailmark rank --suite {escape(field.suite)}</code></p>"
    )
    return _page(field.suite, headline(ranking), "".join(parts))


def _entry_page(
    suite: str, name: str, row: Candidate, ranking: Ranking, each: Mapping[str, Ranking]
) -> str:
    placed = next((r for r in (*ranking.rows, *ranking.beside) if r.name == name), None)
    words = card_words(row)
    links = paper_html(words.paper), code_html(words)
    about = " · ".join(filter(None, (escape(words.summary), *links)))
    parts = [f"<p>{about}</p>"] if about else []
    parts.append(f"<p>{_standing(name, placed, ranking)}</p>")
    labels = " · ".join((row.tier, *facet_labels(row.facets), cost_text(row)))
    parts.append(f"<p>{escape(labels.removesuffix(' · '))}{_uncounted(row)}</p>")
    cells = cell_intervals(name, dict(each))
    shown = cells[["label", "value_text", "interval_text", "rank", "tie"]]
    shown = shown.set_axis(["cell", "value", "95 % interval", "rank", "class"], axis=1)
    parts.append(f"<h2>In each cell</h2>{plain_table(shown, caption=f'{name} in each cell')}")
    metrics = metrics_frame(row.recorded, row.variant)
    parts.append(
        "<h2>All metrics</h2><p>Means over seeds, without intervals.</p>"
        f"{plain_table(metrics, caption=f'All metrics of {name}', left=['key'])}"
    )
    undefined = undefined_frame(row.recorded.record, row.variant)
    if len(undefined):
        left = list(undefined.columns)
        table = plain_table(undefined, caption="Without a value, and why", left=left)
        parts.append(f"<details><summary>Without a value, and why</summary>{table}</details>")
    facts = facts_frame(row.recorded, row.variant)
    table = plain_table(facts, caption="Where the record comes from", left=["which"])
    entry = escape(row.recorded.record.entry)
    parts.append(
        f"<h2>Again from nothing</h2><p><code>tailmark run {entry} --suite {escape(suite)}</code>"
        f"</p><details><summary>Where the record comes from</summary>{table}</details>"
    )
    return _page(suite, name, "".join(parts))


def _uncounted(row: Candidate) -> str:
    return f" · multiply-accumulates: not counted ({escape(row.macs.why)})" if row.macs.why else ""


def _standing(name: str, row: RankedRow | None, ranking: Ranking) -> str:
    if row is None:
        why = next((m.missing for m in ranking.missing if m.name == name), "not in this track")
        return f"No overall value: {escape(why)}"
    words = estimate_text(row.value, row.low, row.high, row.interval_kind, ranking.key)
    place = "beside the ranking" if row in ranking.beside else f"rank {rank_text(row)}"
    return f"<b>{escape(metric_title(ranking.key))}: {escape(words)}</b>, {escape(place)}"


def home_page(rankings: Sequence[Ranking], checked: Checked) -> str:
    """Return the site's first page: every suite's headline, and what became of the claims."""
    lines = "".join(
        f"<li><a href='{quote(found.suite)}/index.html'><b>{escape(found.suite)}</b></a> · "
        f"{len(found.rows)} ranked · {escape(headline(found))}</li>"
        for found in sorted(rankings, key=lambda r: (-len(r.rows), r.suite))
    )
    counts = summary(checked.rows)
    body = (
        f"<ul>{lines}</ul><h2><a href='claims.html'>Claims</a></h2><p>{counts['holds']} hold here, "
        f"{counts['does not hold']} do not, {counts['cannot tell']} are open.</p>"
        "<p>Everything as CSV stands beside the pages.</p>"
    )
    title = "How well do classifiers learn from long-tailed, mislabelled data?"
    return page_html(title, body, suite="", above="")


def claims_page(checked: Checked) -> str:
    """Return the page of claims."""
    lost = "".join(f"<li>{escape(sentence)}</li>" for sentence in checked.damaged)
    body = state_counts(summary(checked.rows)) + claims_table(checked.rows)
    if lost:
        body = f"<h2>Left out</h2><ul>{lost}</ul>{body}"
    return page_html("Claims", with_static_links(body, above=""), suite="", above="")


def left_out_rows(fields: Sequence[SuiteField]) -> Rows:
    """Return what could not be read, over all suites."""
    lines = [(f.suite, item.name, item.reason) for f in fields for item in f.left_out]
    return Rows(("suite", "name", "reason"), lines)


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file below the site's folder; folders are made."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV."""
    return str(frame.to_csv(index=False))
