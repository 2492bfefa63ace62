#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the requirements of the tests and runs them: unit and functional
# tests, style, types and pages. On Debian, as root, it installs missing
# servers. Arguments: names of tox environments instead of "all".
set -u
cd "$(dirname "$0")/.."

setup() {
    set -e
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends python3-venv
    fi
    [ -x .tox/tools/bin/tox ] || python3 -m venv .tox/tools
    .tox/tools/bin/pip install --quiet -c constraints.txt tox bindep
    missing=$(.tox/tools/bin/bindep -b test || true)
    if [ -n "$missing" ]; then
        apt-get update -qq
        # The tests start private servers; those of the system stay off.
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends $missing
    fi
    set +e
}

# pbr reads the version from git, if the checkout is a trusted repository.
git rev-parse HEAD >/dev/null 2>&1 || export PBR_VERSION="${PBR_VERSION:-0.0.1}"

mkdir -p .tox
setup >&2 || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failures=0
for environment in ${*:-all}; do
    .tox/tools/bin/tox -q -e "$environment" 2>&1 | tee -a "$log"
    if [ "${PIPESTATUS[0]}" -ne 0 ]; then
        echo "FAILED: $environment" | tee -a "$log"
        failures=$((failures + 1))
    fi
done

# Sums of stestr; a failed environment without tests counts as one failure.
count() { awk -v word="$1:" '$1 == "-" && $2 == word {n += $3} END {print n + 0}' "$log"; }
# The failed tests again, with the last line of their traceback: a page of
# other checks has passed since, and a log is often read from its end.
awk '$NF == "FAILED" {
         name = $2; wait = 1; print name
     }
     wait && /^    [A-Za-z_.]+(Error|Exception|Timeout|Exit|Mismatch)[:A-Za-z]*/ {
         print "    " substr($0, 5, 160); wait = 0
     }' "$log" | head -n 40
failed=$(count Failed)
[ "$failures" -gt "$failed" ] && failed=$failures
echo "$(count Passed) passed, $failed failed, $(count Skipped) skipped"
[ "$failed" -eq 0 ] && [ "$failures" -eq 0 ]
