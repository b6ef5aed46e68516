# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: command
short_description: The command that servers run, as one file
version_added: 0.2.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Packs the collection's own module_utils into a Python zip application, the same bytes for the same code, and gives C(path) and C(digest) of it.
options: {}
"""

EXAMPLES = r"""
- ansible.builtin.copy:
    src: "{{ lookup('homeserver.exposure.command').path }}"
    dest: /usr/local/lib/exposure/exposure.pyz
    mode: "0755"
"""

RETURN = r"""
_list:
  description: One mapping with C(path), a file on the controller for the time of the run, and C(digest), its SHA-256.
  type: list
  elements: dict
"""

import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.lookup import LookupBase

SOURCE = Path(__file__).resolve().parents[1] / "module_utils"
HEAD = b"#!/usr/bin/python3 -I\n"
MAIN = "import sys\nfrom exposure.command.main import main\nsys.exit(main())\n"
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def packed(source: Path = SOURCE) -> bytes:
    """The zip application (docs.python.org, zipapp), without anything that differs between two builds."""
    buffer = io.BytesIO(HEAD)
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py", LONG_AGO), MAIN)
        files = {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*.py")}
        packages = {f"{folder}/__init__.py".lstrip("/"): b"" for name in files for folder in ("", name.rpartition("/")[0])}
        for name, content in sorted({**packages, **files}.items()):
            entry = zipfile.ZipInfo(f"exposure/{name}", LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


class LookupModule(LookupBase):
    def run(self, terms: Any, variables: Any = None, **options: Any) -> list[dict[str, str]]:
        content = packed()
        path = Path(constants.DEFAULT_LOCAL_TMP) / "exposure.pyz"
        # Forks of one run write it at the same time: each beside it, and then in its place.
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_bytes(content)
        fresh.replace(path)
        return [{"path": str(path), "digest": hashlib.sha256(content).hexdigest()}]
