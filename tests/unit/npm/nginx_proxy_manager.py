"""Data folders of Nginx Proxy Manager: its own schema, as knex makes it in SQLite from backend/migrations of NginxProxyManager/nginx-proxy-manager."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

STAMPS = "`created_on` datetime not null, `modified_on` datetime not null"
ID = "`id` integer not null primary key autoincrement"
OWNED = f"{ID}, {STAMPS}, `owner_user_id` integer not null, `is_deleted` integer not null default '0'"
NEW = "2024-01-02 03:04:05"

FIRST = f"""
CREATE TABLE `auth` ({ID}, {STAMPS}, `user_id` integer not null, `type` varchar(30) not null, `secret` varchar(255) not null, `meta` json not null,
  `is_deleted` integer not null default '0');
CREATE TABLE `user` ({ID}, {STAMPS}, `is_deleted` integer not null default '0', `is_disabled` integer not null default '0', `email` varchar(255) not null,
  `name` varchar(255) not null, `nickname` varchar(255) not null, `avatar` varchar(255) not null, `roles` json not null);
CREATE TABLE `proxy_host` ({OWNED}, `domain_names` json not null, `forward_ip` varchar(255) not null, `forward_port` integer not null,
  `access_list_id` integer not null default '0', `certificate_id` integer not null default '0', `ssl_forced` integer not null default '0',
  `caching_enabled` integer not null default '0', `block_exploits` integer not null default '0', `advanced_config` text not null default '',
  `meta` json not null);
CREATE TABLE `redirection_host` ({OWNED}, `domain_names` json not null, `forward_domain_name` varchar(255) not null,
  `preserve_path` integer not null default '0', `certificate_id` integer not null default '0', `ssl_forced` integer not null default '0',
  `block_exploits` integer not null default '0', `advanced_config` text not null default '', `meta` json not null);
CREATE TABLE `dead_host` ({OWNED}, `domain_names` json not null, `certificate_id` integer not null default '0', `ssl_forced` integer not null default '0',
  `advanced_config` text not null default '', `meta` json not null);
CREATE TABLE `stream` ({OWNED}, `incoming_port` integer not null, `forward_ip` varchar(255) not null, `forwarding_port` integer not null,
  `tcp_forwarding` integer not null default '0', `udp_forwarding` integer not null default '0', `meta` json not null);
CREATE TABLE `access_list` ({OWNED}, `name` varchar(255) not null, `meta` json not null);
CREATE TABLE `certificate` ({OWNED}, `provider` varchar(255) not null, `nice_name` varchar(255) not null default '', `domain_names` json not null,
  `expires_on` datetime not null, `meta` json not null);
CREATE TABLE `access_list_auth` ({ID}, {STAMPS}, `access_list_id` integer not null, `username` varchar(255) not null, `password` varchar(255) not null,
  `meta` json not null);
CREATE TABLE `audit_log` ({ID}, {STAMPS}, `user_id` integer not null, `object_type` varchar(255) not null default '',
  `object_id` integer not null default '0', `action` varchar(255) not null, `meta` json not null);
"""
"""20180618015850_initial.js"""

LATER = f"""
ALTER TABLE `proxy_host` ADD COLUMN `allow_websocket_upgrade` integer not null default '0';
ALTER TABLE `proxy_host` RENAME `forward_ip` TO `forward_host`;
ALTER TABLE `proxy_host` ADD COLUMN `http2_support` integer not null default '0';
ALTER TABLE `redirection_host` ADD COLUMN `http2_support` integer not null default '0';
ALTER TABLE `dead_host` ADD COLUMN `http2_support` integer not null default '0';
ALTER TABLE `proxy_host` ADD COLUMN `forward_scheme` varchar(255) not null default 'http';
ALTER TABLE `proxy_host` ADD COLUMN `enabled` integer not null default '1';
ALTER TABLE `redirection_host` ADD COLUMN `enabled` integer not null default '1';
ALTER TABLE `dead_host` ADD COLUMN `enabled` integer not null default '1';
ALTER TABLE `stream` ADD COLUMN `enabled` integer not null default '1';
ALTER TABLE `proxy_host` ADD COLUMN `locations` json;
ALTER TABLE `proxy_host` ADD COLUMN `hsts_enabled` integer not null default '0';
ALTER TABLE `proxy_host` ADD COLUMN `hsts_subdomains` integer not null default '0';
ALTER TABLE `redirection_host` ADD COLUMN `hsts_enabled` integer not null default '0';
ALTER TABLE `redirection_host` ADD COLUMN `hsts_subdomains` integer not null default '0';
ALTER TABLE `dead_host` ADD COLUMN `hsts_enabled` integer not null default '0';
ALTER TABLE `dead_host` ADD COLUMN `hsts_subdomains` integer not null default '0';
CREATE TABLE `setting` (`id` varchar(255) not null primary key, `name` varchar(100) not null, `description` varchar(255) not null,
  `value` varchar(255) not null, `meta` json not null);
CREATE TABLE `access_list_client` ({ID}, {STAMPS}, `access_list_id` integer not null, `address` varchar(255) not null,
  `directive` varchar(255) not null, `meta` json not null);
