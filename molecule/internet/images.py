#!/usr/bin/env python3
"""The images of the test bed: built once from Debian's packages, reused while their recipes are unchanged.

`images.py` builds what is missing and prints a line for each image; `images.py NAME` builds one and what it stands on.
An image is tagged `exposure-bed/NAME:HASH`, where HASH covers its recipe and everything below it, and
`exposure-bed/NAME:current`. What goes into the engines inside the bed is kept as `docker save` archives under
`.cache/` beside this file.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECIPES = HERE / "images"
CACHE = Path(os.environ.get("EXPOSURE_BED_CACHE", HERE / ".cache"))
PREFIX = "exposure-bed"
MINIMUM = "systemd,systemd-sysv,python3,python3-apt,ca-certificates,tzdata,iproute2,iputils-ping,dbus,sudo,procps"


@dataclass(frozen=True)
class Image:
    """One image: `suite` for a base made by debootstrap, else `recipe` (a folder of images/) on top of `base`."""

    name: str
    suite: str = ""
    script: str = ""
    recipe: str = ""
    base: str = ""
    arguments: tuple[tuple[str, str], ...] = field(default=())
    tag: str = ""
    """The name under which the product deploys it, when it is an application."""


STAND_INS = ("jellyfin", "nextcloud", "tao", "companion")
"""Apps whose images cannot be had without a registry; what stands in for them speaks to a proxy as they do."""

IMAGES = {
    image.name: image
    for image in (
        Image("bookworm", suite="bookworm"),
        Image("trixie", suite="trixie"),
        Image("forky", suite="forky", script="sid"),
        Image("isp", recipe="isp", base="trixie"),
        Image("router", recipe="router", base="trixie"),
        Image("client", recipe="client", base="trixie"),
        Image("appliance", recipe="appliance", base="trixie"),
        Image("whoami", recipe="whoami", base="trixie", tag="docker.io/traefik/whoami:v1.11.0"),
        Image(
            "home_assistant-classic",
            recipe="home_assistant",
            base="trixie",
            arguments=(("RELEASE", "2026.2.3"),),
            tag="ghcr.io/home-assistant/home-assistant:2026.2.3",
        ),
        Image(
            "home_assistant-store",
            recipe="home_assistant",
            base="forky",
            arguments=(("RELEASE", "2026.11.0"),),
            tag="ghcr.io/home-assistant/home-assistant:2026.11.0",
        ),
        Image("synapse", recipe="synapse", base="trixie", arguments=(("RELEASE", "1.157.1"),)),
        Image("node_red", recipe="node_red", base="forky", arguments=(("RELEASE", "5.0.4"),)),
        Image("radicale", recipe="radicale", base="forky"),
        *(Image(f"stand_in-{app}", recipe="stand_in", base="trixie", arguments=(("APP", app),)) for app in STAND_INS),
    )
}

ARCHIVES = {
    "more": ("synapse", "node_red", "radicale", *(f"stand_in-{app}" for app in STAND_INS)),
    "apps": ("whoami", "home_assistant-classic", "home_assistant-store"),
    "whoami": ("whoami",),
}


def run(*command: str, **options: object) -> str:
    """Run a command; its output, or an error that carries its output."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout[-4000:]}")
    return str(done.stdout)


@functools.cache
def archive_sources() -> dict[str, str]:
    """The package archives this machine uses, by label: {'Debian': URI, 'Debian-Security': URI}."""
    listing = run("apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages")
    found: dict[str, str] = {}
    for line in listing.splitlines():
        label, _, uri = line.partition("|")
        found.setdefault(label, uri.rstrip("/"))
    if "Debian" not in found:
        raise SystemExit("apt on this machine knows no Debian archive: run 'apt-get update' first")
    return found


@functools.cache
def recipe_hash(image: Image) -> str:
    """What identifies an image: its own recipe and, through its base, everything below."""
    digest = hashlib.sha256(repr((image, MINIMUM if image.suite else "")).encode())
    if image.suite:
        digest.update(base_files_script(image).replace(archive_sources()["Debian"], "").encode())
    else:
        digest.update(recipe_hash(IMAGES[image.base]).encode())
        for path in sorted((RECIPES / image.recipe).rglob("*")):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def reference(image: Image) -> str:
    return f"{PREFIX}/{image.name}:{recipe_hash(image)}"


def exists(image: Image) -> bool:
    return subprocess.run(["docker", "image", "inspect", reference(image)], capture_output=True).returncode == 0


