"""Start Home Assistant once with an empty configuration until it says that it is initialised, then stop it."""

import pathlib
import subprocess
import sys
import tempfile
import time

with tempfile.TemporaryDirectory() as folder:
    (pathlib.Path(folder) / "configuration.yaml").touch()
    log = pathlib.Path(folder) / "out.log"
    with log.open("w") as out:
        hass = subprocess.Popen(["hass", "-v", "-c", folder], stdout=out, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 400
    while "Home Assistant initialized in" not in log.read_text() + "".join(
        p.read_text(errors="replace") for p in pathlib.Path(folder).glob("home-assistant.log")
    ):
        if time.monotonic() > deadline or hass.poll() is not None:
            sys.exit("Home Assistant did not start:\n" + log.read_text()[-6000:])
        time.sleep(1)
    hass.terminate()
    hass.wait(60)
