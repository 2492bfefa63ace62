#!/usr/bin/env bash
# Power-cycle the servers with a tag: five of them first, and the others only
# if these succeed. Prints the progress, and then the servers that failed.
# Usage: power-cycle.sh TAG. It needs curl and jq.
set -euo pipefail
calls="${PASSTHRU_URL:-http://127.0.0.1:6385}/v1/drivers/redfish/vendor_passthru"

# Sending the request again with the same key does not run it again.
key=$(cat /proc/sys/kernel/random/uuid)
operation=$(curl --silent --show-error --fail --retry 5 --request PUT \
    --header "Idempotency-Key: $key" \
    --data "$(jq --null-input --arg tag "$1" \
        '{tag: $tag, state: "PowerCycle", batch: 5}')" \
    --output /dev/null --dump-header - "$calls?method=power" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p' | tail -n 1)

state=queued
while [ "$state" = queued ] || [ "$state" = running ]; do
    # The response is held for up to 20 seconds, or until it has finished.
    answer=$(curl --silent --show-error --fail --retry 5 \
        --header 'Prefer: wait=20' "$operation?fields=state,progress")
    state=$(jq --raw-output .state <<<"$answer")
    jq --raw-output '"\(.state): \(.progress.message // "")"' <<<"$answer"
done

# Of a failed operation the items are in partial_result.
curl --silent --show-error "$operation/result" | jq --raw-output '
    (.items // .partial_result.items // {}) | to_entries[]
    | select(.value.error)
    | "\(.key): \(.value.error.code): \(.value.error.message)"'
[ "$state" = succeeded ]
