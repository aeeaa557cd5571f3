#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: every effect reaches IPv4, IPv6 and v4-mapped clients alike, with the very errno or status
# that it is documented with, and a rule that names an address leaves the other family alone. UDP is
# refused, unreachable or silent on the ports named only; QUIC does not slip past a message rule.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup
start_daemon

readonly MAPPED=::ffff:$TESTBED_SHARED4 UDP_MAPPED=::ffff:$TESTBED_UDP4
answer='"answer": {"status": 409, "reason": "Conflict", "headers": "X-Served-By: kernel\r\n",
	"body_base64": "bm8="}'

# attempt KIND ADDRESS PORT: its one outcome.
attempt() {
	client "$CLIENTS/attempt.py" --timeout 0.3 "$@" | sed 's/^1 //'
}

# What a client gets of one ADDRESS. tcp: the connect's errno. http: curl's exit code, the status and
# who served it. https: the same without the last, and the number of connections made. alert: the
# number of the TLS alert that OpenSSL read.
tcp() {
	attempt tcp "$1" 80
}

http() {
	local host=$1

	[[ $host != *:* ]] || host=[$host]
	client curl --silent --output /dev/null --max-time 0.5 -H 'Host: registry.example' \
		--write-out '%{exitcode} %{http_code} %header{x-served-by}' "http://$host/" || true
}

https() {
	client curl --silent --output /dev/null --max-time 0.5 \
		--connect-to "registry.example:443:[$1]:443" \
		--write-out '%{exitcode} %{http_code} %{num_connects}' https://registry.example/ || true
}

alert() {
	local host=$1

	[[ $host != *:* ]] || host=[$host]
	client openssl s_client -connect "$host:443" -servername registry.example </dev/null 2>&1 |
		sed -n 's/.*SSL alert number //p'
}

# check EFFECT KEYS HIT UNTOUCHED CMD: with a rule for the IPv4 address, CMD gives HIT for IPv4 and
# v4-mapped and UNTOUCHED for IPv6; with one for the IPv6 address the other way round. KEYS: of the
# rule, as JSON.
check() {
	local rule

	rule='{"fault": "a", "effect": "'"$1"'", "match": {"protocols": ["tcp"],
		"prefixes": ["@"]}'"${2:+, $2}"'}'
	arm "$(plan "${rule/@/$TESTBED_SHARED4/32}")"
	inject a 60
	assert_eq "$("$5" "$TESTBED_SHARED4")" "$3" "$1: IPv4"
	assert_eq "$("$5" "$MAPPED")" "$3" "$1: v4-mapped"
	assert_eq "$("$5" "$TESTBED_SHARED6")" "$4" "$1: IPv6 beside an IPv4 rule"
	assert_eq "$(counter a connects)" 2 "$1: connects to the IPv4 address"
	disarm
	arm "$(plan "${rule/@/$TESTBED_SHARED6/128}")"
	inject a 60
	assert_eq "$("$5" "$TESTBED_SHARED6")" "$3" "$1: IPv6"
	assert_eq "$("$5" "$TESTBED_SHARED4")" "$4" "$1: IPv4 beside an IPv6 rule"
	assert_eq "$("$5" "$MAPPED")" "$4" "$1: v4-mapped beside an IPv6 rule"
	assert_eq "$(counter a connects)" 1 "$1: connects to the IPv6 address"
	disarm
	echo "$1: $5 gives '$3' in three kinds of client, '$4' in the other family"
}

check refuse "" "connect ECONNREFUSED" ok tcp
check unreachable "" "connect EHOSTUNREACH" ok tcp
check drop "" silent ok tcp
check refuse "" "7 000 " "0 200 registry.example" http
check unreachable "" "7 000 " "0 200 registry.example" http
check drop "" "28 000 " "0 200 registry.example" http
check answer "$answer" "0 409 kernel" "0 200 registry.example" http
check alert '"alert": 112' "35 000 1" "0 200 1" https
check alert '"alert": 112' 112 "" alert
# The connection stands (it is counted) and nothing comes: curl's own limit ends it.
check hang "" "28 000 1" "0 200 1" https
check hang "" "28 000 " "0 200 registry.example" http

