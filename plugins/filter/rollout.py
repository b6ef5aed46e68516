# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run over some of the hosts: what it proves, and what it leaves to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homeserver.exposure.plugins.module_utils.proof.words import plural


def probes_of_run(plan: Mapping[str, Any], hosts: Sequence[str]) -> list[Mapping[str, Any]]:
    """What a run over these hosts is to prove: the sites that they declare or expose. Where they do neither, as those of a run of machines that look alone,
    it is every site."""
    own = [probe for probe in plan["probes"] if probe["proxy"] in hosts or probe["declared_on"] in hosts]
    return own or list(plan["probes"])


def left_to_do(plan: Mapping[str, Any], hosts: Sequence[str], probes: Sequence[Any] = ()) -> list[str]:
    """What a run over these hosts has not done, and of which of all sites but `probes` it proves nothing."""
    unseen = len({probe["site"] for probe in plan["probes"]} - {probe["site"] for probe in probes}) if probes else 0
    told = [said for host, said in plan["left_to_do"].items() if host not in hosts]
    return told + ([f"{plural(unseen, 'site')} of hosts that were not in this run {'was' if unseen == 1 else 'were'} not looked at."] if unseen else [])


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"probes_of_run": probes_of_run, "left_to_do": left_to_do}
