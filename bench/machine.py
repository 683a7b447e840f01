# SPDX-License-Identifier: Apache-2.0
"""On which machine something was measured."""
from __future__ import annotations

import os
import platform
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
