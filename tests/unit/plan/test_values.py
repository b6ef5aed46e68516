"""What a value may be, how it comes out, and what is never let through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.plan import values
from plugins.module_utils.plan.mistakes import Refused

TOKENS = {
    "slug": values.slug,
    "path": values.path,
    "image tag": values.image_tag,
    "image": values.image,
    "time zone": values.time_zone,
    "environment name": values.environment_name,
    "file path": values.file_path,
    "e-mail": values.e_mail,
    "host name": values.host_name,
    "address": values.address,
    "network": values.network,
    "upstream": values.upstream,
    "web address": values.web_address,
    "size": values.size,
    "duration": values.duration,
    "port": values.port,
    "status": values.status,
    "choice": values.one_of("acme", "internal"),
    "boolean": values.boolean,
}
GOOD = {
    "slug": "home_assistant",
    "path": "/health",
    "image tag": "2026.11.0",
    "image": "ghcr.io/home-assistant/home-assistant",
    "time zone": "Europe/Paris",
    "environment name": "LOG_LEVEL",
    "file path": "/etc/ssl/ca.pem",
    "e-mail": "me@example.org",
    "host name": "home.example.org",
    "address": "fd00::20",
    "network": "172.30.4.16/28",
    "upstream": "http://192.168.1.20:8080",
    "web address": "https://acme.example.org/directory",
    "size": "500M",
    "duration": "30s",
    "port": "8123",
    "status": 200,
    "choice": "acme",
    "boolean": True,
}
HOSTILE = [
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\x1b[31m",
    "\x7f",
    "\u202e",
    " ",
    "{",
    "}",
    '"',
    "'",
    "`",
    "\\",
    "$",
    ";",
    "#",
    "<",
    "{env.HOME}",
    "{$HOME}",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "\nimport /etc/passwd",
    "%\n}",
]


@pytest.mark.parametrize("kind", TOKENS)
def test_a_good_value_is_taken(kind: str) -> None:
    TOKENS[kind](GOOD[kind])


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
@pytest.mark.parametrize("kind", [kind for kind in TOKENS if isinstance(GOOD[kind], str)])
def test_letters_that_could_break_out_of_a_configuration_are_refused_before_within_and_after_a_value(kind: str, hostile: str) -> None:
    good = str(GOOD[kind])
    for at in (0, len(good) // 2, len(good)):
        with pytest.raises(Refused):
            TOKENS[kind](good[:at] + hostile + good[at:])


@pytest.mark.parametrize("kind", [kind for kind in TOKENS if isinstance(GOOD[kind], str)])
def test_a_value_of_any_length_is_not_taken(kind: str) -> None:
    good = str(GOOD[kind])
    with pytest.raises(Refused):
        TOKENS[kind](good + good[-1] * 5000)
    with pytest.raises(Refused):
        TOKENS[kind](good[0] * 5000 + good)


@pytest.mark.parametrize("value", [True, False, None, [], {}, ["a"], {"a": "b"}, 1.5, float("nan"), b"text", -1, 10**30], ids=repr)
@pytest.mark.parametrize("kind", [kind for kind in TOKENS if kind != "boolean"])
def test_what_is_not_a_text_or_a_number_in_range_is_refused(kind: str, value: object) -> None:
    with pytest.raises(Refused):
        TOKENS[kind](value)


@given(st.text() | st.text(alphabet="a.:/[]%@{}$\n-0123456789x"))
def test_whatever_text_is_taken_comes_out_without_a_letter_that_means_something_to_a_configuration(text: str) -> None:
    for kind, check in TOKENS.items():
        try:
            taken = str(check(text))
        except Refused:
            continue
        assert taken.isascii() and taken.isprintable() and not set(taken) & set(" \"'`{}$\\;#<>|*"), kind


@given(st.sampled_from(sorted(TOKENS)), st.text())
def test_a_value_as_it_came_out_is_taken_again_and_stays_as_it_is(kind: str, text: str) -> None:
    try:
        taken = TOKENS[kind](text)
    except Refused:
        return
    assert TOKENS[kind](taken) == taken


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Home.Example.ORG", "home.example.org"),
        ("home.example.org.", "home.example.org"),
        ("bücher.example.org", "xn--bcher-kva.example.org"),
        ("BÜCHER.example.org", "xn--bcher-kva.example.org"),
        ("bu\u0308cher.example.org", "xn--bcher-kva.example.org"),
        ("xn--bcher-kva.example.org", "xn--bcher-kva.example.org"),
        ("XN--BCHER-KVA.example.org", "xn--bcher-kva.example.org"),
        ("straße.example.org", "xn--strae-oqa.example.org"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("a-b.c--d.example", "a-b.c--d.example"),
        ("a" * 63 + ".example.org", "a" * 63 + ".example.org"),
    ],
)
def test_a_host_name_comes_out_in_lower_case_as_the_resolver_needs_it(written: str, name: str) -> None:
    assert values.host_name(written) == name


@pytest.mark.parametrize(
    "written",
    [
        "localhost",
        "*.example.org",
        "*.bücher.example",
        "192.168.1.10",
        "home.example.123",
        "",
        ".",
        "..",
        "home..example.org",
        "home.example.org..",
        ".example.org",
        "-home.example.org",
        "home-.example.org",
        "a" * 64 + ".example.org",
        "a." * 130 + "org",
        "ü" * 300 + ".org",
        "ho_me.example.org",
        "xn--a.example.org",
        "xn--.example.org",
        "xn--zzzzzzz99999.example.org",
        "home\u200b\u2028.example.org",
        "☕\u0000.example.org",
        "home.example.org:443",
        "https://home.example.org",
        "home.example.org/",
        "a\u0338.\u0661.example.org\n",
    ],
)
def test_what_is_not_a_full_host_name_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.host_name(written)


def test_a_number_where_a_text_is_needed_is_answered_with_the_quotes_it_needs() -> None:
    with pytest.raises(Refused) as refused:
        values.image_tag(2026.8)
    assert refused.value.write == '"2026.8" in quotes'


@pytest.mark.parametrize(
    ("written", "address"),
    [("192.168.1.10", "192.168.1.10"), ("FD00:0:0::0010", "fd00::10"), ("::1", "::1"), ("2001:DB8::1", "2001:db8::1")],
)
def test_an_address_comes_out_in_its_canonical_form(written: str, address: str) -> None:
    assert values.address(written) == address


@pytest.mark.parametrize(
    "written",
    [
        "192.168.01.10",
        "192.168.1",
        "192.168.1.256",
        "192.168.1.0/24",
        "[fd00::1]",
        "fe80::1%eth0",
        "fe80::1%\n}",
        "fe80::1%{env.HOME}",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "home",
    ],
)
def test_what_is_not_the_address_of_one_machine_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.address(written)


@pytest.mark.parametrize("written", ["10.0.0.0/8", "172.16.0.0/12", "172.31.255.0/24", "192.168.7.4/30"])
def test_a_private_network_is_taken(written: str) -> None:
    assert values.network(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "0.0.0.0/0",
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "8.8.8.0/24",
        "172.16.0.1/12",
        "172.0.0.0/8",
        "100.64.0.0/10",
        "240.0.0.0/8",
        "10.0.0.0/31",
        "10.0.0.1",
        "10.0.0.1/32",
        "fd00::/64",
        "fe80::%\n/64",
        "::/0",
        "10.0.0.0/255.0.0.1",
        "10.0.0.0/",
    ],
)
def test_a_network_that_containers_cannot_use_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.network(written)


@pytest.mark.parametrize(
    ("written", "upstream"),
    [
        ("192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("http://192.168.1.20", "http://192.168.1.20:80"),
        ("HTTP://NAS.lan/", "http://nas.lan:80"),
        ("https://nas.lan", "https://nas.lan:443"),
        ("https://nas:5001", "https://nas:5001"),
        ("http://[FD00:0::20]:8080", "http://[fd00::20]:8080"),
        ("[fd00::20]:8080", "http://[fd00::20]:8080"),
        ("https://[fd00::20]", "https://[fd00::20]:443"),
        ("localhost:3000", "http://localhost:3000"),
        ("http://nas.lan:", "http://nas.lan:80"),
    ],
)
def test_an_upstream_comes_out_as_scheme_host_and_port(written: str, upstream: str) -> None:
    assert values.upstream(written) == upstream


@pytest.mark.parametrize(
    "written",
    [
        "ftp://nas.lan",
        "unix//run/app.sock",
        "unix:///run/app.sock",
        "http://",
        "http://nas.lan/path",
        "http://nas.lan?x=1",
        "http://nas.lan#x",
        "http://me:secret@nas.lan",
        "http://@nas.lan",
        "http://:secret@nas.lan",
        "http://nas.lan:0",
        "http://nas.lan:65536",
        "http://nas.lan:-1",
        "http://nas.lan:٣",
        "http://nas.lan:80-90",
        "fd00::20",
        "http://[fe80::1%25eth0]:80",
        "http://[fe80::1%eth0]",
        "http://[::]:80",
        "http://0.0.0.0:80",
        "http://239.1.2.3",
        "http://192.168.1.300",
        "http://nas_1.lan",
        "http://192.168.1.20\n:8080",
        "http://nas.lan:80\n",
        "\thttp://nas.lan",
        "https://nas.lan:80",
        "h2c://nas.lan",
        "srv+http://nas.lan",
        "http://bücher.lan",
        "http://a,b",
        "http://nas.lan http://other.lan",
    ],
)
def test_what_a_request_cannot_be_sent_to_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.upstream(written)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://acme-v02.api.letsencrypt.org/directory", "https://acme-v02.api.letsencrypt.org/directory"),
        ("https://CA.lan:443/acme/acme/directory", "https://ca.lan/acme/acme/directory"),
        ("https://ca.lan:14000/dir", "https://ca.lan:14000/dir"),
        ("https://[FD00::1]:9000/dir", "https://[fd00::1]:9000/dir"),
    ],
)
def test_a_directory_of_acme_comes_out_in_one_form(written: str, address: str) -> None:
    assert values.web_address(written) == address


@pytest.mark.parametrize(
    "written",
    [
        "http://ca.lan/dir",
        "ca.lan/dir",
        "https://",
        "https://ca.lan/dir?x=1",
        "https://ca.lan/dir#x",
        "https://me@ca.lan/dir",
        "https://:pw@ca.lan/dir",
        "https://ca.lan:0/dir",
        "https://ca.lan/{env.X}",
        "https://ca.lan/a b",
        "https://ca.lan/dir\n",
        "https://ca.lan:99999/",
    ],
)
def test_what_is_not_a_plain_https_address_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.web_address(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("0", 0),
        (0, 0),
        ("500M", 500_000_000),
        ("10G", 10_000_000_000),
        ("10GB", 10_000_000_000),
        ("1k", 1000),
        ("1KiB", 1024),
        ("2GiB", 2 << 30),
        ("1Ti", 1 << 40),
        (104857600, 104857600),
        ("7B", 7),
    ],
)
def test_a_size_comes_out_in_bytes(written: object, size: int) -> None:
    assert values.size(written) == size


@pytest.mark.parametrize("written", ["", "M", "-1", "1.5G", "10P", "5i", "1 G", "99999999T", 10**18 * 2, "٣M", "1e3"])
def test_what_is_not_a_size_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        values.size(written)


@pytest.mark.parametrize(("written", "seconds"), [("30s", 30), ("10m", 600), ("1h", 3600), ("365d", 31536000), (120, 120), ("120", 120), (0, 0)])
def test_a_duration_comes_out_in_seconds(written: object, seconds: int) -> None:
    assert values.duration(written) == seconds


@pytest.mark.parametrize("written", ["", "s", "-1s", "1.5h", "1w", "1 h", "40000d", "9999999999", "1h30m"])
def test_what_is_not_a_duration_that_a_proxy_can_count_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        values.duration(written)


@pytest.mark.parametrize("written", [0, 65536, -1, "0", "65536", "8123 ", "8123/tcp", "8080-8090", "٨", "+80", 80.0])
def test_what_is_not_a_port_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        values.port(written)


def test_a_port_in_quotes_is_the_port() -> None:
    assert values.port("8123") == values.port(8123) == 8123


@pytest.mark.parametrize("written", ["/", "//etc/x", "etc/x", "/etc/../x", "/etc/./x", "/..", "/etc/ca pem", "~/x", "/etc//x"])
def test_a_path_that_is_not_plain_and_absolute_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.file_path(written)


def test_a_folder_loses_the_slash_at_its_end() -> None:
    assert values.file_path("/srv/exposure/") == "/srv/exposure"


@pytest.mark.parametrize("written", ["whoami", "docker.io/traefik/whoami", "registry.lan:5000/a/b_c", "a/b--c"])
def test_the_name_of_an_image_is_taken(written: str) -> None:
    assert values.image(written) == written


@pytest.mark.parametrize("written", ["whoami:v1", "traefik/whoami:v1", "a@sha256:00", "Upper/case", "/a", "a/", "a//b", "-a", "registry.lan:port/a"])
def test_an_image_with_a_tag_or_no_name_of_an_image_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.image(written)


@pytest.mark.parametrize("written", ["me", "@example.org", "me@", "me@home", "me@@example.org", "me@-example.org", "me@192.168.1.1"])
def test_what_is_not_an_e_mail_address_is_refused(written: str) -> None:
    with pytest.raises(Refused):
        values.e_mail(written)


def test_the_domain_of_an_e_mail_address_is_canonical_and_its_name_stays() -> None:
    assert values.e_mail("Me.And+You@Example.ORG") == "Me.And+You@example.org"


def test_one_value_stands_for_a_list_of_one() -> None:
    assert values.many(values.slug)("home") == ["home"]
    assert values.many(values.status)(200) == [200]


def test_every_wrong_entry_of_a_list_is_named() -> None:
    with pytest.raises(Refused) as refused:
        values.many(values.host_name)(["good.example.org", "bad name.example.org", "localhost", 5])
    assert all(wrong in refused.value.problem for wrong in ("'bad name.example.org'", "'localhost'", "5: "))
    assert "good.example.org" not in refused.value.problem


@pytest.mark.parametrize("written", [[], (), {}, {"a": 1}, True, None, 1.5])
def test_what_is_no_list_or_an_empty_one_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        values.many(values.slug)(written)


def test_environment_values_come_out_as_texts() -> None:
    assert values.mapping_of(values.environment_name)({"A": "$x 'y'", "B": 5, "C": 1.5}) == {"A": "$x 'y'", "B": "5", "C": "1.5"}


@pytest.mark.parametrize("written", [{"A": "a\nb"}, {"A": "\0"}, {"A": True}, {"A": None}, {"A": []}, {"A B": "x"}, {"A=B": "x"}, {1: "x"}, [], "A=b", None])
def test_an_environment_that_would_need_more_than_a_line_is_refused(written: object) -> None:
    with pytest.raises(Refused):
        values.mapping_of(values.environment_name)(written)
