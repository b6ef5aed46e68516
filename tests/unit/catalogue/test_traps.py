"""What each app is known to get wrong behind a proxy, or to leave open: as the Plan tells it, and as the Plan refuses it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.declarations import catalogue, host, mistakes, plan

from .golden import server, stack, told

HOME = {"address": ["192.168.1.10"]}


def environment(app: str, service: str = "", **lines: Any) -> dict[str, str]:
    found = stack(app, **lines).compose["services"][service or app]["environment"]
    return {name: str(value) for name, value in found.items()}


def refused(app: str, sites: list[dict[str, Any]] | None = None, **lines: Any) -> set[tuple[str, str]]:
    """(site or app, field) of every mistake."""
    return {(mistake.site, mistake.field) for mistake in mistakes(home=server(app, sites, **lines))}


def lines_of(app: str, file: str) -> dict[str, Any]:
    (row,) = [row for row in stack(app).settings if row["file"].endswith(file)]
    return dict(row["set"])


def peers(app: str) -> list[str]:
    found = stack(app).peers
    assert found
    return found


# Jellyfin


@pytest.mark.proves("R44", "R43")
def test_jellyfin_is_told_the_one_address_of_its_proxy_and_that_ipv6_counts() -> None:
    said = lines_of("jellyfin", "/config/config/network.xml")
    assert said["KnownProxies"] == {"string": peers("jellyfin")} and len(peers("jellyfin")) == 1
    assert said["EnableIPv6"] is True and said["EnablePublishedServerUriByRequest"] is True


@pytest.mark.proves("R44", "R43")
def test_jellyfin_is_told_of_a_proxy_on_another_host_by_that_host_s_address() -> None:
    made = plan(
        proxy=host(groups=("proxy",), address=["192.168.1.5"]),
        home=host(domain="casa.example", sites=[{"name": "media", "app": "jellyfin"}], **HOME),
    )
    (it,) = made.hosts["home"].stacks
    assert it.settings[0]["set"]["KnownProxies"] == {"string": ["192.168.1.5"]}


def test_jellyfin_s_metrics_and_the_keys_in_its_addresses_are_for_nobody() -> None:
    proxy = catalogue()["jellyfin"]["proxy"]
    assert {"path": "/metrics", "status": 404} in proxy["answers"] and proxy["log_queries"] is False and proxy["buffering"] is False


def test_jellyfin_is_not_up_while_it_moves_its_database() -> None:
    assert stack("jellyfin").health["contains"] == "Healthy" and stack("jellyfin").health["wait"] >= 600


# Nextcloud


@pytest.mark.proves("R45", "R43")
def test_nextcloud_trusts_exactly_its_proxy_and_takes_no_address_from_x_real_ip() -> None:
    said = environment("nextcloud")
    assert said["APACHE_DISABLE_REWRITE_IP"] == "1"
    made = stack("nextcloud")
    assert said["TRUSTED_PROXIES"] == "${EXPOSURE_PROXIES_SPACED}" and made.env["EXPOSURE_PROXIES_SPACED"].split() == made.peers
    assert (said["OVERWRITEPROTOCOL"], said["OVERWRITECLIURL"]) == ("https", "${EXPOSURE_URL}")


def test_nextcloud_s_clock_is_told_the_same_as_its_pages() -> None:
    assert environment("nextcloud", "cron") == environment("nextcloud")
    assert stack("nextcloud").compose["services"]["cron"]["entrypoint"] == "/cron.sh"


@pytest.mark.proves("R45")
def test_nextcloud_s_calendars_and_contacts_are_found_by_their_well_known_names() -> None:
    found = {answer["path"]: (answer["status"], answer["redirect"]) for answer in told("nextcloud")["answers"]}
    assert found["/.well-known/carddav"] == found["/.well-known/caldav"] == (301, "/remote.php/dav")
    assert {"/.well-known/webfinger", "/.well-known/nodeinfo"} <= {*found}


@pytest.mark.proves("R19")
def test_nextcloud_takes_ten_gigabytes_for_as_long_as_they_need() -> None:
    proxy = catalogue()["nextcloud"]["proxy"]
    assert (proxy["max_body"], proxy["read_timeout"], proxy["buffering"]) == ("10G", 3600, False)
    assert environment("nextcloud")["APACHE_BODY_LIMIT"] == "0" and environment("nextcloud")["PHP_UPLOAD_LIMIT"] == "10G"


@pytest.fixture
def occ(tmp_path: Path) -> Any:
    """Run a command as it stands in the catalogue, with a `php` that keeps trusted_domains as Nextcloud does (core/Command/Config/System)."""
    kept = tmp_path / "domains"
    (tmp_path / "php").write_text(
        "#!/usr/bin/python3\n"
        "import json, sys; from pathlib import Path\n"
        f"kept = Path({str(kept)!r}); found = json.loads(kept.read_text())\n"
        "words = [word for word in sys.argv[3:] if not word.startswith('--')]; key = words[1:2]\n"
        "assert sys.argv[1] == 'occ' and words[0] == 'trusted_domains'\n"
        "if sys.argv[2] == 'config:system:set':\n"
        "    found[key[0]] = next(word[8:] for word in sys.argv if word.startswith('--value=')); kept.write_text(json.dumps(found))\n"
        "elif key: sys.exit(print(found[key[0]]) if key[0] in found else 1)\n"
        "else: print('\\n'.join(found.values()))\n"
    )
    (tmp_path / "php").chmod(0o755)

    def run(command: list[str], domains: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
        if domains is not None:
            kept.write_text(json.dumps(domains))
        path = f"{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout.strip(), json.loads(kept.read_text())

    return run


@pytest.mark.proves("R45")
def test_a_name_that_nextcloud_gets_later_is_added_to_those_it_has(occ: Any) -> None:
    sites = [{"name": "cloud", "hosts": ["cloud.casa.example", "www.casa.example"], "app": "nextcloud"}]
    (row,) = stack("nextcloud", sites).commands
    own = {"0": "localhost", "1": "cloud.casa.example", "3": "nas.lan"}
    assert occ(row["look"], own)[0] != row["want"]
    assert occ(row["do"])[1] == {**own, "2": "www.casa.example"}
    assert occ(row["look"])[0] == row["want"]
    assert occ(row["do"])[1] == {**own, "2": "www.casa.example"}, "a second time it is left alone"


@pytest.mark.proves("R45")
def test_a_name_is_not_taken_for_another_that_it_is_a_part_of(occ: Any) -> None:
    (row,) = stack("nextcloud", [{"name": "cloud", "hosts": ["casa.example"], "app": "nextcloud"}]).commands
    assert occ(row["look"], {"0": "localhost", "1": "www.casa.example", "2": "casa-example"})[0] != row["want"]


# TAO Community Edition


@pytest.mark.proves("R47")
def test_tao_is_told_its_name_and_language_before_its_first_start_and_keeps_them() -> None:
    made = stack("tao", options={"LOCALE": "fr-FR"})
    config = made.compose["configs"]["tao_config"]["content"]
    assert "publicDomain: ${EXPOSURE_HOST}\n" in config and "defaultLocale: ${LOCALE}\n" in config
    assert made.fixed == {"EXPOSURE_HOST": "tao.casa.example", "LOCALE": "fr-FR"}
    assert made.compose["services"]["tao"]["configs"] == [{"source": "tao_config", "target": "/etc/tao-ce/config/tao.yaml"}]


@pytest.mark.proves("R47")
def test_tao_without_a_public_name_is_not_started_since_it_would_keep_none_for_ever() -> None:
    assert refused("tao", []) == {("app tao", "hosts of its site")}
    assert refused("synapse", []) == {("app synapse", "hosts of its site")}


@pytest.mark.proves("R47")
def test_tao_ends_tls_itself_and_any_other_way_is_refused() -> None:
    made = plan(home=server("tao"))
    assert made.hosts["home"].proxy is not None
    (passed,) = made.hosts["home"].proxy.passthrough
    assert (passed.hosts, passed.upstream) == (["tao.casa.example"], "127.0.0.1:8449")
    site = {"name": "tao", "app": "tao"}
    assert refused("tao", [{**site, "tls": "acme"}]) == {("site tao", "tls")}
    assert ("site tao", "tls") in refused("tao", [{**site, "tls": "local"}])


@pytest.mark.proves("R47")
def test_tao_answers_to_one_name_on_port_443_alone() -> None:
    assert refused("tao", [{"name": "tao", "hosts": ["a.casa.example", "b.casa.example"], "app": "tao"}]) == {("site tao", "hosts")}
    moved = host(domain="casa.example", sites=[{"name": "tao", "app": "tao"}], ports={"https": 8443})
    assert {(mistake.host, mistake.field) for mistake in mistakes(home=moved)} == {("home", "exposure_ports.https")}


def test_the_certificates_of_tao_s_own_caddy_outlive_its_container() -> None:
    assert "${EXPOSURE_DATA}/caddy:/root/.local/share/caddy" in stack("tao").compose["services"]["tao"]["volumes"]


@pytest.mark.proves("R54")
def test_the_accounts_that_tao_comes_with_are_all_known() -> None:
    assert {account["user"] for account in catalogue()["tao"]["accounts"]} == {"admin", *(f"demo0{number}" for number in range(1, 6))}


def test_tao_runs_with_all_that_it_stands_on_and_waits_for_it() -> None:
    services = stack("tao").compose["services"]
    assert {*services} == {"tao", "redis", "pgsql", "pubsub", "firestore", "es"}
    assert services["tao"]["depends_on"]["es"] == {"condition": "service_healthy"}
    assert services["tao"]["extra_hosts"] == ["${EXPOSURE_HOST}:0.0.0.0"] and services["tao"]["cgroup"] == "host"


def test_tao_s_own_port_is_asked_over_http_and_says_only_that_it_wants_tls() -> None:
    assert stack("tao").health["status"] == [400]
    (probe,) = plan(home=server("tao")).probes
    assert (probe.path, probe.status, probe.passthrough) == ("/portal/", [200], True)


# FreePBX


PBX = {"name": "pbx", "hosts": ["pbx.casa.example"], "app": "freepbx", "upstream": "https://10.1.2.3"}


@pytest.mark.proves("R50", "R27")
def test_freepbx_keeps_its_own_certificate_and_both_paths_by_which_it_orders_it() -> None:
    made = plan(home=host(sites=[PBX]))
    assert made.hosts["home"].proxy is not None and made.hosts["home"].stacks == []
    (passed,) = made.hosts["home"].proxy.passthrough
    assert (passed.upstream, passed.http_upstream) == ("10.1.2.3:443", "10.1.2.3:80")
    assert passed.http_paths == ["/.well-known/acme-challenge/", "/.freepbx-known/"]
    (probe,) = made.probes
    assert probe.passthrough and probe.path == "/admin/config.php"


@pytest.mark.proves("R50")
def test_freepbx_without_its_own_tls_is_refused() -> None:
    assert {(mistake.site, mistake.field) for mistake in mistakes(home=host(sites=[{**PBX, "tls": "acme"}]))} == {("site pbx", "tls")}


def test_an_appliance_is_not_deployed_but_shown_where_it_is() -> None:
    (mistake,) = mistakes(home=host(sites=[{**PBX, "upstream": None}]))
    assert (mistake.site, mistake.field) == ("app freepbx", "app") and "upstream: https://" in mistake.write


def test_the_owner_of_a_freepbx_is_told_to_let_the_proxy_in() -> None:
    assert any("Whitelist" in note for note in catalogue()["freepbx"]["notes"])


# An app that runs elsewhere


def test_what_an_app_needs_of_its_proxy_is_known_wherever_it_runs() -> None:
    made = plan(home=host(sites=[{"name": "cloud", "hosts": ["cloud.casa.example"], "app": "nextcloud", "upstream": "http://192.168.1.20"}]))
    assert made.hosts["home"].proxy is not None and made.hosts["home"].stacks == []
    (site,) = made.hosts["home"].proxy.sites
    assert (site.max_body, site.read_timeout, site.buffering) == (10 * 1000**3, 3600, False)
    assert site.locations[0].upstream == "192.168.1.20:80"
    (probe,) = made.probes
    assert (probe.path, probe.contains) == ("/status.php", '"installed":true')


def test_what_a_site_says_goes_before_what_its_app_elsewhere_needs() -> None:
    site = {"name": "cloud", "hosts": ["cloud.casa.example"], "app": "nextcloud", "upstream": "http://192.168.1.20", "max_body": "1G", "buffering": True}
    made = plan(home=host(sites=[site]))
    assert made.hosts["home"].proxy is not None
    assert (made.hosts["home"].proxy.sites[0].max_body, made.hosts["home"].proxy.sites[0].buffering) == (1000**3, True)


def test_an_app_that_is_deployed_here_has_no_upstream_of_its_own() -> None:
    site = {"name": "cloud", "hosts": ["cloud.casa.example"], "app": "nextcloud", "upstream": "http://192.168.1.20"}
    assert {(m.site, m.field) for m in mistakes(home=host(sites=[site], apps=[{"name": "nextcloud"}]))} == {("site cloud", "app")}
    gone = plan(home=host(sites=[site], apps=[{"name": "nextcloud", "state": "absent"}]))
    assert [one.state for one in gone.hosts["home"].stacks] == ["absent"]


@pytest.mark.parametrize("order", [1, -1])
def test_one_jellyfin_here_and_another_elsewhere_are_two_whatever_comes_first(order: int) -> None:
    sites = [
        {"name": "here", "hosts": ["here.casa.example"], "app": "jellyfin"},
        {"name": "there", "hosts": ["there.casa.example"], "app": "jellyfin", "upstream": "http://192.168.1.20:8096"},
    ]
    made = plan(home=host(sites=sites[::order]))
    assert [one.name for one in made.hosts["home"].stacks] == ["jellyfin"]
    assert made.hosts["home"].proxy is not None
    assert {site.name: site.locations[0].upstream for site in made.hosts["home"].proxy.sites} == {"here": "127.0.0.1:8096", "there": "192.168.1.20:8096"}
    assert made.hosts["home"].stacks[0].env["EXPOSURE_HOSTS"] == "here.casa.example"


# Singularity Registry


@pytest.mark.proves("R46")
def test_the_registry_knows_its_name_with_https_and_its_naked_name_without() -> None:
    made = stack("sregistry")
    said = environment("sregistry", "uwsgi")
    assert said["SREGISTRY_DOMAIN_NAME"] == said["SREGISTRY_SOCIAL_AUTH_LOGIN_REDIRECT_URL"] == "${EXPOSURE_URL}"
    assert said["SREGISTRY_DOMAIN_NAME_HTTP"] == "http://${EXPOSURE_AUTHORITY}"
    assert (made.env["EXPOSURE_URL"], made.env["EXPOSURE_AUTHORITY"]) == ("https://sregistry.casa.example", "sregistry.casa.example")


@pytest.mark.proves("R46")
def test_the_registry_sends_a_log_in_back_over_https_and_reads_no_settings_file_over_its_environment() -> None:
    made = stack("sregistry")
    secrets = made.compose["configs"]["secrets"]["content"]
    assert 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")' in secrets and "SOCIAL_AUTH_REDIRECT_IS_HTTPS = True" in secrets
    for service in ("uwsgi", "worker", "scheduler"):
        assert {"source": "secrets", "target": "/code/shub/secrets.py"} in made.compose["services"][service]["configs"]
        assert environment("sregistry", service)["SREGISTRY_SETTINGS_FILE"] == "/code/no-settings.yaml"


@pytest.mark.proves("R46", "R54")
def test_the_registry_s_keys_and_those_of_its_minio_are_generated() -> None:
    made = stack("sregistry")
    assert {*made.secrets} == {"SECRET_KEY", "DB_PASSWORD", "MINIO_ROOT_PASSWORD"}
    assert environment("sregistry", "uwsgi")["SREGISTRY_SECRET_KEY"] == "${SECRET_KEY}"
    for service in ("uwsgi", "minio"):
        said = environment("sregistry", service)
        assert (said["MINIO_ROOT_USER"], said["MINIO_ROOT_PASSWORD"]) == ("sregistry", "${MINIO_ROOT_PASSWORD}")
    assert "POSTGRES_HOST_AUTH_METHOD" not in environment("sregistry", "db")
    assert environment("sregistry", "db")["POSTGRES_PASSWORD"] == environment("sregistry", "uwsgi")["PGPASSWORD"]
    assert stack("sregistry").compose["services"]["db"]["volumes"] == ["${EXPOSURE_DATA}/db:/var/lib/postgresql/data"]


@pytest.mark.proves("R46")
def test_the_files_of_the_registry_have_a_site_of_their_own_and_its_name_stays_the_registry_s() -> None:
    made = plan(home=server("sregistry"))
    assert made.hosts["home"].proxy is not None
    upstreams = {site.hosts[0]: site.locations[0].upstream for site in made.hosts["home"].proxy.sites}
    assert upstreams == {"files.casa.example": "127.0.0.1:9000", "sregistry.casa.example": "127.0.0.1:8084"}
    (it,) = made.hosts["home"].stacks
    assert it.compose["services"]["minio"]["ports"] == ["127.0.0.1:9000:9000"]
    assert (it.env["EXPOSURE_HOSTS"], it.env["FILES_HOST"]) == ("sregistry.casa.example", "files.casa.example")
    assert {probe.site: probe.path for probe in made.probes} == {"files": "/minio/health/live", "sregistry": "/version"}


def test_each_client_of_the_registry_is_counted_by_its_own_address(tmp_path: Path) -> None:
    command = stack("sregistry").compose["services"]["sregistry"]["command"][2].replace("$$", "$")
    script = command.replace("/etc/nginx/proxies.conf", str(tmp_path / "proxies.conf")).replace("exec nginx", "echo nginx")
    subprocess.run(["sh", "-c", script], env={"PROXIES": "172.30.1.1 192.168.1.5", "PATH": os.environ["PATH"]}, check=True, capture_output=True)
    assert (tmp_path / "proxies.conf").read_text() == "set_real_ip_from 172.30.1.1;\nset_real_ip_from 192.168.1.5;\n"
    conf = stack("sregistry").compose["configs"]["nginx"]["content"]
    assert "include /etc/nginx/proxies.conf;" in conf and "real_ip_header X-Forwarded-For;" in conf


@pytest.mark.proves("R46")
def test_the_registry_s_retired_images_are_refused() -> None:
    assert refused("sregistry", image="quay.io/vanessa/sregistry_nginx") == {("app sregistry", "image")}
    assert stack("sregistry", image="registry.casa.example:5000/nginx")


# emoncms


@pytest.mark.proves("R48")
def test_emoncms_knows_its_name_whoever_asks_and_believes_its_proxy_about_https() -> None:
    made = stack("emoncms")
    assert made.compose["configs"]["settings"]["content"].startswith('domain = "${EXPOSURE_AUTHORITY}"\n')
    assert made.compose["services"]["emoncms"]["configs"] == [{"source": "settings", "target": "/var/www/emoncms/settings.ini"}]
    moved = plan(home=host(domain="casa.example", ports={"https": 8443, "http": 80}, sites=[{"name": "power", "app": "emoncms"}]))
    assert moved.hosts["home"].stacks[0].env["EXPOSURE_AUTHORITY"] == "power.casa.example:8443"


def test_the_owner_of_an_emoncms_is_told_what_not_to_repair() -> None:
    for app in ("emoncms", "emoncms_obm"):
        assert "mod_remoteip" not in json.dumps(stack(app).compose)
        assert any("X-Forwarded-Proto from a private peer alone" in note for note in catalogue()[app]["notes"])


@pytest.mark.proves("R54")
def test_no_known_password_of_emoncms_is_used() -> None:
    for app in ("emoncms", "emoncms_obm"):
        assert environment(app)["MYSQL_PASSWORD"] == "${MYSQL_PASSWORD}" and environment(app)["MQTT_PASSWORD"] == "${MQTT_PASSWORD}"
        assert "emonpimqtt2016" not in json.dumps(stack(app).compose) and "emoncmsmysql2016" not in json.dumps(stack(app).compose)


@pytest.mark.proves("R48")
def test_the_all_in_one_emoncms_is_not_changed_for_a_path_and_sends_its_own_hsts_once() -> None:
    assert environment("emoncms_obm")["REVERSE_PROXY"] == "0"
    assert refused("emoncms_obm", environment={"REVERSE_PROXY": "1"}) == {("app emoncms_obm", "environment.REVERSE_PROXY")}
    assert refused("emoncms_obm", [{"name": "power", "app": "emoncms_obm", "hsts": "365d"}]) == {("site power", "hsts")}


# expfactory, zigbee2mqtt, Nginx Proxy Manager


@pytest.mark.proves("R49")
def test_an_experiment_is_asked_at_its_own_server_where_no_inner_proxy_says_http() -> None:
    made = stack("expfactory")
    assert made.compose["services"]["expfactory"]["ports"] == ["127.0.0.1:8050:5000"]
    assert made.compose["services"]["expfactory"]["volumes"] == ["${EXPOSURE_DATA}/data:/scif/data"]


@pytest.mark.proves("R49")
def test_the_builder_of_experiments_is_no_experiment() -> None:
    assert refused("expfactory", image="quay.io/vanessa/expfactory-builder", version="base") == {("app expfactory", "image")}


@pytest.mark.proves("R54")
def test_zigbee2mqtt_asks_for_a_generated_token_and_nobody_can_set_it_up_first() -> None:
    said = environment("zigbee2mqtt")
    assert said["ZIGBEE2MQTT_CONFIG_FRONTEND_AUTH_TOKEN"] == "${FRONTEND_TOKEN}" and "FRONTEND_TOKEN" in stack("zigbee2mqtt").secrets
    assert said["Z2M_ONBOARD_NO_SERVER"] == "1"
    assert stack("zigbee2mqtt").compose["services"]["zigbee2mqtt"]["devices"] == ["${ADAPTER}:/dev/ttyACM0"]
    assert stack("zigbee2mqtt").env["ADAPTER"] == "/dev/serial/by-id/usb-adapter"
    assert refused("zigbee2mqtt", options={}) == {("app zigbee2mqtt", "options.ADAPTER"), ("app zigbee2mqtt", "options.CHIP")}


@pytest.mark.proves("R54")
def test_no_broker_takes_messages_without_a_generated_password() -> None:
    for app in ("zigbee2mqtt", "emoncms"):
        broker = stack(app).compose["services"]["mqtt"]
        assert "allow_anonymous false" in broker["command"][0] and "$$MQTT_PASSWORD" in broker["command"][0]
        assert broker["environment"] == {"MQTT_PASSWORD": "${MQTT_PASSWORD}"} and "ports" not in broker


@pytest.mark.proves("R56")
def test_the_admin_pages_of_nginx_proxy_manager_never_leave_loopback() -> None:
    assert refused("npm", [{"name": "npm", "app": "npm"}]) == {("site npm", "app_port")}
    made = stack("npm", [])
    assert made.compose["services"]["npm"]["ports"] == ["127.0.0.1:8181:81"]
    both = stack("npm")
    assert both.compose["services"]["npm"]["ports"] == ["127.0.0.1:8181:81", "127.0.0.1:8188:80"]
    site = {"name": "npm", "app": "npm", "app_port": "web"}
    apps = [{"name": "npm", "options": {"ADMIN_EMAIL": "me@example.org"}}]
    found = mistakes(proxy=host(groups=("proxy",), address=["192.168.1.5"]), home=host(domain="casa.example", sites=[site], apps=apps, **HOME))
    assert {(mistake.site, mistake.field) for mistake in found} == {("site npm", "proxy")}


@pytest.mark.proves("R54")
def test_nginx_proxy_manager_has_an_administrator_before_anybody_comes_and_its_old_one_is_looked_for() -> None:
    said = environment("npm")
    assert (said["INITIAL_ADMIN_EMAIL"], said["INITIAL_ADMIN_PASSWORD"]) == ("${ADMIN_EMAIL}", "${INITIAL_ADMIN_PASSWORD}")
    (account,) = catalogue()["npm"]["accounts"]
    assert (account["path"], account["json"]) == ("/api/tokens", {"identity": "admin@example.com", "secret": "changeme"})


# Whom an app trusts


TOLD = {
    "nextcloud": "TRUSTED_PROXIES",
    "vaultwarden": "IP_HEADER_TRUSTED_PROXIES",
    "immich": "IMMICH_TRUSTED_PROXIES",
    "paperless": "PAPERLESS_TRUSTED_PROXIES",
    "gitea": "GITEA__security__REVERSE_PROXY_TRUSTED_PROXIES",
    "forgejo": "FORGEJO__security__REVERSE_PROXY_TRUSTED_PROXIES",
}


@pytest.mark.proves("R43", "B03")
@pytest.mark.parametrize(("app", "name"), TOLD.items())
def test_an_app_that_takes_a_list_of_proxies_gets_exactly_them_and_no_wider_one(app: str, name: str) -> None:
    made = stack(app)
    assert environment(app)[name].replace("_SPACED", "") == "${EXPOSURE_PROXIES}"
    assert made.env["EXPOSURE_PROXIES"].split(",") == made.peers == made.env["EXPOSURE_PROXIES_SPACED"].split()
    for wider in ("*", "172.16.0.0/12", "0.0.0.0/0", "all"):
        assert refused(app, environment={name: wider}) == {(f"app {app}", f"environment.{name}")}


def test_vaultwarden_takes_the_address_from_the_header_that_our_proxies_replace() -> None:
    # Both engines take X-Real-IP out of every request.
    assert environment("vaultwarden")["IP_HEADER"] == "X-Forwarded-For"
    for template in ("caddy/templates/Caddyfile.j2", "nginx/templates/proxy.conf.j2"):
        assert "X-Real-IP" in (Path(__file__).resolve().parents[3] / "roles" / template).read_text()


def test_vaultwarden_is_known_by_its_https_address_and_its_admin_pages_stay_at_home() -> None:
    assert refused("vaultwarden", environment={"DOMAIN": "http://vault.casa.example"}) == {("app vaultwarden", "environment.DOMAIN")}
    assert stack("vaultwarden", environment={"DOMAIN": "https://vault.casa.example/vault"})
    assert {"path": "/admin", "status": 404} in told("vaultwarden")["answers"]
    assert environment("vaultwarden")["SIGNUPS_ALLOWED"] == "${SIGNUPS}" and stack("vaultwarden").env["SIGNUPS"] == "false"


@pytest.mark.parametrize("app", ["gitea", "forgejo"])
def test_a_forge_is_set_up_before_anybody_comes(app: str) -> None:
    said = {name.partition("__")[2]: value for name, value in environment(app).items()}
    assert (said["security__INSTALL_LOCK"], said["service__DISABLE_REGISTRATION"], said["security__REVERSE_PROXY_LIMIT"]) == ("true", "true", "1")
    assert said["security__SECRET_KEY"] == "${SECRET_KEY}" and said["server__ROOT_URL"] == "${EXPOSURE_URL}/"


@pytest.mark.parametrize(
    ("networks", "wrong"), [("172.16.0.0/12", True), ("10.0.0.0/8, 172.16.0.0/255.240.0.0", True), ("192.168.1.0/24", False), ("x", False)]
)
def test_plex_lets_nobody_in_without_a_log_in_because_he_came_through_the_proxy(networks: str, wrong: bool) -> None:
    if wrong:
        assert refused("plex", environment={"ALLOWED_NETWORKS": networks}) == {("app plex", "environment.ALLOWED_NETWORKS")}
    else:
        assert stack("plex", environment={"ALLOWED_NETWORKS": networks})


def test_plex_tells_its_apps_an_address_with_its_port() -> None:
    made = stack("plex")
    assert environment("plex")["ADVERTISE_IP"] == "https://${EXPOSURE_HOST}:${EXPOSURE_PORT}" and made.env["EXPOSURE_PORT"] == "443"


def test_uptime_kuma_keeps_asking_which_page_speaks_to_it() -> None:
    assert refused("uptime_kuma", environment={"UPTIME_KUMA_WS_ORIGIN_CHECK": "bypass"}) == {("app uptime_kuma", "environment.UPTIME_KUMA_WS_ORIGIN_CHECK")}
    assert environment("uptime_kuma")["UPTIME_KUMA_DB_TYPE"] == "sqlite"
    assert any("Trust Proxy" in note for note in catalogue()["uptime_kuma"]["notes"])


def test_of_adguard_home_only_dns_over_https_is_shown_and_it_is_told_its_proxy() -> None:
    said = lines_of("adguard_home", "AdGuardHome.yaml")
    assert said["dns"]["trusted_proxies"] == ["127.0.0.0/8", "::1/128", *peers("adguard_home")]
    assert said["http"] == {"doh": {"insecure_enabled": True}}
    assert catalogue()["adguard_home"]["proxy"]["only"] == ["/dns-query"]


def test_paperless_knows_its_address_and_that_its_proxy_speaks_https() -> None:
    said = environment("paperless")
    assert (said["PAPERLESS_URL"], said["PAPERLESS_DBENGINE"]) == ("${EXPOSURE_URL}", "postgresql")
    assert json.loads(said["PAPERLESS_PROXY_SSL_HEADER"]) == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_grafana_is_known_by_its_public_name_and_its_password_is_generated() -> None:
    said = environment("grafana")
    assert (said["GF_SERVER_ROOT_URL"], said["GF_SECURITY_ADMIN_PASSWORD"]) == ("${EXPOSURE_URL}/", "${ADMIN_PASSWORD}")
    assert (said["GF_SECURITY_COOKIE_SECURE"], said["GF_SERVER_DOMAIN"]) == ("true", "${EXPOSURE_HOST}")


def test_synapse_shows_no_administration_and_other_servers_find_it_on_443() -> None:
    assert catalogue()["synapse"]["proxy"]["only"] == ["/_matrix", "/_synapse/client"]
    server_file, client_file = told("synapse")["answers"]
    assert server_file["json"] == {"m.server": "synapse.casa.example:443"} and client_file["json"] == {
        "m.homeserver": {"base_url": "https://synapse.casa.example"}
    }
    assert server_file["headers"] == client_file["headers"] == {"Access-Control-Allow-Origin": "*"}


def test_synapse_reads_forwarded_addresses_knows_its_url_and_keeps_its_name() -> None:
    said = lines_of("synapse", "homeserver.yaml")
    (listener,) = said["listeners"]
    assert listener["x_forwarded"] is True and listener["bind_addresses"] == ["0.0.0.0"]
    assert said["public_baseurl"] == "https://synapse.casa.example/" and said["enable_registration"] is False
    assert stack("synapse").fixed == {"EXPOSURE_HOST": "synapse.casa.example"}
    assert refused("synapse", environment={"SYNAPSE_SERVER_NAME": "casa.example"}) == {("app synapse", "environment.SYNAPSE_SERVER_NAME")}


@pytest.mark.proves("R54")
@pytest.mark.parametrize(
    ("app", "path"),
    [
        ("jellyfin", "/System/Info/Public"),
        ("immich", "/api/server/config"),
        ("audiobookshelf", "/status"),
        ("plex", "/identity"),
        ("adguard_home", "/control/install/get_addresses"),
    ],
)
def test_an_app_that_belongs_to_its_first_visitor_is_looked_at(app: str, path: str) -> None:
    assert catalogue()[app]["unclaimed"]["path"] == path


@pytest.mark.parametrize("app", ["node_red", "radicale"])
def test_an_app_that_would_ask_nobody_for_a_password_asks_for_a_generated_one(app: str) -> None:
    made = stack(app)
    assert {"ADMIN_PASSWORD", "PASSWORD"} & {*made.secrets}
    shown = json.dumps(made.compose["configs"])
    assert "adminAuth" in shown or "type = htpasswd" in shown


@pytest.mark.parametrize("app", ["jellyfin", "home_assistant", "grafana", "immich", "plex", "vaultwarden", "audiobookshelf", "forgejo", "synapse"])
def test_an_app_is_asked_how_it_is_without_a_log_in_that_fails(app: str) -> None:
    assert stack(app).health["status"] == [200] and stack(app).health["path"] not in ("/api/", "/control/status")
