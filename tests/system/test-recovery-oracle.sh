#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# alone: its probes are timed to 5 ms
# Promise: a report's time to recover is within one probe interval and 5 ms of the truth. A scripted
# service and a stand-in for the daemon on loopback know the truth; no root, no kernel programs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 tests/harness/controller/oracle.py "${BUILD:-build}/faultctl"
