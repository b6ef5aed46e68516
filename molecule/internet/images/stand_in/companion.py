"""A database, cache or worker beside an app that is stood in for: it is there, and does nothing."""

import signal

signal.sigwait({signal.SIGTERM, signal.SIGINT})
