#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: `share` takes that part of the connections or requests and `loss` that part of the packets:
# as many as a coin of that weight would, to the 99 % interval of the binomial distribution. What
# clients count is what the kernel counts.
. "$(dirname "$0")/lib.sh"
need jq python3
setup
start_daemon

readonly CONNECTS=2000 REQUESTS=2000 DATAGRAMS=5000 SHARE_PPM=300000 LOSS_PPM=200000

# interval N PPM: the 99 % interval of the binomial distribution, as two whole numbers.
interval() {
	awk -v n="$1" -v p="$2" 'BEGIN {
		p /= 1000000; half = 2.576 * sqrt(n * p * (1 - p))
		printf "%d %d\n", n * p - half, n * p + half + 1
	}'
}

# check WHAT N PPM CMD: CMD sets hit to how many of N were hit. One time in a hundred chance alone is
# outside: then it is done once more, and twice in a row is one time in ten thousand.
check() {
	local low high try

	read -r low high < <(interval "$2" "$3")
	for try in 1 2; do
		"$4"
		echo "$1: $hit of $2, expected $low to $high"
		((hit < low || hit > high)) || return 0
		((try == 1)) || fail "$1: $hit of $2 is not within $low to $high, twice"
	done
}

rule() {
	printf '{"fault": "f", "effect": "%s", "share_ppm": %d, "match": {"protocols": ["tcp", "udp"],
		"ports": ["80", "5353"], "prefixes": ["10.77.0.0/24", "fd77::/64"]}%s}' "$1" "$2" "${3:-}"
}

connects() {
	local before outcomes refused

	before=$(counter f hits)
	outcomes=$(client "$CLIENTS/attempt.py" --count $CONNECTS tcp "$TESTBED_SHARED4" 80)
	refused=$(sed -n 's/ connect ECONNREFUSED$//p' <<<"$outcomes")
	assert_eq "$(xargs <<<"$outcomes")" \
		"$refused connect ECONNREFUSED $((CONNECTS - refused)) ok" "outcomes of connects"
	hit=$refused
	assert_eq "$(($(counter f hits) - before))" "$hit" "hits that the kernel counted"
}

# On 20 kept connections in turn.
requests() {
	local before round line

	before=$(counter f hits)
	hit=0
	for ((round = 0; round < REQUESTS / 20; round++)); do
		line=$(ask kept request)
		[[ $line =~ ^([0-9]+)\ 200(,\ ([0-9]+)\ 503)?$|^20\ 503$ ]] || fail "requests: $line"
		hit=$((hit + 20 - ${BASH_REMATCH[1]:-0}))
	done
	assert_eq "$(($(counter f hits) - before))" "$hit" "hits that the kernel counted"
}

datagrams() {
	local before back

	before=$(counter f packets)
	back=$(client "$CLIENTS/datagrams.py" "$TESTBED_UDP4" 5353 $DATAGRAMS)
	hit=$((DATAGRAMS - back))
	assert_eq "$(($(counter f packets) - before))" "$hit" "datagrams that the kernel dropped"
}

arm "$(plan "$(rule refuse $SHARE_PPM)")"
inject f 60
check "refuse, share 30 %, connects" $CONNECTS $SHARE_PPM connects
assert_eq "$(reason_count f share)" "$(counter f passes)" "passes for their share"
disarm

arm "$(plan "$(rule answer $SHARE_PPM ', "answer": {"status": 503}' | sed 's/, "udp"//; s/, "5353"//')")"
hold kept client "$TESTBED_SHARED4" 80 20
inject f 60
check "answer, share 30 %, requests" $REQUESTS $SHARE_PPM requests
release kept
disarm

# A datagram and its echo pass the loss one after the other: both come through in 0.8 * 0.8.
arm "$(plan "$(rule loss 1000000 ', "loss_ppm": '$LOSS_PPM)")"
inject f 60
check "loss 20 %, datagrams and their echoes" $DATAGRAMS 360000 datagrams
lift
back=$(client "$CLIENTS/datagrams.py" "$TESTBED_UDP4" 5353 1000)
assert_eq "$back" 1000 "echoes after the lift"
disarm

# A share of connections by drop: each is silent or not touched at all.
arm "$(plan "$(rule drop 500000)")"
inject f 60
outcomes=$(client "$CLIENTS/attempt.py" --count 60 --timeout 0.1 tcp "$TESTBED_SHARED6" 80)
[[ $(xargs <<<"$outcomes") =~ ^[0-9]+\ ok\ [0-9]+\ silent$ ]] || fail "half dropped: $outcomes"
silent=$(sed -n 's/ silent$//p' <<<"$outcomes")
# 0.5 to the 60th, and what lies 4.6 standard deviations off: once in a hundred thousand.
assert_between "$silent" 12 48 "connections of 60 that a share of 50 % drops"
disarm
echo "drop, share 50 %: $silent of 60 connections silent"
stop_daemon
bpf_left
