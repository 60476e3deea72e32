"""The page in a real headless browser: opens, filters, searches, loads its pictures, fits a phone, is accessible."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from reporting import page, plots
from training.run import read_json

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs the commands chromium and chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def address(tmp_path):
    def claim(method, number, verdict):
        entry = {"id": f"{method}-{number}", "method": method, "source": "A post <with> marks & signs", "how": "how"}
        entry |= {"kind": "document", "reading": None}
        long = "a-very-long-unbroken-word-" * 8
        return {
            **entry,
            "claim": long,
            "expected": 0.5,
            "unit": "%",
            "measured": 0.25,
            "verdict": verdict,
            "evidence": long,
        }

    entries = [claim("gmu", 0, "replicated"), claim("gmu", 1, "not replicated"), claim("corrnet", 2, "replicated")]
    entries.append(claim("gmu", 3, "met") | {"kind": "goal"})
    metrics = {f"test/a_long_metric_name_{i}": {"mean": i, "sd": 0.1, "values": [i, i]} for i in range(9)}
    row = {"variant": "blog", "data": "digits", "data_checksum": "f00", "epochs": 1, "seeds": [0, 1], "parameters": 3}
    row |= {"seconds": 1, "hardware": "CPU", "command": "python x", "commit": "abc", "versions": {"keras": "3"}}
    figure = plots.image_rows({"row": np.zeros((4, 8, 8))})
    plots.save(plots.caption(figure, "a caption"), tmp_path / "zeros.png")
    out = tmp_path / "results"
    pictures = [page.linked(tmp_path / "zeros.png", "zeros", out, "gmu")]
    path = page.write(out, entries, {"gmu": [row | {"metrics": metrics}]}, pictures, sentences=["It <works>."])
    return path.as_uri()


def visible_rows(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('.ledger tbody tr')].filter(row => row.offsetParent !== null).length"
    )


def resize(browser, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_works(browser, address, width):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    resize(browser, width)
    browser.get(address)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    right = "return Math.max(...[...document.querySelectorAll('.ledger td')].map(c => c.getBoundingClientRect().right))"
    assert browser.execute_script(right) <= width, "a verdict is out of sight"
    browser.execute_script("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    loaded = "return [...document.images].every(i => i.complete && i.naturalWidth > 0)"
    assert browser.execute_script("return document.images.length") > 30
    for _ in range(50):
        if browser.execute_script(loaded):
            break
        time.sleep(0.1)
    assert browser.execute_script(loaded), "a picture is missing"

    assert visible_rows(browser) == 4
    Select(browser.find_element(By.ID, "method")).select_by_visible_text("gmu")
    assert visible_rows(browser) == 3
    Select(browser.find_element(By.ID, "verdict")).select_by_visible_text("not replicated")
    assert visible_rows(browser) == 1
    browser.find_element(By.ID, "search").send_keys("no such word")
    assert visible_rows(browser) == 0 and browser.find_element(By.ID, "count").text == "0 of 4 lines"
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_link_to_a_claim_opens_it(browser, address):
    resize(browser, 1440)
    browser.get(f"{address}#gmu-1")
    assert browser.execute_script("return document.querySelector('#gmu-1 details').open")
    assert not browser.execute_script("return document.querySelector('#gmu-0 details').open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(browser, address, scheme):
    axe = pytest.importorskip("axe_core_python")
    (script,) = Path(axe.__file__).parent.rglob("axe.min.js")
    resize(browser, 1440)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(address)
    browser.execute_script(script.read_text())
    found = browser.execute_async_script("const done = arguments[0]; axe.run().then(done)")
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found["violations"]] == []


def test_without_javascript_everything_but_the_filters_is_there(browser, address):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(address)
    source = browser.page_source
    assert 'class="filters" hidden' in source and source.count("<tr id=") == 4
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_committed_page_is_small():
    entries = read_json(page.ROOT / "results" / "claims.json")
    assert len(page.findings()) == 8
    assert len(entries) > 150
