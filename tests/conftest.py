"""What several test files share: the built site, and where the real data is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.publish.cards import find_chromium
from lib.publish.project import ROOT


@pytest.fixture(scope="session")
def site() -> Path:
    """The whole site, rendered once by the fallback renderer with no warning."""
    env = {**os.environ, "NOTES_RENDERER": "smalldocs"}
    done = subprocess.run([sys.executable, "-m", "lib", "site"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "_site"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser on the PATH; on CI there must be one."""
    found = find_chromium()
    if found is None and os.environ.get("CI"):
        pytest.fail("CI has no Chromium; .ci/run should have installed it")
    if found is None:
        pytest.skip("no Chromium on the PATH (apt install chromium)")
    return found


@pytest.fixture(scope="module")
def browser(chromium):
    """Chromium, opened once a module of tests."""
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def java() -> Iterator[str]:
    """The Java that Spark runs on, told that all runs are short; on CI there must be one, and Spark itself."""
    from lib.spark import SparkError, find_java
    from lib.spark.java import spark_home

    try:
        spark_home()
        found = find_java()
    except SparkError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI should have Java and pyspark, see .ci/run: {error}")
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield found
