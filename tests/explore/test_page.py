"""The live page in headless Chromium: uploaded to, dragged, driven by keys, switched, read by axe."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from antialias import Adaptive, convert_
from antialias.explore import Choice, Explorer

from .conftest import explorer, network, png, served

RESTS = """
const live = document.querySelector('[data-live]');
return !live.hasAttribute('aria-busy') && live.querySelector('.time').textContent !== '';
"""
POSITION = "return [...document.querySelectorAll('.sliders input')].map(slider => Number(slider.value))"
DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), letter => letter.charCodeAt(0));
const files = new DataTransfer();
files.items.add(new File([bytes], arguments[1], {type: 'image/png'}));
document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true}));
"""
TOO_WIDE = """
return [...document.querySelectorAll('body *')]
  .filter(node => !node.closest('.scroll, .thumbs, pre, .frame') && node.getBoundingClientRect().right > 401)
  .map(node => node.outerHTML.slice(0, 80))
"""


def settle(page: webdriver.Chrome) -> None:
    WebDriverWait(page, 20, 0.02).until(lambda one: one.execute_script(RESTS))


def until(page: webdriver.Chrome, holds: Callable[[], Any]) -> None:
    WebDriverWait(page, 20, 0.02).until(lambda _: holds())


def text_of(page: webdriver.Chrome, selector: str) -> str:
    return page.execute_script("return document.querySelector(arguments[0]).textContent", selector).strip()


@pytest.fixture
def opened(browser: webdriver.Chrome) -> Iterator[Callable[[str], webdriver.Chrome]]:
    """Opens an address; whatever a test does, the console stays silent."""

    def opens(address: str) -> webdriver.Chrome:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.get(address)
        settle(browser)
        return browser

    yield opens
    # Chromium logs each answer that is no success; and filters may be asked for when a test has ended its server.
    expected = ("status of 4", "ERR_CONNECTION_REFUSED")
    messages = [entry["message"] for entry in browser.get_log("browser")]
    assert [message for message in messages if not any(words in message for words in expected)] == []
    browser.get("about:blank")


@pytest.fixture
def page(opened: Callable[[str], webdriver.Chrome], address: str) -> webdriver.Chrome:
    return opened(f"http://{address}/")


def choose_no_phases(page: webdriver.Chrome) -> None:
    Select(page.find_element(By.NAME, "phases")).select_by_value("0")
    settle(page)


def frame(page: webdriver.Chrome) -> Any:
    return page.find_element(By.CSS_SELECTOR, ".scene .frame")


def lanes(page: webdriver.Chrome) -> list[tuple[str, str, str]]:
    script = """return [...document.querySelectorAll('.lane')].map(lane => [
      lane.dataset.network, ...['.label', '.probability'].map(part => lane.querySelector(part).textContent)])"""
    return [tuple(row) for row in page.execute_script(script)]


def expected(one: Explorer, at: tuple[int, int], choice: Choice, number: int = 0) -> list[tuple[str, str, str]]:
    held = list(one.images.values())[number]
    rows = []
    for each in one.networks.shown(choice):
        probabilities = each.adapter(one.pixels_at(held, at)[None]).softmax(1)[0]
        rows.append((each.name, f"class {int(probabilities.argmax())}", f"{100 * float(probabilities.max()):.1f} %"))
    return rows


def at(page: webdriver.Chrome) -> tuple[int, int]:
    left, top = page.execute_script(POSITION)
    return left, top


def assert_shows(
    page: webdriver.Chrome, one: Explorer, place: tuple[int, int], choice: Choice, number: int = 0
) -> None:
    settle(page)
    assert at(page) == place
    for shown, (name, label, share) in zip(lanes(page), expected(one, place, choice, number), strict=True):
        assert shown[:2] == (name, label)
        assert float(shown[2].removesuffix(" %")) == pytest.approx(float(share.removesuffix(" %")), abs=0.11)


def test_keys_move_the_window_by_a_pixel_and_the_answers_follow(page: webdriver.Chrome, classifier: Explorer) -> None:
    start = classifier.networks.start
    assert_shows(page, classifier, (17, 4), start)
    for key, place in ((Keys.ARROW_RIGHT, (18, 4)), (Keys.ARROW_DOWN, (18, 5)), (Keys.ARROW_LEFT, (17, 5))):
        frame(page).send_keys(key)
        assert_shows(page, classifier, place, start)
    frame(page).send_keys(Keys.SHIFT, Keys.ARROW_RIGHT)
    assert_shows(page, classifier, (25, 5), start)
    assert len(page.find_elements(By.CSS_SELECTOR, ".lane:first-child rect.step")) == 5


