"""Puts a report into the documents: docs/benchmarks.md's tables, docs/benchmarks.svg, and README.md's table.

Usage: publish.py REPORT.json
"""

import json
import pathlib
import sys

from chart import svg
from table import markdown, summary

CHART = "![How many times longer the peers take than jaxc, for every workload]"
ROOT = pathlib.Path(__file__).parent.parent


def replace(path, marker, text):
    """Exchanges what lies between <!-- marker --> and <!-- end of marker -->."""
    document = path.read_text()
    begin, end = f"<!-- {marker} -->\n", f"<!-- end of {marker} -->"
    if begin not in document or end not in document:
        sys.exit(f"publish: {path} must have the lines {begin.strip()} and {end}; put them around the place of the tables")
    head, rest = document.split(begin, 1)
    path.write_text(f"{head}{begin}{text}\n{end}{rest.split(end, 1)[1]}")


def publish(report):
    """Rewrites all of them."""
    replace(ROOT / "docs/benchmarks.md", "figures of the CPU", f"{CHART}(benchmarks.svg)\n\n{markdown(report)}")
    replace(ROOT / "README.md", "figures of the CPU", f"{summary(report)}\n\n{CHART}(docs/benchmarks.svg)")
    (ROOT / "docs/benchmarks.svg").write_text(svg(report))


if __name__ == "__main__":
    publish(json.loads(pathlib.Path(sys.argv[1]).read_text()))
