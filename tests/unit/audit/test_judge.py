"""What of a host's open ports is told, how gravely, and what is said to do."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.audit.findings import FINDINGS, WEIGHT
from plugins.module_utils.audit.judge import judge
from plugins.module_utils.audit.known import DATABASES, PANELS
from plugins.module_utils.audit.model import Declared, Listening, Published, Redirected, Seen

from .hosts import CADDY, EVERY, PROXY, audit, found, listens, publishes, weights

JELLYFIN = publishes(8096, 8096, "jellyfin/jellyfin:10.9", project="media", service="jellyfin", container="media-jellyfin-1", file="/srv/media/compose.yml")
APP = Declared(8123, "tcp", "192.168.1.20", "app home_assistant", sources=("192.168.1.10",))
SSHD = listens(22, "sshd", unit="ssh.service")


@pytest.mark.proves("B06")
def test_a_host_on_which_all_is_declared_has_no_finding() -> None:
    assert weights(audit(*CADDY, listens(5432, "postgres", "127.0.0.1", "::1"), declared=PROXY, global_ipv6=("2a02:1::10",))) == []


def test_what_listens_on_loopback_alone_is_never_told() -> None:
    assert weights(audit(listens(3306, "mariadbd", "127.0.0.1"), published=(publishes(8096, 8096, "jellyfin", "127.0.0.1"),))) == []


def test_an_undeclared_service_is_named_with_its_unit_and_how_to_stop_it() -> None:
    one = found(audit(listens(111, "rpcbind", unit="rpcbind.service", opens="rpcbind.socket")))["undeclared_listener"]
    assert one.where == "port 111/tcp on every address (0.0.0.0 and [::])"
    assert "rpcbind.service" in one.seen and "systemctl disable --now rpcbind.socket rpcbind.service" in one.do


def test_a_service_that_its_socket_starts_is_closed_with_its_socket() -> None:
    assert (
        "systemctl disable --now thing.socket thing.service"
        in found(audit(listens(7000, unit="thing.service", opens="thing.socket")))["undeclared_listener"].do
    )


def test_a_socket_of_systemd_is_told_with_the_lines_that_keep_it_at_home() -> None:
    told = found(audit(listens(7000, "systemd", pid=1, opens="knock.socket")))["undeclared_listener"].do
    assert "systemctl edit knock.socket, and there under [Socket] ListenStream= and ListenStream=127.0.0.1:7000" in told
    assert "process: knock.socket" in told


def test_a_script_is_known_again_by_its_unit() -> None:
    script = listens(9100, "python3", unit="page.service (user)")
    assert "process: page.service}" in found(audit(script))["undeclared_listener"].do
    assert weights(audit(script, allowed=(Declared(9100, "tcp", "", "exposure_listening", "page.service"),))) == []


def test_what_a_person_started_is_told_with_its_process() -> None:
    assert "ps -fp 100" in found(audit(listens(8000, "python3")))["undeclared_listener"].do
    assert "systemctl --user disable --now page.service" in found(audit(listens(8000, unit="page.service (user)")))["undeclared_listener"].do


@pytest.mark.proves("B06")
def test_a_port_that_docker_published_on_every_address_is_told_with_the_line_that_closes_it() -> None:
    docker_proxy = listens(8096, "docker-proxy", unit="docker.service")
    one = found(audit(docker_proxy, published=(JELLYFIN,)))
    assert list(one) == ["undeclared_published_port"]  # and nothing of docker-proxy besides
    told = one["undeclared_published_port"]
    assert "ufw" in told.why and "media-jellyfin-1 (jellyfin/jellyfin:10.9)" in told.seen
    assert 'compose file of media (/srv/media/compose.yml), service jellyfin, write ports: ["127.0.0.1:8096:8096"]' in told.do
    assert "exposure_listening: [{port: 8096, protocol: tcp, process: media-jellyfin-1}]" in told.do


def test_a_row_of_ports_of_one_container_is_told_once() -> None:
    row = [publishes(21100 + number, 21100 + number, "ftp", container="ftp", project="files") for number in range(11)]
    several = audit(published=(publishes(21, 21, "ftp", container="ftp", project="files"), *row, publishes(21111, 21111, "other", container="other")))
    assert [one.where.partition(" on ")[0] for one in several.findings] == ["port 21/tcp", "ports 21100 to 21110/tcp", "port 21111/tcp"]
    assert '"127.0.0.1:21100-21110:21100-21110"' in several.findings[1].do


def test_a_port_that_is_held_for_an_unknown_container_is_not_closed_by_stopping_docker() -> None:
    told = found(audit(listens(8096, "docker-proxy", unit="docker.service")))["undeclared_listener"].do
    assert "docker ps --filter publish=8096" in told and "systemctl" not in told


def test_where_ufw_is_on_it_is_said_that_it_does_not_help() -> None:
    assert "ufw is on, and does not hold it back" in found(audit(published=(JELLYFIN,), ufw=True))["undeclared_published_port"].seen


def test_a_container_without_compose_is_told_how_to_be_started_again() -> None:
    told = found(audit(published=(publishes(53, 53, "bind9", protocol="udp", container="dns"),)))["undeclared_published_port"].do
    assert "docker rm -f dns" in told and "-p 127.0.0.1:53:53/udp" in told


def test_an_app_of_ours_that_is_published_too_widely_is_set_right_by_a_run() -> None:
    wide = publishes(8123, 8123, "ha", project="home_assistant")
    one = found(audit(published=(wide,), declared=(Declared(8123, "tcp", "127.0.0.1", "app home_assistant"),)))["undeclared_published_port"]
    assert "site.yml" in one.do and "It is declared for 127.0.0.1 alone (app home_assistant)" in one.seen


@pytest.mark.parametrize("name", ["$(reboot)", "a; reboot", "-v", "`x`", "a b", ""])
def test_no_label_of_an_image_is_in_a_line_that_somebody_is_to_run(name: str) -> None:
    file = "/srv/$(reboot)/compose.yml"
    told = [
        found(audit(published=(publishes(8096, 8096, "x", **{"project": "media", "service": "web", "container": "box", "file": file, **its}),)))
        for its in ({"project": name}, {"service": name}, {"project": name, "container": name}, {"swarm": True, "container": name})
    ]
    advised = [one["undeclared_published_port"].do for one in told]
    assert not any(name and f" {name}" in one for one in advised)
    assert "docker rm -f box" in advised[0] and "up -d box." in advised[1] and "docker ps --filter publish=8096" in advised[2]
    assert f"('{file}')" in advised[1]


def test_a_swarm_is_told_in_its_own_words() -> None:
    told = found(audit(published=(publishes(8080, 80, "nginx", swarm=True, container="web"),)))["undeclared_published_port"]
    assert "docker service update --publish-rm 8080 web" in told.do


def test_a_container_with_the_host_s_network_is_told_so() -> None:
    told = found(audit(listens(8123, "python3", container="homeassistant")))["undeclared_listener"]
    assert "network_mode: host" in told.do and '"127.0.0.1:8123:8123"' in told.do and "of the container homeassistant" in told.seen


@pytest.mark.parametrize("program", DATABASES, ids=lambda one: one.title)
def test_a_database_that_is_open_is_an_error_as_service_and_as_container(program: object) -> None:
    port, name = program.ports[0], program.names[0]  # type: ignore[attr-defined]
    assert weights(audit(listens(port, name))) == [("database_open", "error")]
    assert weights(audit(published=(publishes(10000 + port, port, f"docker.io/library/{name}:1@sha256:ab"),))) == [("database_open", "error")]


def test_what_is_merely_named_like_a_database_is_none() -> None:
    page = publishes(8090, 80, "someone/page", project="mysql", service="postgres", container="redis")
    assert weights(audit(published=(page,))) == [("undeclared_published_port", "warning")]
    assert weights(audit(listens(8090, "nginx", container="redis"))) == [("undeclared_listener", "warning")]
    assert weights(audit(listens(3307, "mariadbd", container="box"))) == [("database_open", "error")]


def test_a_database_on_one_address_of_the_home_is_a_warning() -> None:
    assert weights(audit(listens(5432, "postgres", "192.168.1.10"))) == [("database_open", "warning")]


def test_how_a_database_is_told_to_listen_on_loopback_is_said() -> None:
    assert "bind-address = 127.0.0.1 in /etc/mysql" in found(audit(listens(3306, "mariadbd", unit="mariadb.service")))["database_open"].do


@pytest.mark.parametrize("port", [2375, 2376])
def test_docker_s_own_interface_on_the_network_is_an_error(port: int) -> None:
    assert weights(audit(listens(port, "dockerd", unit="docker.service"))) == [("docker_api_open", "error")]
    assert weights(audit(listens(port, "dockerd", "127.0.0.1"))) == []


@pytest.mark.parametrize("program", [one for one in PANELS if one.ports], ids=lambda one: one.title)
def test_a_panel_is_known_by_its_program_and_its_port_together(program: object) -> None:
    port, name = program.ports[0], program.names[0]  # type: ignore[attr-defined]
    assert weights(audit(published=(publishes(port, port, f"someone/{name}:latest"),))) == [("admin_panel_open", "warning")]
    assert weights(audit(published=(publishes(port, port, "someone/shop:latest"),))) == [("undeclared_published_port", "warning")]
    assert weights(audit(published=(publishes(4321, 4321, f"someone/{name}:latest"),))) == [("undeclared_published_port", "warning")]


def test_what_the_owner_opened_on_purpose_is_not_told() -> None:
    allowed = (Declared(8096, "tcp", "", "exposure_listening", "media-jellyfin-1"), Declared(111, "tcp", "", "exposure_listening"))
    assert weights(audit(listens(111, "rpcbind"), published=(JELLYFIN,), allowed=allowed)) == []


def test_a_line_for_one_process_does_not_excuse_another() -> None:
    allowed = (Declared(8096, "tcp", "", "exposure_listening", "jellyfin-that-i-know"),)
    assert weights(audit(published=(JELLYFIN,), allowed=allowed)) == [("undeclared_published_port", "warning")]


def test_a_line_for_one_address_does_not_excuse_all() -> None:
    allowed = (Declared(9100, "tcp", "192.168.1.10", "exposure_listening"),)
    one = found(audit(listens(9100), allowed=allowed))["undeclared_listener"]
    assert "declared for 192.168.1.10 alone" in one.seen
    assert weights(audit(listens(9100, "thing", "192.168.1.10"), allowed=allowed)) == []


def test_the_kernel_s_short_names_of_processes_are_understood() -> None:
    assert weights(audit(listens(9100, "prometheus-node"), allowed=(Declared(9100, "tcp", "", "exposure_listening", "prometheus-node-exporter"),))) == []


def test_a_rival_on_the_proxy_s_port_is_an_error_that_names_both() -> None:
    one = found(audit(listens(443, "apache2", unit="apache2.service"), declared=PROXY[1:2]))["another_listens"]
    assert one.severity == "error" and "declared for caddy (the proxy), but apache2 (apache2.service)" in one.seen


def test_whose_process_cannot_be_seen_is_not_called_a_rival() -> None:
    assert weights(audit(listens(443, "", pid=0), declared=PROXY[1:2])) == []


def test_what_is_declared_and_not_there_is_a_note() -> None:
    assert weights(audit(*CADDY[:2], declared=PROXY)) == [("declared_but_not_listening", "note")]
    assert "exposure_listening" in found(audit(allowed=(Declared(9, "tcp", "", "exposure_listening"),)))["declared_but_not_listening"].do


def test_an_app_that_docker_publishes_without_a_process_of_its_own_is_there() -> None:
    """As with userland-proxy: false in Docker's settings."""
    declared = (Declared(8123, "tcp", "192.168.1.20", "app home_assistant"),)
    assert weights(audit(published=(publishes(8123, 8123, "ha", "192.168.1.20"),), declared=declared)) == []