ALTER TABLE `access_list` ADD COLUMN `satify_any` integer not null default '0';
ALTER TABLE `access_list` RENAME `satify_any` TO `satisfy_any`;
ALTER TABLE `access_list` ADD COLUMN `pass_auth` integer not null default '1';
ALTER TABLE `redirection_host` ADD COLUMN `forward_scheme` varchar(255) not null default '$scheme';
ALTER TABLE `redirection_host` ADD COLUMN `forward_http_code` integer not null default '302';
ALTER TABLE `stream` RENAME `forward_ip` TO `forwarding_host`;
ALTER TABLE `stream` ADD COLUMN `certificate_id` integer not null default '0';
ALTER TABLE `proxy_host` ADD COLUMN `trust_forwarded_proto` tinyint not null default '0';
"""
"""20180929054513_websockets.js to 20260131163528_trust_forwarded_proto.js, in their order."""

PROXY_HOST = {
    "domain_names": ["home.example.org"],
    "forward_scheme": "http",
    "forward_host": "192.168.1.20",
    "forward_port": 8123,
    "advanced_config": "",
    "meta": {"nginx_online": True, "nginx_err": None},
    "locations": [],
}
REDIRECTION = {"domain_names": ["www.example.org"], "forward_domain_name": "home.example.org", "forward_scheme": "auto", "meta": {}}
CERTIFICATE = {"provider": "letsencrypt", "nice_name": "", "domain_names": [], "expires_on": "2099-01-01 00:00:00", "meta": {}}
DEFAULTS = {
    "proxy_host": PROXY_HOST,
    "redirection_host": {**REDIRECTION, "preserve_path": 1, "forward_http_code": 301},
    "dead_host": {"domain_names": ["gone.example.org"], "meta": {}},
    "stream": {"incoming_port": 2222, "forwarding_host": "192.168.1.20", "forwarding_port": 22, "tcp_forwarding": 1, "meta": {}},
    "certificate": CERTIFICATE,
    "access_list": {"name": "family", "meta": {}},
    "access_list_auth": {"access_list_id": 1, "username": "anna", "password": "hunter2-plain", "meta": {}},
    "access_list_client": {"access_list_id": 1, "address": "192.168.1.0/24", "directive": "allow", "meta": {}},
    "user": {"email": "me@example.org", "name": "Me", "nickname": "me", "avatar": "", "roles": ["admin"]},
    "setting": {"id": "default-site", "name": "Default Site", "description": "", "value": "congratulations", "meta": {}},
}


class Manager:
    """A data folder `data`, with `letsencrypt` beside it, and its database open for rows."""

    def __init__(self, folder: Path, old: bool = False) -> None:
        self.data, self.letsencrypt = folder / "data", folder / "letsencrypt"
        self.data.mkdir(parents=True)
        self.letsencrypt.mkdir()
        self.path = self.data / "database.sqlite"
        self.database = sqlite3.connect(self.path, isolation_level=None)
        self.database.execute("PRAGMA synchronous = OFF")
        self.database.executescript(f"BEGIN; {FIRST if old else FIRST + LATER} COMMIT;")

    def add(self, table: str, **columns: Any) -> int:
        """A row, of what NPM would write and what is given; a list or mapping as JSON. Returns its id."""
        there = [row[1] for row in self.database.execute(f"PRAGMA table_info(`{table}`)")]
        stamps = {"created_on": NEW, "modified_on": NEW, "owner_user_id": 1}
        row = {name: value for name, value in {**stamps, **DEFAULTS[table], **columns}.items() if name in there}
        values = [json.dumps(value) if isinstance(value, (dict, list)) else value for value in row.values()]
        names, marks = ", ".join(f"`{name}`" for name in row), ", ".join("?" * len(row))
        return int(self.database.execute(f"INSERT INTO `{table}` ({names}) VALUES ({marks})", values).lastrowid or 0)

    def by_dns(self, names: list[str], provider: str = "duckdns", credentials: str = "dns_duckdns_token=a-secret-token", **meta: Any) -> int:
        """A certificate of Let's Encrypt that is proven by DNS."""
        given = {"dns_challenge": True, "dns_provider": provider, "dns_provider_credentials": credentials, "letsencrypt_agree": True, **meta}
        return self.add("certificate", domain_names=names, nice_name=names[0] if names else "", meta=given)

    def of_ones_own(self, chain: str = "CHAIN\n", key: str = "THE-PRIVATE-KEY\n", **columns: Any) -> int:
        """A certificate that a person uploaded."""
        meta = {"certificate": chain, "certificate_key": key}
        one = self.add("certificate", **{"provider": "other", "nice_name": "office", "domain_names": ["office.example.org"], "meta": meta, **columns})
        folder = self.data / "custom_ssl" / f"npm-{one}"
        folder.mkdir(parents=True)
        (folder / "fullchain.pem").write_text(chain)
        (folder / "privkey.pem").write_text(key)
        return one

    def custom(self, name: str, content: str) -> None:
        folder = self.data / "nginx" / "custom"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.conf").write_text(content)
