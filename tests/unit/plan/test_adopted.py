"""An app of a compose file that a person has: which service it is, where it is reached, whom it sees, and what its owner is told."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from plugins.filter.compose_files import compose_files
from plugins.module_utils.plan.make import Inventory
from plugins.module_utils.plan.model import AdoptedApp, Plan

from .declarations import catalogue, host, mistakes, plan

FILE = "/srv/media/docker-compose.yml"
PORT = {"address": "0.0.0.0", "published": 8123, "target": 8123, "protocol": "tcp"}
MOUNT = {"source": "/srv/media/config", "target": "/config", "type": "bind", "kind": "folder"}
NETWORK = {"name": "media_default", "made": True, "subnets": ["172.23.0.0/16"], "gateways": ["172.23.0.1"]}
HOME = {"name": "home", "app": "home_assistant", "compose": FILE}
SITE = {"name": "home", "app": "home"}


def service(**lines: Any) -> dict[str, Any]:
    left_out = {"image": "", "network_mode": "", "networks": {"default": ""}, "ports": [], "mounts": [MOUNT], "extra_hosts": [], "told": {}}
    return {**left_out, **copy.deepcopy(lines)}


def container(name: str, networks: Mapping[str, tuple[str, str]], *ports: Mapping[str, Any], **lines: Any) -> dict[str, Any]:
    """`networks`: their names with the container's address and the gateway."""
    rows = {one: {"address": address, "address6": "", "gateway": gateway} for one, (address, gateway) in networks.items()}
    first = next(iter(networks), "")
    return {
        "id": "1",
        "name": f"media-{name}-1",
        "service": name,
        "image": "x:1",
        "state": "running",
        "networks": rows,
        "way_out": first,
        "ports": [*ports],
        **lines,
    }


def look(services: Mapping[str, Any], *containers: Mapping[str, Any], **lines: Any) -> dict[str, Any]:
    """What host/compose_files.py found of the file."""
    found = {"problem": "", "compose": ["docker", "compose"], "files": [FILE], "directory": "/srv/media", "project": "media"}
    rest = {"services": services, "networks": {"default": NETWORK}, "containers": [*containers], "upstreams": [], "reach": [], "dropped_by": ""}
    return {**found, **rest, **lines}


def at_home(seen: Mapping[str, Any] | None, app: Mapping[str, Any] = HOME, **lines: Any) -> Inventory:
    found = {"release": "trixie", "addresses": ["192.168.1.10", "fd00::10"]} | ({"adopted": {FILE: seen}} if seen is not None else {})
    declared: dict[str, Any] = {"sites": [SITE], "domain": "casa.example", "apps": [app]}
    return host(found=found, **{**declared, **lines})


def adopted(made: Plan, name: str = "home") -> AdoptedApp:
    (app,) = made.hosts[name].adopted
    return app


def upstream(made: Plan, name: str = "home") -> str:
    proxy = made.hosts[name].proxy
    assert proxy is not None
    return proxy.sites[0].locations[0].upstream


BRIDGED = look({"homeassistant": service(ports=[PORT])}, container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}, PORT))
IN_HOST = look({"homeassistant": service(network_mode="host", networks={})}, container("homeassistant", {"host": ("", "")}))


def mapio(**lines: Any) -> dict[str, Any]:
    """The compose file of MAPIO: Caddy in a network of its own, which reaches an app in the host's network by host.docker.internal."""
    caddy_ports = [{"address": "0.0.0.0", "published": 443, "target": 443, "protocol": "tcp"}]
    caddyfile = {"source": "/usr/local/caddy/Caddyfile", "target": "/etc/caddy/Caddyfile", "type": "bind", "kind": "file"}
    caddy = service(networks={"caddy": ""}, ports=caddy_ports, mounts=[caddyfile], extra_hosts=["host.docker.internal=host-gateway"])
    return look(
        {"homeassistant": service(network_mode="host", networks={}), "caddy": {**caddy, **lines.pop("caddy", {})}},
        container("homeassistant", {"host": ("", "")}),
        *([container("caddy", {"media_caddy": ("172.24.0.5", "172.24.0.1")}, *caddy_ports)] if lines.pop("runs", True) else []),
        **{
            "networks": {"caddy": {"name": "media_caddy", "made": True, "subnets": ["172.24.0.0/16"], "gateways": ["172.24.0.1"]}},
            "upstreams": ["host.docker.internal:8123"],
            **lines,
        },
    )


