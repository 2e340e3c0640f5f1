#!/usr/bin/env bash
# The container's health check: needs no credential, and follows the port that the env file chose.
exec curl --fail --silent --show-error --max-time 4 --output /dev/null \
    "http://127.0.0.1:${HOLDFAST_PORT:-${LETTA_SERVER_PORT:-8283}}/v1/health"
