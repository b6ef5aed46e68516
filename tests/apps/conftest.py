"""Apps of the catalogue on the bed: real ones where they can be had, else what stands in for them (molecule/internet/images/stand_in)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import ENGINE, ROOT, Run, host, inventory_with, playbook

REAL = ("synapse", "node_red", "radicale")
STOOD_FOR = ("jellyfin", "nextcloud", "tao")
APPS = {
    "media": {"app": "jellyfin"},
    "cloud": {"app": "nextcloud"},
    "exam": {"app": "tao", "options": {"LOCALE": "fr-FR"}},
    "matrix": {"app": "synapse"},
    "flows": {"app": "node_red"},
    "dav": {"app": "radicale"},
}
SITES = [{"name": name, "hosts": [f"{name}.bench.casa.example"], "app": name} for name in APPS]


def catalogue_file(app: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / f"roles/apps/catalogue/{app}.yml").read_text()))


def image_of(entry: dict[str, Any]) -> str:
    return f"{entry['image']}:{entry['version']}"


def load_images() -> None:
    """The images of these apps, under the names that the catalogue has, in the engine of home."""
    home = host("home")
    if home.run("cmp /bed/more.key /var/lib/docker/bed-more.key").rc:
        loaded = home.run("docker load -q -i /bed/more.tar && cp /bed/more.key /var/lib/docker/bed-more.key")
        assert loaded.rc == 0, loaded.stderr
    for app in (*REAL, *STOOD_FOR):
        entry = catalogue_file(app)
        source = f"exposure-bed/{'' if app in REAL else 'stand_in-'}{app}:current"
        assert home.run(f"docker tag {source} {image_of(entry)}").rc == 0
        for service in entry.get("services", {}).values():
            if "$" not in service["image"]:
                assert home.run(f"docker tag exposure-bed/stand_in-companion:current {service['image']}").rc == 0


def unprivileged(folder: Path) -> str:
    """The catalogue's TAO without `privileged`, which no engine inside a container can give, and with the authority of this internet for its Caddy."""
    entry = catalogue_file("tao")
    for service in (entry["service"], *entry["services"].values()):
        for line in ("privileged", "cgroup", "ulimits", "sysctls"):
            service.pop(line, None)
    entry.pop("privileged", None)
    entry["service"]["environment"] = {**entry["service"].get("environment", {}), "ACME_DIRECTORY": "https://acme.isp.example:14000/dir"}
    entry["service"]["volumes"] += ["/etc/ssl/isp-ca.pem:/etc/ssl/isp-ca.pem:ro"]
    (folder / "catalogue").mkdir()
    (folder / "catalogue" / "tao.yml").write_text(yaml.safe_dump(entry))
    return str(folder / "catalogue")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"apps-{ENGINE}")


@pytest.fixture(scope="session")
def inventory(folder: Path) -> Iterator[Path]:
    """The owner's inventory with these apps, four lines each. At the end they are taken off again, with their data."""
    load_images()

    def change(variables: dict[str, Any]) -> None:
        variables["exposure_sites"] += SITES
        variables["exposure_apps"] += [{"name": name, **lines} for name, lines in APPS.items()]
        variables["exposure_catalogue"] = unprivileged(folder)

    path = inventory_with(folder, home=change)
    yield path
    file = path / "host_vars" / "home.yml"
    variables = yaml.safe_load(file.read_text())
    variables["exposure_sites"] = [site for site in variables["exposure_sites"] if site["name"] not in APPS]
    for app in variables["exposure_apps"]:
        if app["name"] in APPS:
            app["state"] = "absent"
    variables["exposure_purge"] = list(APPS)
    file.write_text(yaml.safe_dump(variables))
    run = playbook("site", inventory=path)
    assert run.code == 0, run.output


@pytest.fixture(scope="session")
def deployed(inventory: Path) -> Run:
    """The run that brought them."""
    run = playbook("site", inventory=inventory)
    assert run.code == 0, run.output
    return run
