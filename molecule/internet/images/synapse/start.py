#!/opt/synapse/bin/python
"""`start.py` of the image of Synapse (element-hq/synapse, docker/README.md): `generate` writes /data/homeserver.yaml and the keys; else it runs."""

import os
import sys
from pathlib import Path

DATA = Path(os.environ.get("SYNAPSE_CONFIG_DIR", "/data"))
CONFIG = Path(os.environ.get("SYNAPSE_CONFIG_PATH", DATA / "homeserver.yaml"))
OWNER = int(os.environ.get("UID", "991")), int(os.environ.get("GID", "991"))


LOG = """version: 1
formatters: {precise: {format: "%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s"}}
handlers: {console: {class: logging.StreamHandler, formatter: precise}}
root: {level: INFO, handlers: [console]}
disable_existing_loggers: false
"""
"""All goes to the container's output, as with the image's own configuration (docker/conf/log.config)."""


def become() -> None:
    for path in (DATA, *DATA.rglob("*")):
        os.chown(path, *OWNER, follow_symlinks=False)
    os.setgroups([])
    os.setgid(OWNER[1])
    os.setuid(OWNER[0])


def generate() -> None:
    if "SYNAPSE_SERVER_NAME" not in os.environ or "SYNAPSE_REPORT_STATS" not in os.environ:
        sys.exit("Environment variable 'SYNAPSE_SERVER_NAME' and 'SYNAPSE_REPORT_STATS' are mandatory in `generate` mode.")
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / f"{os.environ['SYNAPSE_SERVER_NAME']}.log.config").write_text(LOG)
    become()
    words = ["--server-name", os.environ["SYNAPSE_SERVER_NAME"], "--report-stats", os.environ["SYNAPSE_REPORT_STATS"], "--config-path", str(CONFIG)]
    module = [
        "-m",
        "synapse.app.homeserver",
        *words,
        "--config-directory",
        str(DATA),
        "--data-directory",
        str(DATA),
        "--generate-config",
        "--open-private-ports",
    ]
    os.execv(sys.executable, [sys.executable, *module])


mode = sys.argv[1] if len(sys.argv) > 1 else "run"
if mode == "generate":
    generate()
if mode != "run":
    sys.exit(f"Unknown execution mode '{mode}'")
if not CONFIG.exists():
    sys.exit(f"Config file '{CONFIG}' does not exist. You should either create a new config file, or convert from the environment variables.")
become()
os.execv(sys.executable, [sys.executable, "-m", "synapse.app.homeserver", "--config-path", str(CONFIG)])
