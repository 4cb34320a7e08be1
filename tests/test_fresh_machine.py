"""`make site` on a fresh machine: a checkout, Python and a package index, and nothing else."""

import os
import shutil
import subprocess

import pytest

from lib.publish.project import ROOT

pytestmark = pytest.mark.slow


def call(*command: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The files of the repository as they are now, ignored ones left behind."""
    place = tmp_path_factory.mktemp("fresh") / "checkout"
    listed = call("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT, check=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def test_make_site_sets_up_and_builds_without_anything_heavy(checkout):
    own = ("NOTES_", "VIRTUAL_ENV", "VENV", "PYTHON", "MAKE")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    done = call("make", "site", cwd=checkout, env={**bare, "NOTES_RENDERER": "smalldocs"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / "_site" / "index.html").is_file()
    assert "smalldocs" in done.stdout
    packages = call(str(checkout / ".venv" / "bin" / "python"), "-m", "pip", "list", "--format=freeze").stdout.lower()
    assert "smalldocs==" in packages
    assert not [p for p in ("torch", "numpy", "pandas", "jupyter") if f"{p}==" in packages]