@pytest.mark.proves("B06")
def test_a_port_that_only_the_proxy_may_reach_needs_its_rule_loaded() -> None:
    app = publishes(8123, 8123, "ha", "192.168.1.20")
    rule = {("192.168.1.20", 8123): frozenset({"192.168.1.10"})}
    assert weights(audit(published=(app,), declared=(APP,), held_back=rule)) == []
    assert weights(audit(published=(app,), declared=(APP,), held_back={})) == [("firewall_rule_missing", "error")]
    wider = {("192.168.1.20", 8123): frozenset({"192.168.1.10", "192.168.1.66"})}
    assert "admits 192.168.1.10 and 192.168.1.66" in found(audit(published=(app,), declared=(APP,), held_back=wider))["firewall_rule_missing"].seen
    assert weights(audit(published=(app,), declared=(APP,), held_back=None)) == [("not_looked", "warning")]


def test_all_that_ipv6_opens_too_is_told_once() -> None:
    told = found(audit(listens(9100), listens(9091, "thing", "::"), listens(9092, "thing", "0.0.0.0"), *CADDY, declared=PROXY, global_ipv6=("2a02:1::10",)))
    assert told["ipv6_open_too"].where == "[2a02:1::10], ports 9100/tcp, 9091/tcp"
    assert "ipv6_open_too" not in found(audit(listens(9100)))


