#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up what the tests need and runs all of them: unit and functional
# tests, style, types and the pages. On Debian, as root, it installs the
# servers that are missing. Arguments are other environments of tox.
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
        # The tests start servers of their own; the system's stay off.
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends $missing
    fi
    set +e
}

# The version is read from git, where there is one and it trusts the files.
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

# What stestr counted; an environment without tests counts when it fails.
count() { awk -v word="$1:" '$1 == "-" && $2 == word {n += $3} END {print n + 0}' "$log"; }
failed=$(count Failed)
[ "$failures" -gt "$failed" ] && failed=$failures
echo "$(count Passed) passed, $failed failed, $(count Skipped) skipped"
[ "$failed" -eq 0 ] && [ "$failures" -eq 0 ]
