# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each host looks after by itself, from its timer: what may be declared of it, and what of the Plan it is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import values
from .certificates import STAGING
from .collection import House
from .declaration import Field, Place, read
from .mistakes import Mistakes, Refused
from .model import HostPlan, Plan, Watch, WatchedSite

RECEIVER = re.compile(r"[a-z][a-z0-9+.-]{0,30}://.{1,4000}\Z", re.IGNORECASE)
PING = re.compile(r"https?://[^\s/]{1,300}(/\S*)?\Z")
OWN_TIMER = "exposure-watch.timer"
"""A run by hand, or one that a failure starts, sees that nobody looks hourly any more."""
ENGINE_UNITS = {"caddy": "caddy.service", "nginx": "nginx.service"}


def receivers(value: object) -> list[str]:
    """URLs of apprise. No message holds one: they are secrets."""
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list) or not entries:
        raise Refused("it is not a list of URLs", "a list, such as [ntfys://ntfy.example.org/home, mailtos://name:password@example.org]")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, str) or not entry.isprintable() or not RECEIVER.match(entry):
            raise Refused(f"entry {number} is not a URL of apprise", "a URL on one line, such as ntfys://ntfy.example.org/home")
    return entries


def ping_address(value: object) -> str:
    """Called with GET after each look. It may hold a secret."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not PING.match(value):
        raise Refused("it is not a web address", "the address that the service gives you, such as https://hc-ping.com/...")
    return value


def share(value: object) -> float:
    """A part of a life, more than none and less than all."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise Refused("it is not a share of a life", "a number between 0 and 1, such as 0.31")
    return float(value)


def days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 400:
        raise Refused("it is not a number of days", "a number such as 20")
    return value


def several(each: Callable[[Any], Any]) -> Callable[[object], list[Any]]:
    """A list whose entries are told apart, the greatest first."""
    return lambda value: sorted(set(values.many(each)(value)), reverse=True)


WATCH = {
    "state": Field(values.one_of("present", "absent"), "present"),
    "notify": Field(receivers, [], secret=True),
    "ping": Field(ping_address, "", secret=True),
    "warn_left": Field(share, 0.31),
    "critical_left": Field(share, 0.1667),
    "days": Field(several(days), []),
    "ari": Field(values.boolean, False),
    "remind": Field(values.duration, 86400),
    "textfile": Field(values.file_path, ""),
}


def read_watch(given: object, name: str, mistakes: Mistakes) -> dict[str, Any]:
    """`exposure_watch` of a host, checked."""
    its = read(WATCH, given, Place(name, "", "exposure_watch."), mistakes)
    if its["critical_left"] >= its["warn_left"]:
        problem = f"the warning comes at {its['warn_left']}, and what is critical cannot come before it"
        mistakes.add(name, "", "exposure_watch.critical_left", its["critical_left"], problem, "a share that is less than warn_left")
    return its


def add_watches(plan: Plan, house: House) -> None:
    """For each host that serves, runs or keeps something: what its watch looks at. The receivers of notices are secrets, and not in the Plan."""
    for name, its in plan.hosts.items():
        declared = read_watch(house.hosts[name]["watch"], name, house.mistakes)
        apps = sorted(stack.name for stack in its.stacks if stack.state == "present")  # in whatever order they are declared
        sites, units = watched_sites(its), watched_units(its, bool(apps))
        if declared["state"] == "absent" or not (sites or apps or units):
            continue
        acme = its.proxy.acme if its.proxy else {}
        thresholds = {line: declared[line] for line in ("warn_left", "critical_left", "days", "ari", "remind")}
        thresholds |= {"directory": acme.get("directory", ""), "roots": acme.get("ca_root", "")}
        its.watch = Watch(sites, [one.name for one in its.certificates], apps, [*units, OWN_TIMER], thresholds, declared["textfile"])


def watched_sites(its: HostPlan) -> list[WatchedSite]:
    if its.proxy is None:
        return []
    kinds = {one.name: one.kind for one in its.certificates}
    public = not its.proxy.acme["ca_root"] and its.proxy.acme["directory"] != STAGING
    own = [
        WatchedSite(site.name, host, site.certificate, public and kinds.get(site.certificate, "acme") == "acme")
        for site in its.proxy.sites
        for host in site.hosts
    ]
    return own + [WatchedSite(site.name, host, "", False, True) for site in its.proxy.passthrough for host in site.hosts]


def watched_units(its: HostPlan, apps: bool) -> list[str]:
    """What has to run for them, as systemd calls it."""
    found = []
    if its.proxy and (its.proxy.sites or its.proxy.passthrough):
        found.append(ENGINE_UNITS[its.proxy.engine])
        if its.proxy.engine == "caddy" and its.proxy.splitter:
            found.append("exposure-sni-router.service")
    if its.certificates:
        found.append("exposure-certificates.timer")
    if "ddns" in its.used:
        found += ["exposure-ddns.timer", "exposure-address-watch.service"]
    if its.admissions:
        found.append("exposure-firewall.service")
    return found + (["docker.service"] if apps else [])
