#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# alone: it moves a gigabyte through the gate
# Promise: an upload through the gate that outruns the real server reaches it byte by byte, or is told
# the server's early answer, and the gate's memory stays bounded; one to a faulted path is answered,
# and its connection goes on.
. "$(dirname "$0")/lib.sh"
need curl jq openssl python3
setup
readonly NAME=media.blob.example BODY_MB=64 BEYOND_MB=200
authority=$TESTBED_DIR/ca
trusted=$TESTBED_DIR/trusted.crt
body=$TESTBED_DIR/body

# A server of its own, on an address that nobody else listens at.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=sink \
	-keyout "$TESTBED_DIR/sink.key" -out "$TESTBED_DIR/sink.csr" 2>/dev/null
openssl x509 -req -in "$TESTBED_DIR/sink.csr" -CA "$TESTBED_CA" -CAkey "$TESTBED_DIR/ca.key" -days 2 \
	-out "$TESTBED_DIR/sink.crt" -extfile <(printf 'subjectAltName=DNS:%s\n' "$NAME") 2>/dev/null
services "$CLIENTS/sink.py" 443 "$TESTBED_DIR/sink.crt" "$TESTBED_DIR/sink.key" "$TESTBED_UDP4" \
	2>"$TESTBED_DIR/sink.log" &
"$BUILD/faultctl" ca init --directory "$authority" "$NAME" >/dev/null
cat "$TESTBED_CA" "$authority/ca.pem" >"$trusted"
head -c "${BODY_MB}M" /dev/urandom >"$body"
read -r digest _ < <(sha256sum "$body")
start_daemon --authority "$authority" --trust "$TESTBED_CA"
arm "$(plan '{"fault": "denied", "effect": "answer", "tls": "terminate",
	"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["'"$NAME"'"], "http": true,
		"paths": ["/denied"]},
	"answer": {"status": 409, "reason": "Conflict", "headers": "", "body_base64": ""}}')"
find_gate
sink_listens() {
	[[ -n $(services ss -Htln "src $TESTBED_UDP4:443") ]]
}
await 10 sink_listens
inject denied 200

# upload PATH [CURL-ARGUMENT...]: what the server says of the body.
upload() {
	client curl --silent --show-error --max-time 60 --cacert "$trusted" --header Expect: \
		--data-binary "@$body" --write-out ' %{http_code}' "${@:2}" "https://$NAME$1" 2>&1 || true
}

# memory: the most that the gate has held so far, in MiB.
memory() {
	awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$gate_pid/status"
}

# reused: uploads to the faulted path, then on the same connection to another one. Python's client sends
# the whole body before it reads.
reused() {
	client env SSL_CERT_FILE="$trusted" python3 - "$NAME" "$body" <<-'END'
		import http.client, ssl, sys
		connection = http.client.HTTPSConnection(sys.argv[1], timeout=60,
		                                         context=ssl.create_default_context())
		with open(sys.argv[2], "rb") as body:
		    sent = body.read()
		connection.request("POST", "/denied", body=sent)
		response = connection.getresponse()
		response.read()
		first, end = response.status, connection.sock.getsockname()
		connection.request("POST", "/", body=sent)
		response = connection.getresponse()
		print(first, response.status, response.read().decode(),
		      "kept" if connection.sock.getsockname() == end else "another")
	END
}

# Over h2 the client is held to what the server takes; over HTTP/1.1 it is ahead, and the gate holds that.
for version in --http2 --http1.1; do
	assert_eq "$(upload / "$version")" "$digest 200" "$version"
	assert_eq "$(upload /slow/32/ "$version")" "$digest 200" "$version, to a slow server"
	assert_eq "$(upload /early "$version")" "too large 413" "$version, answered early"
	assert_eq "$(upload /denied "$version")" " 409" "$version, to the faulted path"
	renew
	echo "$version: identical, answered early and by the fault; at most $(memory) MiB"
	[[ $version == --http1.1 ]] || assert_between "$(memory)" 1 64 "MiB of the gate, h2"
done
assert_between "$(memory)" 1 $((BODY_MB + 64)) "MiB of the gate, HTTP/1.1"
assert_eq "$(reused)" "409 200 $digest kept" "two uploads on one connection"
assert_eq "$(reason_count denied gate-full)" 0 "uploads that were too far ahead"
renew

# What is too far ahead is reset, so that the rest has room.
head -c "${BEYOND_MB}M" /dev/zero >"$body"
assert_contains "$(upload /slow/1/ --http1.1)" " 000" "an upload that is too far ahead"
is_counted() {
	[[ $(reason_count denied gate-full) == 1 ]]
}
await 5 is_counted
assert_between "$(memory)" 1 320 "MiB of the gate"
echo small >"$body"
read -r digest _ < <(sha256sum "$body")
assert_eq "$(upload / --http1.1)" "$digest 200" "another upload"
disarm
stop_daemon
bpf_left
