from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from selenium import webdriver

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-prefers-reduced-motion",
)
INSTALL = "Run: apt-get update && apt-get install -y chromium chromium-driver"


def program(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"None of {', '.join(names)} is installed. {INSTALL}")
    return found


@pytest.fixture
def single_thread() -> Iterator[None]:
    """Use one thread: on small images waking a second one takes longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One headless Chromium for all tests of pages."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium-browser", "google-chrome")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(program("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def run_axe() -> Callable[[webdriver.Chrome], dict[str, Any]]:
    """Run axe-core in an open page and return what it found."""
    package = find_spec("axe_playwright_python")
    assert package is not None, "axe-core is not installed. Run: pip install --no-deps -r files.txt"
    assert package.submodule_search_locations
    script = (Path(package.submodule_search_locations[0]) / "axe.min.js").read_text()

    def run(page: webdriver.Chrome) -> dict[str, Any]:
        page.execute_script(script)
        return page.execute_async_script("axe.run().then(arguments[0])")

    return run
