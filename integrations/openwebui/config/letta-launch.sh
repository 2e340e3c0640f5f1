#!/bin/sh
# Starts the memory service: letta-launch.sh [--host ADDRESS] [--port PORT] [--ollama-url URL] [--model NAME]
# [--background] [--stop]. In the background its output goes to data/letta/service.log, its id to service.pid.
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
host=127.0.0.1
port=8888
ollama_url=
model=
mode=foreground
data=${DATA_DIR:-$home/data/letta}

value() {
    [ "$#" -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
}

while [ "$#" -gt 0 ]; do
    case $1 in
        --host) value "$@"; host=$2; shift 2 ;;
        --port) value "$@"; port=$2; shift 2 ;;
        --ollama-url) value "$@"; ollama_url=$2; shift 2 ;;
        --model) value "$@"; model=$2; shift 2 ;;
        --background) mode=background; shift ;;
        --stop) mode=stop; shift ;;
        -h | --help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
        *) echo "error: $1 is not known; --help lists the options" >&2; exit 2 ;;
    esac
done

pid_file=$data/service.pid
if [ "$mode" = stop ]; then
    [ -f "$pid_file" ] || { echo "error: no service was started in the background ($pid_file)" >&2; exit 1; }
    kill "$(cat "$pid_file")" || true
    rm -f "$pid_file"
    exit 0
fi

command -v holdfast >/dev/null || { echo "error: holdfast is not installed: pip install holdfast" >&2; exit 1; }
set -- "$host" "$port" --config "$home/config/letta_config.json" --data-dir "$data"
[ -z "$ollama_url" ] || set -- "$@" --ollama-url "$ollama_url"
[ -z "$model" ] || set -- "$@" --model "$model"
cd "$home"

if [ "$mode" = foreground ]; then
    exec holdfast service qwen "$@"
fi
mkdir -p "$data"
nohup holdfast service qwen "$@" >"$data/service.log" 2>&1 </dev/null &
echo $! >"$pid_file"
echo "Started in the background as process $(cat "$pid_file"); its log is $data/service.log. Stop it with $0 --stop."
