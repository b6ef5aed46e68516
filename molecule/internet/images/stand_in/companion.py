"""A database, cache or worker beside an app that is stood in for: it is there, and does nothing."""

import signal

signals = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # the first process of a container gets no others
signal.sigwait(signals)
