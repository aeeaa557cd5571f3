#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# alone: it times a lift and counts attempts
# Promise: `faultctl run` with the real daemon measures what the kernel did: the lift to the
# millisecond, hits, connections per try; SIGINT lifts at once; a daemon that is killed ends the run
# with exit code 3 and a report, and leaves nothing in the kernel.
. "$(dirname "$0")/lib.sh"
need curl jq
setup
start_daemon

runs=0
experiment=$TESTBED_DIR/experiment.json

# write_experiment SECONDS EFFECT
write_experiment() {
	jq --null-input --arg length "$1s" --argjson effect "$2" '{
		version: 1, title: "controller and daemon", lease: "2s",
		workflows: {
			solo: {
				http: {get: "http://solo.example/"}, every: "100ms", timeout: "500ms",
				retry: {attempts: 3, backoff: "20ms"},
				stable: {successes: 10, for: "1s"}, budget: {recover: "1s", amplification: 3}
			},
			status: {
				http: {get: "http://status.example/"}, every: "100ms", timeout: "500ms",
				stable: {successes: 10, for: "1s"}, budget: {availability: "100%"}
			}
		},
		faults: {solo: {match: {name: "solo.example", port: 80}, effect: $effect}},
		timeline: [{steady: "1s"}, {inject: "solo", for: $length}, {recover: "10s"}]
	}' >"$experiment"
}

# run_in DIRECTORY: faultctl run; sets code, and report to its JSON.
run_in() {
	code=0
	client "$BUILD/faultctl" run "$experiment" --socket "$TESTBED_SOCKET" --output "$1" \
		--format json >"$1.json" 2>"$1.err" || code=$?
}

# episode DIRECTORY FILTER: of its first episode.
episode() {
	jq --raw-output ".episodes[0] | $2" "$1.json"
}

injected() {
	curl --silent --max-time 2 --unix-socket "$TESTBED_SOCKET" http://faultd/v1/status |
		jq --exit-status '[.rules[]? | select(.hits > 2)] | length > 0' >/dev/null
}

# A whole run.
for effect in '"refuse"' '{"answer": {"status": 503}}'; do
	out=$TESTBED_DIR/whole-$((++runs))
	write_experiment 2 "$effect"
	run_in "$out"
	assert_eq "$code" 0 "exit code with $effect"
	assert_eq "$(jq -r .verdict "$out.json")" passed "verdict with $effect"
	assert_eq "$(episode "$out" .cause)" planned cause
	assert_eq "$(episode "$out" '.workflows[1].verdict')" not_affected "the other name"
	# Healthy at the lift: the interval begins there, and the point is within a period and 5 ms.
	assert_eq "$(episode "$out" '.workflows[0].time_to_recover.after_ns')" 0 "recovery after"
	assert_between "$(episode "$out" '.workflows[0].time_to_recover.value_ns')" 0 115000000 recovery
	# Three tries a unit, fewer only for the one that the lift finds between its tries.
	assert_between "$(episode "$out" '.workflows[0].amplification * 10 | round')" 27 30 \
		amplification
	# The kernel counts the same tries, two addresses each when the connect is refused.
	assert_between "$(episode "$out" '.kernel.fault.connects')" 57 126 "connects with $effect"
	assert_between "$(episode "$out" '.effective_at_ns - .injected_at.first_ns')" 0 115000000 effect
	bpf_left
done

# SIGINT lifts the fault first; exit code 130, and a report.
out=$TESTBED_DIR/interrupted
write_experiment 60 '"refuse"'
spawn "$BUILD/faultctl" run "$experiment" --socket "$TESTBED_SOCKET" --output "$out" \
	--format json >"$out.json" 2>"$out.err"
await 10 injected
kill -INT "$spawned"
code=0
wait "$spawned" || code=$?
assert_eq "$code" 130 "exit code after SIGINT"
assert_eq "$(jq -r .verdict "$out.json")" interrupted "verdict after SIGINT"
assert_eq "$(episode "$out" .cause)" lifted "cause after SIGINT"
assert_eq "$(http_code http://solo.example/)" 200 "a client after SIGINT"
bpf_left

# The daemon is killed: nobody renews, nothing is left, and the report says between when and when.
out=$TESTBED_DIR/lost
spawn "$BUILD/faultctl" run "$experiment" --socket "$TESTBED_SOCKET" --output "$out" \
	--format json >"$out.json" 2>"$out.err"
await 10 injected
stop_daemon KILL
code=0
wait "$spawned" || code=$?
assert_eq "$code" 3 "exit code after the daemon's end"
assert_eq "$(jq -r .verdict "$out.json")" daemon_lost "verdict after the daemon's end"
assert_eq "$(episode "$out" .cause)" crash "cause after the daemon's end"
assert_between "$(episode "$out" '.lifted_at.last_ns - .lifted_at.first_ns')" 1 2000000000 doubt
bpf_left
