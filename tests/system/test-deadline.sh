#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# alone: it times the ends of faults to the millisecond
# Promise: no fault outlives its daemon, its lease, its window or its run. When a process of the
# daemon is killed, or all of them are stopped, traffic is normal by that instant and 100 ms, and the
# fault does not end before it. For an effect of each layer: refuse, drop, answer.
. "$(dirname "$0")/lib.sh"
need jq python3
setup

what= # the case at hand
readonly LATE_NS=100000000 # how late traffic may be normal again
readonly EARLY_NS=100000000 # how long before its end a fault may have been seen for the last time
match='"match": {"protocols": ["tcp", "udp"], "ports": ["80", "5353"],
	"prefixes": ["'"$TESTBED_SHARED4/32"'", "'"$TESTBED_UDP4/32"'"]}'
http_match='"match": {"protocols": ["tcp"], "ports": ["80"], "prefixes": ["'"$TESTBED_SHARED4/32"'"]}'
declare -A rules=(
	[refuse]='{"fault": "f", "effect": "refuse", '$match'}'
	# Dropped TCP would show when TCP tries again, not when the fault ends: hence datagrams.
	[drop]='{"fault": "f", "effect": "drop", '$match'}'
	[answer]='{"fault": "f", "effect": "answer", '$http_match', "answer": {"status": 409,
		"reason": "Conflict", "headers": "X-Served-By: kernel\r\n", "body_base64": "bm8K"}}'
)
declare -A probes=(
	[refuse]="connect $TESTBED_SHARED4 80"
	[drop]="udp $TESTBED_UDP4 5353"
	[answer]="answer $TESTBED_SHARED4 80"
)

# times DURATION LEASE: keys of a plan, from milliseconds.
times() {
	printf '{"duration_ns": %d000000, "lease_ns": %d000000}' "$1" "$2"
}

is_gone() {
	[[ ! -e /proc/$1 ]]
}

# probe EFFECT ARGUMENT...: in the background, from when it is ready; await_probe sets seen to what it
# printed in the end. It comes after arming: an answer is for connections that were opened since.
probe() {
	local arguments

	read -r -a arguments <<<"${probes[$1]}"
	spawn "$CLIENTS/probe.py" "${@:2}" "${arguments[@]}" >"$TESTBED_DIR/seen"
	await 20 test -s "$TESTBED_DIR/seen"
}

await_probe() {
	wait "$spawned" || fail "$what: the fault did not end: $(<"$TESTBED_DIR/seen")"
	seen=$(tail -n 1 "$TESTBED_DIR/seen")
}

of_probe() {
	jq --raw-output "$1" <<<"$seen"
}

# judge END: what the probe saw, against the instant at which the fault had to end.
judge() {
	local last first

	last=$(($(of_probe .last_failure_ns) - $1))
	first=$(($(of_probe .first_success_ns) - $1))
	printf '%-24s last failure %+10.3f ms, first success %+10.3f ms, %s failures\n' "$what" \
		"${last}e-6" "${first}e-6" "$(of_probe .failures)"
	assert_between "$last" -$EARLY_NS $LATE_NS "$what: ns from the end to the last failure"
	assert_between "$first" -$EARLY_NS $LATE_NS "$what: ns from the end to the first success"
	assert_eq "$(of_probe .broken)" 0 "$what: attempts that ended otherwise"
}

# killed EFFECT WHO: the engine or the api process is killed; the rest ends by itself.
killed() {
	local victim

	start_daemon
	find_api
	victim=$daemon_pid
	[[ $2 == engine ]] || victim=$api_pid
	arm "$(plan "${rules[$1]}")"
	probe "$1" --signal KILL --pid "$victim"
	inject f 60
	await_probe
	wait "$daemon_pid" 2>/dev/null || true
	judge "$(of_probe .signalled_ns)"
	await 2 is_gone "$api_pid"
	daemon_pid=
	bpf_left
}

# stopped EFFECT CAUSE: every process of the daemon is stopped while the fault is in force.
stopped() {
	local end events

	find_api
	case $2 in
	lease) arm "$(plan "${rules[$1]}" "$(times 60000 2500)")" ;;
	planned) arm "$(plan "${rules[$1]}")" ;;
	deadline) arm "$(plan "${rules[$1]}" "$(times 2500 2500)")" ;;
	esac
	end=$(field .lease_until_ns)
	[[ $2 != deadline ]] || end=$(field .deadline_ns)
	[[ $2 != deadline ]] || renew
	probe "$1" --signal STOP --pid "$daemon_pid" --pid "$api_pid"
	inject f "$([[ $2 == planned ]] && echo 0.9 || echo 50)"
	[[ $2 != planned ]] || end=$(field .ends_at_ns)
	await_probe
	(($(of_probe .signalled_ns) < end)) || fail "$what: stopped after the end"
	assert_eq "$(bpf_programs | wc -l)" "$attached" "$what: programs attached under the stopped daemon"
	kill -CONT "$daemon_pid" "$api_pid"
	judge "$end"
	# What the daemon tells afterwards is what happened.
	api DELETE "/runs/$run"
	[[ $code == 200 || $code == 404 ]] || fail "$what: DELETE: $code"
	events=$(curl --silent --max-time 5 --unix-socket "$TESTBED_SOCKET" \
		"http://faultd/v1/events?run=$run")
	assert_eq "$(jq --raw-output 'select(.event == "lifted") | "\(.cause) \(.at_ns)"' <<<"$events")" \
		"$2 $end" "$what: the event"
	bpf_left
}

for effect in refuse drop answer; do
	for who in engine api; do
		what="$effect, $who killed" killed "$effect" "$who"
	done
done
start_daemon
for effect in refuse drop answer; do
	# Programs in the cgroup: two connect hooks, two more for UDP, the packet or message ones.
	case $effect in
	refuse) attached=4 ;;
	drop) attached=6 ;;
	answer) attached=4 ;;
	esac
	for cause in lease planned deadline; do
		what="$effect, $cause" stopped "$effect" "$cause"
	done
done
stop_daemon
bpf_left
