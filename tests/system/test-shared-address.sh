#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Promise: four HTTPS names share one address and a fault names `*.blob.example` only. The matched
# names fail every time as the effect says; the others never fail. 1,000 requests, HTTP/1.1 and h2.
. "$(dirname "$0")/lib.sh"
need curl jq
setup
start_daemon

readonly NAMES=(packages.blob.example registry.example images.blob.example status.example)
readonly ROUNDS=42 # of four names and two protocols, for each effect: 336 requests

# play FLAG...: one process, one request to each name, each on a connection of its own (the names
# differ), ROUNDS times; prints "NAME EXITCODE STATUS PROTOCOL".
play() {
	local round name arguments=()

	for name in "${NAMES[@]}"; do
		((${#arguments[@]})) && arguments+=(--next)
		arguments+=(--silent --output /dev/null --max-time 5 "$@" --write-out
			"$name %{exitcode} %{http_code} %{http_version}\\n" "https://$name/")
	done
	for ((round = 0; round < ROUNDS; round++)); do
		client curl "${arguments[@]}" || true
	done
}

# check OUTPUT PROTOCOL CURL_EXIT: matched names end with CURL_EXIT, the others are served.
check() {
	assert_eq "$(wc -l <<<"$1")" $((ROUNDS * 4)) "requests"
	assert_eq "$(grep -c "\.blob\.example $3 000 " <<<"$1")" $((ROUNDS * 2)) \
		"matched names that failed with curl's $3 ($(grep 'blob' <<<"$1" | sort | uniq -c))"
	assert_eq "$(grep -cE "^(registry|status)\.example 0 200 $2$" <<<"$1")" $((ROUNDS * 2)) \
		"other names that were served"
}

# try EFFECT CURL_EXIT [RULE KEYS]
try() {
	arm "$(plan '{"fault": "blob", "effect": "'"$1"'", "match": {"protocols": ["tcp"],
		"ports": ["443"], "names": ["*.blob.example"]}'"${3:-}"'}')"
	# Every name is looked up once, so that its address is known to be shared.
	play >/dev/null
	inject blob 300
	check "$(play --http1.1)" 1.1 "$2"
	check "$(play --http2)" 2 "$2"
	assert_eq "$(counter blob hits)" $((ROUNDS * 4)) "$1: hits that the kernel counted"
	disarm
	echo "$1: $((ROUNDS * 8)) requests as named"
}

# 35: the TLS handshake failed, here by the alert, or by a send that the kernel refused.
try alert 35 ', "alert": 112'
try refuse 35

# A hang takes its time: fewer, in parallel, against the client's own limit (28).
arm "$(plan '{"fault": "blob", "effect": "hang", "match": {"protocols": ["tcp"],
	"ports": ["443"], "names": ["*.blob.example"]}}')"
inject blob 300
urls=()
for ((i = 0; i < ROUNDS * 2; i++)); do
	urls+=(--next --http1.1 --silent --output /dev/null --max-time 2 --write-out
		"${NAMES[i % 4]} %{exitcode} %{http_code}\\n" "https://${NAMES[i % 4]}/?$i")
done
output=$(client curl --silent --parallel --parallel-max 50 --parallel-immediate "${urls[@]:1}" 2>/dev/null || true)
assert_eq "$(grep -c '\.blob\.example 28 000' <<<"$output")" "$ROUNDS" "hung"
assert_eq "$(grep -cE '^(registry|status)\.example 0 200' <<<"$output")" "$ROUNDS" "served"
disarm

# The same over HTTP, where the kernel answers by Host.
arm "$(plan '{"fault": "blob", "effect": "answer", "match": {"protocols": ["tcp"], "ports": ["80"],
	"names": ["*.blob.example"]}, "answer": {"status": 409, "reason": "Conflict",
	"headers": "X-Served-By: kernel\r\n", "body_base64": "bm8="}}')"
inject blob 300
list=$TESTBED_DIR/list
for ((i = 0; i < 400; i++)); do
	echo "GET http://${NAMES[i % 4]}/ 0"
done >"$list"
output=$(client "$CLIENTS/run.sh" curl "$list" | paste -d ' ' - <(cut -d / -f 3 "$list"))
assert_eq "$(grep -cE '^409 kernel 2 (packages|images)\.blob\.example$' <<<"$output")" 200 "answered"
assert_eq "$(grep -cE '^200 ((registry|status)\.example) [0-9]+ \1$' <<<"$output")" 200 "served"
disarm
stop_daemon
bpf_left
echo "hang: $((ROUNDS * 2)), answer by Host: 400 requests as named"
