#!/bin/sh
exec python3 /stand_in/companion.py