def test_a_container_that_is_published_on_ipv6_counts_there() -> None:
    assert "8096/tcp" in found(audit(listens(8096, "docker-proxy"), published=(JELLYFIN,), global_ipv6=("2a02:1::10",)))["ipv6_open_too"].where


def test_a_firewall_that_drops_makes_a_listener_a_note_but_not_a_published_port() -> None:
    behind = {"drops": dict.fromkeys(("ip", "ip6"), "nftables, table inet filter"), "admits": frozenset({(22, 22), (9090, 9091)})}
    told = audit(listens(9100), listens(9091), published=(JELLYFIN,), **behind)
    assert [(one.id, one.severity, one.where.split("/")[0]) for one in told.findings] == [
        ("undeclared_published_port", "warning", "port 8096"),
        ("undeclared_listener", "warning", "port 9091"),
        ("undeclared_listener", "note", "port 9100"),
    ]


def test_a_firewall_for_ipv4_alone_holds_nothing_back_over_ipv6() -> None:
    behind = {"drops": {"ip": "iptables, chain INPUT"}, "global_ipv6": ("2a02:1::10",)}
    assert weights(audit(listens(9100, "thing", "::"), **behind)) == [("undeclared_listener", "warning"), ("ipv6_open_too", "warning")]
    assert weights(audit(listens(3306, "mariadbd"), **behind))[0] == ("database_open", "error")
    assert weights(audit(listens(9100, "thing", "0.0.0.0"), **behind)) == [("undeclared_listener", "note")]
    assert weights(audit(listens(9100, "thing", "::"), drops={"ip6": "ip6tables, chain INPUT"})) == [("undeclared_listener", "warning")]


