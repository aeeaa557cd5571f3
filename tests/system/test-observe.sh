#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Promise: a workflow that only observes runs nothing and still finds in the kernel's series when the
# traffic of others failed and when it was well again; a control group that runs as another user, out
# of the fault's scope, stays whole beside it.
. "$(dirname "$0")/lib.sh"
need curl jq python3 setpriv
setup
start_daemon

experiment=$TESTBED_DIR/experiment.json
out=$TESTBED_DIR/observed
jq --null-input --arg address "$TESTBED_SHARED4" '{
	version: 1, title: "observed", scope: {users: ["65534"]},
	workflows: {
		everybody: {observe: "refused", stable: {successes: 10, for: "1s"}, budget: {recover: "1s"}},
		inside: {
			run: ["setpriv", "--reuid=65534", "--clear-groups", "curl", "-4", "--silent", "--fail", "--max-time", "1",
				"http://status.example/"],
			every: "200ms", timeout: "1s", stable: {successes: 5, for: "1s"}
		},
		outside: {
			run: ["curl", "-4", "--silent", "--fail", "--max-time", "1", "http://status.example/"],
			every: "200ms", timeout: "1s", stable: {successes: 5, for: "1s"}, control: "inside"
		}
	},
	faults: {refused: {match: {address: $address, port: 80}, effect: "refuse"}},
	timeline: [{steady: "2s"}, {inject: "refused", for: "3s"}, {recover: "10s"}]
}' >"$experiment"

# Somebody else's traffic: a connection each 20 ms.
spawn setpriv --reuid=65534 --clear-groups "$CLIENTS/connects.py" --every 0.02 --seconds 20 "$TESTBED_SHARED4" 80 \
	>"$TESTBED_DIR/traffic"
traffic=$spawned
code=0
client "$BUILD/faultctl" run "$experiment" --socket "$TESTBED_SOCKET" --output "$out" \
	--format json --as-root >"$out.json" 2>"$out.err" || code=$?
kill "$traffic" 2>/dev/null || true
wait "$traffic" 2>/dev/null || true
[[ $code == 0 ]] || cat "$out.err" >&2
assert_eq "$code" 0 "exit code"

# of WORKFLOW FILTER
of() {
	jq --raw-output --arg name "$1" ".episodes[0].workflows[] | select(.workflow == \$name) | $2" \
		"$out.json"
}

injected=$(jq '.episodes[0].injected_at.first_ns' "$out.json")
lifted=$(jq '.episodes[0].lifted_at.last_ns' "$out.json")
assert_eq "$(of everybody .verdict)" passed "what was observed"
# A bucket of the series is 100 ms wide.
assert_between "$(($(of everybody .first_failure_at_ns) - injected))" 0 250000000 "first failure"
assert_between "$(($(of everybody .stable_at_ns) - lifted))" -100000000 250000000 "stable"
# Every connection is counted: the clients' own list and the kernel's agree for the fault.
refused=$(awk -v from="$injected" -v to="$lifted" \
	'$1 >= from && $1 < to && $3 == "ECONNREFUSED"' "$TESTBED_DIR/traffic" | wc -l)
assert_between "$(of everybody '.units_intended - .units_successful')" "$refused" $((refused + 40)) \
	"refused connections"
assert_eq "$(of inside .affected)" true "the work inside the scope"
assert_eq "$(of outside .verdict)" not_affected "the control group"
assert_eq "$(of outside '.units_intended - .units_successful')" 0 "failures of the control group"
bpf_left
