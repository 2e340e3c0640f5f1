#!/usr/bin/env bash
# The stack of docker-compose.letta.yml: start, stop, restart, status, logs, and `dev`, the guided check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

ENV_FILE=.env.letta
COMPOSE=(docker compose -f docker-compose.letta.yml)
PATIENCE_S=${LETTA_WAIT_SECONDS:-180}

make_env() {
    [ -f "$ENV_FILE" ] && return
    (umask 077 && cp .env.letta.example "$ENV_FILE")
    echo "Made $PWD/$ENV_FILE from .env.letta.example; keys of model providers go there."
}

health() { docker inspect --format '{{.State.Health.Status}}' letta-server 2>/dev/null || echo "not there"; }

wait_healthy() {
    local end=$((SECONDS + PATIENCE_S))
    until [ "$(health)" = healthy ]; do
        if [ $SECONDS -ge $end ]; then
            echo "letta-server is not healthy after $PATIENCE_S s ($(health)). What it says:" >&2
            "${COMPOSE[@]}" logs --tail 30 letta-server >&2
            return 1
        fi
        sleep 1
    done
    echo "Letta is healthy: http://localhost:8283 (API), http://localhost:8284 (streams)"
}

start() {
    make_env
    "${COMPOSE[@]}" up -d
    wait_healthy
}

ask_to_start() {
    local answer=y
    if [ -t 0 ] || [ -n "${LETTA_ASK:-}" ]; then
        read -r -p "Letta is not running. Start it? [Y/n] " answer || answer=n
    fi
    case "$answer" in
        "" | [Yy]*) start ;;
        *) echo "Left as it is. \`make letta-start\` starts it." ;;
    esac
}

dev() {
    make_env
    if [ "$(health)" = healthy ]; then
        echo "Letta is running: http://localhost:8283"
    else
        ask_to_start
    fi
}

case "${1:-}" in
    start) start ;;
    stop)
        echo "This stops Letta for every project that uses it; the data stays."
        make_env
        "${COMPOSE[@]}" stop
        ;;
    restart)
        make_env
        "${COMPOSE[@]}" up -d --force-recreate letta-server letta-nginx  # `restart` would not read .env.letta again
        wait_healthy
        ;;
    status)
        make_env
        "${COMPOSE[@]}" ps
        echo "letta-server: $(health)"
        [ "$(health)" = healthy ]
        ;;
    logs)
        make_env
        "${COMPOSE[@]}" logs -f --tail "${LETTA_LOG_LINES:-100}"
        ;;
    dev) dev ;;
    *)
        echo "usage: $0 start|stop|restart|status|logs|dev" >&2
        exit 2
        ;;
esac