BEHIND_CADDY = {**HOME, "proxied_by": "caddy"}


def test_an_app_that_is_there_is_told_of_the_gateway_of_the_network_that_it_really_has() -> None:
    made = plan(home=at_home(BRIDGED))
    app = adopted(made)
    assert (app.service, app.project, app.files) == ("homeassistant", "media", [FILE])
    assert app.peers == ["172.23.0.1"] and upstream(made) == "127.0.0.1:8123"
    assert app.trust is not None
    assert (app.trust["directory"], app.trust["trusted_proxies"]) == ("/srv/media/config", ["172.23.0.1"])
    assert app.trust["external_url"] == "https://home.casa.example"
    assert made.probes[0].peers == ["172.23.0.1"]


def test_an_adopted_app_is_no_stack_of_ours_so_nothing_stops_wipes_or_rewrites_it() -> None:
    for app in (HOME, {**HOME, "state": "absent"}):
        made = plan(home=at_home(BRIDGED, app, sites=[SITE] if "state" not in app else []))
        assert made.hosts["home"].stacks == []
    assert plan(home=at_home(BRIDGED, {**HOME, "state": "absent"}, sites=[])).hosts["home"].adopted == []
    assert plan(home=at_home(BRIDGED), remove=True).hosts["home"].stacks == []


def test_an_adopted_app_cannot_be_named_to_be_wiped() -> None:
    (mistake,) = mistakes(home=at_home(BRIDGED, purge=["home"]))
    assert mistake.field == "exposure_purge"


def test_an_app_in_the_host_s_network_sees_loopback_of_both_families() -> None:
    made = plan(home=at_home(IN_HOST))
    assert adopted(made).peers == ["127.0.0.1", "::1"] and upstream(made) == "127.0.0.1:8123"


def test_a_port_outside_that_differs_from_the_one_inside_is_found() -> None:
    port = {**PORT, "published": 9000, "address": "127.0.0.1"}
    seen = look({"homeassistant": service(ports=[port])}, container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}, port))
    made = plan(home=at_home(seen))
    assert upstream(made) == "127.0.0.1:9000" and adopted(made).notes == []
    assert adopted(made).health["url"] == "http://127.0.0.1:9000/manifest.json"


def test_an_app_that_is_published_on_an_address_of_the_host_alone_sees_that_address() -> None:
    port = {**PORT, "address": "192.168.1.10"}
    seen = look({"homeassistant": service(ports=[port])}, container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}, port))
    made = plan(home=at_home(seen))
    assert upstream(made) == "192.168.1.10:8123" and adopted(made).peers == ["192.168.1.10"]


def test_an_app_with_several_networks_sees_the_gateway_of_the_one_that_it_goes_out_by() -> None:
    networks = {"default": NETWORK, "db": {"name": "media_db", "made": True, "subnets": ["172.25.0.0/16"], "gateways": ["172.25.0.1"]}}
    its = container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1"), "media_db": ("172.25.0.2", "172.25.0.1")}, PORT, way_out="media_db")
    seen = look({"homeassistant": service(ports=[PORT], networks={"default": "", "db": ""})}, its, networks=networks)
    assert adopted(plan(home=at_home(seen))).peers == ["172.25.0.1"]


