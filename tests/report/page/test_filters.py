"""The maps of predicted filters in headless Chromium: probed by pointer, touch and keys, group by group."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from antialias.metrics import frequency_response
from antialias.report import Report, SiteMap, write

# A copy is read, because Chromium warns where a canvas is read more than once.
REDS = """
const canvas = document.querySelector(arguments[0]);
const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
copy.drawImage(canvas, 0, 0);
return [...copy.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, i) => i % 4 === 0);
"""
KERNELS = """
return [...document.querySelectorAll('.kernel')].map(
  svg => [...svg.querySelectorAll('rect')].map(rect => Number(rect.dataset.weight)))
"""
SAVED = """
const done = arguments[0];
const create = URL.createObjectURL;
HTMLAnchorElement.prototype.click = function () {};
URL.createObjectURL = (blob) => { blob.text().then(done); return create(blob); };
document.querySelector('.save').click();
"""


def probe_words(page: webdriver.Chrome) -> str:
    return page.find_element(By.CSS_SELECTOR, "#filters .probe").text


def reds_of(page: webdriver.Chrome, selector: str = "canvas.map") -> list[int]:
    return page.execute_script(REDS, selector)


def choose(page: webdriver.Chrome, name: str, value: str) -> None:
    page.execute_script(f"document.querySelector('[name={name}][value={value}]').click()")


def slide(page: webdriver.Chrome, group: int) -> None:
    slider = page.find_element(By.CSS_SELECTOR, ".groups input")
    slider.send_keys(Keys.HOME, *[Keys.ARROW_RIGHT] * group)


def point(page: webdriver.Chrome, selector: str, column: float, row: float) -> None:
    """Point at a position of what a selector matches, given in shares of its sides."""
    node = page.find_element(By.CSS_SELECTOR, selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    offset = (round((column - 0.5) * node.size["width"]), round((row - 0.5) * node.size["height"]))
    webdriver.ActionChains(page).move_to_element_with_offset(node, *offset).perform()


def kernel_of(sample: Report, maps: int, site: int, group: int, row: int, column: int) -> list[float]:
    return sample.filters[maps].sites[site].filters().weights[0, group, :, row, column].tolist()


def test_maps_have_the_colours_of_their_values(page: webdriver.Chrome, sample: Report) -> None:
    means = [site.filters().variance().mean(1) for maps in sample.filters for site in maps.sites]
    low, high = (float(page.find_element(By.CSS_SELECTOR, f".scale .{end}").text) for end in ("low", "high"))
    assert low == pytest.approx(min(map(torch.amin, means)).item(), rel=0.05)
    assert high == pytest.approx(max(map(torch.amax, means)).item(), rel=0.05)
    reds, values = reds_of(page), means[0].flatten().tolist()
    assert len(reds) == len(values)
    ordered = [reds[i] for i in sorted(range(len(values)), key=values.__getitem__)]
    # Cividis' red channel rises with the value, but for its darkest end.
    assert ordered[-1] > 200
    assert all(later >= earlier - 1 for earlier, later in itertools.pairwise(ordered[50:]))
    choose(page, "scale", "site")
    assert reds_of(page) != reds
    assert page.find_element(By.CSS_SELECTOR, ".scale .low").text == "lowest"
    choose(page, "scale", "whole")
    assert page.find_element(By.CSS_SELECTOR, ".scale .high").text == "0.099"


def test_the_pointer_shows_the_filter_of_every_site_at_that_place(page: webdriver.Chrome, sample: Report) -> None:
    slide(page, 4)
    point(page, 'canvas.map[data-maps="1"][data-site="2"]', 0.3, 0.8)
    sites = sample.filters[1].sites
    places = [(int(0.8 * site.rows), int(0.3 * site.columns)) for site in sites]
    wanted = [kernel_of(sample, 1, i, 3, *place) for i, place in enumerate(places)]
    assert page.execute_script(KERNELS) == [pytest.approx(kernel, abs=1e-4) for kernel in wanted]
    row, column = places[2]
    assert probe_words(page).startswith(
        f"coffee, layer2.0.downsample.0, row {row + 1} of 28, column {column + 1} of 28, group 4 of 4: variance "
    )
    point(page, 'figure[data-picture="0"] img', 0.5, 0.25)
    assert probe_words(page).startswith("chelsea, maxpool, ")
    assert page.execute_script(KERNELS)[4] == pytest.approx(kernel_of(sample, 0, 4, 3, 1, 3), abs=1e-4)


def test_the_words_are_what_is_computed_in_python(page: webdriver.Chrome, sample: Report) -> None:
    slide(page, 4)
    point(page, "canvas.map", 0.52, 0.52)
    filters = sample.filters[0].sites[0].filters()
    at = (0, 3, sample.filters[0].sites[0].rows // 2, sample.filters[0].sites[0].columns // 2)
    words = probe_words(page)
    for name, value in (("variance", filters.variance()[at]), ("entropy", filters.entropy()[at])):
        assert float(words.split(f"{name} ")[1].split()[0].rstrip(",")) == pytest.approx(value.item(), rel=0.06)
    down, right = filters.offset()[0, 3, :, *at[2:]].tolist()
    assert f"centre of mass {down:.2f} down and {right:.2f} right" in words
    assert right > 0.1
    stopband = page.find_element(By.CSS_SELECTOR, ".there figure:last-child figcaption").text
    assert stopband == f"lets {100 * filters.stopband()[at].item():.0f} % alias"
    response = frequency_response(filters.kernels([at[2:]])[0, 3, 0], 33).flatten().tolist()
    reds = reds_of(page, ".there canvas")
    order = sorted(range(33 * 33), key=response.__getitem__)
    assert reds[order[-1]] > 240 > 60 > reds[order[0]]


def test_keys_move_the_probe_and_change_the_site(page: webdriver.Chrome) -> None:
    first = page.find_element(By.CSS_SELECTOR, "canvas.map")
    page.execute_script("arguments[0].focus()", first)
    before = probe_words(page)
    assert "chelsea, maxpool, row 15 of 28, column 15 of 28" in before
    webdriver.ActionChains(page).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ARROW_UP).perform()
    assert "row 13 of 28, column 16 of 28" in probe_words(page)
    webdriver.ActionChains(page).send_keys(Keys.PAGE_DOWN).perform()
    assert "chelsea, layer2.0.conv3, row 13 of 28, column 16 of 28" in probe_words(page)
    webdriver.ActionChains(page).send_keys(*[Keys.ARROW_LEFT] * 40).perform()
    assert "column 1 of 28" in probe_words(page)
    webdriver.ActionChains(page).send_keys(Keys.TAB).perform()
    assert "coffee, layer2.0.conv3, row 13 of 28, column 1 of 28" in probe_words(page)


def test_a_finger_probes(page: webdriver.Chrome) -> None:
    metrics = {"width": 400, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    canvas = page.find_element(By.CSS_SELECTOR, "canvas.map")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    box = page.execute_script("return arguments[0].getBoundingClientRect().toJSON()", canvas)
    for kind, share in (("touchStart", 0.1), ("touchMove", 0.5), ("touchMove", 0.99), ("touchEnd", None)):
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": box["y"] + box["height"] / 2}]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert "column 28 of 28" in probe_words(page)


def test_the_slider_shows_one_group_and_leaves_the_scale(page: webdriver.Chrome, sample: Report) -> None:
    scales, maps = [], []
    for group in range(1, 5):
        slide(page, group)
        scales.append(page.find_element(By.CSS_SELECTOR, ".scale .high").text)
        maps.append(reds_of(page))
    assert len(set(scales)) == 1
    assert len(set(map(tuple, maps))) == 4
    slider = page.find_element(By.CSS_SELECTOR, ".groups input")
    assert slider.get_attribute("aria-valuetext") == "group 4 of 4"
    slider.send_keys(Keys.HOME)
    assert page.find_element(By.CSS_SELECTOR, ".groups output").text == "mean of 4"


def test_another_quantity_has_its_own_scale(page: webdriver.Chrome) -> None:
    ends = ".scale .first", ".scale .last"
    choose(page, "quantity", "entropy")
    assert [page.find_element(By.CSS_SELECTOR, end).text for end in ends] == ["lets pass", "blurs"]
    assert 3 < float(page.find_element(By.CSS_SELECTOR, ".scale .high").text) <= 3.2
    choose(page, "quantity", "offset")
    assert [page.find_element(By.CSS_SELECTOR, end).text for end in ends] == ["centred", "moves the map"]


def test_what_is_saved_is_what_is_drawn(page: webdriver.Chrome, sample: Report) -> None:
    lines = page.execute_async_script(SAVED).splitlines()
    assert lines[0] == "network,picture,site,group,row,column,variance,entropy,offset,weights"
    site = sample.filters[0].sites[0]
    assert lines[1].startswith('"retrofitted","chelsea","maxpool",1,0,0,')
    weights = [float(weight) for weight in lines[1].rsplit(",", 1)[1].split()]
    assert weights == pytest.approx(site.filters().weights[0, 0, :, 0, 0].tolist(), abs=1e-4)
    assert len(lines) == 1 + sum(one.groups * one.rows * one.columns for maps in sample.filters for one in maps.sites)


@pytest.mark.parametrize("scale", ["shared", "site"])
def test_a_flat_map_looks_flat_beside_one_that_is_not(
    browser: webdriver.Chrome, sample: Report, tmp_path: Path, scale: str
) -> None:
    """As in an earlier page's data, which has no weights."""
    flat = SiteMap.of("layer1", torch.linspace(0.0500, 0.0501, 16).view(4, 4), taps=9)
    steep = SiteMap.of("layer1", torch.linspace(0.01, 0.09, 16).view(4, 4), taps=9)
    maps = tuple(replace(sample.filters[0], sites=(site,)) for site in (flat, steep))
    browser.get(write(replace(sample, filters=maps), tmp_path).as_uri())
    choose(browser, "scale", scale)
    reds = reds_of(browser)
    assert max(reds) - min(reds) <= 2
    words = [node.text for node in browser.find_elements(By.CSS_SELECTOR, ".filter-site:not(.heads) figcaption")]
    assert words == ["constant, 0.050", "0.010 – 0.090"]
    assert browser.find_elements(By.CSS_SELECTOR, ".groups, .there, [name=quantity]") == []
    assert browser.get_log("browser") == []


