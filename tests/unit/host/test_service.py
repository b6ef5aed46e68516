"""A service that a run starts: how it ended, in its own words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from plugins.module_utils.host.service import Ended, start

SHOWN = "ExecMainStatus={code}\nInvocationID=00112233\nResult={result}\n"


def machine(code: str, result: str, journal: str = "home A: token must be given.\n\n") -> tuple[list[list[str]], object]:
    asked: list[list[str]] = []

    def run(command: Sequence[str]) -> tuple[int, str]:
        asked.append(list(command))
        if command[1] == "show":
            return 0, SHOWN.format(code=code, result=result)
        return (0, journal) if command[0] == "journalctl" else (1, "Job failed")

    return asked, run


@pytest.mark.parametrize(
    ("code", "result", "expected"), [("0", "success", 0), ("11", "exit-code", 11), ("0", "timeout", 1), ("", "exit-code", 1), ("13", "success", 13)]
)
def test_the_exit_code_of_its_program_is_told_and_a_run_that_systemd_ended_is_no_success(code: str, result: str, expected: int) -> None:
    asked, run = machine(code, result)
    assert start("exposure-ddns.service", run) == Ended("exposure-ddns.service", expected, ("home A: token must be given.",))  # type: ignore[arg-type]
    assert asked[0] == ["systemctl", "start", "exposure-ddns.service"]
    assert "_SYSTEMD_INVOCATION_ID=00112233" in asked[-1], "what this very run said, and nothing older"


def test_a_long_story_is_cut_to_its_end() -> None:
    _, run = machine("12", "exit-code", "".join(f"line {number}\n" for number in range(100)))
    said = start("u.service", run).said  # type: ignore[arg-type]
    assert len(said) == 20 and said[-1] == "line 99"