# UDP: HIT is what a matched port gives, by sendto() and by connect().
check_udp() {
	local address kind

	arm "$(plan '{"fault": "u", "effect": "'"$1"'", "match": {"protocols": ["udp"],
		"ports": ["5353"], "prefixes": ["'"$TESTBED_UDP4/32"'", "'"$TESTBED_UDP6/128"'"]}}')"
	inject u 60
	for address in "$TESTBED_UDP4" "$TESTBED_UDP6" "$UDP_MAPPED"; do
		assert_eq "$(attempt udp "$address" 5353)" "$2" "UDP $1: sendto to $address"
		assert_eq "$(attempt udp-connected "$address" 5353)" "$3" "UDP $1: connect to $address"
	done
	assert_eq "$(attempt udp "$TESTBED_UDP4" 443)" ok "UDP $1: sendto to another port"
	assert_eq "$(attempt udp-connected "$TESTBED_UDP6" 443)" ok "UDP $1: connect to another port"
	lift u
	for kind in udp udp-connected; do
		assert_eq "$(attempt "$kind" "$TESTBED_UDP6" 5353)" ok "UDP $1: lifted ($kind)"
	done
	assert_eq "$(counter u hits)" 6 "UDP $1: hits"
	disarm
	echo "UDP $1: '$2' by sendto, '$3' when connected, other ports untouched"
}

check_udp refuse "sendto ECONNREFUSED" "connect ECONNREFUSED"
check_udp unreachable "sendto EHOSTUNREACH" "connect EHOSTUNREACH"
check_udp drop silent silent

# quic_rule KEYS: a message rule whose name's address also serves UDP port 443.
quic_rule() {
	printf '{"fault": "q", "effect": "alert", "alert": 112, "match": {"protocols": ["tcp"],
		"ports": ["443"], "names": ["echo.example"]}%s}' "$1"
}

arm "$(plan "$(quic_rule '')")"
assert_eq "$(attempt udp "$TESTBED_UDP4" 443)" ok "QUIC before the inject"
inject q 60
for address in "$TESTBED_UDP4" "$TESTBED_UDP6" "$UDP_MAPPED"; do
	assert_eq "$(attempt udp "$address" 443)" "sendto ECONNREFUSED" "QUIC to $address"
	assert_eq "$(attempt udp-connected "$address" 443)" "connect ECONNREFUSED" "QUIC to $address"
	assert_eq "$(attempt udp "$address" 5353)" ok "UDP beside QUIC to $address"
done
assert_eq "$(reason_count q quic)" 6 "QUIC refused"
lift q
assert_eq "$(attempt udp "$TESTBED_UDP4" 443)" ok "QUIC after the lift"
disarm

arm "$(plan "$(quic_rule ', "quic": "allow"')")"
inject q 60
assert_eq "$(attempt udp "$TESTBED_UDP4" 443)" ok "QUIC when it is allowed"
assert_eq "$(attempt udp-connected "$TESTBED_UDP6" 443)" ok "QUIC when it is allowed"
disarm

# Protected means protected, over UDP too.
arm "$(plan "$(quic_rule '')" '{"protect": [{"prefix": "'"$TESTBED_UDP4/32"'"}]}')"
inject q 60
assert_eq "$(attempt udp "$TESTBED_UDP4" 443)" ok "QUIC to a protected address"
assert_eq "$(attempt udp "$TESTBED_UDP6" 443)" "sendto ECONNREFUSED" "QUIC beside a protected address"
disarm
echo "QUIC: refused, counted, allowed, protected as the rule says"
stop_daemon
bpf_left