@pytest.mark.parametrize(
    ("protocol", "port", "process"),
    [("udp", 68, "dhclient"), ("udp", 5353, "avahi-daemon"), ("udp", 123, "chronyd"), ("udp", 546, "systemd-network"), ("udp", 51820, "")],
)
def test_what_every_system_has_is_no_finding(protocol: str, port: int, process: str) -> None:
    audited = audit(listens(port, process, protocol=protocol), global_ipv6=("2a02:1::10",))
    assert weights(audited) == [] and audited.as_json()["listening"][0]["known"]


def test_another_program_on_such_a_port_is_told() -> None:
    assert weights(audit(listens(68, "backdoor", protocol="udp"))) == [("undeclared_listener", "warning")]


def test_a_port_from_which_a_program_asks_others_is_not_told() -> None:
    assert weights(audit(listens(45000, "dig", protocol="udp"))) == []
    assert weights(audit(listens(45000, "thing", protocol="tcp"))) == [("undeclared_listener", "warning")]
    assert weights(audit(listens(19132, "bedrock_server", protocol="udp"))) == [("undeclared_listener", "warning")]


@pytest.mark.parametrize(("passwords", "weight"), [(True, "warning"), (False, "note"), (None, "note")])
def test_ssh_is_told_once_and_gravely_where_it_takes_passwords(passwords: bool | None, weight: str) -> None:
    assert weights(audit(SSHD, passwords=passwords, global_ipv6=("2a02:1::10",))) == [("ssh_open", weight)]


