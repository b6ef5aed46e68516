# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What programs are, by their process, their image and their port: databases, panels from which a machine is ruled, and what every system has.

A new program is one line here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """`names` are processes, or words of an image's name; `ports` those at which it usually listens. `listens` says how it is told to listen on
    loopback alone, where it is no container."""

    title: str
    names: tuple[str, ...]
    ports: tuple[int, ...] = ()
    listens: str = ""


DATABASES = (
    Program("MariaDB or MySQL", ("mariadbd", "mysqld", "mariadb", "mysql"), (3306,), "bind-address = 127.0.0.1 in /etc/mysql/mariadb.conf.d/50-server.cnf"),
    Program("PostgreSQL", ("postgres", "postgresql"), (5432,), "listen_addresses = 'localhost' in postgresql.conf"),
    Program("Redis", ("redis-server", "valkey-server", "redis", "valkey"), (6379,), "bind 127.0.0.1 -::1 in /etc/redis/redis.conf"),
    Program("MongoDB", ("mongod", "mongo", "mongodb"), (27017,), "bindIp: 127.0.0.1 under net: in /etc/mongod.conf"),
    Program("memcached", ("memcached",), (11211,), "-l 127.0.0.1 in /etc/memcached.conf"),
    Program("Elasticsearch or OpenSearch", ("elasticsearch", "opensearch"), (9200,), "network.host: 127.0.0.1"),
    Program("InfluxDB", ("influxd", "influxdb"), (8086,), 'bind-address = "127.0.0.1:8086" under [http]'),
    Program("CouchDB", ("couchdb",), (5984,), "bind_address = 127.0.0.1 under [chttpd]"),
)
"""Programs that keep data and were never made to face strangers. The ports alone are enough for the first five."""

SURE_PORTS = {3306: 0, 5432: 1, 6379: 2, 27017: 3, 11211: 4}

DOCKER_API = (2375, 2376)

PANELS = (
    Program("Nginx Proxy Manager", ("nginx-proxy-manager", "nginxproxymanager"), (81,)),
    Program("Portainer", ("portainer", "portainer-ce", "portainer-ee"), (9000, 9443, 8000)),
    Program("Traefik", ("traefik",), (8080,)),
    Program("Caddy's administration", ("caddy",), (2019,), "admin off, or admin localhost:2019, in the Caddyfile"),
    Program("Dockge", ("dockge",), (5001,)),
    Program("Yacht", ("yacht",), (8000,)),
    Program("Dozzle", ("dozzle",), (8080,)),
    Program("Adminer", ("adminer",), (8080,)),
    Program("phpMyAdmin", ("phpmyadmin",), (80,)),
    Program("pgAdmin", ("pgadmin4", "pgadmin"), (80, 443)),
    Program("mongo-express", ("mongo-express",), (8081,)),
    Program("Redis Commander", ("redis-commander", "redisinsight"), (8081, 5540)),
    Program(
        "Cockpit", ("cockpit-tls", "cockpit-ws", "cockpit.socket"), (9090,), "ListenStream= and ListenStream=127.0.0.1:9090 in a drop-in of cockpit.socket"
    ),
    Program("Webmin", ("miniserv.pl", "webmin"), (10000,), "bind=127.0.0.1 in /etc/webmin/miniserv.conf"),
    Program("Proxmox", ("pveproxy",), (8006,), 'LISTEN_IP="127.0.0.1" in /etc/default/pveproxy'),
    Program("code-server", ("code-server", "openvscode-server"), (8080, 8443)),
    Program("Jupyter", ("jupyter", "jupyter-lab", "jupyter-noteboo", "notebook"), (8888,)),
    Program("Netdata", ("netdata",), (19999,), "bind to = 127.0.0.1 under [web] in netdata.conf"),
    Program("Glances", ("glances",), (61208,)),
    Program("AdGuard Home", ("AdGuardHome", "adguardhome"), (3000,), "http: address: 127.0.0.1:3000 in AdGuardHome.yaml"),
    Program("ttyd or Wetty", ("ttyd", "wetty", "shellinaboxd"), ()),
    Program("MinIO's console", ("minio",), (9001,)),
    Program("Watchtower", ("watchtower",), (8080,)),
)
"""Pages from which a machine, its containers or its data are ruled. Only the port named here is the panel; without ports, whatever it listens on."""

