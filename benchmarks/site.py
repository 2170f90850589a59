"""How heavy a built site is, and how soon its pages show, in headless Chromium.

    python benchmarks/site.py [runs/default/site] [--rounds 5] [--save book/measured/site.csv]

Pages are served from this machine without compression, over a line of so many megabits a second that the
browser imitates, each with an empty cache. Beside them stands a page with a line of text and nothing else:
times are also given as ratios to it, since a slow processor makes all of them late.
"""

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pandas as pd
from playwright.sync_api import Browser, sync_playwright

from dissect.site.pdf import browser

PAGES = ("book/index.html", "notebooks/1-derivation.html", "notebooks/5-ner.html", "book/explore.html",
         "book/scorecard.html")  # fmt: skip
BARE = (
    '<!DOCTYPE html><html lang="en"><head><link rel="icon" href="data:,"></head><p>A line of text.</p></html>'
)
MEGABITS, LATENCY = 10, 40  # a second, milliseconds
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WEIGHT = """[...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
    .reduce((sum, one) => sum + one.transferSize, 0)"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *said: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address that a folder is served at."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def visit(opened: Browser, address: str) -> tuple[float, float]:
    """Bytes that a page takes to load, and seconds to its first paint."""
    context = opened.new_context()
    try:
        tab = context.new_page()
        line = context.new_cdp_session(tab)
        rate = MEGABITS * 1e6 / 8
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": LATENCY, "downloadThroughput": rate, "uploadThroughput": rate,
        })  # fmt: skip
        tab.goto(address, wait_until="load", timeout=120_000)
        tab.wait_for_function(PAINTED)
        return tab.evaluate(WEIGHT), tab.evaluate(PAINTED) / 1000
    finally:
        context.close()


def measured(site: Path, rounds: int) -> pd.DataFrame:
    """A row a page: megabytes, seconds to its first paint (the median), and these over the bare page's.

    Args:
        site: The folder of a built site.
        rounds: How often each page is opened, in turn.
    """
    with TemporaryDirectory() as folder, served(site) as root, served(Path(folder)) as bare:
        Path(folder, "index.html").write_text(BARE, encoding="utf-8")
        addresses = {"a bare page": bare, **{page: root + page for page in PAGES if (site / page).is_file()}}
        with sync_playwright() as driver:
            opened = driver.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
            seen = [
                (page, *visit(opened, address)) for _ in range(rounds) for page, address in addresses.items()
            ]
            opened.close()
    table = pd.DataFrame(seen, columns=["page", "bytes", "seconds"]).groupby("page", sort=False).agg(median)
    ratio = table["seconds"] / table["seconds"].iloc[0]
    return pd.DataFrame(
        {"MB": table["bytes"] / 1e6, "first paint (s)": table["seconds"], "ratio": ratio}
    ).round(2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", nargs="?", type=Path, default=Path("runs/default/site"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", type=Path, help="a CSV to write the table into")
    options = parser.parse_args()
    table = measured(options.site, options.rounds)
    whole = sum(file.stat().st_size for file in options.site.rglob("*") if file.is_file())
    print(table.to_string())
    print(f"the whole site: {whole / 1e6:.0f} MB")
    if options.save:
        table.to_csv(options.save)


if __name__ == "__main__":
    main()
