"""Headless Chromium with a profile of its own, and what tests do with it; needs selenium."""

from __future__ import annotations

import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]
SECONDS = 90


class Browser:
    """Chromium, and what these tests do with it."""

    def __init__(self, chromium: str, driver: str, profile: Path, downloads: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*QUIET, f"--user-data-dir={profile}", "--window-size=1200,900"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.downloads = downloads
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        self.run = self.driver.execute_script

    def open(self, url: str) -> None:
        self.driver.get("about:blank")  # or another #view of the same page would not load it anew
        self.driver.get(url)

    def until(self, condition: str, *given: object) -> object:
        """What a condition in JavaScript gives once it holds."""
        end = time.monotonic() + SECONDS
        while not (found := self.run(f"return {condition}", *given)):
            assert time.monotonic() < end, f"{condition}: {self.text('body')[:1500]}"
            time.sleep(0.1)
        return found

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def emulate(self, width: int, height: int, *, dark: bool) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
