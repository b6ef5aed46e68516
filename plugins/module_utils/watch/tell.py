# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notices sent by apprise, and the call that says that the watch is alive. No URL of these stands in any text: they hold secrets."""

from __future__ import annotations

import importlib
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ddns.redact import redacted
from ..inspection.download import Failed, get
from .model import LONGEST, Finding
from .notice import Notice, joined
from .settings import Secrets
from .state import MOST_WAITING, State

PING_TIMEOUT = 10.0
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}(?=://)")
STATUS = re.compile(r"\berror=(\d{3})\b")
MEANING = {"401": ", so its token or password is wrong", "403": ", so its token or password is wrong", "404": ", so its address is wrong"}

Send = Callable[[str, Notice], str]
"""Sends a notice to a URL; why that did not work, '' where it did."""


def receiver(number: int, url: str) -> str:
    """What a receiver is called where people and the state see it."""
    found = SCHEME.match(url)
    return f"{number} ({found[0].lower() if found else 'no URL'})"


def receivers(secrets: Secrets) -> dict[str, str]:
    return {receiver(number, url): url for number, url in enumerate(secrets.notify, 1)}


def queue(state: State, secrets: Secrets, new: Notice | None) -> None:
    """Let a notice wait for each receiver. What waited for one that is declared no more is forgotten."""
    to = receivers(secrets)
    state.waiting = {name: notices for name, notices in state.waiting.items() if name in to and notices}
    if new:
        for name in to:
            state.waiting[name] = [*state.waiting.get(name, []), new.plain()][-MOST_WAITING:]


def pass_on(state: State, secrets: Secrets, send: Send, keep: Callable[[], list[str]] = list) -> list[str]:
    """Send each receiver what waits for it, as one message. What cannot be sent goes on waiting. `keep` remembers the state after each that took its
    message, so that a run that is cut short tells nobody twice. Gives what went wrong, a sentence each."""
    to = receivers(secrets)
    troubles = []
    for name, notices in list(state.waiting.items()):
        why = send(to[name], joined(notices))
        if why:
            troubles.append(f"The notice to receiver {name} could not be sent: {why} It is tried again at the next look.")
        else:
            del state.waiting[name]
            troubles += [why for why in keep() if why not in troubles]
    return troubles


def clean(one: Finding, secrets: Secrets) -> Finding:
    """A finding without the receivers' URLs, whoever may have quoted them."""
    return replace(one, what=redacted(one.what, secrets.all, LONGEST), advice=redacted(one.advice, secrets.all, LONGEST))


def by_apprise(url: str, notice: Notice) -> str:
    """As `Send`. apprise's own words are not passed on, as they may hold a part of the URL; of them only the status is taken."""
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        return "apprise is missing: apt-get install apprise."
    words = Words()
    logger = logging.getLogger("apprise")
    before = (list(logger.handlers), logger.propagate, logger.level)
    logger.handlers, logger.propagate = [words], False
    logger.setLevel(logging.DEBUG)
    try:
        return hand_over(apprise, url, notice, words)
    except Exception as error:
        return f"apprise failed ({type(error).__name__})."
    finally:
        logger.handlers, logger.propagate = before[0], before[1]
        logger.setLevel(before[2])


def hand_over(apprise: Any, url: str, notice: Notice, words: Words) -> str:
    one = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="homeserver.exposure"))
    if not one.add(url):
        return "apprise does not know such a URL; see exposure_watch.notify and apprise's list of services."
    for server in one:  # else apprise makes HTML of it for mail, in which no line is broken
        server.notify_format = apprise.NotifyFormat.TEXT
    sent = one.notify(body=notice.text, title=notice.title, notify_type=notice.kind, body_format=apprise.NotifyFormat.TEXT)
    return "" if sent else words.reason()


class Words(logging.Handler):
    """What apprise logs while it sends."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())

    def reason(self) -> str:
        text = " ".join(self.said)
        if found := STATUS.search(text):
            return f"it answers {found[1]}{MEANING.get(found[1], '')}."
        return "it was not reached, or refused." if "connection error" in text.lower() else "apprise could not send it."


def ping(url: str, fetch: Callable[..., Any] = get) -> str:
    """GET, within ten seconds; why that did not work, '' where it did. The words of the answer are not passed on."""
    try:
        page = fetch(url, PING_TIMEOUT)
    except Failed as failed:
        return f"The ping could not be sent: {redacted(str(failed), [url])}."
    return "" if 200 <= page.status < 300 else f"The ping was answered with {page.status}: see exposure_watch.ping."
