# SPDX-License-Identifier: Apache-2.0
"""The door: what ./dev says on its own, and that a system without apt gets instructions instead of a failure half-way."""
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def dev(*arguments, **environment):
    return subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, cwd="/", env={**os.environ, **environment})


def test_every_command_that_dev_accepts_is_described_in_its_help():
    script = (ROOT / "dev").read_text()
    commands = re.findall(r"^(\w+)\)", script[script.index("case $command in"):], re.MULTILINE)
    text = dev("help").stdout
    assert len(commands) >= 8
    for command in commands:
        assert re.search(rf"^  {command} ", text, re.MULTILINE), command


def test_an_unknown_command_is_refused_with_the_help():
    result = dev("biuld")
    assert result.returncode == 1
    assert "unknown command 'biuld'" in result.stderr and "usage: ./dev" in result.stderr


def test_an_unknown_step_of_test_is_refused_before_anything_runs():
    result = dev("test", "everything")
    assert result.returncode == 1 and "unknown step 'everything'" in result.stderr and result.stdout == ""


def test_without_apt_it_prints_what_to_install_and_stops(tmp_path):
    for name in ("bash", "dirname", "cat", "env", "sort"):
        (tmp_path / name).symlink_to(shutil.which(name))
    result = dev("setup", PATH=str(tmp_path), TENSORWRIGHT_SKIP_PACKAGES="")
    assert result.returncode == 1
    assert "not Debian" in result.stderr and "LLVM 19" in result.stderr and "llvm-19-dev" in result.stderr


def test_the_table_adds_up_the_counts_of_the_result_files_and_ends_in_the_summaries(tmp_path):
    (tmp_path / "cpp").mkdir()
    (tmp_path / "cpp/a.xml").write_text('<testsuites tests="5" failures="1"><testsuite tests="5" failures="1" disabled="1"/></testsuites>')
    (tmp_path / "python.xml").write_text('<testsuites><testsuite tests="3" failures="0" errors="0" skipped="2"/></testsuites>')
    (tmp_path / "cpp.log").write_text("50% tests passed, 1 tests failed out of 2\nTotal Test time = 1 sec\n")
    (tmp_path / "python.log").write_text("x\n==== 1 passed, 2 skipped in 0.10s ====\n")
    result = subprocess.run([ROOT / "tools/test_table", tmp_path, "cpp FAILED 4", "python ok 1"], capture_output=True, text=True)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[1:3] == [["cpp", "FAILED", "3", "1", "1", "4"], ["python", "ok", "1", "0", "2", "1"]]
    assert result.stdout.splitlines()[-2:] == ["50% tests passed, 1 tests failed out of 2", "==== 1 passed, 2 skipped in 0.10s ===="]
