#!/bin/sh
# A Docker engine for the test bed: the one that answers, else the package of this machine's archive, started here.
set -eu
if ! docker info >/dev/null 2>&1; then
  if ! command -v dockerd >/dev/null; then
    echo "  installing the Docker engine ..."
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends docker.io iptables debootstrap >/dev/null
  fi
  if ! docker info >/dev/null 2>&1; then
    echo "  starting the Docker engine ..."
    setsid dockerd >/var/log/dockerd-bed.log 2>&1 </dev/null &
    for _ in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done
  fi
  docker info >/dev/null || { echo "no Docker engine answers; its log is /var/log/dockerd-bed.log" >&2; exit 1; }
fi
command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends debootstrap >/dev/null
# Packets between two containers of one bridge must not pass this machine's own NAT rules.
for family in iptables ip6tables; do
  sysctl -q -w "net.bridge.bridge-nf-call-$family=0" 2>/dev/null || echo "  (no bridge filter for $family on this machine)"
done
