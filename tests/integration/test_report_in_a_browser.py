"""The report in a real browser, as it is written by the module: on a phone, in the dark, and with a stranger in it who means ill."""

from __future__ import annotations

import html
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.proof.page import page
from tests.unit.proof import houses
from tests.unit.proof.houses import proof

pytestmark = pytest.mark.proves("B01")
PHONE, DESKTOP = 390, 1240

FRAME = '<iframe style="width:%dpx;height:900px;border:0" srcdoc="%s"></iframe>'
MEASURE = """<!doctype html><body>%s<pre id=out></pre><script>
const look = frame => {
  const page = frame.contentDocument, root = page.documentElement, wide = []
  page.querySelectorAll('details').forEach(one => one.open = true)
  page.querySelectorAll('body *').forEach(one => {
    const box = one.getBoundingClientRect(), card = one.closest('.card')
    const end = Math.min(root.clientWidth, card ? card.getBoundingClientRect().right : root.clientWidth)
    const hidden = one.closest('thead')?.offsetWidth === 1
    const over = ['TD', 'TH'].includes(one.tagName) && !hidden && one.scrollWidth > one.clientWidth + 1
    if ((!hidden && box.right > end + 0.5 && box.width > 1) || over) wide.push(one.outerHTML.slice(0, 90))
  })
  return {
    width: root.scrollWidth, wide: wide.slice(0, 5), title: page.title,
    strange: page.querySelectorAll('script,img,iframe,object,link').length, sites: page.querySelectorAll('.sites > tbody').length,
    text: page.body.innerText, heading: page.querySelector('h1').innerText, rows: page.querySelectorAll('[role=row]').length}
}
onload = () => document.getElementById('out').textContent = 'FOUND' + JSON.stringify([...document.querySelectorAll('iframe')].map(look)) + 'END'
</script>"""


@pytest.fixture(scope="session")
def browser() -> str:
    if not shutil.which("chromium"):
        subprocess.run(["apt-get", "install", "-qy", "--no-install-recommends", "chromium", "fonts-dejavu-core"], check=True, capture_output=True)
    return shutil.which("chromium") or "chromium"


def run(browser: str, folder: Path, *options: str) -> str:
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True, cwd=folder).stdout


def measured(browser: str, folder: Path, content: str, *widths: int) -> list[dict[str, Any]]:
    """What the browser makes of a page at each width, with all that is folded opened."""
    place = folder / "measure.html"
    place.write_text(MEASURE % "".join(FRAME % (width, html.escape(content)) for width in widths))
    seen = html.unescape(run(browser, folder, "--virtual-time-budget=8000", "--dump-dom", f"--window-size={DESKTOP + 60},900", place.as_uri()))
    found: list[dict[str, Any]] = json.loads(seen[seen.rindex("FOUND[{") + 5 : seen.rindex("}]END") + 2])
    return found


@pytest.mark.parametrize("variant", houses.VARIANTS)
def test_nothing_is_wider_than_the_screen(browser: str, tmp_path: Path, variant: str) -> None:
    given, widths = houses.VARIANTS[variant](), (320, PHONE, 921, 1024, DESKTOP)
    found = measured(browser, tmp_path, page(proof(given)), *widths)
    assert [(one["width"], one["wide"]) for one in found] == [(width, []) for width in widths]
    assert all(one["sites"] == len(given.probes) and one["rows"] > 2 * len(given.probes) for one in found)


def test_a_hostile_certificate_is_words_and_nothing_else(browser: str, tmp_path: Path) -> None:
    (found,) = measured(browser, tmp_path, page(proof(houses.hostile())), PHONE)
    assert found["strange"] == 0 and found["heading"] == found["title"] == "1 of 4 sites is not served as declared"
    assert "<script>alert(1)</script>[U+000A][U+202E]evil" in found["text"]


def test_even_a_script_that_got_in_would_not_run(browser: str, tmp_path: Path) -> None:
    content = page(proof(houses.well()))
    script = "<script>document.querySelector('h1').innerText = 'taken over'</script></main>"
    (safe,) = measured(browser, tmp_path, content.replace("</main>", script), DESKTOP)
    (bare,) = measured(browser, tmp_path, content.replace("default-src 'none'", "default-src 'unsafe-inline'").replace("</main>", script), DESKTOP)
    assert safe["heading"] == "All 4 sites are served as declared"
    assert bare["heading"] == "taken over", "without the policy it would"


def picture(browser: str, folder: Path, content: str, name: str, *options: str) -> list[bytes]:
    place = folder / f"{name}.html"
    place.write_text(content)
    run(browser, folder, f"--window-size={DESKTOP},900", f"--screenshot={folder / name}.png", *options, place.as_uri())
    return rows((folder / f"{name}.png").read_bytes())


