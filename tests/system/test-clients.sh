#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The clients of tests/harness/clients play a list in order, on one connection, and report what
# they got: without that, no test could tell whether a kept connection stays in step under a fault.
. "$(dirname "$0")/lib.sh"
need curl wget python3 node java
setup

list=$TESTBED_DIR/list
packages=http://packages.blob.example

# connections: how many connections the servers saw since the log was emptied.
connections() {
	cut -d ' ' -f 2 "$TESTBED_ACCESS_LOG" | sort -u | wc -l
}

# play RUNTIME EXPECTED: the list, whose output must be EXPECTED, on one connection.
play() {
	: >"$TESTBED_ACCESS_LOG"
	assert_eq "$(client "$CLIENTS/run.sh" "$1" "$list")" "$2" "$1"
	assert_eq "$(connections)" 1 "$1: connections"
}

cat >"$list" <<END
GET $packages/ 0
GET $packages/missing 0
GET $packages/extension.zip 0
GET $packages/ 0
END
expected="200 packages.blob.example 22
404 packages.blob.example 146
200 packages.blob.example 200000
200 packages.blob.example 22"
for runtime in curl wget python node java; do
	play "$runtime" "$expected"
done

cat >"$list" <<END
POST $packages/echo 300000
GET $packages/ 0
PUT $packages/echo 10
END
for runtime in curl python node java; do
	play "$runtime" "200 packages.blob.example 7
200 packages.blob.example 22
200 packages.blob.example 3"
done

echo "GET http://packages.blob.example:81/ 0" >"$list"
for runtime in curl wget python node java; do
	assert_contains "$(client "$CLIENTS/run.sh" "$runtime" "$list")" "error " "$runtime refused"
done

# The raw client: two requests in one write, the second split over two, then a body in two parts.
played=$(client "$CLIENTS/raw.py" packages.blob.example 80 - <<'END'
send GET / HTTP/1.1\r\nHost: images.blob.example\r\n\r\nGET / HTTP/1.1\r\nHost: pack
responses 1
acked
send ages.blob.example\r\n\r\n
responses 2
send POST /echo HTTP/1.1\r\nHost: registry.example\r\nContent-Length: 5000\r\n\r\n
zeros 2500
quiet 0.1
zeros 2500
responses 3
send GET / HTTP/1.1\r\nHost: solo.example\r\nConnection: close\r\n\r\n
closed
END
)
assert_eq "$played" "200 images.blob.example 20
200 packages.blob.example 22
200 registry.example 5
404 - 13
closed"
