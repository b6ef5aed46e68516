"""The DDNS providers and address services of the internet in a box: real HTTPS servers that keep the rules which the real ones document.

What a provider accepts it writes into the box's bind9 by RFC 2136; what it refuses it refuses in the words of the real one. Every call is noted in
/var/log/providers.jsonl, without any secret. On 127.0.0.1:8053 a test asks what was seen and says what goes wrong next (see `control.py`).
"""
