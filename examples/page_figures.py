"""Draw the documentation's pictures of report pages: `python examples/page_figures.py PAGE SELECTOR OUT [STEP]`.

PAGE is a page that `antialias diagnose` or `report` wrote, SELECTOR what is drawn of it, STEP where its frames stand:

    python examples/page_figures.py found/report.html .depth docs/images/page_diagnosis.png
    python examples/page_figures.py report/report.html .filter-sites docs/images/page_filters.png
    python examples/page_figures.py detectors/report.html "#detections .player" docs/images/page_objects.png 4

Needs Chromium and selenium.
"""

from __future__ import annotations

import base64
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver

WIDTH = 1280
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
MOVE = """
for (const range of document.querySelectorAll('.controls input[type=range]')) {
  range.value = arguments[0];
  range.dispatchEvent(new Event('input'));
}
"""
PLACE = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return {x: box.x + scrollX - 8, y: box.y + scrollY - 8, width: box.width + 16, height: box.height + 16, scale: 1};
"""


@contextmanager
def light_screen() -> Iterator[webdriver.Chrome]:
    """Open a browser of 1280 pixels."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--window-size={WIDTH},900"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield browser
    finally:
        browser.quit()


def write_png(browser: webdriver.Chrome, clip: Mapping[str, float], out: Path) -> None:
    """Draw a part of the page that is open, which need not be in view."""
    shown = {"captureBeyondViewport": True, "clip": clip}
    out.write_bytes(base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", shown)["data"]))


def draw(page: Path, selector: str, out: Path, step: int = 0) -> None:
    """Draw a part of a page as PNG, as a light screen of 1280 pixels shows it."""
    with light_screen() as browser:
        browser.get(page.resolve().as_uri())
        browser.execute_script(MOVE, step)
        write_png(browser, browser.execute_script(PLACE, selector), out)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *map(int, sys.argv[4:]))