@functools.cache
def base_files_script(image: Image) -> str:
    """Shell that finishes a debootstrapped root: apt's sources, no start of services at install, a quiet systemd."""
    uris = archive_sources()
    suites = image.suite if image.script == "sid" else f"{image.suite} {image.suite}-updates"
    sources = f"Types: deb\nURIs: {uris['Debian']}\nSuites: {suites}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    if "Debian-Security" in uris and image.script != "sid":
        sources += (
            f"\nTypes: deb\nURIs: {uris['Debian-Security']}\nSuites: {image.suite}-security\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        )
    unchecked = "Check-Valid-Until" in run("apt-config", "dump")
    conf = 'Acquire::Languages "none";\nAPT::Install-Recommends "false";\n'
    if unchecked:
        conf += 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\n'
    return f"""
set -eu
rm -f "$1"/etc/apt/sources.list
cat > "$1"/etc/apt/sources.list.d/debian.sources <<'SOURCES'
{sources}SOURCES
cat > "$1"/etc/apt/apt.conf.d/90bed <<'CONF'
{conf}CONF
for unit in systemd-modules-load systemd-udevd systemd-networkd-wait-online systemd-logind getty@tty1 console-getty \
            systemd-resolved systemd-timesyncd apt-daily.timer apt-daily-upgrade.timer; do
  case $unit in *.timer) ;; *) unit=$unit.service ;; esac
  ln -sf /dev/null "$1"/etc/systemd/system/$unit
done
rm -f "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id
: > "$1"/etc/machine-id
"""


def build_base(image: Image) -> None:
    """debootstrap into a temporary folder, then `docker import`: about a minute and 300 MB."""
    with tempfile.TemporaryDirectory(prefix="exposure-bed-") as scratch:
        root = f"{scratch}/root"
        command = ["debootstrap", "--variant=minbase", f"--include={MINIMUM}", image.suite, root, archive_sources()["Debian"]]
        run(*command, *([f"/usr/share/debootstrap/scripts/{image.script}"] if image.script else []))
        run("bash", "-c", base_files_script(image), "finish", root)
        excluded = [f"--exclude={p}" for p in ("./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*", "./proc/*", "./sys/*")]
        tar = subprocess.Popen(["tar", "-C", root, "-c", *excluded, "."], stdout=subprocess.PIPE)
        run("docker", "import", "-c", 'CMD ["/lib/systemd/systemd"]', "-c", "ENV container=docker", "-", reference(image), stdin=tar.stdout)
        if tar.wait():
            raise SystemExit(f"tar of the {image.suite} root failed")


def build_layer(image: Image) -> None:
    """`docker build` of a recipe on its base; the host's CA bundle is handed in for downloads at build time only."""
    with tempfile.TemporaryDirectory(prefix="exposure-bed-") as scratch:
        context = Path(scratch) / "context"
        shutil.copytree(RECIPES / image.recipe, context)
        bundle = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or ssl.get_default_verify_paths().openssl_cafile
        shutil.copyfile(bundle, context / "ca-bundle.crt")
        arguments = [f"--build-arg={key}={value}" for key, value in (("BASE", reference(IMAGES[image.base])), *image.arguments)]
        run(
            "docker", "build", "-q", *arguments, "-t", reference(image), str(context),
            env={**os.environ, "DOCKER_BUILDKIT": "0"},
        )  # fmt: skip


def build(name: str) -> str:
    """Build one image and what it stands on, unless it is there; a line that says what was done."""
    image = IMAGES[name]
    began = time.monotonic()
    if exists(image):
        state = "reused"
    else:
        if image.base:
            build(image.base)
        print(f"  {name}: building ...", flush=True)
        (build_base if image.suite else build_layer)(image)
        state = f"built in {time.monotonic() - began:.0f} s"
    run("docker", "tag", reference(image), f"{PREFIX}/{name}:current")
    if image.tag:
        run("docker", "tag", reference(image), image.tag)
    return f"  {name}: {state}"


def save(archive: str) -> str:
    """An archive of application images for the engines inside the bed, named by what is in it."""
    names = ARCHIVES[archive]
    key = hashlib.sha256("".join(reference(IMAGES[name]) for name in names).encode()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    target, marker = CACHE / f"{archive}.tar", CACHE / f"{archive}.key"
    if target.exists() and marker.exists() and marker.read_text() == key:
        return f"  {archive}.tar: reused"
    marker.unlink(missing_ok=True)
    run("docker", "save", "-o", str(target), *(IMAGES[name].tag or f"{PREFIX}/{name}:current" for name in names))
    marker.write_text(key)
    return f"  {archive}.tar: saved, {target.stat().st_size >> 20} MiB"


def main(names: list[str]) -> None:
    wanted = names or list(IMAGES)
    bases = [name for name in IMAGES if IMAGES[name].suite and (name in wanted or any(IMAGES[n].base == name for n in wanted))]
    for stage in (bases, [name for name in wanted if not IMAGES[name].suite]):
        with ThreadPoolExecutor(2) as pool:
            for line in pool.map(build, stage):
                print(line, flush=True)
    if not names:
        for archive in ARCHIVES:
            print(save(archive), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
