#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: however a run ends (refused, daemon lost, halted, interrupted, aborted, ...) the faults are
# lifted first, the exit code says which it was, and the journal alone gives the same report.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 tests/harness/controller/endings.py "${BUILD:-build}/faultctl"
