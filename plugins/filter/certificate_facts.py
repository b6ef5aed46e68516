# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a certificate in PEM says, and what is wrong with it, on the controller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleFilterError

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.inspection import inspector, model

    MISSING = ""
except ImportError as error:
    MISSING = str(error)


def certificate_facts(content: str | bytes, names: Sequence[str] = (), issuer: str = "", now: str = "", trust: Sequence[str] = ("system",)) -> dict[str, Any]:
    """The same as an entry of `results` of module certificate_info. `content` is the PEM text of a certificate with its chain."""
    if MISSING:
        raise AnsibleFilterError(f"certificate_facts needs the Python library cryptography on the controller: pip install cryptography. ({MISSING})")
    if not isinstance(content, (str, bytes)):
        raise AnsibleFilterError("certificate_facts takes the PEM text of a certificate, such as lookup('file', 'fullchain.pem').")
    try:
        settings = model.Settings(model.moment_of(now) if now else datetime.now(UTC))
        expected = model.expected_of({"names": list(names), "issuer": issuer}, (), list(trust))
    except ValueError as reason:
        raise AnsibleFilterError(f"certificate_facts: {reason}") from reason
    text = content.encode() if isinstance(content, str) else content
    return inspector.as_json(inspector.Inspection(settings).text(text, expected), settings)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"certificate_facts": certificate_facts}
