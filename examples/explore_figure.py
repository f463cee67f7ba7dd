"""Draw docs/explore.md's picture: `python examples/explore_figure.py`, the live page after 47 moves over a photograph.

Needs Chromium and selenium.
"""

from __future__ import annotations

import threading
from pathlib import Path

import torch
import uvicorn
from page_figures import light_screen, write_png
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from antialias.data import photographs
from antialias.explore import Explorer, Networks, application
from antialias.models import build

OUT = Path(__file__).parents[1] / "docs" / "images" / "explore.png"
MOVES = 47
RESTS = """
const live = document.querySelector('[data-live]');
return !live.hasAttribute('aria-busy') && live.querySelector('.time').textContent !== '';
"""
PLACE = """
const [whole, first, last] = ['.player', '.switches', '#drift .panel']
  .map(one => document.querySelector(one).getBoundingClientRect());
const [x, height] = [whole.x + scrollX - 12, last.bottom - first.y];
return {x, y: first.y + scrollY, width: whole.width + 24, height, scale: 1};
"""


def draw(address: str) -> None:
    """Move the window to the right by single pixels, and draw what the page shows then."""
    with light_screen() as browser:
        browser.get(address)
        WebDriverWait(browser, 60, 0.02).until(lambda page: page.execute_script(RESTS))
        Select(browser.find_element(By.NAME, "phases")).select_by_value("1")  # the cheapest
        for _ in range(MOVES):
            WebDriverWait(browser, 60, 0.02).until(lambda page: page.execute_script(RESTS))
            browser.find_element(By.CSS_SELECTOR, ".scene .frame").send_keys(Keys.ARROW_RIGHT)
        WebDriverWait(browser, 60, 0.02).until(lambda page: page.execute_script(RESTS))
        write_png(browser, browser.execute_script(PLACE), OUT)


def main() -> None:
    """Serve the page of EfficientNet-Lite0 on a free port for as long as it takes."""
    networks = Networks(build("antialias:EfficientNetLite0").eval(), torch.rand(3, 224, 224))
    explorer = Explorer(networks, {"chelsea": photographs()["chelsea"]})
    server = uvicorn.Server(
        uvicorn.Config(application(explorer, title="EfficientNet-Lite0"), port=8766, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        draw("http://127.0.0.1:8766/")
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
