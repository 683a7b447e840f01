# SPDX-License-Identifier: Apache-2.0
"""ONNX's own conformance cases: what has passed goes on passing, nothing crashes or hangs, and what fails says which operator or type it is.
The record is tests/conformance/failures.txt; tools/conformance --update renews it together with docs/conformance.md."""
import json
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    path = tmp_path_factory.mktemp("conformance") / "outcomes.json"
    subprocess.run([sys.executable, ROOT / "tools/conformance", "--json", path], check=True, timeout=900)
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def record():
    header, *lines = (ROOT / "tests/conformance/failures.txt").read_text().splitlines()
    version, count = re.match(r"# onnx (\S+), (\d+) cases", header).groups()
    if version != onnx.__version__:
        pytest.skip(f"the record is of onnx {version}, installed is {onnx.__version__}")
    return int(count), dict(line.split("\t", 1) for line in lines)


def test_nothing_crashes_or_hangs_or_fails_inside(outcomes):
    assert {name: reason for name, reason in outcomes.items() if reason.startswith(("CRASH", "HANG", "InternalError"))} == {}


def test_no_numbers_are_wrong(outcomes):
    """Other numbers than the case's are ours to keep only with a reason, which tools/conformance and the table give."""
    assert {name: reason for name, reason in outcomes.items() if reason.startswith("other numbers: Mismatched")} == {}
    table = (ROOT / "docs/conformance.md").read_text()
    assert [reason for reason in outcomes.values() if reason.startswith("other numbers") and reason not in table] == []


def test_what_has_passed_goes_on_passing(outcomes, record):
    count, failures = record
    assert len(outcomes) == count
    assert {name: reason for name, reason in outcomes.items() if reason and name not in failures} == {}


def test_each_failure_names_an_operator_or_a_type(record):
    named = re.compile(r"operators?: \w|\(\w+\): |input '.*' is an? \w+|a cast to \w+|opset \d+|^dropout |^other numbers: [a-z]")
    assert {name: reason for name, reason in record[1].items() if not named.search(reason)} == {}


def test_the_table_tells_the_number(record):
    count, failures = record
    assert f"**{count - len(failures)} of {count}** cases pass" in (ROOT / "docs/conformance.md").read_text()
