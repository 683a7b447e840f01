# SPDX-License-Identifier: Apache-2.0
"""On which machine something was measured."""
from __future__ import annotations

import atexit
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def physical_cores() -> int:
    seen = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        seen.add(siblings.read_text() if siblings.exists() else cpu)
    return len(seen)


def hide_avx512() -> None:
    """Lets the programs that this one starts from now on see a processor without AVX-512 (hide_avx512.c says how). Exits where that cannot be had."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "hide_avx512.so"
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", Path(__file__).with_name("hide_avx512.c"), "-o", library], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library)}
    if subprocess.run(["true"], env=environment, check=False).returncode != 0:
        sys.exit("bench: AVX-512 cannot be hidden on this machine")
    os.environ.update(environment)
