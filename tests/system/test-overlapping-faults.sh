#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: faults that name the same destination do not hide each other. Whichever is injected acts,
# alone, on new connections and on open ones, TCP and UDP; of several that are injected the first
# rule of the plan acts, and the others count what they would have taken as outranked.
. "$(dirname "$0")/lib.sh"
need jq python3
setup
start_daemon

# attempt KIND PORT: its one outcome.
attempt() {
	client "$CLIENTS/attempt.py" --timeout 0.2 "$1" "${3:-$TESTBED_SHARED4}" "$2" | sed 's/^1 //'
}

# expect WHAT TCP UDP: what a new connection and a datagram come to now.
expect() {
	assert_eq "$(attempt tcp 80)" "$2" "$1: TCP"
	assert_eq "$(attempt udp 5353 "$TESTBED_UDP4")" "$3" "$1: UDP"
}

match='"match": {"protocols": ["tcp", "udp"], "ports": ["80", "5353"],
	"prefixes": ["'"$TESTBED_SHARED4/32"'", "'"$TESTBED_UDP4/32"'"]}'
hold kept client "$TESTBED_SHARED4" 80 2
arm "$(plan '
	{"fault": "first", "effect": "drop", '"$match"'},
	{"fault": "second", "effect": "loss", "loss_ppm": 1000000, '"$match"'},
	{"fault": "third", "effect": "refuse", '"$match"'},
	{"fault": "fourth", "effect": "unreachable", '"$match"'}')"
expect "nothing is injected" ok ok

inject fourth 60
expect "the last" "connect EHOSTUNREACH" "sendto EHOSTUNREACH"
assert_eq "$(ask kept request)" "2 200" "open connections under unreachable"
lift fourth

inject third 60
expect "the last but one" "connect ECONNREFUSED" "sendto ECONNREFUSED"
inject fourth 60
expect "the last two" "connect ECONNREFUSED" "sendto ECONNREFUSED"
assert_eq "$(reason_count fourth outranked)" 2 "outranked by refuse"
assert_eq "$(counter fourth hits)" 2 "hits of the last, from before"
lift

inject second 60
expect "the second of two for packets" silent silent
assert_eq "$(ask kept state)" "2 open" "open connections"
before=$(counter second packets)
assert_eq "$(ask kept "request 0.4")" "2 silent" "open connections under the second for packets"
assert_between "$(($(counter second packets) - before))" 2 1000 "packets dropped for them"
assert_eq "$(counter first packets)" 0 "packets dropped for a fault that is not injected"
lift second
assert_eq "$(ask kept "response 5")" "2 200" "open connections after the lift"

inject first,second,third 60
before=$(counter second packets)
expect "three at once" silent silent
assert_eq "$(counter second packets)" "$before" "packets that the second took behind the first"
assert_between "$(counter first packets)" 2 1000 "packets that the first took"
assert_between "$(reason_count third outranked)" 2 2 "outranked by drop"
lift
expect "all lifted" ok ok
disarm
release kept
stop_daemon
bpf_left
