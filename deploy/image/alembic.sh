#!/usr/bin/env bash
# Start scripts for older images call `alembic`: the schema is looked after by the server, and by `holdfast migrate`.
set -euo pipefail

case "${1:-}" in
    upgrade) exec holdfast migrate ;;
    current | heads | history | check) exec holdfast migrate --dry-run ;;
    stamp) echo "Nothing to stamp: the server knows the state of its own schema." ;;
    *)
        echo "error: alembic ${1:-} is not available in this image; use \`holdfast migrate\` or \`holdfast migrate --dry-run\`." >&2
        exit 2
        ;;
esac
