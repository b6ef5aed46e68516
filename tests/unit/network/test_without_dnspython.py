"""The controller and the machines that only try ports need no dnspython."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("module", ["judge", "report", "challenge", "observe", "answer"])
def test_it_is_only_needed_to_ask_name_servers(module: str) -> None:
    script = f"import sys; sys.modules['dns'] = None; import plugins.module_utils.network.{module}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
