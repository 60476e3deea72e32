"""The page in a real headless browser: opens, filters, enlarges, loads its pictures, fits a phone."""

import shutil

import numpy as np
import pytest

from reporting import page, plots

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
    metrics = {f"test/a_long_metric_name_{i}": {"mean": i, "sd": 0.1, "values": [i, i]} for i in range(9)}
    row = {"variant": "blog", "data": "digits", "data_checksum": "f00", "epochs": 1, "seeds": [0, 1], "parameters": 3}
    row |= {"seconds": 1, "hardware": "CPU", "command": "python x", "commit": "abc", "versions": {"keras": "3"}}
    figure = plots.image_rows({"row": np.zeros((4, 8, 8))})
    plots.save(plots.caption(figure, "a caption"), tmp_path / "zeros.png")
    pictures = [page.embed(tmp_path / "zeros.png", "gmu")]
    path = page.write(tmp_path / "results", entries, {"gmu": [row | {"metrics": metrics}]}, pictures)
    return path.as_uri()


def visible_rows(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#ledger tbody tr')].filter(row => row.offsetParent !== null).length"
    )


@pytest.mark.parametrize("width", [375, 1200])
def test_the_page_works(browser, address, width):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.select import Select

    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.get(address)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(
        "return [...document.images].slice(0, -1).every(i => i.complete && i.naturalWidth > 0)"
    )

    assert (
        browser.execute_script(
            "return Math.max(...[...document.querySelectorAll('#ledger td')].map(c => c.getBoundingClientRect().right))"
        )
        <= width
    ), "a verdict is out of sight"

    assert visible_rows(browser) == 3
    Select(browser.find_element(By.ID, "method")).select_by_visible_text("gmu")
    assert visible_rows(browser) == 2
    Select(browser.find_element(By.ID, "verdict")).select_by_visible_text("not replicated")
    assert visible_rows(browser) == 1

    dialog = browser.find_element(By.ID, "large")
    assert not dialog.is_displayed()
    browser.find_element(By.CSS_SELECTOR, "figure img").click()
    assert dialog.is_displayed()
    dialog.click()
    assert not dialog.is_displayed()
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