def test_ssh_that_the_owner_allowed_is_told_only_where_it_takes_passwords() -> None:
    allowed = (Declared(22, "tcp", "", "exposure_listening", "sshd"),)
    assert weights(audit(SSHD, allowed=allowed, passwords=False)) == []
    assert weights(audit(SSHD, allowed=allowed, passwords=True)) == [("ssh_open", "note")]


def test_ssh_that_systemd_starts_on_demand_is_ssh() -> None:
    knocked = listens(22, "systemd", opens="ssh.socket", pid=1)
    assert "process: sshd}" in found(audit(knocked, passwords=False))["ssh_open"].do
    assert weights(audit(knocked, passwords=False, allowed=(Declared(22, "tcp", "", "exposure_listening", "sshd"),))) == []


def redirect(port: int, to: str = "10.0.0.5:80", last: int = 0, protocol: str = "tcp") -> Redirected:
    return Redirected("ip", "nat", "PREROUTING", f"-A PREROUTING -p {protocol} --dport {port} -j DNAT", port, protocol, to, last)


def test_a_rule_that_takes_the_proxy_s_port_away_is_an_error() -> None:
    assert weights(audit(*CADDY, declared=PROXY, redirected=(redirect(443),))) == [("undeclared_redirect", "error")]
    assert weights(audit(*CADDY, declared=PROXY, redirected=(redirect(400, last=500),))) == [("undeclared_redirect", "error")]
    assert weights(audit(*CADDY, declared=PROXY, redirected=(redirect(8443, "this host:443"),))) == [("undeclared_redirect", "warning")]


def test_a_rule_is_told_with_the_command_that_takes_it_out() -> None:
    told = found(audit(redirected=(redirect(8080),)))["undeclared_redirect"]
    assert "iptables -t nat -D PREROUTING -p tcp --dport 8080 -j DNAT" in told.do and "10.0.0.5:80" in told.seen


@pytest.mark.parametrize("line", [redirect(10000, last=20000, protocol="udp"), redirect(8080), redirect(8080, protocol="")])
def test_the_line_that_is_advised_for_a_rule_silences_it(line: Redirected) -> None:
    advised = found(audit(redirected=(line,)))["undeclared_redirect"].do
    assert f"{{port: {line.port}, protocol: {line.protocol or 'tcp'}}}" in advised
    allowed = (Declared(line.port, line.protocol or "tcp", "", "exposure_listening"),)
    assert weights(audit(redirected=(line,), allowed=allowed)) == []


def test_no_line_for_the_first_port_of_a_range_lets_the_proxy_s_port_be_taken() -> None:
    allowed = (Declared(400, "tcp", "", "exposure_listening"),)
    told = audit(*CADDY, declared=PROXY, allowed=allowed, redirected=(redirect(400, last=500),))
    assert weights(told) == [("undeclared_redirect", "error")] and "exposure_listening" not in told.findings[0].do