def test_filters_that_are_all_alike_are_not_stretched_to_noise(
    browser: webdriver.Chrome, sample: Report, tmp_path: Path
) -> None:
    identity = SiteMap.of("layer1", torch.linspace(0.0985, 0.0986, 16).view(4, 4), taps=9)
    browser.get(write(replace(sample, filters=(replace(sample.filters[0], sites=(identity,)),)), tmp_path).as_uri())
    assert min(reds_of(browser)) > 240
    assert [browser.find_element(By.CSS_SELECTOR, f".scale .{end}").text for end in ("low", "high")] == ["0.0", "0.099"]


def test_similarity_says_no_as_plainly_as_yes(page: webdriver.Chrome, sample: Report) -> None:
    rows = page.find_elements(By.CSS_SELECTOR, "#similarity tbody tr")
    assert len(rows) == len(sample.similarities[0].table.rows)
    said = [row.find_element(By.CSS_SELECTOR, "td:nth-of-type(4)").text.split("\n") for row in rows]
    assert said == [["yes"], ["no", "within chance"], ["no", "rather less"], ["nothing to compare"]]
    assert "0.180\n0.170 to 0.190" in rows[0].text
    assert rows[0].find_element(By.CSS_SELECTOR, ".wide .unseen").text == "By chance -0.030 to 0.030."
    assert [len(row.find_elements(By.CSS_SELECTOR, ".chance")) for row in rows] == [1, 1, 1, 0]
    assert page.find_element(By.CSS_SELECTOR, "#similarity p b").text == sample.similarities[0].verdict