def test_an_app_with_several_networks_that_does_not_run_is_planned_by_the_first_of_them_unless_its_owner_orders_them() -> None:
    networks = {
        key: {"name": f"media_{key}", "made": True, "internal": key == "a", "subnets": [f"172.2{number}.0.0/16"], "gateways": [f"172.2{number}.0.1"]}
        for number, key in enumerate("abc")
    }
    its = service(ports=[PORT], networks={"c": "", "b": "", "a": ""})
    assert adopted(plan(home=at_home(look({"homeassistant": its}, networks=networks)))).peers == ["172.21.0.1"]
    (mistake,) = mistakes(home=at_home(look({"homeassistant": {**its, "ordered": True}}, networks=networks)))
    assert mistake.write.startswith("start it once")


def test_an_app_that_uses_the_network_of_another_service_is_reached_and_sees_as_that_one() -> None:
    services = {"homeassistant": service(network_mode="service:vpn", networks={}), "vpn": service(ports=[PORT], mounts=[])}
    its = [container("homeassistant", {}), container("vpn", {"media_default": ("172.23.0.9", "172.23.0.1")}, PORT)]
    made = plan(home=at_home(look(services, *its)))
    assert adopted(made).peers == ["172.23.0.1"] and upstream(made) == "127.0.0.1:8123"


def test_a_proxy_on_another_host_is_trusted_with_its_own_address() -> None:
    for seen in (BRIDGED, IN_HOST):
        gate = host(groups=("proxy",), found={"release": "trixie", "addresses": ["192.168.1.2"]})
        made = plan(gate=gate, home=at_home(seen))
        assert adopted(made).peers == ["192.168.1.2"] and upstream(made, "gate") == "192.168.1.10:8123"


def test_a_port_on_loopback_is_refused_where_the_proxy_is_another_host_with_the_line_to_write() -> None:
    port = {**PORT, "address": "127.0.0.1"}
    seen = look({"homeassistant": service(ports=[port])}, container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}, port))
    (mistake,) = mistakes(gate=host(groups=("proxy",), found={"release": "trixie", "addresses": ["192.168.1.2"]}), home=at_home(seen))
    assert mistake.field == "compose" and '"192.168.1.10:8123:8123"' in mistake.write


def test_a_network_that_the_file_fixes_is_known_before_the_first_start() -> None:
    fixed = {"name": "media_default", "made": False, "subnets": ["10.9.8.0/24"], "gateways": []}
    made = plan(home=at_home(look({"homeassistant": service(ports=[PORT])}, networks={"default": fixed})))
    assert adopted(made).peers == ["10.9.8.1"]


def test_an_app_that_never_ran_and_whose_network_nobody_fixed_is_to_be_started_once() -> None:
    unknown = {"name": "media_default", "made": False, "subnets": [], "gateways": []}
    (mistake,) = mistakes(home=at_home(look({"homeassistant": service(ports=[PORT])}, networks={"default": unknown})))
    assert mistake.write == f"start it once: docker compose -f {FILE} up -d homeassistant"


# Which service, which folder


def test_the_service_is_found_by_name_by_image_or_as_the_only_one_and_else_asked_for() -> None:
    its = container("web", {"media_default": ("172.23.0.2", "172.23.0.1")}, PORT)
    image = "ghcr.io/home-assistant/home-assistant:stable"
    for services in ({"web": service(ports=[PORT])}, {"web": service(ports=[PORT], image=image), "db": service()}):
        assert adopted(plan(home=at_home(look(services, its)))).service == "web"
    (mistake,) = mistakes(home=at_home(look({"web": service(ports=[PORT]), "db": service()}, its)))
    assert (mistake.field, mistake.write) == ("service", "service: db or web")
    (mistake,) = mistakes(home=at_home(look({"web": service(ports=[PORT])}, its), {**HOME, "service": "wbe"}))
    assert (mistake.value, mistake.write) == ("wbe", "service: web")


def test_a_folder_is_found_by_the_path_inside_and_one_that_is_said_goes_first() -> None:
    above = {"source": "/srv/all", "target": "/", "type": "bind", "kind": "folder"}
    seen = copy.deepcopy(BRIDGED)
    seen["services"]["homeassistant"]["mounts"] = [above, MOUNT]
    app = adopted(plan(home=at_home(seen)))
    assert app.trust is not None and app.trust["directory"] == "/srv/media/config"
    app = adopted(plan(home=at_home(seen, {**HOME, "data": {"config": "/elsewhere"}})))
    assert app.trust is not None and app.trust["directory"] == "/elsewhere"


