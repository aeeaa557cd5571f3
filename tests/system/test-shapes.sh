#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# alone: it times edges to 5 ms
# Promise: a share moves with time as the plan says, to within 5 ms, whoever watches: ramp, flap and
# staged lift. Every connection is decided by its own draw, which the run's seed fixes: what is hit
# stays hit while the share rises. `first` fails the first n items of each inject and no more;
# a budget ends the window by itself, with exactly as many hits or connections.
. "$(dirname "$0")/lib.sh"
need jq python3 curl
setup
start_daemon

readonly EDGE_MS=5
match='"match": {"protocols": ["tcp"], "ports": ["80"], "prefixes": ["'"$TESTBED_SOLO4/32"'"]}'
probes=$TESTBED_DIR/probes

# start_probe SECONDS [EVERY]: probes in the background, from now on.
start_probe() {
	: >"$probes"
	spawn "$CLIENTS/connects.py" --seconds "$1" --every "${2:-0.001}" "$TESTBED_SOLO4" 80 >"$probes"
	await 10 test -s "$probes"
}

# check_probes WHAT SHAPE_ARGUMENT...: waits for the probes; each outcome must be as the shape has it.
check_probes() {
	local count hits unexplained earliest latest

	wait "$spawned" || fail "$1: the probes failed"
	read -r count hits unexplained earliest latest < <("$CLIENTS/shape.py" "${@:2}" <"$probes")
	echo "$1: $count probes, $hits hits, $unexplained unexplained, shift $earliest to $latest ms"
	assert_eq "$unexplained" 0 "$1: outcomes that the shape does not explain"
	python3 -c "exit(not -$EDGE_MS <= $earliest <= $latest <= $EDGE_MS)" ||
		fail "$1: the edges are known to $earliest to $latest ms"
	((count > 500)) || fail "$1: only $count probes"
}

# event_of NAME CAUSE: the moment of the run's event with this name and cause; fails without.
event_of() {
	{ curl --silent --max-time 0.5 --unix-socket "$TESTBED_SOCKET" \
		"http://faultd/v1/events?run=$run" || true; } |
		jq --raw-output --arg name "$1" --arg cause "$2" \
			'select(.event == $name and .cause == $cause) | .at_ns' | tail -n 1 | grep .
}

# attempt N [PORT]: outcomes of N TCP connects, in a row.
attempt() {
	client "$CLIENTS/attempt.py" --timeout 0.3 --count "$1" tcp "$TESTBED_SOLO4" 80 | paste -sd,
}

# -- ramp
arm "$(plan '{"fault": "f", "effect": "refuse", "shape": {"ramp":
	{"from_ppm": 0, "to_ppm": 1000000, "over_ns": 3000000000}}, '"$match"'}')"
start_probe 5 0.0004
inject f 4
starts=$(field .starts_at_ns) ends=$(field .ends_at_ns)
check_probes "ramp 0 % to 100 % over 3 s" --starts "$starts" --ends "$ends" --ramp 0 1000000 3000000000
disarm

arm "$(plan '{"fault": "f", "effect": "refuse", "shape": {"ramp":
	{"from_ppm": 900000, "to_ppm": 100000, "over_ns": 2000000000}}, '"$match"'}')"
start_probe 4 0.0004
inject f 3
starts=$(field .starts_at_ns) ends=$(field .ends_at_ns)
check_probes "ramp 90 % to 10 % over 2 s" --starts "$starts" --ends "$ends" \
	--ramp 900000 100000 2000000000
disarm

# -- flap
arm "$(plan '{"fault": "f", "effect": "refuse", "shape": {"flap":
	{"period_ns": 250000000, "duty_ppm": 400000}}, '"$match"'}')"
start_probe 4 0.0004
inject f 3
starts=$(field .starts_at_ns) ends=$(field .ends_at_ns)
check_probes "flap 40 % of 250 ms" --starts "$starts" --ends "$ends" --flap 250000000 400000
disarm

# -- staged lift: in steps and smoothly, from a share and with the window's own end later
for steps in 4 0; do
	arm "$(plan '{"fault": "f", "effect": "refuse", "share_ppm": 800000, '"$match"'}')"
	start_probe 4 0.0004
	inject f 60
	starts=$(field .starts_at_ns)
	sleep 0.5
	expect_api 200 POST "/runs/$run/lift" "{\"over_ns\": 2000000000, \"steps\": $steps}"
	falls=$(field .starts_at_ns) ends=$(field .ends_at_ns)
	assert_eq "$((ends - falls))" 2000000000 "length of the staged lift"
	check_probes "staged lift over 2 s in $steps steps" --starts "$starts" --ends "$ends" \
		--share 800000 --fall "$falls" "$steps"
	assert_eq "$(event_of lifted lifted)" "$ends" "end of the staged lift"
	disarm