def test_the_mouse_drags_the_window_as_far_as_it_moves(page: webdriver.Chrome, classifier: Explorer) -> None:
    scale = 90 / frame(page).size["width"]
    actions = webdriver.ActionChains(page, duration=10).move_to_element(frame(page)).click_and_hold()
    for _ in range(4):
        actions = actions.move_by_offset(-8, 0)
    actions.release().perform()
    assert_shows(page, classifier, (round(17 - 32 * scale), 4), classifier.networks.start)


def test_a_finger_drags_it_too(page: webdriver.Chrome, classifier: Explorer) -> None:
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", frame(page))
    box = page.execute_script("return arguments[0].getBoundingClientRect().toJSON()", frame(page))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, by in (("touchStart", 0), ("touchMove", 20), ("touchMove", 40), ("touchEnd", None)):
        points = [] if by is None else [{"x": x + by, "y": y}]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert_shows(page, classifier, (round(17 + 40 * 90 / box["width"]), 4), classifier.networks.start)


def test_sliders_move_it_along_one_side(page: webdriver.Chrome, classifier: Explorer) -> None:
    page.find_element(By.NAME, "across").send_keys(Keys.HOME)
    page.find_element(By.NAME, "down").send_keys(Keys.END)
    assert_shows(page, classifier, (0, 8), classifier.networks.start)


def test_files_are_uploaded_and_dropped(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(png())
    (tmp_path / "broken.png").write_bytes(png()[:900])
    chooser = page.find_element(By.CSS_SELECTOR, "input[type=file]")
    chooser.send_keys(f"{tmp_path / 'mine.png'}\n{tmp_path / 'broken.png'}")
    refused = "broken.png: The PNG of 90 x 70 pixels cannot be decoded"
    until(page, lambda: text_of(page, ".trouble").startswith(refused))
    frame(page).send_keys(Keys.ARROW_RIGHT)
    settle(page)
    assert text_of(page, ".trouble").startswith(refused)  # no answer takes it back
    assert text_of(page, ".caption") == "mine.png, 82 × 64; the frame shows 56 × 56 pixels."
    page.execute_script(DROP, base64.b64encode(png(64, 64)).decode(), "dropped.png")
    until(page, lambda: text_of(page, ".caption").startswith("dropped.png, 64 × 64"))
    names = [one.text for one in page.find_elements(By.CSS_SELECTOR, ".thumbs button")]
    assert names == ["hills", "<b>dunes</b>", "mine.png", "dropped.png"]
    page.execute_script(DROP, base64.b64encode(b"GIF89a" + bytes(90)).decode(), "<img src=x>.png")
    until(page, lambda: text_of(page, ".trouble"))
    assert text_of(page, ".trouble").startswith("<img src=x>.png: The file of 96 bytes is no image")


def drop_paths(page: webdriver.Chrome, *paths: Path) -> None:
    """Drop files and folders as the system does that holds them."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


def test_a_folder_is_dropped(page: webdriver.Chrome, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "more").mkdir(parents=True)
    (folder / "notes.txt").write_text("no image")
    for name in ("img10.png", "img9.PNG", "more/img11.png"):
        (folder / name).write_bytes(png())
    before = len(page.find_elements(By.CSS_SELECTOR, ".thumbs button"))
    drop_paths(page, folder)
    until(page, lambda: len(page.find_elements(By.CSS_SELECTOR, ".thumbs button")) == before + 3)
    until(page, lambda: text_of(page, ".caption").startswith("img11.png"))
    names = [one.text for one in page.find_elements(By.CSS_SELECTOR, ".thumbs button")]
    assert names[before:] == ["img9.PNG", "img10.png", "img11.png"]
    assert text_of(page, ".trouble") == ""


def test_of_a_large_folder_the_first_images_are_taken(page: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    drop_paths(page, tmp_path / "empty")
    until(page, lambda: text_of(page, ".trouble").startswith("There is no image in what was dropped."))
    before = len(page.find_elements(By.CSS_SELECTOR, ".thumbs button"))
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(png(64, 64))
    drop_paths(page, tmp_path)
    until(page, lambda: text_of(page, ".trouble") == "There are more than 24 files: the first 24 were taken.")
    assert len(page.find_elements(By.CSS_SELECTOR, ".thumbs button")) == before + 24


def test_another_image_has_its_own_answers(page: webdriver.Chrome, classifier: Explorer) -> None:
    page.find_elements(By.CSS_SELECTOR, ".thumbs button")[1].click()
    until(page, lambda: text_of(page, ".caption").startswith("<b>dunes</b>"))
    assert_shows(page, classifier, (17, 4), classifier.networks.start, number=1)


def test_switches_change_the_second_network_and_tell_its_cost(page: webdriver.Chrome, classifier: Explorer) -> None:
    place = (17, 4)
    choose_no_phases(page)
    assert_shows(page, classifier, place, Choice())
    assert text_of(page, ".cost").startswith("Multiply-adds: as it is 1.00 × (0.0")
    for word in ("fixed", "adaptive"):
        page.find_element(By.CSS_SELECTOR, f"[name=filter][value={word}]").click()
        assert_shows(page, classifier, place, Choice(word))
        second = classifier.networks.shown(Choice(word))[1]
        assert f"{word} filters {second.cost:.2f} ×" in text_of(page, ".cost")
    page.find_element(By.CSS_SELECTOR, "[name=filter][value=fixed]").click()
    Select(page.find_element(By.NAME, "phases")).select_by_value("1")
    assert_shows(page, classifier, place, Choice("fixed", 1))


def test_filter_maps_come_and_follow_the_window(page: webdriver.Chrome) -> None:
    assert page.find_elements(By.CSS_SELECTOR, "#filters") == []
    choose_no_phases(page)
    page.find_element(By.CSS_SELECTOR, "[name=filter][value=adaptive]").click()
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, "#filters canvas.map"))
    page.find_element(By.CSS_SELECTOR, "#filters [value=entropy]").click()
    image = "return document.querySelector('#filters figure[data-picture] img').src"
    before = page.execute_script(image)
    frame(page).send_keys(Keys.ARROW_RIGHT)
    until(page, lambda: page.execute_script(image) != before)
    assert page.find_element(By.CSS_SELECTOR, "#filters [value=entropy]").is_selected()
    page.find_element(By.CSS_SELECTOR, "[name=filter][value=none]").click()
    until(page, lambda: not page.find_elements(By.CSS_SELECTOR, "#filters"))


def rows(page: webdriver.Chrome) -> dict[str, list[str]]:
    script = """return [...document.querySelectorAll('#drift tbody tr')].map(row =>
      [row.dataset.network, ...[...row.querySelectorAll('td')].map(cell => cell.textContent)])"""
    return {name: numbers for name, *numbers in page.execute_script(script)}


def test_the_curve_grows_with_each_pixel_and_starts_again(page: webdriver.Chrome, classifier: Explorer) -> None:
    assert rows(page) == {}
    for _ in range(6):
        frame(page).send_keys(Keys.ARROW_RIGHT)
        settle(page)
    held, start = next(iter(classifier.images.values())), classifier.networks.start
    said = classifier.answer(held, [(17 + i, 4) for i in range(7)], start)
    for each in said["networks"]:
        labels = [best["label"] for best, *_ in each["trace"]["predictions"]]
        changes = sum(a != b for a, b in pairwise(labels))
        assert rows(page)[each["network"]] == ["6", "6", str(changes), f"{100 * changes / 6:.1f} %"]
    assert len(page.find_elements(By.CSS_SELECTOR, "#drift .line")) == 2
    points = page.find_element(By.CSS_SELECTOR, "#drift polyline").get_attribute("points") or ""
    assert len(points.split()) == 6
    page.find_element(By.CSS_SELECTOR, ".reset").click()
    assert rows(page) == {}


def test_it_walks_by_itself_and_stops(page: webdriver.Chrome) -> None:
    play = page.find_element(By.CSS_SELECTOR, ".play")
    play.click()
    until(page, lambda: int(rows(page).get("as it is", ["0"])[0]) > 12)  # beyond an edge, 4 pixels away
    play.click()
    settle(page)
    stopped = at(page)
    webdriver.ActionChains(page).pause(0.3).perform()
    assert at(page) == stopped
    moved, moves, *_ = rows(page)["as it is"]
    assert moved == moves


def test_of_a_quick_drag_only_the_newest_places_are_computed(
    opened: Callable[[str], webdriver.Chrome], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = explorer()
    answer, computed = one.answer, list[Any]()

    def slow(held: Any, path: Any, choice: Choice) -> Any:
        time.sleep(0.3)
        computed.append(path[-1])
        return answer(held, path, choice)

    with served(one) as where:
        page = opened(f"http://{where}/")
        monkeypatch.setattr(one, "answer", slow)
        frame(page).send_keys(*[Keys.ARROW_RIGHT] * 12)
        settle(page)
        assert computed[0] == (18, 4)
        assert computed[-1] == at(page) == (29, 4)
        assert len(computed) < 6
        moved, moves, *_ = rows(page)["as it is"]
        assert (moved, int(moves)) == ("12", len(computed))


@pytest.mark.parametrize("kind", ["objects", "labels", "values"])
def test_other_answers_are_drawn_too(kind: str, opened: Callable[[str], webdriver.Chrome]) -> None:
    one = explorer(kind)
    with served(one) as where:
        page = opened(f"http://{where}/")
        choose_no_phases(page)
        page.find_element(By.CSS_SELECTOR, "[name=filter][value=fixed]").click()
        settle(page)
        for _ in range(3):
            frame(page).send_keys(Keys.ARROW_RIGHT)
            settle(page)
        names = ["as it is", "fixed filters"]
        drawn = ".detector" if kind == "objects" else ".map-lane"
        assert [n.get_attribute("data-network") for n in page.find_elements(By.CSS_SELECTOR, drawn)] == names
        assert list(rows(page)) == names
        if kind == "objects":
            assert page.find_elements(By.CSS_SELECTOR, ".detector rect.box")
            assert page.find_element(By.CSS_SELECTOR, ".detector").size["width"] > 900
        else:
            assert page.execute_script("return document.querySelector('img.answer').naturalWidth") == 78
        assert not page.find_element(By.CSS_SELECTOR, ".answers").is_displayed()
        assert text_of(page, ".trouble") == ""


def test_the_mended_network_is_shown_first(opened: Callable[[str], webdriver.Chrome]) -> None:
    mended = network("classes")
    convert_(mended, Adaptive(), example=torch.rand(1, 3, 56, 56))
    with served(explorer(mended=mended)) as where:
        page = opened(f"http://{where}/")
        assert [name for name, *_ in lanes(page)] == ["as it is", "mended"]
        assert page.find_element(By.CSS_SELECTOR, "[value=mended]").is_selected()


def test_what_cannot_be_done_is_told_on_the_page(
    opened: Callable[[str], webdriver.Chrome], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = explorer()

    def refuses(_: Choice) -> Any:
        raise ValueError("It has no site to filter. Use another network.")

    with served(one) as where:
        page = opened(f"http://{where}/")
        monkeypatch.setattr(one.networks, "_build", refuses)
        page.find_element(By.CSS_SELECTOR, "[name=filter][value=fixed]").click()
        until(page, lambda: text_of(page, ".trouble") == "It has no site to filter. Use another network.")
        settle(page)
        assert [name for name, *_ in lanes(page)] == ["as it is"]
        choose_no_phases(page)
        page.find_element(By.CSS_SELECTOR, "[name=filter][value=none]").click()
        until(page, lambda: text_of(page, ".trouble") == "")
        assert [name for name, *_ in lanes(page)] == ["as it is"]


def test_a_token_comes_from_the_address(opened: Callable[[str], webdriver.Chrome], classifier: Explorer) -> None:
    with served(classifier, token="abc") as where:
        page = opened(f"http://{where}/?token=abc")
        assert len(lanes(page)) == 2


def resize(page: webdriver.Chrome, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 400}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_a_narrow_screen_scrolls_only_downwards(page: webdriver.Chrome) -> None:
    resize(page, 400)
    choose_no_phases(page)
    page.find_element(By.CSS_SELECTOR, "[name=filter][value=adaptive]").click()
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, "#filters canvas.map"))
    page.execute_script("document.querySelector('.phases option').text = 'phases at ' + 'features.'.repeat(20)")
    assert page.execute_script("return [innerWidth, document.documentElement.scrollWidth]") == [400, 400]
    assert page.execute_script(TOO_WIDE) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_axe_finds_nothing(
    page: webdriver.Chrome, theme: str, width: int, run_axe: Callable[[webdriver.Chrome], dict[str, Any]]
) -> None:
    resize(page, width)
    if theme == "dark":
        page.find_element(By.CSS_SELECTOR, ".theme").click()
    choose_no_phases(page)
    page.find_element(By.CSS_SELECTOR, "[name=filter][value=adaptive]").click()
    until(page, lambda: page.find_elements(By.CSS_SELECTOR, "#filters canvas.map"))
    frame(page).send_keys(Keys.ARROW_RIGHT)
    settle(page)
    found = run_axe(page)
    assert len(found["passes"]) > 20
    assert {rule["id"]: [node["html"] for node in rule["nodes"]][:3] for rule in found["violations"]} == {}


@pytest.mark.parametrize("kind", ["objects", "labels"])
def test_axe_finds_nothing_in_objects_and_maps(
    kind: str, opened: Callable[[str], webdriver.Chrome], run_axe: Callable[[webdriver.Chrome], dict[str, Any]]
) -> None:
    one = explorer(kind)
    one.networks.offers = ()
    with served(one) as where:
        page = opened(f"http://{where}/")
        found = run_axe(page)
    assert {rule["id"]: [node["html"] for node in rule["nodes"]][:3] for rule in found["violations"]} == {}
