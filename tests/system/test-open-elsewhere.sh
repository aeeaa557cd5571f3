#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Promise: `existing: reset` finds the open connections of the scope's processes in whatever network
# namespace they live, resets those that match, and leaves alone what others have open there.
. "$(dirname "$0")/lib.sh"
need curl jq python3 nsenter
setup
start_daemon

# beside CMD...: a client in another network namespace than the daemon's, in a cgroup as a container's.
beside() {
	client_in machine.slice/container nsenter --net="/run/netns/$TESTBED_SERVICES_NETNS" -- "$@"
}

# stranger CMD...: another one there, outside the scope.
stranger() {
	client_in elsewhere nsenter --net="/run/netns/$TESTBED_SERVICES_NETNS" -- "$@"
}

# rule KEYS: everything to the shared address, or less of it.
rule() {
	printf '{"fault": "f", "effect": "refuse", "existing": "reset", "match": {"protocols": ["tcp"],
		"prefixes": ["%s/32"] %s}}' "$TESTBED_SHARED4" "${1:-}"
}

# expect_existing FOUND RESET: what the inject's reply said.
expect_existing() {
	assert_eq "$(field '"\(.existing_found) \(.existing_reset)"')" "$1 $2" "found and reset"
}

hold near client "$TESTBED_SHARED4" 80 2
hold far beside "$TESTBED_SHARED4" 80 3
hold solo beside "$TESTBED_SOLO4" 80 2
hold strange stranger "$TESTBED_SHARED4" 80 2
scope='{"scope": {"cgroups": ["'"$TESTBED_CGROUP_PATH/machine.slice"'", "'"$TESTBED_HOST_CGROUP_PATH"'"],
	"units": []}}'

# What is told by its namespace.
arm "$(plan "$(rule ', "namespaces": ["/run/netns/'"$TESTBED_SERVICES_NETNS"'"]')" "$scope")"
inject f 60
expect_existing 3 3
assert_contains "$(ask far state)" ECONNABORTED far
assert_contains "$(ask near request)" 200 near
disarm
release far

# What is told by its destination, in both namespaces.
hold far beside "$TESTBED_SHARED4" 80 3
arm "$(plan "$(rule)" "$scope")"
inject f 60
expect_existing 5 5
for name in near far; do
	assert_contains "$(ask "$name" state)" ECONNABORTED "$name"
done
for name in solo strange; do
	assert_contains "$(ask "$name" request)" 200 "$name"
done
disarm
echo "two namespaces: 5 found and reset, 4 others never noticed"
stop_daemon
bpf_left