def test_a_folder_that_is_mounted_elsewhere_is_asked_for() -> None:
    seen = copy.deepcopy(BRIDGED)
    seen["services"]["homeassistant"]["mounts"] = []
    (mistake,) = mistakes(home=at_home(seen))
    assert (mistake.field, mistake.write) == ("data", "data: {config: /where/it/is}")


@pytest.mark.parametrize("app", [name for name, entry in catalogue().items() if (entry.get("trust") or entry.get("settings")) and entry.get("image")])
def test_every_app_of_the_catalogue_is_found_where_a_file_mounts_what_the_catalogue_does(app: str) -> None:
    entry = catalogue()[app]
    volumes = [one if isinstance(one, str) else f"{one.get('source', '')}:{one.get('target', '')}" for one in entry["service"]["volumes"]]
    pairs = [one.split(":")[:2] for one in volumes if one.startswith("${EXPOSURE_DATA}")]
    mounts = [{**MOUNT, "source": source.replace("${EXPOSURE_DATA}", "/home/me"), "target": target} for source, target in pairs]
    port = {**PORT, "target": entry["port"]}
    services = {app: service(ports=[port], mounts=mounts)}
    its = adopted(plan(home=at_home(look(services, container(app, {"media_default": ("172.23.0.2", "172.23.0.1")}, port)), {**HOME, "app": app})))
    assert its.service == app and all(row["file"].startswith("/home/me/") for row in its.settings)
    assert its.trust is None or its.trust["directory"].startswith("/home/me/")


def told_apps() -> dict[str, Any]:
    """A catalogue in which an app is told by its own file and by its environment."""
    settings = [{"file": "conf/network.xml", "format": "xml", "root": "N", "set": {"KnownProxies": {"string": ["${EXPOSURE_PROXIES}"]}}}]
    lines = {"environment": {"TRUSTED": "${EXPOSURE_PROXIES_SPACED}", "URL": "${EXPOSURE_URL}"}, "volumes": ["${EXPOSURE_DATA}/conf:/app/conf"]}
    return {**catalogue(), "films": {"title": "Films", "image": "x/films", "version": "1", "port": 8123, "service": lines, "settings": settings}}


def test_settings_are_written_where_the_person_has_the_file() -> None:
    seen = copy.deepcopy(BRIDGED)
    seen["services"] = {"films": service(ports=[PORT], mounts=[{**MOUNT, "target": "/app/conf", "source": "/srv/films"}])}
    seen["containers"][0]["service"] = "films"
    app = adopted(plan(told_apps(), home=at_home(seen, {**HOME, "app": "films"})))
    (row,) = app.settings
    assert (row["file"], row["below"], row["missing"]) == ("/srv/films/network.xml", "/srv/films", "wait")
    assert row["set"] == {"KnownProxies": {"string": ["172.23.0.1"]}}


def test_what_only_the_environment_can_say_is_told_with_the_lines_to_write_and_not_again_once_they_are_there() -> None:
    seen = copy.deepcopy(BRIDGED)
    seen["services"] = {"films": service(ports=[PORT], mounts=[{**MOUNT, "target": "/app/conf"}], told={"URL": "https://home.casa.example"})}
    seen["containers"][0]["service"] = "films"
    declared = {**HOME, "app": "films"}
    (note,) = [one for one in adopted(plan(told_apps(), home=at_home(seen, declared))).notes if "environment" in one]
    assert 'TRUSTED: "172.23.0.1"' in note and "URL" not in note
    seen["services"]["films"]["told"]["TRUSTED"] = "172.23.0.1"
    assert not [one for one in adopted(plan(told_apps(), home=at_home(seen, declared))).notes if "environment" in one]


# Published ports


