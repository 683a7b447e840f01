# SPDX-License-Identifier: Apache-2.0
"""The documentation is true: every block marked `run` runs, the generated pages are those that the code gives, links lead somewhere."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bench/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|bash) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    text = page.read_text()
    return [(match[1], match[2], text[: match.start()].count("\n") + 2) for match in BLOCK.finditer(text)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(ROOT / "examples/data/FastestDet.onnx", tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    build = Path(os.environ.get("TENSORWRIGHT_BUILD") or ROOT / "build")
    if not (build / "tensorwright").exists() and shutil.which("tensorwright") is None:
        pytest.skip("the command tensorwright is not built")
    monkeypatch.setenv("PATH", os.pathsep.join([str(build), str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_block_marked_run_runs(page, folder):
    names = {}
    for language, code, line in blocks(page):
        if language == "python":
            exec(compile("\n" * (line - 1) + code, page, "exec"), names)
            continue
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
        assert result.returncode == 0, f"{page}:{line}\n{code}\n{result.stdout}{result.stderr}"


def test_the_tutorial_and_the_readme_have_such_blocks():
    assert len(blocks(ROOT / "docs/tutorial.md")) > 10 and blocks(ROOT / "README.md")


def test_generated_pages_are_fresh():
    result = subprocess.run([sys.executable, ROOT / "tools/generate_docs", "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_inside_the_project_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
