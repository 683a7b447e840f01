# SPDX-License-Identifier: Apache-2.0
"""Which models are measured: a zoo of large ones that a script beside the project builds with PyTorch, and small ones: those of the project
and trained ones beside it."""
from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def command() -> str:
    """The tensorwright command: that of the environment, else of the build folder."""
    return shutil.which("tensorwright") or str(Path(os.environ.get("TENSORWRIGHT_BUILD") or ROOT / "build") / "tensorwright")


def zoo_script() -> Path | None:
    """The nearest shared/bench/zoo.py above the project: `zoo.py --list` prints names, `zoo.py FOLDER NAME` writes FOLDER/NAME.onnx."""
    for folder in ROOT.parents:
        script = folder / "shared" / "bench" / "zoo.py"
        if script.is_file():
            return script
    return None


def zoo_folder() -> Path:
    return Path(os.environ.get("TENSORWRIGHT_ZOO") or ROOT / "build" / "zoo")


def zoo_models(say) -> list[Path]:
    script, folder = zoo_script(), zoo_folder()
    if script is None:
        there = sorted(folder.glob("*.onnx"))
        if not there:
            say("no zoo.py stands in shared/bench above the project: only the models of examples/data are measured")
        return there
    names = subprocess.run([sys.executable, script, "--list"], capture_output=True, text=True).stderr.split()
    missing = [name for name in names if not (folder / f"{name}.onnx").exists()]
    needed = [package for package in ("torch", "torchvision", "transformers") if importlib.util.find_spec(package) is None]
    if missing and needed:
        say(f"skipped, because {', '.join(needed)} is not installed in .venv/ (pip install {' '.join(needed)}) and TENSORWRIGHT_ZOO names no "
            f"folder with them: {', '.join(missing)}")
    elif missing:
        say(f"building {', '.join(missing)} in {folder}")
        subprocess.run([sys.executable, script, folder, *missing], check=True, stdout=subprocess.DEVNULL)
    return [folder / f"{name}.onnx" for name in names if (folder / f"{name}.onnx").exists()]


def small_models() -> list[Path]:
    """Those of the project, and every ONNX file of the nearest shared/models above it."""
    folders = [ROOT / "examples" / "data"]
    folders += [folder / "shared" / "models" for folder in ROOT.parents if (folder / "shared" / "models").is_dir()][:1]
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.onnx")):
            found.setdefault(label(path), path)
    return list(found.values())


def label(path: Path) -> str:
    """What a table calls the model: its file's name, or its folder's where files are only called `model`."""
    return path.parent.name if path.stem == "model" else path.stem


SETS = {"zoo": zoo_models, "small": lambda say: small_models()}


def default_models(say, sets=SETS) -> dict[Path, str]:
    """Each model with the set that it belongs to."""
    return {path: name for name in sets for path in SETS[name](say)}


def chosen_models(names: list[str], say) -> dict[Path, str]:
    """Names of sets, files, or names of the default models as `label` gives them."""
    if not names:
        return default_models(say)
    chosen: dict[Path, str] = {}
    for name in names:
        if name in SETS:
            chosen |= default_models(say, [name])
        elif Path(name).is_file():
            chosen[Path(name)] = "given"
        else:
            known = default_models(lambda text: None)
            found = {path: origin for path, origin in known.items() if label(path) == name}
            if not found:
                sys.exit(f"bench: there is no model '{name}': expected a file, {', '.join(SETS)}, or one of {', '.join(map(label, known))}")
            chosen |= found
    return chosen
