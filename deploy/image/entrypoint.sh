#!/usr/bin/env bash
# What a container needs and a machine does not: to be reachable from outside, and a reason when its volume is not writable.
set -euo pipefail

# In a container, loopback is the container's own. A blank line of the env file means "not set".
export LETTA_SERVER_HOST=${LETTA_SERVER_HOST:-0.0.0.0}
export LETTA_DATA_DIR=${LETTA_DATA_DIR:-/letta/.persist}

if ! mkdir -p "$LETTA_DATA_DIR" 2>/dev/null || [ ! -w "$LETTA_DATA_DIR" ]; then
    echo "error: $LETTA_DATA_DIR is not writable by uid $(id -u). A volume of an older image belongs to root; give it to this one:" >&2
    echo "    docker run --rm -v letta-data:/data -v letta-home:/home alpine chown -R $(id -u):$(id -g) /data /home" >&2
    exit 1
fi
exec "$@"
