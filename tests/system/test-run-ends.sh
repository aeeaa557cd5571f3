#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# Promise: however a run of faultctl ends, its exit code says how, its report tells the truth, and no
# fault is left behind.
. "$(dirname "$0")/lib.sh"
need curl jq
setup
start_daemon

readonly FAULTCTL=$BUILD/faultctl
experiment=$TESTBED_DIR/experiment.yaml

# write_experiment MATCH EFFECT [STEADY [FOR]]: a probe of solo.example under one fault.
write_experiment() {
	cat >"$experiment" <<END
version: 1
title: how runs end
scope: {cgroups: ["$TESTBED_HOST_CGROUP_PATH"]}
lease: 1s
workflows:
  probe:
    http: {get: "http://$TESTBED_SOLO4/"}
    every: 100ms
    timeout: 1s
    stable: {successes: 5, for: 500ms}
faults:
  solo:
    match: $1
    effect: $2
timeline:
  - steady: ${3:-1s}
  - inject: solo
    for: ${4:-1s}
  - recover: 3s
END
}

# run_experiment OUTPUT [ARGUMENT...]: sets status.
run_experiment() {
	status=0
	client "$FAULTCTL" run --socket "$TESTBED_SOCKET" --output "$TESTBED_DIR/$1" "${@:2}" \
		"$experiment" >"$TESTBED_DIR/$1.out" 2>"$TESTBED_DIR/$1.err" || status=$?
}

# report_of OUTPUT FILTER: a field of the JSON report made again from the journal.
report_of() {
	"$FAULTCTL" report -o json "$TESTBED_DIR/$1" | jq --raw-output "$2" || true
}

served() {
	[[ $(http_code "http://$TESTBED_SOLO4/") == 200 ]]
}

refused() {
	[[ $(http_code "http://$TESTBED_SOLO4/") == 000 ]]
}

solo="{address: $TESTBED_SOLO4, port: 80}"

write_experiment "$solo" refuse
run_experiment passed
assert_eq "$status" 0 "exit code of a run that passed ($(tail -n 3 "$TESTBED_DIR/passed.err"))"
assert_eq "$(report_of passed .verdict)" passed "verdict"
nothing_attached || fail "programs are left after a run"

# Nothing listens to the fault: never a pass.
write_experiment "{address: $TESTBED_SOLO4, port: 81}" refuse
run_experiment unmet
assert_eq "$status" 5 "exit code of a fault that matched nothing"
assert_eq "$(report_of unmet .verdict)" not_exercised "verdict of a fault that matched nothing"

# Refused before anything is armed: exit 2 for what is invalid, 4 for what is denied.
write_experiment '{name: no-such-name.example}' refuse
run_experiment unresolvable
assert_eq "$status" 2 "exit code of an unresolvable name"
assert_contains "$(cat "$TESTBED_DIR/unresolvable.err")" no-such-name.example "the message"
nothing_attached || fail "an unresolvable name armed something"

# Another run holds the host.
arm "$(plan '{"fault": "solo", "effect": "refuse", "match": {"protocols": ["tcp"],
	"prefixes": ["'"$TESTBED_SOLO4"'"]}}')"
write_experiment "$solo" refuse
run_experiment busy
assert_eq "$status" 4 "exit code while another run holds the host"
disarm

# Nobody answers at the socket.
status=0
client "$FAULTCTL" run --socket "$TESTBED_DIR/nowhere.sock" --output "$TESTBED_DIR/nowhere" \
	"$experiment" >/dev/null 2>&1 || status=$?
assert_eq "$status" 3 "exit code without a daemon"

# An interrupt lifts first, then reports.
write_experiment "$solo" refuse 1s 60s
spawn "$FAULTCTL" run --socket "$TESTBED_SOCKET" --output "$TESTBED_DIR/interrupted" "$experiment" \
	>/dev/null 2>&1
await 10 refused
kill -INT "$spawned"
status=0
wait "$spawned" || status=$?
assert_eq "$status" 130 "exit code of an interrupted run"
served || fail "the fault outlived the interrupt"
assert_eq "$(report_of interrupted .verdict)" interrupted "verdict of an interrupted run"
nothing_attached || fail "programs are left after an interrupt"

# A controller that is killed takes its faults with it, by the lease and 100 ms.
spawn "$FAULTCTL" run --socket "$TESTBED_SOCKET" --output "$TESTBED_DIR/killed" "$experiment" \
	>/dev/null 2>&1
await 10 refused
kill -KILL "$spawned"
wait "$spawned" || true
expect_api 200 GET /status
lease_until=$(field .lease_until_ns)
await 5 served
# A probe is several processes, which take their time beside other tests; test-deadline measures
# the end itself. The shell's clock counts centiseconds.
assert_between $(($(now_ns) - lease_until)) -20000000 500000000 "ns from the lease's end to service"
assert_eq "$(report_of killed .verdict)" interrupted "verdict of a killed run"
echo "killed controller: served $((($(now_ns) - lease_until) / 1000000)) ms after the lease's end"
await 10 nothing_attached

stop_daemon
bpf_left
