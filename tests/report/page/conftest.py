"""The sample page, opened in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from antialias.report import Report, write


@pytest.fixture(scope="session")
def address(sample: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(sample, tmp_path_factory.mktemp("page")).as_uri()


@pytest.fixture
def page(browser: webdriver.Chrome, address: str) -> Iterator[webdriver.Chrome]:
    """The page, freshly opened; whatever a test does, the console stays silent."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []
