"""The page in real headless Chromium: search, hover, lasso, labels, export, errors, keys, narrow and dark screens."""

from __future__ import annotations

import base64
import csv
import re
import shutil
import time
from collections.abc import Iterator

import pytest
from asking import embedded, running

pytest.importorskip("selenium", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    pytest.skip("no chromium with its chromedriver on this machine", allow_module_level=True)

from headless import SECONDS, Browser  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SE_OFFLINE", "true")  # selenium is to fetch nothing
        patch.setenv("SE_AVOID_STATS", "true")
        found = Browser(CHROMIUM, DRIVER, tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("downloads"))
        yield found
        found.driver.quit()


@pytest.fixture
def browser(chromium, page) -> Iterator[Browser]:
    """Chromium on the page, which must not have complained in its console, nor asked anyone else."""
    chromium.emulate(1200, 900, dark=False)
    chromium.open(page.url)
    chromium.run("sessionStorage.clear()")
    chromium.driver.get_log("browser")
    yield chromium
    asked = chromium.run("return performance.getEntriesByType('resource').map(each => each.name)")
    assert all(name.startswith((page.url, f"blob:{page.url}")) for name in asked), asked
    severe = [line["message"] for line in chromium.driver.get_log("browser") if line["level"] == "SEVERE"]
    assert not [line for line in severe if "the server responded with a status of 4" not in line], severe


CARDS = "document.querySelectorAll('#browse-grid .shot').length"


def test_a_click_finds_similar_clips_and_back_returns(browser, page):
    browser.until(f"{CARDS} === 24")
    first = browser.all("#browse-grid .shot")[5]
    id = first.get_attribute("data-id")
    first.click()
    browser.until(
        f"location.hash === '#browse?like={id}' && {CARDS} === 23 && !document.querySelector('#query').hidden"
    )
    told = [clip["id"] for clip in page.ask(f"/api/clips/{id}/near").json["clips"]]
    assert [shot.get_attribute("data-id") for shot in browser.all("#browse-grid .shot")] == told
    shown = [float(each.text) for each in browser.all("#browse-grid .card b")]
    assert shown == sorted(shown, reverse=True)
    browser.driver.back()
    browser.until(f"{CARDS} === 24")
    browser.all("#browse-grid .shot")[0].click()
    browser.until(f"{CARDS} === 23")
    browser.find("#back").click()
    browser.until(f"{CARDS} === 24 && document.querySelector('#back').hidden")


def test_the_label_filter_narrows_clips_and_searches(browser):
    browser.until(f"{CARDS} === 24")
    option = browser.all("#filter option")[1]
    name = option.get_attribute("value")
    option.click()
    browser.until(f"{CARDS} === 12")
    assert {tag.text for tag in browser.all("#browse-grid .tag")} == {name}
    browser.all("#browse-grid .shot")[0].click()
    browser.until(f"{CARDS} === 11")
    assert {tag.text for tag in browser.all("#browse-grid .tag")} == {name}


def test_a_thumbnail_plays_while_it_is_pointed_at_or_has_the_focus_with_attention_if_asked(browser):
    browser.until(f"{CARDS} === 24")
    image = "document.querySelectorAll('#browse-grid img')[2]"
    browser.until(f"{image}.complete && {image}.naturalWidth > 0 && {image}.src.endsWith('still.webp')")
    ActionChains(browser.driver).move_to_element(browser.all("#browse-grid .shot")[2]).perform()
    browser.until(f"{image}.src.endsWith('moving.webp')")
    ActionChains(browser.driver).move_to_element(browser.find("h1")).perform()
    browser.until(f"{image}.src.endsWith('still.webp')")
    browser.find("#attention").click()
    browser.run(f"{image}.closest('button').focus()")
    browser.until(f"{image}.src.endsWith('attention.webp') && {image}.naturalWidth > 0")


def test_a_video_that_is_chosen_or_dropped_is_searched_with(browser, clip_folder):
    browser.until(f"{CARDS} === 24")
    video = sorted(clip_folder.glob("train/*/*.mp4"))[0]
    browser.find("#file").send_keys(str(video))
    browser.until(f"{CARDS} === 24 && document.querySelector('#browse-grid b')?.textContent === '1.000'")
    assert video.name in browser.text("#browse-title") and video.name in browser.text("#browse-grid .card")
    browser.find("#back").click()
    browser.until("document.querySelector('#browse-title').textContent === 'All clips'")
    drop = """
      const text = atob(arguments[0]), bytes = Uint8Array.from(text, (each) => each.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], 'dropped.mp4'));
      document.querySelector('main').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}));
    """
    browser.run(drop, base64.b64encode(video.read_bytes()).decode())
    browser.until("document.querySelector('#browse-grid b')?.textContent === '1.000'")
    assert browser.text("#browse-title") == "Like dropped.mp4"


def test_what_cannot_be_searched_with_is_said(browser, tmp_path):
    browser.until(f"{CARDS} === 24")
    for name, content, said in [
        ("notes.mp4", b"no video at all\n" * 100, "the video: cannot be decoded as a video"),
        ("large.mp4", b"x" * (2**20 + 1), r"large.mp4 has 1.0 MB; up to 1 MB are taken"),
        ("empty.mp4", b"", "empty.mp4 is empty"),
    ]:
        (tmp_path / name).write_bytes(content)
        browser.find("#file").send_keys(str(tmp_path / name))
        browser.until("!document.querySelector('#error').hidden")
        assert said in browser.text("#error")
        browser.find("#error button").click()
        browser.until("document.querySelector('#error').hidden")


def test_a_lasso_lists_the_clips_in_it_and_a_ring_does_so_by_keys(browser, page):
    browser.open(f"{page.url}#map")
    browser.until("document.querySelectorAll('#key button').length === 2")
    plane = browser.find("#plane")
    width, height = plane.size["width"], plane.size["height"]
    corners = [(width - 4, 0), (0, height - 4), (4 - width, 0)]
    drag = ActionChains(browser.driver, duration=50).move_to_element_with_offset(plane, 2 - width // 2, 2 - height // 2)
    drag.click_and_hold()
    for x, y in corners:
        drag.move_by_offset(int(x), int(y))
    drag.release().perform()
    browser.until("document.querySelectorAll('#map-grid .shot').length === 24")
    assert browser.text("#map-chosen") == "24 clips chosen:"
    browser.find("#map-clear").click()
    browser.until("document.querySelectorAll('#map-grid .shot').length === 0")
    browser.all("#key button")[0].click()
    plane.send_keys(*["+"] * 15, Keys.ENTER)
    browser.until("document.querySelectorAll('#map-grid .shot').length === 12")
    browser.find("#colours").send_keys("cluster")
    cluster = "[...document.querySelectorAll('#key button')].some((each) => each.textContent.startsWith('cluster 1'))"
    browser.until(cluster)
    plane.send_keys(Keys.ESCAPE)
    browser.until("document.querySelectorAll('#map-grid .shot').length === 0")


def test_the_map_is_laid_out_by_neighbours_and_chosen_from(browser):
    browser.open(f"{browser.driver.current_url.split('#')[0]}#map")
    browser.until("document.querySelectorAll('#key button').length === 2")
    assert "principal components" in browser.text("#map-note")
    browser.find("#layout").send_keys("neighbours")
    browser.until("document.querySelector('#map-note').textContent.includes('t-SNE')")
    browser.find("#plane").send_keys(*["+"] * 15, Keys.ENTER)
    browser.until("document.querySelectorAll('#map-grid .shot').length === 24")


def test_the_map_of_clips_without_labels_is_coloured_by_cluster(chromium, run, clip_folder, tmp_path):
    videos = sorted(clip_folder.glob("*/*/*.mp4"))
    (tmp_path / "list.txt").write_text("".join(f"{video}\n" for video in videos))
    with running(embedded(run, tmp_path / "list.txt", tmp_path / "vectors")) as bare:
        chromium.open(f"{bare.url}#map")
        chromium.until("document.querySelectorAll('#key button').length === 8")
        assert chromium.run("return document.querySelector('#colours').value") == "cluster"
        chromium.open(f"{bare.url}#browse")
        chromium.until(f"{CARDS} === 24")
        chromium.all("#browse-grid .shot")[0].click()
        chromium.until("!document.querySelector('#query').hidden")
        assert chromium.text("#query").splitlines()[0].endswith(videos[0].name)


def test_clips_are_labelled_sorted_and_exported(browser, page):
    names = {clip["id"]: clip["label"] for clip in page.clips()}
    kinds = sorted(set(names.values()))
    browser.open(f"{page.url}#label")
    browser.until("document.querySelectorAll('#label-grid .shot').length === 24")
    for kind in kinds:
        browser.find("#label-name").send_keys(kind, Keys.ENTER)
    shots = {kind: [id for id in names if names[id] == kind][:5] for kind in kinds}
    for place, kind in enumerate(kinds):
        browser.all("#labels button")[place].click()
        for id in shots[kind]:
            browser.find(f"#label-grid .shot[data-id='{id}']").click()
    assert "10 clips labelled" in browser.text("#label-note")
    browser.find("#fit").click()
    browser.until(
        "!document.querySelector('#order').hidden && document.querySelectorAll('#label-grid .shot').length === 14"
    )
    assert re.search(r"\d+ of 10 right", browser.text("#label-note"))
    sure = [int(each.text.rstrip(" %")) for each in browser.all("#label-grid .card b")]
    assert sure == sorted(sure, reverse=True)
    browser.find("#least").click()
    browser.until("document.querySelectorAll('#label-grid .shot').length === 14")
    assert [int(each.text.rstrip(" %")) for each in browser.all("#label-grid .card b")] == sorted(sure)
    browser.find("#export").click()
    browser.find("#export-all").click()
    files = [browser.downloads / name for name in ("labels.csv", "labels_and_guesses.csv")]
    end = time.monotonic() + SECONDS
    while not all(file.exists() for file in files):
        assert time.monotonic() < end
        time.sleep(0.1)
    given, every = (list(csv.DictReader(file.open())) for file in files)
    assert {row["id"]: row["label"] for row in given} == {id: names[id] for ids in shots.values() for id in ids}
    assert len(every) == 24
    browser.driver.refresh()
    browser.until("document.querySelectorAll('#given-grid .shot').length === 10")


def test_labels_are_given_by_keys_alone(browser, page):
    browser.open(f"{page.url}#label")
    browser.until("document.querySelectorAll('#label-grid .shot').length === 24")
    for name in ("one", "two"):
        browser.find("#label-name").send_keys(name, Keys.ENTER)
    browser.run("document.querySelector('#label-grid .shot').focus()")
    ActionChains(browser.driver).send_keys("1", Keys.ARROW_RIGHT, "2", Keys.ARROW_DOWN, "1", Keys.HOME, "2").perform()
    browser.until("document.querySelector('#label-note').textContent.startsWith('3 clips')")
    assert [button.text for button in browser.all("#labels button")] == ["1: one (1)", "2: two (2)"]


def test_runs_stand_side_by_side(browser, page):
    browser.open(f"{page.url}#runs")
    browser.until("document.querySelectorAll('#charts svg.chart').length > 3")
    assert "random init" in browser.text("#tables") and "R@1" in browser.text("#tables")
    assert len(browser.all("#charts figure:first-child polyline")) == 2


@pytest.mark.parametrize(("width", "dark"), [(400, False), (400, True), (1600, False), (1600, True)])
def test_no_view_is_wider_than_the_screen_and_ink_stands_out(browser, page, width, dark):
    browser.emulate(width, 900, dark=dark)
    for view in ("browse", "map", "label", "runs"):
        browser.open(f"{page.url}#{view}")
        browser.until(f"!document.querySelector('#{view}').hidden && document.querySelector('#name').textContent")
        assert browser.run("return document.documentElement.scrollWidth") <= width
        ink, paper = (
            sum(map(int, re.findall(r"\d+", browser.run(f"return getComputedStyle(document.body).{name}"))[:3]))
            for name in ("color", "backgroundColor")
        )
        assert (ink - paper if dark else paper - ink) > 450


def test_a_server_that_has_ended_is_said_so(chromium, vectors):
    with running(vectors) as short:
        chromium.open(short.url)
        chromium.until(f"{CARDS} === 24")
    chromium.all("#browse-grid .shot")[0].click()
    chromium.until("!document.querySelector('#error').hidden")
    assert "does not answer" in chromium.text("#error")


def test_the_token_is_asked_for_and_lets_in(chromium, vectors):
    with running(vectors, token="a-token-that-nobody-guesses") as locked:
        chromium.open(locked.url.split("?")[0])
        chromium.find("input").send_keys("wrong", Keys.ENTER)
        chromium.until("document.body.textContent.includes('That is not the token')")
        chromium.find("input").send_keys("a-token-that-nobody-guesses", Keys.ENTER)
        chromium.until(f"location.search === '' && document.querySelector('#browse-grid') && {CARDS} === 24")
