#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Promise: `existing: reset` and `adopt` find the open connections of the scope's processes in whatever
# network namespace they live, reset or adopt those that match, and leave alone what others have open there.
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

# expect_existing FOUND RESET ADOPTED: what the inject's reply said.
expect_existing() {
	assert_eq "$(field '"\(.existing_found) \(.existing_reset) \(.existing_adopted)"')" "$1 $2 $3" \
		"found, reset and adopted"
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
expect_existing 3 3 0
assert_contains "$(ask far state)" ECONNABORTED far
assert_contains "$(ask near request)" 200 near
disarm
release far

# What is told by its destination, in both namespaces.
hold far beside "$TESTBED_SHARED4" 80 3
arm "$(plan "$(rule)" "$scope")"
inject f 60
expect_existing 5 5 0
for name in near far; do
	assert_contains "$(ask "$name" state)" ECONNABORTED "$name"
done
for name in solo strange; do
	assert_contains "$(ask "$name" request)" 200 "$name"
done
disarm
echo "two namespaces: 5 found and reset, 4 others never noticed"

# Adopted, they are answered where they are, and are the server's again after the lift.
release near
release far
hold near client "$TESTBED_SHARED4" 80 2
hold far beside "$TESTBED_SHARED4" 80 3
arm "$(plan '{"fault": "f", "effect": "answer", "existing": "adopt", "answer": {"status": 503},
	"match": {"protocols": ["tcp"], "prefixes": ["'"$TESTBED_SHARED4"'/32"]}}' "$scope")"
inject f 60
expect_existing 5 0 5
for _ in 1 2; do
	assert_eq "$(ask near request)" "2 503" near
	assert_eq "$(ask far request)" "3 503" far
	assert_eq "$(ask solo request)" "2 200" solo
	assert_eq "$(ask strange request)" "2 200" strange
done
assert_eq "$(counter f hits)" 10 "hits"
lift
assert_eq "$(ask near request)" "2 200" "near, after the lift"
assert_eq "$(ask far request)" "3 200" "far, after the lift"
disarm
echo "two namespaces: 5 adopted and answered, 4 others never noticed"
stop_daemon
bpf_left
