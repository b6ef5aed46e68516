# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Room on the file systems that a renewal, a database of an app and the log need."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from .model import ERROR, Look

AREA = "disk"
PLACES = ("/", "/var/lib", "/etc/letsencrypt", "/var/lib/docker")
WARN_SHARE, WARN_BYTES = 0.05, 200 << 20
LAST_SHARE, LAST_BYTES = 0.01, 50 << 20
ADVICE = "Make room: 'journalctl --vacuum-size=200M', 'docker system df' and 'du -xh --max-depth=2 / | sort -h | tail' show what takes it."


def look(places: Iterable[str] = PLACES, measure: Callable[[str], os.statvfs_result] = os.statvfs, device: Callable[[str], int] | None = None) -> Look:
    """Each file system once, by the first of the places on it. Raises OSError."""
    found, known = Look(AREA), set()
    number = device or (lambda path: Path(path).stat().st_dev)
    for place in places:
        try:
            one, size = number(place), measure(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if one in known:
            continue
        known.add(one)
        judge(place, size, found)
    return found


def judge(place: str, size: os.statvfs_result, found: Look) -> None:
    free, whole = size.f_bavail * size.f_frsize, size.f_blocks * size.f_frsize
    if whole and (free < WARN_SHARE * whole or free < WARN_BYTES):
        severe = free < LAST_SHARE * whole or free < LAST_BYTES
        what = f"The disk is nearly full: {free >> 20} MB of {whole >> 20} MB are free at {place} ({free / whole:.0%})."
        found.add("disk_low", place, what, ADVICE, ERROR if severe else "")
    elif size.f_files and size.f_favail < WARN_SHARE * size.f_files:
        what = f"The disk at {place} can hold only {size.f_favail} more files."
        found.add("disk_low", place, what, "Look for a folder with very many small files: 'du --inodes -x --max-depth=3 / | sort -n | tail'.")
