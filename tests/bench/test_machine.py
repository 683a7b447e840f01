# SPDX-License-Identifier: Apache-2.0
"""bench/machine.py: a program that is started after hide_avx512 sees a processor that ends at AVX2."""
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = f"""
import json, subprocess, sys
sys.path.insert(0, {str(ROOT / "bench")!r})
import machine
doctor = lambda: json.loads(subprocess.run([{shutil.which("tensorwright")!r}, "doctor", "--json"], stdout=subprocess.PIPE, check=True).stdout)["result"]["features"]
seen = doctor()
machine.hide_avx512()
print(json.dumps([seen, doctor()]))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 processors have AVX-512")
def test_programs_started_afterwards_see_no_avx512_and_all_else():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=os.environ | {"TENSORWRIGHT_CALIBRATION": "off"})
    if "cannot be hidden" in done.stderr:
        pytest.skip("this machine does not let CPUID fault")
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    newer = ("avx512", "avx10", "amx", "avx_vnni", "avx_ifma", "avx_ne_convert")
    assert after == [feature for feature in before if not feature.startswith(newer)]
