"""The tests of the address begin with the whole house, whatever was taken off it before."""

from __future__ import annotations

import pytest

from tests.bed import line, playbook


@pytest.fixture(scope="session", autouse=True)
def whole_house() -> None:
    line("usual")
    run = playbook("site")
    assert run.code == 0, run.output
