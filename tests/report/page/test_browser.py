"""The page in headless Chromium: opened from the file system, driven by keys, drawn as computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from antialias.report import Report, ShiftViewer, Trace, write

TRACES = """
return [...document.querySelectorAll('.lane')].map(lane => ({
  bars: [...lane.querySelectorAll('rect.step')].map(bar => ({
    label: bar.dataset.label, height: bar.getBBox().height, colour: bar.className.baseVal.match(/a[0-9]/)[0],
  })),
  flips: [...lane.querySelectorAll('.flip')].map(mark => Number(mark.dataset.flip)),
}))
"""
PLAY_A_WHILE = """
const done = arguments[0];
const play = document.querySelector('.play');
const input = document.querySelector('.controls input');
play.click();
setTimeout(() => {
  play.click();
  const paused = Number(input.value);
  setTimeout(() => done([paused, Number(input.value)]), 500);
}, 900);
"""
TOO_WIDE = """
return [...document.querySelectorAll('body *')]
  .filter(node => !node.closest('.scroll, .thumbs, pre, .frame') && node.getBoundingClientRect().right > 391)
  .map(node => node.outerHTML.slice(0, 80))
"""
TOO_SMALL = """
const scale = svg => svg && svg.viewBox.baseVal.width ? svg.clientWidth / svg.viewBox.baseVal.width : 1;
const hasText = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
return [...document.querySelectorAll('body *')]
  .filter(node => hasText(node) && !node.closest('script, style, noscript'))
  .filter(node => parseFloat(getComputedStyle(node).fontSize) * scale(node.ownerSVGElement) < 16)
  .map(node => node.outerHTML.slice(0, 80))
"""
NAMELESS = """
const named = node => node.getAttribute('aria-label') || node.closest('label') || node.textContent.trim();
return [...document.querySelectorAll('button, input, canvas:not([aria-hidden]), svg[role=img]')]
  .filter(node => !named(node))
  .concat([...document.querySelectorAll('img:not([alt])')])
  .map(node => node.outerHTML.slice(0, 80))
