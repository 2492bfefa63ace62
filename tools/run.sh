#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the service in .venv and runs it, API and conductor in one process.
# Arguments are passed to ironic-passthru. On Debian, as root, it installs the
# venv module; other systems need Python 3.11 or later with venv.
set -eu
cd "$(dirname "$0")/.."

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends python3-venv
fi
# pbr reads the version from git, if the checkout is a trusted repository.
git rev-parse HEAD >/dev/null 2>&1 || export PBR_VERSION="${PBR_VERSION:-0.0.1}"
# Installed again if requirements have changed.
stamp=.venv/installed
if [ ! -e $stamp ] || [ -n "$(find setup.cfg ./*.txt -newer $stamp)" ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet -c constraints.txt -e .
    touch $stamp
fi
exec .venv/bin/ironic-passthru "$@"
