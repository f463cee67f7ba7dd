"""Detections in Chromium: drag, keys and touch move the frame; boxes, masks, names and curves follow."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from antialias.report import InstanceTrace, Report, write

DRAWN = """
return [...document.querySelectorAll('.detector')].map(one => ({
  objects: [...one.querySelectorAll('.frame .object')].map(object => [Number(object.dataset.object),
    object.classList.contains('new') ? 'new' : object.classList.contains('gone') ? 'gone' : '']),
  tags: [...one.querySelectorAll('.tag')].map(tag => tag.textContent),
  boxes: [...one.querySelectorAll('.box')].map(
    box => ['x', 'y', 'width', 'height'].map(name => Number(box.getAttribute(name)))),
  masks: [...one.querySelectorAll('.mask')].map(mask => mask.getAttribute('d')),
  left: parseFloat(one.querySelector('.window').style.left) / 100,
}))
"""
SECTION = "#detections "


def slider(page: webdriver.Chrome) -> Any:
    return page.find_element(By.CSS_SELECTOR, SECTION + "input[type=range]")


def step_of(page: webdriver.Chrome) -> int:
    return int(slider(page).get_property("value"))


def test_boxes_masks_and_names_are_those_of_the_position(page: webdriver.Chrome, sample: Report) -> None:
    view = sample.detections[0]
    first, steady = page.execute_script(DRAWN)
    assert (first["objects"], first["tags"]) == ([[0, ""], [1, ""]], ["1", "2"])
    assert first["boxes"] == [[30, 60, 70, 90], [110, 60, 70, 90]]
    assert first["masks"] == [one.outlines[0] for one in view.traces[0].objects[:2]]
    assert steady["objects"] == [[0, ""]]
    expected = {1: [[0, ""], [1, "gone"]], 2: [[0, ""]], 3: [[0, ""], [1, "new"]], 4: [[0, ""], [1, ""], [2, "new"]]}
    for step, objects in expected.items():
        slider(page).send_keys(Keys.ARROW_RIGHT)
        first, steady = page.execute_script(DRAWN)
        assert first["objects"] == objects
        assert steady["objects"] == [[0, ""]]
        assert first["left"] == pytest.approx(view.path[step][0] / view.image.width, abs=1e-4)
    assert page.execute_script(DRAWN)[0]["tags"] == ["1", "2", "3 new"]


def test_what_is_seen_is_said(page: webdriver.Chrome) -> None:
    slider(page).send_keys(Keys.ARROW_RIGHT)
    assert slider(page).get_attribute("aria-valuetext") == (
        "original: 1 object, 2 spoon vanishes; retrofitted: 1 object"
    )
    rows = [row.text.split() for row in page.find_elements(By.CSS_SELECTOR, SECTION + ".detector:first-child li")]
    assert rows == [["1", "cup", "92.0", "%"], ["2", "spoon", "vanishes", "30.0", "%"], ["3", "plate", "30.0", "%"]]
    chart = page.find_element(By.CSS_SELECTOR, SECTION + ".sureness")
    said = chart.get_attribute("aria-label") or ""
    assert said.startswith("original: 2 objects appear, 1 vanishes in 4 moves.")
    assert "2 spoon 30.0 % to 70.0 %" in said


def test_curves_pass_through_their_scores_and_break_where_nothing_is_found(
    page: webdriver.Chrome, sample: Report
) -> None:
    curves = page.find_elements(By.CSS_SELECTOR, SECTION + ".detector:first-child .curve")
    paths = [curve.get_attribute("d") or "" for curve in curves]
    heights = {
        score: float(place.split(" ")[1])
        for one, path in zip(sample.detections[0].traces[0].objects, paths, strict=True)
        for score, place in zip(
            [s for s in one.scores if s is not None], path.replace("M", "L").split("L")[1:], strict=True
        )
    }
    low, high = heights[0.2], heights[0.9]
    for score, height in heights.items():
        assert height == pytest.approx(low + (score - 0.2) / 0.7 * (high - low), abs=0.01)
    assert [path.count("M") for path in paths] == [1, 2, 1]
    events = page.find_elements(By.CSS_SELECTOR, SECTION + ".detector:first-child path.event")
    assert [(one.get_attribute("data-event"), one.get_attribute("data-step")) for one in events] == [
        ("vanishes", "1"),
        ("appears", "3"),
        ("appears", "4"),
    ]


def test_dragging_the_frame_and_pressing_the_chart_move_all(page: webdriver.Chrome) -> None:
    frame, other = page.find_elements(By.CSS_SELECTOR, SECTION + ".frame")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame)
    width = frame.size["width"]
    actions = webdriver.ActionChains(page).move_to_element_with_offset(frame, -width // 2 + 5, 0).click_and_hold()
    actions.move_by_offset(int(0.7 * width), 0).release().perform()
    assert step_of(page) == 3
    chart = page.find_elements(By.CSS_SELECTOR, SECTION + ".sureness")[1]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    webdriver.ActionChains(page).move_to_element_with_offset(chart, chart.size["width"] // 2 - 12, 0).click().perform()
    assert step_of(page) == 4
    assert len({one["left"] for one in page.execute_script(DRAWN)}) == 1
    assert other.is_displayed()


def test_touch_drags_on_a_small_screen(page: webdriver.Chrome) -> None:
    metrics = {"width": 400, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    frame = page.find_element(By.CSS_SELECTOR, SECTION + ".frame")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame)
    box = page.execute_script("return arguments[0].getBoundingClientRect().toJSON()", frame)
    for kind, fraction in (("touchStart", 0.1), ("touchMove", 0.3), ("touchMove", 0.5), ("touchEnd", None)):
        points = [] if fraction is None else [{"x": box["x"] + fraction * box["width"], "y": box["y"] + 90}]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert step_of(page) == 2
    assert page.execute_script("return document.documentElement.scrollWidth") == 400


def test_another_picture_and_the_arrow_keys_anywhere(page: webdriver.Chrome, sample: Report) -> None:
    second = page.find_elements(By.CSS_SELECTOR, SECTION + ".thumbs button")[1]
    second.send_keys(Keys.ENTER)
    assert second.get_attribute("aria-pressed") == "true"
    second.send_keys(Keys.ARROW_RIGHT)
    assert step_of(page) == 1
    source = page.find_element(By.CSS_SELECTOR, SECTION + ".frame img").get_attribute("src")
    assert source == sample.detections[1].image.data


def test_names_do_not_cover_each_other(browser: webdriver.Chrome, sample: Report, tmp_path: Path) -> None:
    view = sample.detections[0]
    crowd = InstanceTrace(network="original", objects=(view.traces[0].objects[0],) * 6)
    browser.get(write(Report(title="Crowd", detections=(replace(view, traces=(crowd,)),)), tmp_path).as_uri())
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('.tag')].map(tag => tag.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) == 6
    tops = sorted(box["top"] for box in boxes)
    assert all(later - earlier >= 20 for earlier, later in itertools.pairwise(tops))


def test_a_detector_that_finds_nothing_says_so(browser: webdriver.Chrome, sample: Report, tmp_path: Path) -> None:
    view = replace(sample.detections[0], traces=(InstanceTrace(network="blind", objects=()),))
    browser.get(write(Report(title="Blind", detections=(view,)), tmp_path).as_uri())
    assert "Nothing counts in this picture." in browser.find_element(By.CSS_SELECTOR, SECTION + ".objects").text
    assert browser.get_log("browser") == []