"""
CONTRASTS = """
const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const luminance = colour => {
  const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map(v => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = luminance(getComputedStyle(document.body).backgroundColor);
return ['h1', '.lead', 'nav a', '.note', '.interval', 'h3'].map(selector => {
  const ink = luminance(getComputedStyle(document.querySelector(selector)).color);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
});
"""


def slider_input(page: webdriver.Chrome) -> Any:
    return page.find_element(By.CSS_SELECTOR, ".controls input[type=range]")


def shown(page: webdriver.Chrome, trace: Trace) -> tuple[str, str]:
    lane = page.find_element(By.CSS_SELECTOR, f'.lane[data-network="{trace.network}"]')
    return tuple(lane.find_element(By.CSS_SELECTOR, selector).text for selector in (".label", ".probability"))  # pyrefly: ignore


def expected(trace: Trace, step: int) -> tuple[str, str]:
    best = trace.predictions[step][0]
    return best.label, f"{100 * best.probability:.1f} %"


def frame_left(page: webdriver.Chrome) -> float:
    """Left edge of the moving frame, in pixels of the picture."""
    script = "return [document.querySelector('.window').style.left, document.querySelector('.frame img').naturalWidth]"
    left, width = page.execute_script(script)
    return float(left.rstrip("%")) / 100 * width


def assert_shows(page: webdriver.Chrome, viewer: ShiftViewer, step: int) -> None:
    assert [shown(page, trace) for trace in viewer.traces] == [expected(trace, step) for trace in viewer.traces]
    assert frame_left(page) == pytest.approx(viewer.path[step][0], abs=0.01)
    assert [int(bar.get_attribute("data-step") or -1) for bar in page.find_elements(By.CSS_SELECTOR, ".here")] == (
        [step] * len(viewer.traces)
    )


def test_keys_move_the_frame_and_every_answer(page: webdriver.Chrome, sample: Report) -> None:
    viewer = sample.viewers[0]
    handle = slider_input(page)
    assert_shows(page, viewer, 0)
    for step in range(1, len(viewer.path)):
        handle.send_keys(Keys.ARROW_RIGHT)
        assert_shows(page, viewer, step)
    handle.send_keys(Keys.ARROW_RIGHT)
    assert_shows(page, viewer, len(viewer.path) - 1)
    handle.send_keys(Keys.HOME)
    assert_shows(page, viewer, 0)


def test_traces_are_drawn_as_computed(page: webdriver.Chrome, sample: Report) -> None:
    colours: dict[str, set[str]] = {}
    for lane, trace in zip(page.execute_script(TRACES), sample.viewers[0].traces, strict=True):
        assert [bar["label"] for bar in lane["bars"]] == list(trace.labels)
        assert lane["flips"] == list(trace.flips)
        unit = lane["bars"][0]["height"] / trace.predictions[0][0].probability
        heights = [best[0].probability * unit for best in trace.predictions]
        assert [bar["height"] for bar in lane["bars"]] == pytest.approx(heights, abs=0.01)
        for bar in lane["bars"]:
            colours.setdefault(bar["label"], set()).add(bar["colour"])
    assert all(len(found) == 1 for found in colours.values())
    assert len(set.union(*colours.values())) == len(colours)


def test_another_picture_brings_its_own_answers(page: webdriver.Chrome, sample: Report) -> None:
    page.find_elements(By.CSS_SELECTOR, ".thumbs button")[1].click()
    assert_shows(page, sample.viewers[1], 0)
    page.find_elements(By.CSS_SELECTOR, ".thumbs button")[1].send_keys(Keys.ARROW_RIGHT)
    assert_shows(page, sample.viewers[1], 1)
    assert page.execute_script("return document.querySelector('.frame img').src") == sample.viewers[1].image.data


def test_play_moves_and_pause_stops(page: webdriver.Chrome) -> None:
    at_pause, later = page.execute_async_script(PLAY_A_WHILE)
    assert at_pause >= 2
    assert later == at_pause


def test_a_press_on_the_trace_moves_there(page: webdriver.Chrome, sample: Report) -> None:
    bar = page.find_element(By.CSS_SELECTOR, 'rect[data-step="20"]')
    webdriver.ActionChains(page).move_to_element(bar).click().perform()
    assert_shows(page, sample.viewers[0], 20)


def test_pointing_at_a_curve_reads_its_numbers(page: webdriver.Chrome, sample: Report) -> None:
    dot = page.find_element(By.CSS_SELECTOR, '.panel [data-distance="3"]')
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", dot)
    webdriver.ActionChains(page).move_to_element(dot).perform()
    read = page.find_element(By.CSS_SELECTOR, ".readout").text
    value = sample.curves[0].cells[2].value or 0
    assert read.startswith(f"Horizontal, 3 px: original {100 * value:.1f} % (")


def test_arrow_keys_read_a_curve(page: webdriver.Chrome, sample: Report) -> None:
    svg, readout = (page.find_element(By.CSS_SELECTOR, f"#curves {name}") for name in (".panel svg", ".readout"))
    resting = readout.text
    page.execute_script("arguments[0].focus()", svg)
    for distance in (1, 2, 3):
        value = sample.curves[0].cells[distance - 1].value or 0
        assert readout.text.startswith(f"Horizontal, {distance} px: original {100 * value:.1f} % (")
        webdriver.ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    webdriver.ActionChains(page).send_keys(*[Keys.ARROW_RIGHT] * 9).perform()
    assert readout.text.startswith("Horizontal, 8 px: ")
    webdriver.ActionChains(page).send_keys(*[Keys.ARROW_LEFT] * 9).perform()
    assert readout.text.startswith("Horizontal, 1 px: ")
    page.execute_script("arguments[0].blur()", svg)
    assert readout.text == resting


def test_a_diagnosis_says_in_words_what_its_bars_draw(page: webdriver.Chrome, sample: Report) -> None:
    levels = page.find_elements(By.CSS_SELECTOR, "#diagnosis li.level")
    texts = [" ".join(level.text.split()) for level in levels]
    site = sample.diagnoses[0].sites[1]
    assert site.alias_share is not None
    assert f"Cause: {100 * site.alias_share.value:.1f} % aliases" in texts[1]
    assert "+8.0 +5.0 to +11.0 first here" in texts[1]
    assert [len(level.find_elements(By.CSS_SELECTOR, "rect.main")) for level in levels] == [2, 3, 0]
    widths = [float(bar.get_attribute("width") or 0) for bar in levels[1].find_elements(By.CSS_SELECTOR, ".site .main")]
    assert widths[1] / widths[0] == pytest.approx(0.31 / 0.21, abs=0.01)
    assert texts[2].count("not measured") == 2


def test_a_code_leads_to_what_it_means(page: webdriver.Chrome) -> None:
    meaning = page.find_element(By.ID, "aa003")
    assert not meaning.is_displayed()
    page.find_element(By.CSS_SELECTOR, '#diagnosis li.level a[href="#aa003"]').send_keys(Keys.ENTER)
    assert meaning.is_displayed()
    assert "three quarters of the map are thrown away unseen" in meaning.text


def test_the_verdict_is_one_sentence_and_intervals_unfold(page: webdriver.Chrome, sample: Report) -> None:
    assert sample.verdict is not None
    assert page.find_element(By.TAG_NAME, "h1").text == sample.verdict.headline
    points = page.find_elements(By.CSS_SELECTOR, ".points li")
    assert not any(point.is_displayed() for point in points)
    page.find_element(By.CSS_SELECTOR, ".points summary").send_keys(Keys.ENTER)
    assert [point.text for point in points] == list(sample.verdict.points)


def test_the_theme_changes_by_a_button_and_follows_the_system_before(page: webdriver.Chrome) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    button = page.find_element(By.CSS_SELECTOR, ".theme")
    assert (button.text, page.execute_script(background)) == ("Dark", "rgb(252, 252, 250)")
    button.send_keys(Keys.ENTER)
    assert (button.text, page.execute_script(background)) == ("Light", "rgb(18, 20, 23)")
    button.click()
    assert page.execute_script(background) == "rgb(252, 252, 250)"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing(
    page: webdriver.Chrome, theme: str, width: int, run_axe: Callable[[webdriver.Chrome], dict[str, Any]]
) -> None:
    """WCAG 2.2 A and AA and axe's best practices, with everything unfolded."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    if theme == "dark":
        page.find_element(By.CSS_SELECTOR, ".theme").click()
    page.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = run_axe(page)
    assert len(found["passes"]) > 20
    assert {rule["id"]: [node["html"] for node in rule["nodes"]][:3] for rule in found["violations"]} == {}


def test_touch_drags_the_frame(page: webdriver.Chrome, sample: Report) -> None:
    as_phone(page)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    frame = page.find_element(By.CSS_SELECTOR, ".frame")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame)
    box = page.execute_script("return arguments[0].getBoundingClientRect().toJSON()", frame)
    middle = box["y"] + box["height"] / 2
    for kind, fraction in (("touchStart", 0.1), ("touchMove", 0.3), ("touchMove", 0.6), ("touchEnd", None)):
        points = [] if fraction is None else [{"x": box["x"] + fraction * box["width"], "y": middle}]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert_shows(page, sample.viewers[0], int(0.6 * len(sample.viewers[0].path)))


def test_nothing_is_fetched(browser: webdriver.Chrome, address: str) -> None:
    browser.get_log("performance")
    browser.get(address)
    slider_input(browser).send_keys(Keys.ARROW_RIGHT)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert address in requests
    assert [url for url in requests if url != address and not url.startswith("data:")] == []


def as_phone(page: webdriver.Chrome) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_phone_scrolls_only_downwards(page: webdriver.Chrome) -> None:
    as_phone(page)
    page.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    assert page.execute_script(TOO_WIDE) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_stay_inside_their_places(
    browser: webdriver.Chrome, sample: Report, tmp_path: Path, width: int
) -> None:
    long = "runs/" + "efficientnet" * 5 + "/model.safetensors"
    page = Report.from_json(sample.to_json().replace('"original"', f'"{long}"'))
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 390}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(write(page, tmp_path).as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    past = """return [...document.querySelectorAll('th .name, .key-figure dt, h1')]
        .filter(node => node.scrollWidth > node.clientWidth + 1)
        .map(node => [node.outerHTML.slice(0, 80), node.scrollWidth, node.clientWidth]);"""
    assert browser.execute_script(past) == []
    assert browser.get_log("browser") == []


def test_phone_text_is_large_enough(page: webdriver.Chrome) -> None:
    as_phone(page)
    assert page.execute_script(TOO_SMALL) == []


def test_everything_has_a_name_for_those_who_do_not_see_it(page: webdriver.Chrome) -> None:
    assert page.execute_script(NAMELESS) == []
    assert page.execute_script("return document.querySelector('.frame img').alt").startswith("chelsea")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(page: webdriver.Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    contrasts = page.execute_script(CONTRASTS)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert min(contrasts) >= 4.5


def test_missing_sections_leave_a_silent_page(browser: webdriver.Chrome, sample: Report, tmp_path: Path) -> None:
    assert sample.table is not None
    browser.get(write(Report(title="Only a table", table=sample.table), tmp_path).as_uri())
    assert browser.find_element(By.TAG_NAME, "h1").text == "Only a table"
    assert browser.get_log("browser") == []


def test_labels_stay_text(browser: webdriver.Chrome, nasty: Report, tmp_path: Path) -> None:
    browser.get(write(nasty, tmp_path).as_uri())
    assert browser.find_element(By.CSS_SELECTOR, ".lane .label").get_property("textContent") == nasty.title
    assert browser.find_element(By.TAG_NAME, "h1").get_property("textContent") == nasty.title
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 2
    assert browser.get_log("browser") == []