SETTINGS = {
    "rpcbind": "systemctl disable --now rpcbind.socket rpcbind.service (NFS 4 does without it)",
    "cupsd": "Listen localhost:631 in /etc/cups/cupsd.conf",
    "exim4": "dc_local_interfaces='127.0.0.1 ; ::1' in /etc/exim4/update-exim4.conf.conf",
    "master": "postconf -e inet_interfaces=loopback-only",
    "smbd": "interfaces = lo and the home network's, bind interfaces only = yes, in /etc/samba/smb.conf",
    "nmbd": "systemctl disable --now nmbd.service",
    "mosquitto": "listener 1883 127.0.0.1 in /etc/mosquitto/conf.d/",
    "grafana": "http_addr = 127.0.0.1 in /etc/grafana/grafana.ini",
    "grafana-server": "http_addr = 127.0.0.1 in /etc/grafana/grafana.ini",
    "prometheus": "--web.listen-address=127.0.0.1:9090 in /etc/default/prometheus",
    "node_exporter": "--web.listen-address=127.0.0.1:9100",
    "prometheus-node": "--web.listen-address=127.0.0.1:9100 in /etc/default/prometheus-node-exporter",
    "dnsmasq": "listen-address=127.0.0.1 and bind-interfaces in /etc/dnsmasq.d/",
}
"""How services are told to listen on loopback alone; process names are cut to 15 letters by the kernel."""

FOR_CONTAINERS = {"docker-proxy": "docker", "rootlesskit": "docker", "rootlessport": "podman", "conmon": "podman"}
"""Processes that hold a port for a container, and the program that knows which."""

OF_THE_SYSTEM = (
    ("udp", 68, ("dhclient", "dhcpcd", "systemd-network", "NetworkManager", "udhcpc", "connmand"), "DHCP client"),
    ("udp", 546, ("dhclient", "dhcpcd", "systemd-network", "NetworkManager", "odhcp6c"), "DHCPv6 client"),
    ("udp", 5353, (), "mDNS (names ending in .local)"),
    ("udp", 5355, ("systemd-resolve",), "LLMNR (names on the home network)"),
    ("tcp", 5355, ("systemd-resolve",), "LLMNR (names on the home network)"),
    ("udp", 123, ("chronyd", "ntpd", "ntpsec", "systemd-timesyn", "openntpd"), "clock (NTP)"),
    ("udp", 323, ("chronyd",), "clock (chrony's control)"),
    ("udp", 1900, ("miniupnpd", "gssdp", "upnpd"), "search for devices (SSDP)"),
    ("udp", 51820, ("",), "WireGuard (it answers only to who has a key)"),
    ("udp", 41641, ("tailscaled",), "Tailscale (it answers only to who has a key)"),
)
"""(protocol, port, processes or any, what it is): nothing is said of these."""


def of_the_system(protocol: str, port: int, process: str) -> str:
    """What a socket is that any Debian may have; '' for others."""
    return next((what for its, number, names, what in OF_THE_SYSTEM if (its, number) == (protocol, port) and (not names or process in names)), "")


def named(program: Program, names: Iterable[str]) -> bool:
    """Whether one of these is the program: a process or unit by its whole name, an image by its last part without the tag."""
    return any(image_name(one) in program.names for one in names if one)


def image_name(name: str) -> str:
    """`jellyfin` of `docker.io/jellyfin/jellyfin:10.9@sha256:...`; other names as they are."""
    return name.partition("@")[0].rpartition("/")[2].partition(":")[0]


def database(port: int, names: Iterable[str], sure: Iterable[str]) -> Program | None:
    """The database that a port and what holds it stand for. At another port only `sure` names make one, process, unit or image: what a person calls a
    container or project says nothing of what is in it."""
    held, certain = tuple(names), tuple(sure)
    found = next((one for one in DATABASES if port in one.ports and named(one, held)), None)
    return found or (DATABASES[SURE_PORTS[port]] if port in SURE_PORTS else next((one for one in DATABASES if named(one, certain)), None))


def panel(port: int, names: Iterable[str]) -> Program | None:
    """The panel that is there; a port alone never makes one."""
    return next((one for one in PANELS if (not one.ports or port in one.ports) and named(one, names)), None)
