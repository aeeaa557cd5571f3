#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Promise: an overload admits capacity x time + burst requests to within 1 %, whatever is offered,
# rejects the others by answer, hang or refuse, and counts both. Where rejecting costs, it collapses
# as a service does: users who retry naively keep it down after what has overloaded it is over, and
# with jittered backoff it recovers.
. "$(dirname "$0")/lib.sh"
need jq python3 curl wrk
setup
start_daemon

match='"match": {"protocols": ["tcp"], "ports": ["80"], "prefixes": ["'"$TESTBED_SOLO4/32"'"]}'
answer='"reject": "answer", "answer": {"status": 429, "reason": "Too Many Requests",
	"headers": "Retry-After: 5\r\n", "body_base64": ""}'
statuses=(--silent --output /dev/null --write-out '%{http_code}\n')

# overload CAPACITY BURST [KEYS]: arms an overload of CAPACITY requests a second; 0: one in 100 s.
overload() {
	arm "$(plan '{"fault": "f", "effect": "overload", "capacity": '"$(($1 ? $1 * 1000 : 10))"',
		"burst": '"$2, ${3:-$answer}, $match"'}')"
}

# series_sum FIELD FROM TO: sum of a column (6: admitted, 7: rejected) of the kernel's series over the
# buckets from FROM to TO, in tenths of a second since the injection.
series_sum() {
	expect_api 200 GET "/runs/$run/series?from=0"
	jq --argjson field "$1" --argjson from "$2" --argjson to "$3" --argjson at "$injected" '
		((($at - .started_ns) / .bucket_ns) | floor) as $first |
		[.buckets[] | select(.[1] >= $first + $from and .[1] < $first + $to) | .[$field]] |
		add // 0' <<<"$reply"
}

# -- accuracy: more is offered than is admitted, over the whole window
admits() {
	local capacity=$1 burst=$2 seconds=$3 expected admitted

	overload "$capacity" "$burst" '"reject_cost_millionths": 0, '"$answer"
	spawn wrk --threads 1 --connections 8 --duration $((seconds + 2))s \
		"http://$TESTBED_SOLO4/fast" >"$TESTBED_DIR/wrk"
	await 5 offered
	inject f "$seconds"
	injected=$(field .starts_at_ns)
	wait "$spawned"
	expected=$((capacity * seconds + burst))
	admitted=$(reason_count f admitted)
	echo "capacity $capacity/s, burst $burst, $seconds s: $admitted of $expected admitted," \
		"$(reason_count f rejected) rejected"
	assert_between $((admitted * 1000)) $((expected * 990)) $((expected * 1010)) "admitted, x 1000"
	assert_eq "$(series_sum 6 0 600)" "$admitted" "admitted in the series"
	assert_eq "$(series_sum 7 0 600)" "$(reason_count f rejected)" "rejected in the series"
	assert_eq "$(counter f hits)" "$(reason_count f rejected)" "hits"
	disarm
}

offered() {
	(($(counter f requests) > 0))
}

# A burst of a second's worth: clients that a busy machine keeps waiting for less lose no token.
admits 20 20 10
admits 200 200 5
admits 2000 2000 5

# -- what the client sees
overload 0 2
inject f 60
mapfile -t codes < <(client curl "${statuses[@]}" "http://$TESTBED_SOLO4/?[1-5]")
assert_eq "${codes[*]}" "200 200 429 429 429" "rejected by answer, on one connection"
disarm
overload 0 2 '"reject": "refuse"'
inject f 60
assert_eq "$(client "$CLIENTS/attempt.py" --count 5 tcp "$TESTBED_SOLO4" 80 | paste -sd,)" \
	"3 connect ECONNREFUSED,2 ok" "rejected by refuse"
assert_eq "$(reason_count f rejected)" 3 "rejected"
disarm
overload 0 2 '"reject": "hang"'
inject f 60
for i in 1 2 3 4; do
	http_code "http://$TESTBED_SOLO4/?$i" --max-time 0.3
done >"$TESTBED_DIR/codes"
assert_eq "$(cat "$TESTBED_DIR/codes")" 200200000000 "rejected by hang"
disarm

