from types import SimpleNamespace


def reason(t):
    return SimpleNamespace(sentence=t[-400:], counts=True, retry_after=None)
