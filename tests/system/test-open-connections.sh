#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: connections that are open at the inject are told of and dealt with as the fault says. Under
# `drop` they go silent and finish what they were at after the lift, every byte intact; with
# `existing: reset` they are destroyed, with `keep` they stay. What a peer opened towards this host is
# never touched, nor what a name rule cannot be sure of, nor another scope's.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup

readonly MAPPED=::ffff:$TESTBED_SHARED4
# Where the services' connections to this host come from.
readonly PEER4=10.77.0.2 PEER6=fd77::2

elsewhere() {
	client_in elsewhere "$@"
}

answers() {
	[[ $(services curl --silent --max-time 2 "http://$1/") == ok ]]
}

# Servers of this host, IPv4 alone and both families on one socket.
spawn "$CLIENTS/server.py" "$TESTBED_HOST4" 8084
spawn "$CLIENTS/server.py" :: 8086
await 5 answers "$TESTBED_HOST4:8084"
await 5 answers "[$TESTBED_HOST6]:8086"

hold kept client "$TESTBED_SHARED4" 80 3
hold mapped client "$MAPPED" 80 1
hold kept6 client "$TESTBED_SHARED6" 80 2
hold other client "$TESTBED_SOLO4" 80 2
hold foreign elsewhere "$TESTBED_SHARED4" 80 2
hold visit4 services "$TESTBED_HOST4" 8084 2 --from "$PEER4"
hold visit6 services "$TESTBED_HOST6" 8086 2 --from "$PEER6"
hold visit-mapped services "$TESTBED_HOST4" 8086 2 --from "$PEER4"
readonly OURS=(kept mapped kept6) VISITS=(visit4 visit6 visit-mapped)
start_daemon

# rule EFFECT EXISTING: for the shared address and for where the visitors come from, every port.
rule() {
	printf '{"fault": "f", "effect": "%s", "existing": "%s", "match": {"protocols": ["tcp"],
		"prefixes": ["%s/32", "%s/128", "%s/32", "%s/128"]}}' \
		"$1" "$2" "$TESTBED_SHARED4" "$TESTBED_SHARED6" "$PEER4" "$PEER6"
}

# expect_existing FOUND RESET: what the inject's reply said.
expect_existing() {
	assert_eq "$(field '"\(.existing_found) \(.existing_reset)"')" "$1 $2" "found and reset"
}

# expect COMMAND OUTCOME NAME...: every connection of these says this.
expect() {
	local name

	for name in "${@:3}"; do
		assert_contains "$(ask "$name" "$1")" " $2" "$name: $1"
		[[ $2 == *,* || $(ask "$name" state) != *,* ]] || fail "$name: not all alike"
	done
}

scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'

# Drop: silence, and everything as it was after the lift.
head -c 800000 /dev/urandom >"$TESTBED_WWW/random.bin"
got=$TESTBED_DIR/got.bin
size() {
	stat --format %s "$got" 2>/dev/null || echo 0
}
has_begun() {
	(($(size) > 100000))
}
has_stalled() {
	local before

	before=$(size)
	sleep 0.3
	[[ $(size) == "$before" ]]
}
spawn curl --silent --show-error --no-buffer --max-time 30 -H 'Host: registry.example' \
	--output "$got" "http://$TESTBED_SHARED4/slow/random.bin"
download=$spawned
arm "$(plan "$(rule drop keep)" "$scope")"
await 10 has_begun
inject f 60
# The download is one of those that are open.
expect_existing 7 0
expect "request 0.4" silent "${OURS[@]}"
expect "state" open "${OURS[@]}"
await 5 has_stalled
assert_between "$(size)" 100000 799999 "bytes before the silence"
expect request 200 other foreign "${VISITS[@]}"
hold late services "$TESTBED_HOST4" 8086 1 --from "$PEER4"
assert_eq "$(reason_count f inbound)" 7 "connections that the peer opened"
assert_between "$(counter f packets)" 7 10000 "packets dropped"
lift
expect "response 8" 200 "${OURS[@]}"
wait "$download" || fail "the download: curl's $?"
cmp "$got" "$TESTBED_WWW/random.bin" || fail "the download has other bytes"
disarm
echo "drop: 6 connections and a download went silent and went on; 9 others never noticed"

# Keep: counted, and left alone.
arm "$(plan "$(rule refuse keep)" "$scope")"
inject f 60
expect_existing 6 0
expect request 200 "${OURS[@]}" other foreign "${VISITS[@]}" late
assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 7 "a new connection"
disarm
echo "keep: 6 found, all of them kept"

# Reset: counted, and destroyed, those of the scope alone.
arm "$(plan "$(rule refuse reset)" "$scope")"
inject f 60
expect_existing 6 6
expect state ECONNABORTED "${OURS[@]}"
expect request 200 other foreign "${VISITS[@]}" late
disarm
for name in "${OURS[@]}"; do
	release "$name"
done
echo "reset: 6 found and destroyed; 11 others never noticed"

# By name: sure of an address that one name alone uses, and of no other.
hold shared client "$TESTBED_SHARED4" 80 2
arm "$(plan '{"fault": "f", "effect": "refuse", "existing": "reset", "match": {"protocols": ["tcp"],
	"names": ["packages.blob.example", "solo.example"]}}' "$scope")"
client getent ahosts registry.example >/dev/null
inject f 60
expect_existing 4 2
expect request 200 shared foreign "${VISITS[@]}" late
expect state ECONNABORTED other
disarm
echo "by name: 4 found, the 2 of the shared address spared"
stop_daemon
bpf_left
