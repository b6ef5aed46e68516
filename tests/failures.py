"""What failed in the tests of this checkout, a line each, for the end of a long output: read from the reports that pytest left in .cache."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

REPORTS = Path(__file__).resolve().parents[1] / ".cache"


def failures(folder: Path) -> list[str]:
    """Test and first line of what it said, of every report."""
    found = []
    for report in sorted(folder.glob("*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            for kind in ("failure", "error"):
                for trouble in case.findall(kind):
                    said = (trouble.get("message") or "").strip().splitlines() or [""]
                    found.append(f"{report.stem}: {case.get('classname')}::{case.get('name')}: {said[0][:300]}")
    return found


if __name__ == "__main__":
    print("\n".join(failures(REPORTS)) or "No test failed; the output above says what did.")
    sys.exit(1)
