"""A real nginx of this machine's release for tests, in a folder of its own: nothing of the machine is touched, and root is not needed."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from plugins.module_utils.plan.model import Proxy
from tests.tools import program

from .declarations import ADDRESSES, ROLES, nginx_files

PORTS = {"80": "30080", "443": "30443"}
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def ipv6() -> bool:
    """Whether this machine can bind an IPv6 address."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::", 0))
    except OSError:
        return False
    return True


@dataclass
class Nginx:
    """Debian's nginx.conf with the two lines by which the role adds its files, below `folder`."""

    folder: Path

    def __post_init__(self) -> None:
        etc = self.folder / "etc/nginx"
        brought = Path(program("nginx-common", "/etc/nginx/nginx.conf")).parent
        shutil.copytree(brought, etc, symlinks=True, ignore=shutil.ignore_patterns("sites-*"))
        for name in ("conf.d", "sites-enabled", "modules-enabled", "exposure"):
            (etc / name).mkdir(exist_ok=True)
        for name in ("bin", "var/log/nginx", "store/any", "tmp"):
            (self.folder / name).mkdir(parents=True)
        (etc / "nginx.conf").write_text(self.moved((etc / "nginx.conf").read_text()))
        shutil.copy(ROLES / "nginx/files/include-http.conf", etc / "conf.d/exposure.conf")
        shutil.copy(ROLES / "nginx/files/include-main.conf", etc / "modules-enabled/90-exposure.conf")
        stream = program("libnginx-mod-stream", "/usr/lib/nginx/modules/ngx_stream_module.so")
        (etc / "modules-enabled/50-mod-stream.conf").write_text(f"load_module {stream};\n")
        (etc / "conf.d/paths.conf").write_text("".join(f"{name}_temp_path {self.folder}/tmp/{name};\n" for name in TEMPORARY))
        wrapper = self.folder / "bin/nginx"
        wrapper.write_text(f'#!/bin/sh\nexec {program("nginx", "/usr/sbin/nginx")} -e stderr "$@"\n')
        wrapper.chmod(0o755)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{self.folder}/store/any/privkey.pem"]
        request = ["openssl", "req", "-x509", *key, "-subj", "/CN=test", "-out", f"{self.folder}/store/any/fullchain.pem"]
        subprocess.run(request, check=True, capture_output=True)

    def moved(self, text: str) -> str:
        """A file with its paths below the folder and on ports that need no rights. All certificates are one, and all authorities."""
        text = re.sub(r"(?<![\w/-])/(etc/nginx|run/nginx|var/log/nginx|var/lib/nginx)(?=[/;.\s])", rf"{self.folder}/\1", text)
        text = re.sub(r"(\blisten (?:\[::\]:)?)(80|443)(?=[ ;])", lambda found: found[1] + PORTS[found[2]], text)
        text = re.sub(r"(proxy_ssl_trusted_certificate )\S+;", rf"\1{self.folder}/store/any/fullchain.pem;", text)
        return re.sub(rf"{self.folder}/store/[^/;]+/", f"{self.folder}/store/any/", text)

    def write(self, files: Mapping[str, str]) -> Path:
        """A tree with these files, in place of an earlier one."""
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        for name, text in files.items():
            (tree / name).write_text(self.moved(text))
        return tree

    def files(self, proxy: Proxy) -> dict[str, str]:
        """The tree of a proxy, for this machine."""
        return nginx_files(asdict(proxy), ADDRESSES if ipv6() else [""], certificates=f"{self.folder}/store")

    def says(self, files: Mapping[str, str]) -> str:
        """What the role's own check of a tree says, '' where nginx takes it."""
        tree = self.write(files)
        known: dict[str, Any] = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "TMPDIR": f"{self.folder}/tmp"}
        done = subprocess.run(["sh", tree / "check.sh", tree], env=known, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        lines = [line for line in said.splitlines() if "[warn]" not in line or '"user" directive' not in line]
        return "" if done.returncode == 0 and not lines else "\n".join(lines) or f"it ended with {done.returncode}"
