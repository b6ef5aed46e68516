# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page and the JSON as files: whole or not at all, and for their owner's eyes alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..host import memory
from .gather import Proof
from .page import page


def as_json(proof: Proof) -> dict[str, Any]:
    """All of a proof as plain data."""
    told: Mapping[str, Any] = asdict(proof)
    return {**told, "ok": proof.ok}


def write(proof: Proof, path: Path) -> list[Path]:
    """The page at `path` and the JSON beside it, mode 0600: they tell about the home. Missing folders are made. Raises OSError."""
    beside = path.with_suffix(".json")
    if beside == path:
        raise OSError(f"{path} is where the JSON would go: let the page end in .html")
    path.parent.mkdir(parents=True, exist_ok=True)
    memory.write(path, page(proof))
    memory.write(beside, json.dumps(as_json(proof), indent=1) + "\n")
    return [path, beside]
