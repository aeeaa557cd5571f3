#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: on a terminal a run shows its phase, the time left, each workflow and the kernel's hits in
# place; in a pipe each event is a line; NO_COLOR holds; Ctrl-C lifts first, then reports what there is.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 tests/harness/controller/live.py "${BUILD:-build}/faultctl"
