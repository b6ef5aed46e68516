"""A data folder carried over, as the playbook does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import trust_as_template

from plugins.module_utils.npm.left import Left
from plugins.module_utils.npm.moved import Entry, Moved, as_plain, from_plain
from plugins.module_utils.npm.read import look
from plugins.module_utils.npm.settle import settle
from plugins.module_utils.npm.translate import translate
from plugins.module_utils.npm.write import host_file
from tests.unit.npm.nginx_proxy_manager import Manager

NOW = datetime(2026, 11, 21)
FOLDER = "/home/me/inventory/imported"


def move(manager: Manager, host_network: bool = False, **found: Any) -> Moved:
    """What is carried over, after the Plan found it right."""
    moved = from_plain(yaml.safe_load(yaml.safe_dump(as_plain(translate(look(manager.data, manager.letsencrypt), NOW, host_network)))))
    settle(moved, "server", FOLDER, found)
    return moved


def only(moved: Moved) -> Entry:
    (site,) = moved.sites
    return site


def site(manager: Manager, **columns: Any) -> Entry:
    """The site of one proxy host."""
    manager.add("proxy_host", **columns)
    return only(move(manager))


def left(moved: Moved, where: str) -> list[Left]:
    return [one for one in moved.left if one.where == where]


def loaded(content: str) -> Any:
    """A file of an inventory as Ansible reads it."""
    return DataLoader().load(trust_as_template(content))


def written(moved: Moved) -> Any:
    return loaded(host_file(moved, "server", "/srv/npm/data"))
