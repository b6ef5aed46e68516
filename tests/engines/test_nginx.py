"""What only a machine with nginx and certbot can tell: its rights, its boot, its timer, and what an independent judge says of its TLS."""

from __future__ import annotations

import json
import re

import pytest

from tests.bed import host, plan, sites


def test_the_proxy_has_few_rights_and_its_workers_none() -> None:
    seen = host("home").run("systemd-analyze security --no-pager nginx.service").stdout
    assert float(re.findall(r"exposure level for nginx.service: ([0-9.]+)", seen)[0]) <= 3.0
    assert set(host("home").run("ps -o user= --ppid $(cat /run/nginx.pid)").stdout.split()) == {"www-data"}


@pytest.mark.parametrize("unit", ["exposure-certificates.service", "exposure-failure@x.service"])
def test_what_the_timer_runs_has_few_rights(unit: str) -> None:
    seen = host("home").run(f"systemd-analyze security --no-pager {unit}").stdout
    assert float(re.findall(rf"exposure level for {unit}: ([0-9.]+)", seen)[0]) <= 2.5


@pytest.mark.proves("R39")
def test_one_timer_renews_and_it_is_randomised_and_catches_up_after_downtime() -> None:
    home = host("home")
    timers = home.run("systemctl list-units --type=timer --state=active --no-legend --plain").stdout
    assert [line.split()[0] for line in timers.splitlines() if "cert" in line.split()[0]] == ["exposure-certificates.timer"]
    assert home.run("systemctl is-enabled certbot.timer").stdout.strip() == "masked"
    assert "-d /run/systemd/system" in home.run("cat /etc/cron.d/certbot").stdout  # Debian's cron job rests where systemd runs
    shown = dict(line.split("=", 1) for line in home.run("systemctl show exposure-certificates.timer -p Persistent -p RandomizedDelayUSec").stdout.splitlines())
    assert shown == {"Persistent": "yes", "RandomizedDelayUSec": "5h"}


@pytest.mark.proves("R52", "R22")
def test_a_boot_starts_from_the_release_that_was_proven() -> None:
    home = host("home")
    current = home.run("readlink -f /etc/exposure/nginx/current").stdout
    assert home.run("readlink -f /run/exposure-nginx").stdout == current
    home.run("ln -sfnT /nonexistent /run/exposure-nginx && systemctl restart nginx")
    assert home.run("readlink -f /run/exposure-nginx").stdout == current
    assert home.run("systemctl is-active nginx").stdout.strip() == "active"


@pytest.mark.proves("R34", "R41")
def test_each_site_has_one_certificate_for_all_its_names_in_the_store_and_its_key_is_not_for_everybody() -> None:
    home = host("home")
    for site in plan()["hosts"]["home"]["proxy"]["sites"]:
        seen = home.run(f"openssl x509 -noout -ext subjectAltName -in /etc/exposure/certificates/{site['certificate']}/fullchain.pem").stdout
        assert sorted(re.findall(r"DNS:([^,\s]+)", seen)) == sorted(site["hosts"])
        rights = home.run(f"stat -L -c '%U %G %a' /etc/exposure/certificates/{site['certificate']}/privkey.pem").stdout
        assert rights.strip() == "root exposure-certificates 640"


@pytest.mark.proves("R20")
def test_an_independent_judge_finds_nothing_wrong_with_its_tls() -> None:
    phone, name = host("phone"), sites()[0]["host"]
    judge = f"testssl --quiet --color 0 --ip one --add-ca /etc/ssl/certs/ca-certificates.crt --jsonfile /root/judged.json {name}"
    run = phone.run(f"rm -f /root/judged.json; timeout 300 {judge}")
    found = json.loads(phone.file("/root/judged.json").content_string)
    assert found, run.stdout
    known = {one["id"]: one for one in found}
    assert known["TLS1"]["finding"] == known["TLS1_1"]["finding"] == "not offered"
    assert "offered" in known["TLS1_3"]["finding"] and "not" not in known["TLS1_3"]["finding"]
    # It wants HSTS for an A+, which is the owner's to ask for, and a revocation service that the box's authority does not have.
    assert known["overall_grade"]["finding"] in ("A", "A+"), run.stdout
    serious = {one["id"] for one in found if one["severity"] in ("HIGH", "CRITICAL")}
    assert serious <= {"cert_revocation", "cert_crlDistributionPoints"}, [known[one] for one in serious]


def test_the_log_has_times_and_no_queries() -> None:
    host("phone").run("curl -sS -o /dev/null 'https://who.casa.example/api?token=hunter2-in-the-query'")
    host("home").run("sleep 6")
    log = host("home").file("/var/log/nginx/exposure.log").content_string
    assert "hunter2-in-the-query" not in log
    assert re.search(r'who\.casa\.example "GET /api HTTP/2\.0" 200 \d+ \d+\.\d{3} \d+\.\d{3} "curl', log)