# -- by name: what is inside TLS is rejected as a connection; the address's other names are admitted
named='"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["*.blob.example"]}'
# tls_errors COUNT NAME: curl's exit codes for so many connections.
tls_errors() {
	local i

	for ((i = 0; i < $1; i++)); do
		printf '%s ' "$(curl_error "https://$2/" --max-time 0.5)"
	done
}
# 35: the send of the ClientHello failed; 28: nothing came.
for how in "refuse 35" "hang 28"; do
	arm "$(plan '{"fault": "f", "effect": "overload", "capacity": 10, "burst": 2,
		"reject": "'"${how% *}"'", '"$named"'}')"
	assert_eq "$(tls_errors 1 registry.example)" "0 " "before the inject"
	inject f 60
	assert_eq "$(tls_errors 4 packages.blob.example)" "0 0 ${how#* } ${how#* } " "${how% *} by SNI"
	assert_eq "$(tls_errors 3 registry.example)" "0 0 0 " "another name"
	assert_eq "$(reason_count f admitted) $(reason_count f rejected)" "2 2" "admitted and rejected"
	disarm
done

# Over HTTP by Host: an admitted connection goes on, the next is rejected.
arm "$(plan '{"fault": "f", "effect": "overload", "capacity": 10, "burst": 1, "reject": "refuse",
	"match": {"protocols": ["tcp"], "ports": ["80"], "names": ["*.blob.example"]}}')"
# Both names of the address are looked up, so that it is known to be shared.
assert_eq "$(http_code http://registry.example/)" 200 "before the inject"
inject f 60
assert_eq "$(client curl "${statuses[@]}" "http://packages.blob.example/?[1-3]" | paste -sd ' ')" \
	"200 200 200" "three requests of the connection that is admitted"
assert_eq "$(curl_error http://packages.blob.example/)" 55 "the next connection"
assert_eq "$(reason_count f admitted) $(reason_count f rejected)" "1 1" "admitted and rejected"
disarm

# -- the debt is bounded: a service that was overrun for seconds admits again after burst + 1 tokens
overload 20 10 '"reject_cost_millionths": 1000000, '"$answer"
inject f 60
client wrk --threads 1 --connections 4 --duration 2s "http://$TESTBED_SOLO4/fast" >/dev/null
started=${EPOCHREALTIME/./}
# At most 4 probes in the time that 11 tokens take, each costs one more.
until [[ $(http_code "http://$TESTBED_SOLO4/fast") == 200 ]]; do
	sleep 0.2
	((${EPOCHREALTIME/./} - started < 5000000)) || fail "no request is admitted 5 s after"
done
took=$(((${EPOCHREALTIME/./} - started) / 1000))
echo "admitted again $took ms after an overload with a burst of 10 at 20/s"
# 550 ms without the probes; each of up to 4 probes adds 50 ms, and up to 200 ms pass between them.
assert_between "$took" 500 1200 "ms until admitted again"
disarm

# -- collapse: 10 users a second at a capacity of 20, for 4 s 40 more, then 10 again
collapse() {
	overload 20 20 '"reject_cost_millionths": 250000, '"$answer"
	inject f 60
	injected=$(field .starts_at_ns)
	client "$CLIENTS/retry.py" --rate 10 --extra 40 --from 2 --until 6 --seconds 20 --deadline 6 "$@" \
		"$TESTBED_SOLO4" 80 >"$TESTBED_DIR/users"
	before=$(awk '$1 < 2 { n += $4 } END { print n }' "$TESTBED_DIR/users")
	after=$(awk '$1 >= 12 { n += $4 } END { print n }' "$TESTBED_DIR/users")
	attempts=$(awk '$1 >= 12 { n += $3 } END { print n }' "$TESTBED_DIR/users")
	disarm
}

collapse --delay 0.2
echo "naive retries: $before served in the first 2 s, $after from 12 s to 20 s in $attempts attempts"
assert_between "$before" 18 21 "served before the overload"
# 30 % of the capacity of 20/s, over 8 s
assert_between "$after" 0 48 "served after what overloaded it was over, retried naively"
collapse --delay 1 --jitter 2
echo "jittered backoff: $before served in the first 2 s, $after from 12 s to 20 s in $attempts attempts"
assert_between "$after" 72 120 "served after what overloaded it was over, with jittered backoff"
stop_daemon
bpf_left
