#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Promise: every report is made from the journal alone, whatever names and titles hold, and the
# programs that read such reports take it: JSON and that of comparisons by their schemas, JUnit by its XSD,
# OpenMetrics by promtool.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for command in xmllint promtool; do
	type -P "$command" >/dev/null || {
		printf 'SKIP: %s is not installed\n' "$command"
		exit 77
	}
done
exec python3 tests/harness/report/formats.py "${BUILD:-build}/faultctl"