done

# -- first: of connects, of requests on one connection, of connections whose packets are dropped
arm "$(plan '{"fault": "f", "effect": "refuse", "shape": {"first": 5}, '"$match"'}')"
for _ in 1 2; do
	inject f 60
	assert_eq "$(attempt 20)" "5 connect ECONNREFUSED,15 ok" "first 5 connects"
	lift
done
assert_eq "$(counter f hits)" 10 "hits of two injects"
assert_eq "$(reason_count f first)" 30 "spared by first"
disarm

arm "$(plan '{"fault": "f", "effect": "answer", "shape": {"first": 3}, '"$match"', "answer":
	{"status": 503, "reason": "Service Unavailable", "headers": "", "body_base64": ""}}')"
inject f 60
mapfile -t codes < <(client curl --silent --output /dev/null --write-out '%{http_code}\n' \
	"http://$TESTBED_SOLO4/?[1-8]")
assert_eq "${codes[*]}" "503 503 503 200 200 200 200 200" "first 3 requests of one connection"
disarm

arm "$(plan '{"fault": "f", "effect": "drop", "shape": {"first": 2}, '"$match"'}')"
inject f 60
assert_eq "$(attempt 6)" "4 ok,2 silent" "first 2 connections dropped"
disarm

# -- budget
arm "$(plan '{"fault": "f", "effect": "refuse", "shape": {"budget": {"hits": 7}}, '"$match"'}')"
inject f 60
assert_eq "$(attempt 20)" "7 connect ECONNREFUSED,13 ok" "budget of 7 hits"
assert_eq "$(counter f hits)" 7 "hits"
await 2 event_of lifted budget >/dev/null
lifted=$(event_of lifted budget) last=$(counter f last_hit_at_ns)
assert_eq "$lifted" "$last" "end of the window: the last hit"
inject f 60
assert_eq "$(attempt 20)" "7 connect ECONNREFUSED,13 ok" "budget of the next inject"
disarm

arm "$(plan '{"fault": "f", "effect": "answer", "shape": {"budget": {"connections": 3}}, '"$match"',
	"answer": {"status": 503, "reason": "Service Unavailable", "headers": "", "body_base64": ""}}')"
hold budget client "$TESTBED_SOLO4" 80 5
inject f 60
assert_eq "$(ask budget request)" "2 200, 3 503" "budget of 3 connections of 5"
assert_eq "$(ask budget request)" "5 200" "behind the budget"
assert_eq "$(counter f hits)" 3 "hits"
release budget
disarm

# A reset that the first message decides is taken out of the budget once, like any other.
arm "$(plan '{"fault": "f", "effect": "reset", "at": "request", "shape": {"budget": {"hits": 4}},
	"match": {"protocols": ["tcp"], "ports": ["80"], "names": ["registry.example"]}}')"
inject f 60
assert_eq "$(client curl --silent --output /dev/null --write-out '%{exitcode}\n' \
	--resolve "registry.example:80:$TESTBED_SHARED4" -H 'Connection: close' \
	'http://registry.example/?[1-9]' | uniq -c | xargs)" "4 56 5 0" "budget of 4 resets by name"
assert_eq "$(counter f hits)" 4 "hits"
disarm

# -- 50 processes at once: not one more than the budget, not one less
arm "$(plan '{"fault": "f", "effect": "refuse", "shape": {"budget": {"hits": 1000}}, '"$match"'}')"
inject f 60
for ((i = 0; i < 8; i++)); do
	client "$CLIENTS/attempt.py" --timeout 1 --count 250 tcp "$TESTBED_SOLO4" 80 &
	pids[i]=$!
done >"$TESTBED_DIR/outcomes"
wait "${pids[@]}"
assert_eq "$(awk '/ECONNREFUSED/ { n += $1 } END { print n }' "$TESTBED_DIR/outcomes")" 1000 \
	"refused to 8 processes of 250 attempts"
assert_eq "$(counter f hits)" 1000 "hits"
disarm
stop_daemon
bpf_left
