# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root of the local CA as a download for phones and computers, with a page that says how to trust it."""

from __future__ import annotations

import html
import os
import plistlib
import shutil
import string
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .authority_files import Chain, ends
from .signing_request import Refused

FOLDER = Path("/var/lib/exposure/local_ca_page")
CONTENT_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "root.crt": "application/x-x509-ca-cert",
    "root.pem": "application/x-pem-file",
    "root.mobileconfig": "application/x-apple-aspen-config",
}
"""What the folder holds, and how each file is to be served."""


def render(template: str, chain: Chain, authority: Path) -> dict[str, bytes]:
    """The files of the page. The same root always gives the same bytes. `template` has the fields of string.Template."""
    digits = ":".join(chain.fingerprint.upper()[n : n + 2] for n in range(0, 64, 2))
    fields = {
        "name": common_name(chain.root),
        "fingerprint": "\n".join(digits[n : n + 24].removesuffix(":") for n in range(0, len(digits), 24)),
        "ends": f"{ends(chain.root):%-d %B %Y}",
        "authority": str(authority),
    }
    try:
        page = string.Template(template).substitute({name: html.escape(value) for name, value in fields.items()})
    except (KeyError, ValueError) as error:
        raise Refused(
            f"The template of the page has a field that is not known ({error}). Its fields are: {', '.join(fields)}; write $$ for a dollar."
        ) from error
    return {
        "index.html": page.encode(),
        "root.crt": chain.root.public_bytes(Encoding.DER),
        "root.pem": chain.root.public_bytes(Encoding.PEM),
        "root.mobileconfig": profile(chain),
    }


def common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def profile(chain: Chain) -> bytes:
    """A configuration profile of Apple's with the root (payload type com.apple.security.root)."""

    def identifier(part: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"exposure-local-ca:{chain.fingerprint}:{part}")).upper()

    name = common_name(chain.root)
    common = {"PayloadVersion": 1, "PayloadDisplayName": f"Home CA: {name}"}
    root = {
        **common,
        "PayloadType": "com.apple.security.root",
        "PayloadIdentifier": f"exposure.local-ca.{chain.fingerprint[:16]}.root",
        "PayloadUUID": identifier("root"),
        "PayloadCertificateFileName": "root.crt",
        "PayloadContent": chain.root.public_bytes(Encoding.DER),
        "PayloadDescription": f"SHA-256 {chain.fingerprint}",
    }
    whole = {
        **common,
        "PayloadType": "Configuration",
        "PayloadIdentifier": f"exposure.local-ca.{chain.fingerprint[:16]}",
        "PayloadUUID": identifier("profile"),
        "PayloadDescription": "Lets this device trust the sites of your home network. Remove this profile to end that.",
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [root],
    }
    return plistlib.dumps(whole)


def differing(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Names of the files that are not there as they should be."""
    return [name for name, content in files.items() if not (folder / name).is_file() or (folder / name).read_bytes() != content]


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Each file in one step. The folder above is root's alone where it is new."""
    if not folder.parent.exists():
        folder.parent.mkdir(parents=True)
        folder.parent.chmod(0o700)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    for name in differing(folder, files):
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
        with os.fdopen(descriptor, "wb") as out:
            out.write(files[name])
        Path(temporary).chmod(0o644)
        Path(temporary).replace(folder / name)


def remove(folder: Path) -> None:
    """The page goes; a folder that holds anything else is not touched."""
    strange = sorted(entry.name for entry in folder.iterdir() if entry.name not in CONTENT_TYPES and not entry.name.startswith(".new-"))
    if strange:
        raise Refused(f"{folder} is not removed: it holds {', '.join(strange[:5])}, which is not of the page. Look at it, and remove it yourself.")
    shutil.rmtree(folder)
