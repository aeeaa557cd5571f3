#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# Promise: an upload through the gate that outruns the real server reaches it byte by byte, or is told
# the server's early answer, and the gate's memory stays bounded; one to a faulted path is answered,
# and its connection goes on.
. "$(dirname "$0")/lib.sh"
need curl jq openssl python3
setup
readonly NAME=media.blob.example BODY_MB=64
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
inject denied 200

# upload PATH [CURL-ARGUMENT...]: what the server says of the body.
upload() {
	client curl --silent --show-error --max-time 60 --cacert "$trusted" --header Expect: \
		--data-binary "@$body" --write-out ' %{http_code}' "${@:2}" "https://$NAME$1" 2>&1 || true
}

# memory: the most that the gate has held, in KiB.
memory() {
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$gate_pid/status"
}

for version in --http2 --http1.1; do
	assert_eq "$(upload / "$version")" "$digest 200" "$version"
	assert_eq "$(upload /slow/16/ "$version")" "$digest 200" "$version, to a slow server"
	echo "$version: memory $(memory) KiB"
done
