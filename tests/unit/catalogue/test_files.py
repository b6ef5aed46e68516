"""Every file of the catalogue: its images, its ports, its folders, and what the Plan makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.plan.catalogue import read_catalogue
from plugins.module_utils.plan.mistakes import Mistakes
from tests.unit.plan.declarations import catalogue, host, mistakes, plan

from .golden import ALL, DEPLOYED, FOLDER, NEEDED, SITES, stack, text

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
NUMBERED = re.compile(r"\d+(\.\d+)+|\d{4}-\d\d-\d\d")


def images(app: str) -> dict[str, str]:
    return {name: lines["image"] for name, lines in stack(app).compose["services"].items()}


def test_the_apps_that_people_ask_for_are_all_there() -> None:
    asked = "home_assistant jellyfin tao nextcloud emoncms emoncms_obm sregistry expfactory zigbee2mqtt freepbx npm vaultwarden immich paperless forgejo gitea"
    assert {*asked.split(), "grafana", "uptime_kuma", "adguard_home", "audiobookshelf", "plex", "synapse"} <= {*ALL}


@pytest.mark.parametrize("app", DEPLOYED)
def test_what_the_plan_makes_of_an_app_is_what_was_read_and_agreed_to(app: str) -> None:
    kept = FOLDER / f"{app}.json"
    assert kept.exists(), "python -m tests.unit.catalogue.golden"
    assert json.loads(text(app)) == json.loads(kept.read_text()), "python -m tests.unit.catalogue.golden, and read its diff"


def test_nothing_is_kept_of_an_app_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {*DEPLOYED}


@pytest.mark.parametrize("app", DEPLOYED)
def test_every_image_has_its_registry_and_a_fixed_version(app: str) -> None:
    moving = {"pubsub", "firestore"} if catalogue()[app].get("moving") else set()
    for service, image in images(app).items():
        assert REFERENCE.match(image), image
        assert service in moving or app == "expfactory" or NUMBERED.search(image.rpartition(":")[2]), image


def test_tao_alone_stands_on_images_that_move_since_its_makers_publish_no_others() -> None:
    assert [app for app in ALL if catalogue()[app].get("moving")] == ["tao"]


@pytest.mark.proves("R56")
@pytest.mark.parametrize("app", DEPLOYED)
def test_every_published_port_is_on_loopback_where_the_proxy_is_on_the_same_host(app: str) -> None:
    made = stack(app)
    published = [port for service in made.compose["services"].values() for port in service.get("ports", [])]
    assert published and all(port.startswith("127.0.0.1:") for port in published)
    assert all(service.get("network_mode", "") != "host" for service in made.compose["services"].values())


def test_apps_that_people_run_together_want_no_port_twice() -> None:
    taken: dict[int, str] = {}
    for app in DEPLOYED:
        for place in stack(app).listen:
            assert place["port"] not in taken, f"{app} and {taken.get(place['port'])} both want {place['port']}"
            taken[place["port"]] = app
    assert {80, 443} & {*taken} == set()
    for port, app in ((8096, "jellyfin"), (8123, "home_assistant"), (2283, "immich"), (32400, "plex"), (3001, "uptime_kuma"), (13378, "audiobookshelf")):
        assert taken[port] == app


def test_all_of_them_run_on_one_host() -> None:
    sites = [site for app in DEPLOYED for site in SITES.get(app, [{"name": app.replace("_", "-"), "app": app}])]
    made = plan(home=host(domain="casa.example", sites=sites, apps=[{"name": app, **NEEDED.get(app, {})} for app in DEPLOYED]))
    assert len(made.hosts["home"].stacks) == len(DEPLOYED)


@pytest.mark.parametrize("app", DEPLOYED)
def test_all_that_an_app_keeps_lies_below_its_own_folder_and_belongs_to_the_right_user(app: str) -> None:
    made = stack(app)
    named = {folder["path"].removeprefix(f"{made.directory}/") for folder in made.folders}
    foreign = {
        "/sys/fs/cgroup",
        "/run/udev",
        *(f"${{{name}}}" for name, option in (catalogue()[app].get("options") or {}).items() if option["kind"] == "folder"),
    }
    kept = set()
    for service in made.compose["services"].values():
        for volume in service.get("volumes", []):
            source = re.match(r"(\$\{\w+\})?[^:]*", volume)[0]  # type: ignore[index]
            if source.startswith("${EXPOSURE_DATA}/"):
                kept.add(source.removeprefix("${EXPOSURE_DATA}/").split("/")[0])
            else:
                assert source in foreign, f"{source} is neither the app's nor one that its owner named"
    assert kept <= named, f"{kept - named} would belong to root"
    assert named <= kept, f"{named - kept} is used by nothing"


@pytest.mark.parametrize("app", DEPLOYED)
def test_every_name_that_compose_is_to_fill_in_is_known(app: str) -> None:
    made = stack(app)
    shown = json.dumps([made.compose["services"], made.compose.get("configs", {})]).replace("$$", "")
    known = {*made.env, *made.secrets}
    assert {*re.findall(r"\$\{([A-Za-z_]+)\}", shown)} <= known
    assert not re.search(r"\$[^{]", shown), "a dollar sign that Compose would take for a variable"


@pytest.mark.parametrize("app", DEPLOYED)
def test_every_generated_secret_is_used(app: str) -> None:
    made = stack(app)
    shown = json.dumps([made.compose, made.settings, made.commands])
    assert [secret for secret in made.secrets if f"${{{secret}}}" not in shown] == []


@pytest.mark.parametrize("app", DEPLOYED)
def test_nothing_is_left_open_in_what_an_app_s_files_are_to_say(app: str) -> None:
    made = stack(app)
    assert "${EXPOSURE" not in json.dumps([made.settings, made.commands])


@pytest.mark.parametrize("app", DEPLOYED)
def test_a_service_of_an_ordinary_user_needs_no_capability_and_none_gains_one(app: str) -> None:
    for name, service in stack(app).compose["services"].items():
        if str(service.get("user", "0")).partition(":")[0] != "0":
            assert service["cap_drop"] == ["ALL"], name
        if not service.get("privileged"):
            assert "no-new-privileges:true" in service["security_opt"], name


def test_tao_alone_is_privileged_and_says_why() -> None:
    privileged = [app for app in ALL if any(service.get("privileged") for service in stack_services(app))]
    assert privileged == ["tao"] and catalogue()["tao"]["privileged"]


def stack_services(app: str) -> list[dict[str, Any]]:
    entry = catalogue()[app]
    return [entry.get("service", {}), *entry.get("services", {}).values()]


def test_a_compose_file_written_into_a_container_meets_no_read_only_root() -> None:
    # Compose copies an inline config into the container, which a read-only root does not let it.
    for app in ALL:
        for service in stack_services(app):
            assert not (service.get("configs") and service.get("read_only")), app


SMALL = {"title": "x", "image": "docker.io/a/b", "version": "1.2", "port": 8080}


def wrong(**lines: Any) -> set[str]:
    found = Mistakes()
    read_catalogue({"app": {**SMALL, **lines}}, found)
    return {mistake.field for mistake in found.found}


@pytest.mark.parametrize("version", ["latest", "stable", "main", "stable-alpine", "release", "lts-noble", "alpine"])
def test_a_version_that_is_another_image_tomorrow_is_refused(version: str) -> None:
    assert wrong(version=version) == {"version"}


@pytest.mark.parametrize("version", ["2026.11.0", "v1.11.0", "34.0.3-apache", "alpine3.19_emoncms11.4.11", "RELEASE.2022-08-02T23-59-16Z"])
def test_a_fixed_version_is_taken(version: str) -> None:
    assert wrong(version=version) == set()


@pytest.mark.parametrize(
    "image", ["docker.io/library/redis", "docker.io/library/redis:latest", "localhost:5000/redis", "docker.io/library/redis:alpine", "", None, 5]
)
def test_a_companion_without_a_fixed_image_is_refused(image: object) -> None:
    assert wrong(services={"db": {"image": image}}) == {"services.db.image"}


@pytest.mark.parametrize(
    "image",
    [
        "docker.io/library/redis:8.6.6",
        "localhost:5000/redis:8.6",
        f"docker.io/library/redis@sha256:{'0a' * 32}",
        "${EXPOSURE_IMAGE}",
        "ghcr.io/a/b:${EXPOSURE_VERSION}",
    ],
)
def test_a_companion_with_a_fixed_image_or_the_app_s_own_is_taken(image: str) -> None:
    assert wrong(services={"db": {"image": image}}) == set()


def test_a_companion_may_move_where_the_entry_says_why() -> None:
    assert wrong(services={"db": {"image": "a.example/b:latest"}}, moving="they publish no other") == set()


@pytest.mark.proves("R56")
def test_a_privileged_service_needs_a_reason() -> None:
    assert wrong(service={"privileged": True}) == {"services.app.privileged"}
    assert wrong(services={"db": {"image": "a.example/b:1", "privileged": True}}) == {"services.db.privileged"}
    assert wrong(service={"privileged": True}, privileged="it runs systemd") == set()


def test_an_entry_refuses_only_lines_that_exist() -> None:
    row = {"why": "w", "write": "x"}
    assert wrong(refuse=[{"line": "environment.X", **row}, {"line": "site.tls", **row}, {"line": "ports.https", **row}, {"line": "image", **row}]) == set()
    assert wrong(refuse=[{"line": "site.colour", **row}]) == {"refuse[1].line"}
    assert wrong(refuse=[{"line": "image"}]) == {"refuse[1].why", "refuse[1].write"}


def test_a_new_version_of_an_app_is_that_of_its_companions_of_the_same_image() -> None:
    newer = stack("nextcloud", version="34.0.4-apache")
    assert {newer.compose["services"][name]["image"] for name in ("cron", "nextcloud")} == {"docker.io/library/nextcloud:34.0.4-apache"}
    learning = [service["image"] for service in stack("immich", version="v3.3.0").compose["services"].values() if "machine-learning" in service["image"]]
    assert learning == ["ghcr.io/immich-app/immich-machine-learning:v3.3.0"]


def test_a_person_s_environment_reaches_the_services_that_read_it() -> None:
    services = stack("sregistry", environment={"SREGISTRY_ENABLE_GITHUB_AUTH": "true"}).compose["services"]
    assert [name for name, service in services.items() if "SREGISTRY_ENABLE_GITHUB_AUTH" in service.get("environment", {})] == [
        "sregistry",
        "uwsgi",
        "worker",
        "scheduler",
    ]
    assert "SREGISTRY_ENABLE_GITHUB_AUTH" not in catalogue()["sregistry"]["services"]["uwsgi"]["environment"]


def test_a_person_s_port_goes_before_the_catalogue_s_and_that_before_the_one_inside() -> None:
    assert stack("nextcloud").compose["services"]["nextcloud"]["ports"] == ["127.0.0.1:8092:80"]
    assert stack("nextcloud", port=8100).compose["services"]["nextcloud"]["ports"] == ["127.0.0.1:8100:80"]
    assert stack("jellyfin").compose["services"]["jellyfin"]["ports"] == ["127.0.0.1:8096:8096"]


def test_an_app_whose_image_is_one_s_own_asks_for_it() -> None:
    found = mistakes(home=host(domain="casa.example", sites=[{"name": "study", "app": "expfactory"}]))
    assert {(mistake.site, mistake.field) for mistake in found} == {("app expfactory", "image"), ("app expfactory", "version")}


@pytest.mark.parametrize("app", ALL)
def test_a_file_is_short_enough_to_be_read(app: str) -> None:
    lines = (ROOT / "roles/apps/catalogue" / f"{app}.yml").read_text().splitlines()
    assert len(lines) <= 140 and yaml.safe_load("\n".join(lines))["title"]
