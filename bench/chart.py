"""Draws a report: for every workload, how many times longer each peer takes than jaxc, on a logarithmic axis (SVG)."""

import html
import math

from table import best_xla, ratio, ratio_text, seconds

ROW, TOP, LEFT, WIDTH, RIGHT = 19, 66, 270, 520, 30
MARKS = (("plain", "plain C", "#e69f00"), ("xla", "XLA, the better column", "#0072b2"), ("jaxjs", "jax-js", "#009e73"))

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222; }
.faint { fill: #777; }
.grid { stroke: #ddd; }
.one { stroke: #888; stroke-width: 1.5; }
.goal { stroke: #222; stroke-width: 1.5; }
.span { stroke: #ccc; stroke-width: 2; }
.page { fill: #fff; }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd; } .faint { fill: #999; } .grid { stroke: #333; } .goal { stroke: #ddd; } .span { stroke: #444; }
  .page { fill: #0d1117; }
}
"""


def _ratios(row):
    ours = seconds(row, "jaxc")
    times = {"plain": seconds(row, "plain"), "xla": best_xla(row), "jaxjs": seconds(row, "jaxjs")}
    return {peer: value for peer, time in times.items() if (value := ratio(time, ours)) is not None}


def svg(report):
    """The chart's text."""
    rows = [(row, ratios) for row in report["workloads"].values() if (ratios := _ratios(row))]
    values = [value for _, ratios in rows for value in ratios.values()]
    low = math.floor(math.log10(min([0.5, *values])))
    high = math.ceil(math.log10(max([10, *values])))
    height = TOP + ROW * len(rows) + 14

    def x(value):
        return LEFT + WIDTH * (math.log10(value) - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" role="img" '
        'aria-label="How many times longer the peers take than jaxc">',
        f"<style>{STYLE}</style>", f'<rect class="page" width="{LEFT + WIDTH + RIGHT}" height="{height}"/>',
        '<text x="12" y="20">How many times longer the peers take than jaxc (right of 1: jaxc is faster)</text>']
    at = LEFT
    for _, label, colour in MARKS:
        parts.append(f'<circle cx="{at}" cy="38" r="4.5" fill="{colour}"/><text x="{at + 9}" y="42">{label}</text>')
        at += 40 + 7 * len(label)
    parts.append(f'<line class="goal" x1="{at}" y1="32" x2="{at}" y2="44"/><text x="{at + 9}" y="42">goal against XLA</text>')
    for power in range(low, high + 1):
        place = x(10.0**power)
        parts.append(f'<line class="{"one" if power == 0 else "grid"}" x1="{place:.1f}" y1="{TOP - 6}" x2="{place:.1f}" '
                     f'y2="{height - 10}"/><text class="faint" x="{place:.1f}" y="{TOP - 10}" text-anchor="middle">{10.0**power:g}</text>')
    for number, (row, ratios) in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{html.escape(row["title"])}</text>')
        ends = [x(value) for value in [1.0, *ratios.values()]]
        parts.append(f'<line class="span" x1="{min(ends):.1f}" y1="{y}" x2="{max(ends):.1f}" y2="{y}"/>')
        if row["goal"] is not None:
            place = x(row["goal"])
            parts.append(f'<line class="goal" x1="{place:.1f}" y1="{y - 6}" x2="{place:.1f}" y2="{y + 6}"/>')
        for peer, label, colour in MARKS:
            if peer in ratios:
                parts.append(f'<circle cx="{x(ratios[peer]):.1f}" cy="{y}" r="4.5" fill="{colour}"><title>{html.escape(label)}: '
                             f'{ratio_text(ratios[peer])}</title></circle>')
    return "\n".join([*parts, "</svg>", ""])
