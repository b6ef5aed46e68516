"""Lines of nginx's own: what says something here, what opens nothing when it is left out, and what may protect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.npm.left import verbatim
from plugins.module_utils.npm.snippet import FREE, FREE_HTTP, judge, parse


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("client_max_body_size 10g;", {"max_body": "10Gi"}),
        ("client_max_body_size 500M;\n", {"max_body": "500Mi"}),
        ("client_max_body_size 0;", {"max_body": 0}),
        ('client_max_body_size "2000m" ; # enough', {"max_body": "2000Mi"}),
        ("proxy_read_timeout 3600;", {"read_timeout": "3600s"}),
        ("proxy_read_timeout 10m;", {"read_timeout": "600s"}),
        ("proxy_read_timeout 500ms;", {"read_timeout": "1s"}),
        ("proxy_request_buffering off;", {"buffering": False}),
        ("proxy_buffering off; gzip off;", {"buffering": False, "compress": False}),
    ],
)
def test_a_known_line_becomes_the_line_of_a_site(source: str, lines: dict[str, object]) -> None:
    made = judge(source)
    assert (made.says, made.free, made.guards) == (lines, [], [])


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# nothing; deny all;",
        "proxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection 'upgrade';\nproxy_http_version 1.1;",
        "proxy_set_header X-Real-IP $remote_addr; proxy_set_header Host $host;",
        "proxy_ssl_verify off;",
    ],
)
def test_what_is_so_here_anyway_is_nobody_s_concern(source: str) -> None:
    made = judge(source)
    assert (made.says, made.free, made.guards) == ({}, [], [])


@pytest.mark.parametrize(
    "source",
    [
        "add_header X-Frame-Options DENY;",
        "proxy_connect_timeout 5s;",
        "proxy_read_timeout 1h 30m;",
        "proxy_set_header Accept-Encoding gzip;",
        "gzip_types a b;",
    ],
)
def test_what_decides_over_nobody_is_left_out_and_listed(source: str) -> None:
    made = judge(source)
    assert (made.says, made.free, made.guards) == ({}, [source], [])


@pytest.mark.parametrize(
    "source",
    [
        *("deny all;", "allow 192.168.1.0/24;\ndeny all;", 'auth_basic "closed";', "auth_request /authelia;", "ssl_verify_client on;", "return 403;"),
        *("satisfy any;", "include /data/nginx/custom/authelia.conf;", "limit_req zone=logins;", "internal;", "client_body_in_single_buffer on;"),
        *("location /admin { deny all; }", "if ($remote_addr != 192.168.1.1) { return 403; }", "access_by_lua_block { ngx.exit(403) }"),
        *('proxy_set_header Remote-User "";', 'proxy_set_header X-Forwarded-User "";', "more_clear_input_headers Remote-User;"),
        *("DENY all;", '"deny" all;', "deny all", "gzip on; }", "add_header X {", '"', "gzip on\ndeny all", "proxy_set_header X-Real-IP $remote_addr { }"),
        *(";", "\\", "client_max_body_size 1m; deny all;", "gzip_types a; # ;\ndeny all;", "access_log { }", "satisfy any; gzip off"),
    ],
)
def test_what_may_protect_is_never_taken_for_something_else(source: str) -> None:
    assert judge(source).guards


def test_a_word_in_quotes_or_a_comment_ends_nothing() -> None:
    made = judge("add_header X-A \"a; } # b\"; add_header X-B 'it''s;{'; # deny all; {\nadd_header X-C a#b;")
    assert len(made.free) == 3 and not made.guards


@given(st.text(st.sampled_from("ab ;{}\"'#\\\n$gzip"), max_size=60))
def test_whatever_is_written_all_of_it_is_accounted_for(source: str) -> None:
    made = judge(source)
    parsed = parse(source)
    if parsed is None:
        assert made.guards or not source.strip()
    else:
        assert not made.says or parsed
        for one in parsed:
            if one.words[:1] and one.words[0].lower() not in FREE:
                assert made.guards or made.says


def test_hostile_lines_take_no_time() -> None:
    for source in ("a" * 65536, '"' * 65536, "a " * 32000 + ";", "{" * 65536, "\\" * 65536, "${" * 30000, "#" * 70000, "'a" * 30000):
        judge(source)


def test_above_all_hosts_definitions_protect_nobody_but_rules_do() -> None:
    free = judge(
        "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\nlog_format x '$host';\nproxy_cache_path /tmp keys_zone=a:1m;", http=True
    )
    assert not free.guards and len(free.free) == 3
    assert judge("deny all;", http=True).guards and judge("limit_req zone=a;", http=True).guards and judge("include x;", http=True).guards
    assert FREE < FREE_HTTP


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('proxy_set_header Authorization "Basic hunter2";', "proxy_set_header Authorization ... (the rest is not shown: it may be a secret)"),
        ("proxy_set_header X-Api-Key hunter2;", "proxy_set_header X-Api-Key ... (the rest is not shown: it may be a secret)"),
        ("set $token hunter2;", "set $token ... (the rest is not shown: it may be a secret)"),
        ("return 302 https://x/?token=hunter2;", "return 302 ... (the rest is not shown: it may be a secret)"),
        ("proxy_pass http://x/?key=hunter2;", "proxy_pass http://x/ ... (the rest is not shown: it may be a secret)"),
        ("proxy_pass http://me:hunter2@x/;", "proxy_pass http://(hidden)@x/;"),
        ("add_header X \x1b[31mred\u2028\u202e;", "add_header X [31mred ;"),
    ],
)
def test_a_line_is_shown_without_what_may_be_a_secret(line: str, shown: str) -> None:
    assert verbatim(line) == shown