def test_a_port_that_everybody_at_home_reaches_is_told_with_the_exact_line_and_the_audit_wants_it_on_loopback() -> None:
    made = plan(home=at_home(BRIDGED))
    (note,) = adopted(made).notes
    assert '"127.0.0.1:8123:8123"' in note and FILE in note
    assert [(one.address, one.port) for one in made.hosts["home"].declared if "your app" in one.what] == [("127.0.0.1", 8123)]


def test_ports_are_put_on_loopback_where_that_is_asked_for() -> None:
    app = adopted(plan(home=at_home(BRIDGED, {**HOME, "publish": "loopback"})))
    assert app.publish == [8123] and app.notes == []


def test_loopback_is_refused_where_nothing_would_reach_the_app_any_more() -> None:
    gate = host(groups=("proxy",), found={"release": "trixie", "addresses": ["192.168.1.2"]})
    (mistake,) = mistakes(gate=gate, home=at_home(BRIDGED, {**HOME, "publish": "loopback"}))
    assert mistake.field == "publish"
    (mistake,) = mistakes(home=at_home(IN_HOST, {**HOME, "publish": "loopback"}))
    assert mistake.field == "publish"


def test_an_app_that_publishes_nothing_is_refused_with_the_line_to_write() -> None:
    (mistake,) = mistakes(home=at_home(look({"homeassistant": service()}, container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}))))
    assert mistake.write == 'under homeassistant: ports: ["127.0.0.1:8123:8123"]'


def test_a_stack_of_ours_does_not_take_the_port_of_an_adopted_app() -> None:
    (mistake,) = mistakes(home=at_home(BRIDGED, apps=[HOME, {"name": "whoami", "port": 8123}]))
    assert (mistake.site, mistake.field) == ("app whoami", "port")


# What cannot be


@pytest.mark.parametrize("problem", ["there is no such file on this host", "docker compose does not accept it: yaml: line 3"])
def test_a_file_that_cannot_be_read_is_reported_once(problem: str) -> None:
    (mistake,) = mistakes(home=at_home({"problem": problem, "compose": [], "files": [], "directory": ""}))
    assert (mistake.field, mistake.value, mistake.problem) == ("compose", FILE, problem)


def test_an_app_that_the_catalogue_does_not_know_is_reported() -> None:
    (mistake,) = mistakes(home=at_home(BRIDGED, {**HOME, "app": "samba"}))
    assert mistake.field == "app"


def test_what_the_compose_file_says_itself_is_not_said_twice() -> None:
    lines = {"version": "1", "image": "x", "network": "10.0.0.0/24", "environment": {"A": "b"}, "ports": {"x": 1}}
    assert {one.field for one in mistakes(home=at_home(BRIDGED, {**HOME, **lines}))} == set(lines)


def test_lines_about_a_compose_file_need_one() -> None:
    lines = {"service": "x", "data": {"config": "/x"}, "proxied_by": "caddy", "publish": "loopback"}
    declared = {"name": "home", "app": "home_assistant", **lines}
    assert {one.field for one in mistakes(home=at_home(None, declared, sites=[]))} == set(lines)


def test_a_host_that_this_run_does_not_look_at_is_planned_from_the_inventory_alone() -> None:
    made = plan(gate=host(groups=("proxy",), found={"release": "trixie", "addresses": ["192.168.1.2"]}), home=at_home(None))
    assert made.hosts["home"].adopted == [] and upstream(made, "gate") == "192.168.1.10:8123"


# A proxy in a container of one's own


@pytest.mark.proves("R17", "R43")
def test_an_app_in_the_host_s_network_sees_a_containerised_proxy_with_the_container_s_own_address() -> None:
    made = plan(home=at_home(mapio(), BEHIND_CADDY))
    assert adopted(made).peers == ["172.24.0.5"]


