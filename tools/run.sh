#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up the service in .venv and runs it, API and conductor in one process.
# Arguments go to ironic-passthru. On Debian, as root, it installs what it
# needs; elsewhere Python 3.11 or later with its venv module must be there.
set -eu
cd "$(dirname "$0")/.."

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends python3-venv
fi
# The version is read from git, where there is one and it trusts the files.
git rev-parse HEAD >/dev/null 2>&1 || export PBR_VERSION="${PBR_VERSION:-0.0.1}"
# Installed anew after an update that needs it.
stamp=.venv/installed
if [ ! -e $stamp ] || [ -n "$(find setup.cfg ./*.txt -newer $stamp)" ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet -c constraints.txt -e '.[redfish]'
    touch $stamp
fi
exec .venv/bin/ironic-passthru "$@"
