from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    webroot: str = ""
    directory: str = ""
    caa_identities: tuple = ()
    allow_private: bool = False


def check(*a):
    return []