def test_where_a_proxy_of_one_s_own_serves_all_sites_none_of_ours_is_set_up_and_the_proof_is_made_all_the_same() -> None:
    made = plan(home=at_home(mapio(), BEHIND_CADDY))
    its = made.hosts["home"]
    assert its.proxy is None and its.certificates == [] and its.openings == []
    assert made.names == {"home.casa.example": "home"}
    (probe,) = made.probes
    assert (probe.host, probe.proxy, probe.https_port, probe.http_port, probe.peers) == ("home.casa.example", "home", 443, 0, ["172.24.0.5"])
    assert {(one.port, one.address) for one in its.declared} == {(443, ""), (8123, "127.0.0.1")}


def test_an_address_that_docker_chose_is_told_with_the_lines_that_fix_it_and_a_fixed_one_is_not() -> None:
    (note,) = [one for one in adopted(plan(home=at_home(mapio(), BEHIND_CADDY))).notes if "chose" in one]
    assert "ipv4_address: 172.24.0.5" in note and "subnet: 172.24.0.0/16" in note
    fixed = adopted(plan(home=at_home(mapio(caddy={"networks": {"caddy": "172.24.0.5"}}), BEHIND_CADDY)))
    assert fixed.peers == ["172.24.0.5"] and not [one for one in fixed.notes if "chose" in one]


def test_a_fixed_address_is_known_where_the_proxy_does_not_run_and_another_is_not() -> None:
    seen = mapio(runs=False, caddy={"networks": {"caddy": "172.24.0.7"}})
    assert adopted(plan(home=at_home(seen, BEHIND_CADDY))).peers == ["172.24.0.7"]
    (mistake,) = mistakes(home=at_home(mapio(runs=False), BEHIND_CADDY))
    assert mistake.field == "proxied_by" and "up -d caddy" in mistake.write


def test_a_proxy_in_the_app_s_own_network_is_seen_with_its_address_there() -> None:
    services = {"homeassistant": service(ports=[PORT]), "caddy": service(networks={"default": "", "front": ""}, mounts=[])}
    front = {"name": "media_front", "made": True, "subnets": ["172.26.0.0/16"], "gateways": ["172.26.0.1"]}
    its = container("caddy", {"media_front": ("172.26.0.3", "172.26.0.1"), "media_default": ("172.23.0.3", "172.23.0.1")})
    both = [container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}, PORT), its]
    networks = {"default": NETWORK, "front": front}
    seen = look(services, *both, networks=networks, upstreams=["homeassistant:8123"])
    assert adopted(plan(home=at_home(seen, BEHIND_CADDY))).peers == ["172.23.0.3"]
    by_host = look(services, *both, networks=networks, upstreams=["host.docker.internal:8123"])
    assert adopted(plan(home=at_home(by_host, BEHIND_CADDY))).peers == ["172.23.0.1"]


def test_a_proxy_that_comes_by_the_host_to_a_published_port_is_seen_as_the_gateway_and_cannot_come_to_loopback() -> None:
    seen = mapio()
    seen["services"]["homeassistant"] = service(ports=[PORT])
    seen["networks"]["default"] = NETWORK
    seen["containers"][0] = container("homeassistant", {"media_default": ("172.23.0.2", "172.23.0.1")}, PORT)
    assert adopted(plan(home=at_home(seen, BEHIND_CADDY))).peers == ["172.23.0.1"]
    seen["containers"][0]["ports"] = [{**PORT, "address": "127.0.0.1"}]
    (mistake,) = mistakes(home=at_home(seen, BEHIND_CADDY))
    assert mistake.field == "proxied_by" and "homeassistant:8123" in mistake.write


@pytest.mark.proves("R17")
def test_a_proxy_that_is_not_told_where_its_host_is_is_found_with_the_line_to_write() -> None:
    notes = adopted(plan(home=at_home(mapio(caddy={"extra_hosts": []}), BEHIND_CADDY))).notes
    assert any('extra_hosts: ["host.docker.internal:host-gateway"]' in one for one in notes)
    assert not any("extra_hosts" in one for one in adopted(plan(home=at_home(mapio(), BEHIND_CADDY))).notes)