def rows(png: bytes) -> list[bytes]:
    """The lines of a picture with eight bits a colour (PNG, section 9: filters)."""
    place, packed, width, depth = 8, b"", 0, 0
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        content = png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, depth = struct.unpack(">I", content[:4])[0], {2: 3, 6: 4}[content[9]]
        packed += content if kind == b"IDAT" else b""
        place += 12 + length
    raw, stride, lines = zlib.decompress(packed), width * depth, [bytearray(width * depth)]
    for start in range(0, len(raw), stride + 1):
        kind, line, above = raw[start], bytearray(raw[start + 1 : start + 1 + stride]), lines[-1]
        for at in range(stride if kind else 0):
            a, b, c = (line[at - depth] if at >= depth else 0), above[at], (above[at - depth] if at >= depth else 0)
            guess = a + b - c
            paeth = min((a, b, c), key=lambda one: abs(guess - one))
            line[at] = (line[at] + (0, a, b, (a + b) // 2, paeth)[kind]) & 255
        lines.append(line)
    return [bytes(line[place] for place in range(len(line)) if depth == 3 or place % 4 != 3) for line in lines[1:]]


def brightness(lines: list[bytes]) -> float:
    return sum(map(sum, lines)) / sum(map(len, lines))


def test_the_page_follows_light_and_dark_and_is_more_than_ground(browser: str, tmp_path: Path) -> None:
    content = page(proof(houses.spoilt()))
    light, dark = picture(browser, tmp_path, content, "light"), picture(browser, tmp_path, content, "dark", "--blink-settings=preferredColorScheme=0")
    assert brightness(light) > 200 and brightness(dark) < 60
    for lines in (light, dark):
        colours = {line[place : place + 3] for line in lines for place in range(0, len(line), 3)}
        assert len(colours) > 200, "letters and marks are there"


def test_a_failure_is_seen_from_afar(browser: str, tmp_path: Path) -> None:
    """The verdict's ground is red where a site fails, and green where all is well: the middle of its right half."""
    wrong, well = (picture(browser, tmp_path, page(proof(houses.VARIANTS[name]())), name)[110][2700:2703] for name in ("spoilt", "well"))
    assert wrong[0] > wrong[1] + 8 and wrong[0] > wrong[2] + 8
    assert well[1] > well[0] + 5 and well[1] > well[2] + 5


PLAY = """\
- hosts: localhost
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.set_fact: {given: "{{ lookup('file', 'given.json') | from_json }}"}
    - homeserver.exposure.proof_report:
        probes: "{{ given.probes }}"
        results: "{{ given.results | combine({'attic': {'kind': 'server', 'looked': true, 'outcomes': []}}) }}"
        audits: "{{ given.audits }}"
        network: "{{ given.network }}"
        plan: "{{ given.plan }}"
        page: "{{ given.page }}"
        now: "{{ given.now }}"
      register: report
    - ansible.builtin.assert:
        that: [report.ok is false, report.state == 'failed', report is not changed, report.failures | length == 6]
"""


def test_the_module_prints_the_table_and_writes_the_page(browser: str, tmp_path: Path) -> None:
    collection = tmp_path / "collections" / "ansible_collections" / "homeserver"
    collection.mkdir(parents=True)
    (collection / "exposure").symlink_to(Path(__file__).parents[2])
    given = houses.spoilt()
    told = {name: getattr(given, name) for name in ("probes", "results", "audits", "watches", "network", "troubles", "plan")}
    (tmp_path / "given.json").write_text(json.dumps({**told, "page": str(tmp_path / "out" / "report.html"), "now": houses.NOW.isoformat()}))
    (tmp_path / "play.yml").write_text(PLAY)
    (tmp_path / "ansible.cfg").touch()
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.yml"]
    checked = subprocess.run([*command, "--check"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0 and not (tmp_path / "out").exists(), checked.stdout + checked.stderr
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 4 sites is not served as declared:\n" in done.stdout and "  FAIL media.example.org" in done.stdout
    (tmp_path / "given.json").write_text(json.dumps({**told, "page": "/proc/nowhere/report.html", "now": houses.NOW.isoformat()}))
    unwritten = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert unwritten.returncode == 0 and "could not be written" in unwritten.stdout + unwritten.stderr, "what was seen is told all the same"
    written = tmp_path / "out" / "report.html"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600 and json.loads(written.with_suffix(".json").read_text())["state"] == "failed"
    (found,) = measured(browser, tmp_path, written.read_text(), PHONE)
    assert found["heading"] == "1 of 4 sites is not served as declared" and "Made by homeserver.exposure " in found["text"]
