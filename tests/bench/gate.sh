#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gate.sh [ROUNDS [PART...]]: what the gate costs, and how exactly it delays. Parts, all by default:
#
#   others  what three HTTPS names pay when a rule of the gate is armed for a fourth on their address
#   own     what the faulted name's other paths pay for going through the gate
#   delays  how much later than asked delayed requests are answered, and that their order holds
#
# The first two measure each round with nothing armed and with the rule injected, one after the other,
# in turns first; they print the medians of both and of the rounds' ratios. Exits 1 when a delay is
# outside what docs/gate.md promises. On a machine with nothing else to do; takes eight minutes.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
need wrk jq curl python3 taskset

readonly ROUNDS=${1:-15} SECONDS_EACH=1
parts=("${@:2}")
((${#parts[@]})) || parts=(others own delays)
setup
authority=$TESTBED_DIR/ca
trusted=$TESTBED_DIR/trusted.crt
results=$TESTBED_DIR/results
readonly FAULTED=packages.blob.example OTHERS=(images.blob.example registry.example status.example)
"$BUILD/faultctl" ca init --directory "$authority" "$FAULTED" >/dev/null
cat "$TESTBED_CA" "$authority/ca.pem" >"$trusted"
head -c 100000000 /dev/urandom >"$TESTBED_WWW/huge.bin"
start_daemon --authority "$authority" --trust "$TESTBED_CA"

answer=$(plan '{"fault": "denied", "effect": "answer", "tls": "terminate",
	"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["'"$FAULTED"'"], "http": true,
		"paths": ["/denied"]},
	"answer": {"status": 409, "reason": "Conflict", "headers": "", "body_base64": ""}}')

# note WHAT VALUE
note() {
	printf '%s %s %s %s\n' "$round" "$side" "$1" "$2" >>"$results"
}

# rate WHAT NAME [WRK-ARGUMENT...]: HTTPS requests a second.
rate() {
	note "$1" "$(client wrk --threads 1 --connections 8 --duration "${SECONDS_EACH}s" "${@:3}" \
		"https://$2/fast" | awk '
		/Non-2xx|Socket errors/ { print > "/dev/stderr"; failed = 1 }
		/^Requests\/sec/ { print $2 } END { exit failed }')"
}

# download WHAT NAME [CURL-ARGUMENT...]: MB a second of 100 MB.
download() {
	note "$1" "$(client curl --silent --show-error --output /dev/null --cacert "$trusted" \
		--write-out '%{speed_download}' "${@:3}" "https://$2/huge.bin" | awk '{ print $1 / 1e6 }')"
}

# of_names NAME...: the sum over the names is what a round compares.
of_names() {
	local name

	for name; do
		rate requests_kept "$name"
		rate requests_with_a_connection_each "$name" --header 'Connection: close'
		download MB_of_100_over_HTTP/1.1 "$name" --http1.1
		download MB_of_100_over_h2 "$name" --http2
	done
}

# measure PART
measure() {
	case $1 in
	others) of_names "${OTHERS[@]}" ;;
	own) of_names "$FAULTED" ;;
	esac
}

# compare PART: one round after the other, with each side first in turns.
compare() {
	local sides

	: >"$results"
	for ((round = 0; round < ROUNDS; round++)); do
		sides=(nothing gate)
		((round % 2 == 0)) || sides=(gate nothing)
		for side in "${sides[@]}"; do
			if [[ $side == gate ]]; then
				arm "$answer"
				inject denied 120
			fi
			measure "$1"
			[[ $side == nothing ]] || {
				check_diverted "$1"
				disarm
			}
		done
	done
	awk -f "$source_tree/tests/bench/ratios.awk" "$results"
}

# check_diverted PART: the gate got the faulted name's connections and no others.
check_diverted() {
	local diverted

	diverted=$(reason_count denied diverted)
	case $1 in
	others) assert_eq "$diverted" 0 "connections of other names at the gate" ;;
	own) ((diverted > 0)) || fail "nothing went through the gate" ;;
	esac
}

# A delay of MILLISECONDS.
delay_rule() {
	printf '{"fault": "ms%d", "effect": "delay", "delay": {"time_ns": %d000000},
		"match": {"protocols": ["tcp"], "ports": ["80"], "names": ["%s"]}}' "$1" "$1" "$FAULTED"
}

# play CONNECTIONS REQUESTS SPREAD_MS: sets what delays.py prints.
play() {
	read -r count errors least p50 p99 most in_flight < <(
		client "$CLIENTS/delays.py" "$FAULTED" 80 "$@")
	assert_eq "$count $errors" "$(($1 * $2)) 0" "responses, errors"
}

# late MILLISECONDS CONNECTIONS REQUESTS SPREAD_MS: a line about requests delayed by that, and whether their
# 99th percentile is within 1 ms + 1 %, beyond what the same requests take undelayed.
late() {
	local delay_us=$(($1 * 1000)) allowed=$((1000 + $1 * 10)) base base99 word=inside

	play "$2" "$(($3 < 50 ? $3 : 50))" "$4"
	base=$p50 base99=$p99
	inject "ms$1" 120
	play "${@:2}"
	lift "ms$1"
	renew
	((least >= delay_us && p99 - delay_us - base99 <= allowed)) || word=OUTSIDE outside=1
	printf '%6d ms %8d %9d %9d %9d %9d %9d %9d %9d %9d  %s\n' "$1" "$count" "$in_flight" \
		$((least - delay_us)) $((p50 - delay_us)) $((p99 - delay_us)) $((most - delay_us)) \
		"$base" "$base99" "$allowed" "$word"
}

# in_order CONNECTIONS REQUESTS: what each connection sends in a row, without waiting, comes to the server on
# one connection and in that order.
in_order() {
	local seen

	: >"$TESTBED_ACCESS_LOG"
	inject ms100 60
	assert_eq "$(client python3 "$source_tree/tests/bench/pipelines.py" "$FAULTED" 80 "$1" "$2")" \
		"$(($1 * $2))" "responses"
	lift ms100
	seen=$(awk '$6 == "GET" && $7 ~ /number=/ {
			split($7, number, "[=&]")
			if (number[2] != count[$2]++)
				wrong++
			connections[$2] = 1
		} END { print length(connections), wrong + 0 }' "$TESTBED_ACCESS_LOG")
	assert_eq "$seen" "$1 0" "connections at the server, requests out of order"
	printf 'order: %d connections with %d requests each, all in order on the connection they came on\n' "$@"
}

delays() {
	outside=0
	arm "$(plan "$(delay_rule 1), $(delay_rule 10), $(delay_rule 100), $(delay_rule 1000),
		$(delay_rule 10000)")"
	printf '%9s %8s %9s %39s %19s %9s\n' delay requests in "seen - asked, us" "undelayed, us" allowed
	printf '%9s %8s %9s %9s %9s %9s %9s %9s %9s %9s\n' "" "" flight least p50 p99 most p50 p99 "at p99"
	late 1 1 2000 1
	late 10 10 100 10
	late 100 100 20 100
	late 100 200 10 100
	late 1000 1000 3 1000
	late 1000 2000 2 1000
	late 10000 2000 1 9500
	in_order 100 20
	disarm
	return "$outside"
}

status=0
for part in "${parts[@]}"; do
	printf '== %s\n' "$part"
	case $part in
	others | own) compare "$part" ;;
	delays) delays || status=1 ;;
	*) fail "no part '$part': others, own or delays" ;;
	esac
done
stop_daemon
exit "$status"
