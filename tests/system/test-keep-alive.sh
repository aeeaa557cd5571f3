#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 150
# Promise: on one keep-alive connection the kernel's answers alternate with the server's, by path
# and by Host, no request matched or missed wrongly, with curl, wget, Python, Node and Java.
. "$(dirname "$0")/lib.sh"
need curl wget python3 node java jq
setup
start_daemon

readonly PAIRS=50
list=$TESTBED_DIR/list
base=http://packages.blob.example
answer='"effect": "answer", "answer": {"status": 409, "reason": "Conflict",
	"headers": "Content-Type: application/xml\r\nX-Served-By: kernel\r\n", "body_base64": "bm8="}'

# write_list METHOD SIZE [PATH]: requests that match and requests for PATH alternate.
write_list() {
	local i

	for ((i = 0; i < PAIRS; i++)); do
		echo "$1 $base/extension.zip?$i $2"
		echo "$1 $base${3:-/echo}?$i $2"
	done >"$list"
}

# play RUNTIME METHOD SIZE SERVED: the list on one connection; SERVED: what the server's line is.
play() {
	local output before after

	: >"$TESTBED_ACCESS_LOG"
	before=$(counter artifacts hits)
	output=$(client "$CLIENTS/run.sh" "$1" "$list")
	after=$(counter artifacts hits)
	assert_eq "$(awk 'NR % 2 == 1' <<<"$output" | sort | uniq -c | xargs)" \
		"$PAIRS 409 kernel 2" "$1 $2 $3: matched"
	assert_eq "$(awk 'NR % 2 == 0' <<<"$output" | sort | uniq -c | xargs)" "$PAIRS $4" \
		"$1 $2 $3: passed"
	assert_eq $((after - before)) "$PAIRS" "$1 $2 $3: hits"
	assert_eq "$(cut -d ' ' -f 2 "$TESTBED_ACCESS_LOG" | sort -u | wc -l)" 1 "$1: connections"
	assert_eq "$(wc -l <"$TESTBED_ACCESS_LOG")" "$PAIRS" "$1: requests that the server saw"
	echo "$1 $2 $3: $((PAIRS * 2)) requests alternate on one connection"
}

arm "$(plan '{"fault": "artifacts", "match": {"protocols": ["tcp"], "ports": ["80"],
	"paths": ["/extension"], "http": true}, '"$answer"'}')"
inject artifacts 300
write_list GET 0 /
for runtime in curl wget python node java; do
	play "$runtime" GET 0 "200 packages.blob.example 22"
done
write_list POST 1000
for runtime in curl python node java; do
	play "$runtime" POST 1000 "200 packages.blob.example 5"
done
write_list PUT 300000
for runtime in curl python node java; do
	play "$runtime" PUT 300000 "200 packages.blob.example 7"
done
assert_eq "$(counter artifacts passes)" 0 "requests that matched and passed"
disarm

# By Host on one connection: the name in the request decides, not the name that was connected to.
arm "$(plan '{"fault": "artifacts", "match": {"protocols": ["tcp"], "ports": ["80"],
	"names": ["images.blob.example"]}, '"$answer"'}')"
inject artifacts 300
{
	for ((i = 0; i < PAIRS; i++)); do
		for name in images.blob.example registry.example; do
			printf 'send GET / HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n\n' "$name"
			printf 'responses %d\n' $((i * 2 + (${#name} < 17) + 1))
		done
	done
} >"$TESTBED_DIR/script"
output=$(client "$CLIENTS/raw.py" "$TESTBED_SHARED4" 80 "$TESTBED_DIR/script")
assert_eq "$(sort <<<"$output" | uniq -c | xargs)" \
	"$PAIRS 200 registry.example 17 $PAIRS 409 kernel 2" "by Host on one connection"
assert_eq "$(awk 'NR % 2 == 1' <<<"$output" | sort -u)" "409 kernel 2" "by Host: matched"
disarm
stop_daemon
bpf_left