@pytest.mark.proves("R17")
def test_a_firewall_that_drops_what_the_proxy_sends_to_its_host_is_found_with_the_rule() -> None:
    seen = mapio(reach=[{"address": "172.18.0.1", "port": 8123, "answer": "silent"}], dropped_by="nftables, table inet filter")
    (note,) = [one for one in adopted(plan(home=at_home(seen, BEHIND_CADDY))).notes if "drops" in one]
    assert "nftables, table inet filter" in note and "ufw allow from 172.24.0.0/16 to any port 8123 proto tcp" in note


@pytest.mark.proves("R23")
@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_caddyfile_that_is_not_there_is_refused_before_docker_makes_a_folder_of_it(kind: str) -> None:
    caddyfile = {"source": "/usr/local/caddy/Caddyfile", "target": "/etc/caddy/Caddyfile", "type": "bind", "kind": kind}
    data = {"source": "/usr/local/caddy/data", "target": "/data", "type": "bind", "kind": "missing"}
    (mistake,) = mistakes(home=at_home(mapio(caddy={"mounts": [caddyfile, data]}), BEHIND_CADDY))
    assert mistake.field == "/usr/local/caddy/Caddyfile" and "touch /usr/local/caddy/Caddyfile" in mistake.write


def test_a_proxy_that_publishes_443_over_tcp_alone_is_told_what_is_not_there() -> None:
    (note,) = [one for one in adopted(plan(home=at_home(mapio(), BEHIND_CADDY))).notes if "publishes" in one]
    assert '"80:80" and "443:443/udp"' in note


def test_lines_of_a_site_that_only_our_proxy_could_carry_out_are_refused() -> None:
    lines = {"hsts": "365d", "max_body": "1G", "paths": [{"path": "/x", "upstream": "http://192.168.1.9"}]}
    assert {one.field for one in mistakes(home=at_home(mapio(), BEHIND_CADDY, sites=[{**SITE, **lines}]))} == set(lines)


def test_another_site_of_the_host_still_has_our_proxy() -> None:
    made = plan(home=at_home(mapio(), BEHIND_CADDY, sites=[SITE, {"name": "nas", "upstream": "http://192.168.1.9:80"}]))
    proxy = made.hosts["home"].proxy
    assert proxy is not None and [site.name for site in proxy.sites] == ["nas"]


def test_a_proxy_of_one_s_own_that_the_file_does_not_have_is_reported() -> None:
    (mistake,) = mistakes(home=at_home(mapio(), {**HOME, "proxied_by": "traefik"}))
    assert (mistake.field, mistake.write) == ("proxied_by", "proxied_by: caddy")


# A system without room in /etc


def test_a_directory_of_one_s_own_is_where_projects_secrets_and_the_apps_data_go() -> None:
    made = plan(home=host(directory="/usr/local/exposure", domain="casa.example", apps=[{"name": "whoami"}], sites=[{"name": "who", "app": "whoami"}]))
    its = made.hosts["home"]
    assert its.places == {**{kind: f"/usr/local/exposure/{kind}" for kind in ("stacks", "secrets", "backups")}, "records": "/usr/local/exposure/apps"}
    assert its.stacks[0].directory == "/usr/local/exposure/apps/whoami"
    made = plan(home=host(domain="casa.example", apps=[{"name": "whoami"}], sites=[{"name": "who", "app": "whoami"}]))
    assert made.hosts["home"].places == {} and made.hosts["home"].stacks[0].directory == "/srv/exposure/whoami"


@pytest.mark.parametrize("junk", [None, "x", 3, [3, "x", None], [{"compose": 3}, {"compose": "relative"}, {"name": "x"}]])
def test_junk_among_the_apps_is_left_for_the_plan_to_report(junk: object) -> None:
    assert compose_files(junk) == []


def test_each_compose_file_is_looked_at_once_with_the_proxy_that_any_entry_names() -> None:
    apps = [
        {"name": "a", "compose": "/srv/x/"},
        {"name": "b", "compose": "/srv/x", "proxied_by": "caddy"},
        {"name": "c", "compose": "/srv/y", "state": "absent"},
    ]
    assert compose_files(apps) == [{"compose": "/srv/x", "proxy": "caddy"}]
