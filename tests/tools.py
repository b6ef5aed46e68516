"""Real programs for tests, taken out of Debian's packages without installing them: nothing is started on the machine."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

CACHE = Path(os.environ.get("EXPOSURE_TOOLS", Path(__file__).resolve().parents[1] / ".cache" / "tools"))


@functools.cache
def program(package: str, path: str) -> str:
    """The path of a program of a package of this machine's archive; downloaded once, whoever of several test processes comes first."""
    target = CACHE / package / path.lstrip("/")
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{package}.lock"):
        if not target.exists():
            unpack(package)
    return str(target)


def unpack(package: str) -> None:
    folder = CACHE / f"{package}.new"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
    archive.unlink()
    shutil.rmtree(CACHE / package, ignore_errors=True)
    folder.rename(CACHE / package)
