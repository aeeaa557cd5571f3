#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Promise: the HTML report is one file without scripts; in a browser it marks exactly the points in time
# of the JSON report, cuts nothing off on a desktop or a phone, and every definition is one focus away.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for command in chromium node; do
	type -P "$command" >/dev/null || {
		printf 'SKIP: %s is not installed\n' "$command"
		exit 77
	}
done
exec node tests/harness/report/page.mjs "${BUILD:-build}/faultctl"
