# SPDX-License-Identifier: Apache-2.0
"""What the project says about itself in several places is the same everywhere."""
import hashlib
import re
from pathlib import Path

import tensorwright

ROOT = Path(__file__).parents[2]


def test_cmake_and_the_package_have_the_same_version():
    version = re.search(r"project\(tensorwright VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert tensorwright.__version__ == version


def test_the_data_of_the_examples_is_what_its_page_says():
    folder = ROOT / "examples/data"
    sums = dict(re.findall(r"(\S+) ([0-9a-f]{64})", (folder / "README.md").read_text()))
    assert sums.keys() == {"FastestDet.onnx", "street.jpg", "coco.names"}
    for name, expected in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected


def test_the_readme_begins_with_the_two_commands():
    assert [line.split("#")[0].strip() for line in (ROOT / "README.md").read_text().splitlines()[1:3]] == ["./dev demo", "./dev test"]
