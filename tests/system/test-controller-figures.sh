#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# alone: its requests are timed
# Promise: figures are worth what docs/measuring.md says: work that a stall held up counts from when it
# was due, alerts are heard, observed traffic and control groups are measured, several runs are told
# together, and the journal of a controller that was killed reports what had happened until then.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 tests/harness/controller/figures.py "${BUILD:-build}/faultctl"