def test_a_rule_that_the_owner_allowed_is_not_told() -> None:
    assert weights(audit(redirected=(redirect(8080),), allowed=(Declared(8080, "tcp", "", "exposure_listening"),))) == []


def test_what_could_not_be_seen_is_told_and_nothing_is_invented() -> None:
    assert weights(audit(unseen=("Docker may not be asked.",))) == [("not_looked", "warning")]


def test_the_gravest_comes_first() -> None:
    told = [one.severity for one in audit(SSHD, listens(9100), listens(3306, "mariadbd"), published=(JELLYFIN,), declared=PROXY).findings]
    assert told == sorted(told, key=lambda severity: WEIGHT[severity]) and len(set(told)) == 3


def test_each_address_has_a_row_that_says_what_it_is() -> None:
    rows = audit(*CADDY, listens(8096, "docker-proxy", "0.0.0.0"), published=(JELLYFIN,), declared=PROXY).as_json()
    assert rows["listening"][1] == {
        "address": "::",
        "port": 443,
        "protocol": "tcp",
        "process": "caddy",
        "unit": "caddy.service",
        "container": "",
        "reach": "any",
        "declared": "the proxy",
        "known": "",
    }
    assert rows["listening"][3]["container"] == "media-jellyfin-1" and rows["listening"][3]["declared"] == ""
    assert [row["address"] for row in rows["published"]] == list(EVERY)


def test_every_finding_is_explained() -> None:
    explained = (Path(__file__).resolve().parents[3] / "docs/audit.md").read_text()
    for name, (severity, _) in FINDINGS.items():
        assert f"| `{name}` | {severity}" in explained, name


HOSTILE = st.text(max_size=40) | st.sampled_from(["a\nb", "\x1b[2J", "<script>", "\u202e", "{{ 7 * 7 }}", "'; rm -rf /"])
ADDRESSES = st.lists(
    st.sampled_from(["0.0.0.0", "::", "127.0.0.1", "::1", "192.168.1.10", "fe80::1", "2a02:1::10", "239.255.255.250"]), min_size=1, unique=True
).map(tuple)
LISTENING = st.builds(Listening, ADDRESSES, st.integers(1, 65535), st.sampled_from(["tcp", "udp"]), HOSTILE, st.integers(0, 9), HOSTILE, HOSTILE, HOSTILE)
PUBLISHED = st.builds(
    Published, ADDRESSES, st.integers(1, 65535), st.sampled_from(["tcp", "udp", "sctp"]), st.integers(0, 65535), *[HOSTILE] * 5, st.booleans()
)
REDIRECTED = st.builds(
    Redirected, HOSTILE, HOSTILE, HOSTILE, HOSTILE, st.integers(0, 65535), st.sampled_from(["", "tcp", "udp"]), HOSTILE, st.integers(0, 65535)
)
DECLARED = st.builds(Declared, st.integers(1, 65535), st.sampled_from(["tcp", "udp"]), st.sampled_from(["", "127.0.0.1", "::"]), HOSTILE, HOSTILE, st.just(()))


@given(st.lists(LISTENING, max_size=4), st.lists(PUBLISHED, max_size=3), st.lists(REDIRECTED, max_size=2), st.lists(DECLARED, max_size=3))
def test_whatever_a_host_is_like_it_is_judged_and_printed_without_control_characters(
    listening: list[Listening], published: list[Published], redirected: list[Redirected], declared: list[Declared]
) -> None:
    seen = Seen(tuple(listening), tuple(published), tuple(redirected), global_ipv6=("2a02:1::10",), passwords=True)
    audited = judge(seen, declared)
    assert {one.id for one in audited.findings} <= set(FINDINGS)
    told = "".join(itertools.chain.from_iterable((one.where, one.seen, one.do) for one in audited.findings))
    assert not [letter for letter in told if not letter.isprintable()]
