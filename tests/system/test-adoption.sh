#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Promise: with `existing: adopt` the connections that are open at the inject are looked at from then
# on: keep-alive connections of curl, Python and Node get the kernel's answers, and the server's again
# after the lift, on the same connection. The counts are true; what a peer opened, what is protected,
# and what belongs to another scope or destination is never adopted; TLS passes intact.
. "$(dirname "$0")/lib.sh"
need curl node jq python3
setup

readonly PEER4=10.77.0.2
base=http://$TESTBED_SHARED4

elsewhere() {
	client_in elsewhere "$@"
}

answers() {
	[[ $(services curl --silent --max-time 2 "http://$1/") == ok ]]
}

# rule [KEYS]: an answer for the shared address and for where the visitors come from.
rule() {
	jq --null-input --compact-output --arg shared "$TESTBED_SHARED4/32" --arg peer "$PEER4/32" \
		--argjson keys "${1:-{\}}" '{fault: "f", effect: "answer", existing: "adopt",
		match: {protocols: ["tcp"], prefixes: [$shared, $peer]},
		answer: {status: 503, headers: "X-Served-By: kernel\r\n", body_base64: "bm8="}} + $keys'
}

expect_existing() {
	assert_eq "$(field '"\(.existing_found) \(.existing_reset) \(.existing_adopted)"')" "$1" \
		"found, reset and adopted"
}

spawn "$CLIENTS/server.py" "$TESTBED_HOST4" 8084
await 5 answers "$TESTBED_HOST4:8084"
hold ours client "$TESTBED_SHARED4" 80 5
hold busy client "$TESTBED_SHARED4" 80 2
hold mapped client "::ffff:$TESTBED_SHARED4" 80 1
hold other client "$TESTBED_SOLO4" 80 2
hold foreign elsewhere "$TESTBED_SHARED4" 80 2
hold visit services "$TESTBED_HOST4" 8084 2 --from "$PEER4"
start_daemon
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'

arm "$(plan "$(rule)" "$scope")"
inject f 60
expect_existing "8 0 8"
assert_eq "$(ask ours request)" "5 503" "adopted"
assert_eq "$(ask mapped request)" "1 503" "adopted, v4-mapped"
assert_eq "$(ask other request)" "2 200" "another destination"
assert_eq "$(ask foreign request)" "2 200" "another scope"
assert_eq "$(ask visit request)" "2 200" "opened by the peer"
for _ in 1 2 3; do
	assert_eq "$(ask ours request)" "5 503" "adopted, again"
done
assert_eq "$(counter f hits)" 21 "hits"
lift
assert_eq "$(ask ours request)" "5 200" "after the lift"
assert_eq "$(ask ours request)" "5 200" "after the lift, again"
# A second inject finds them adopted already.
inject f 60
expect_existing "8 0 8"
assert_eq "$(ask ours request)" "5 503" "at the second inject"
assert_eq "$(ask busy request)" "2 503" "its first request since the adoption"
lift
assert_eq "$(ask busy request)" "2 200" "after the second lift"
disarm
assert_eq "$(ask ours request)" "5 200" "after the run"
echo "8 connections found and adopted, answers and responses alternate; 6 others never noticed"

# A run of its own adopts again; protected destinations never.
arm "$(plan "$(rule)" '{"protect": [{"prefix": "'"$TESTBED_SHARED4"'/32", "ports": []}], "rules": [
	'"$(rule '{"match": {"protocols": ["tcp"], "ports": ["80"]}}')"']}')"
inject f 60
assert_eq "$(ask ours request)" "5 200" "protected"
assert_eq "$(ask other request)" "2 503" "not protected"
disarm

# By name: which name a request is for is seen in the request.
arm "$(plan "$(rule '{"match": {"protocols": ["tcp"], "names": ["registry.example"]}}')" "$scope")"
inject f 60
assert_eq "$(ask ours request)" "5 503" "by name"
disarm
arm "$(plan "$(rule '{"match": {"protocols": ["tcp"], "names": ["images.blob.example"]}}')" "$scope")"
inject f 60
assert_eq "$(ask ours request)" "5 200" "by another name"
disarm

# A hang of adopted connections, of which one is inside TLS.
hold hung client "$TESTBED_SHARED4" 80 2
arm "$(plan "$(rule '{"effect": "hang", "answer": null}' | jq -c 'del(.answer)')" "$scope")"
inject f 60
assert_eq "$(ask hung "request 0.5")" "2 silent" "hang"
disarm

# With rules of the link layer in the same plan: an adopted connection is answered without a segment
# of it being seen there, and one that is let through is reset; connections of the other rule are
# reset, and not answered.
hold both client "$TESTBED_SHARED4" 80 3
hold reset client "$TESTBED_SOLO4" 80 2
arm "$(plan "$(rule '{"match": {"protocols": ["tcp"], "prefixes": ["'"$TESTBED_SHARED4"'/32"]},
	"shape": {"budget": {"hits": 3}}}'),"'
	{"fault": "g", "effect": "reset", "at": "live", "match": {"protocols": ["tcp"], "ports": ["80"],
	"prefixes": ["'"$TESTBED_SHARED4"'/32", "'"$TESTBED_SOLO4"'/32"]}}' "$scope")"
assert_eq "$(ask both request)" "3 200" "before the inject"
expect_api 200 POST "/runs/$run/inject" '{"faults": ["f", "g"], "for_ns": 60000000000}'
assert_eq "$(ask both request)" "3 503" "adopted, beside a rule of the link layer"
assert_eq "$(ask reset request)" "2 ECONNRESET" "the rule of the link layer"
assert_eq "$(ask both request)" "3 ECONNRESET" "adopted, behind the budget"
assert_eq "$(counter f hits) $(counter g hits)" "3 5" "hits"
disarm
release both
release reset
echo "adoption and a reset of the link layer in one plan: 3 x 503, then ECONNRESET; 2 others ECONNRESET"

# A response that is under way at the inject arrives whole; the request behind it is answered.
head -c 2000000 /dev/urandom >"$TESTBED_WWW/random.bin"
spawn python3 -uc '
import hashlib, socket, sys
def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: registry.example\r\n\r\n".encode()
connection = socket.create_connection((sys.argv[1], 80), 10)
reader = connection.makefile("rb")
def response():
    status = reader.readline().split()[1].decode()
    length = 0
    while (line := reader.readline().strip()):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, reader.read(length)
connection.sendall(request("/slow/random.bin"))
print("asked")
status, body = response()
print(status, hashlib.sha256(body).hexdigest())
connection.sendall(request("/"))
print(response()[0])
connection.sendall(request("/"))
print(response()[0])' "$TESTBED_SHARED4" >"$TESTBED_DIR/under-way"
midway=$spawned
await 5 grep -q asked "$TESTBED_DIR/under-way"
sleep 0.3
arm "$(plan "$(rule)" "$scope")"
inject f 60
wait "$midway" || fail "the client under way: exit code $?"
whole=$(sha256sum <"$TESTBED_WWW/random.bin")
assert_eq "$(xargs <"$TESTBED_DIR/under-way")" "asked 200 ${whole%% *} 503 503" "a response under way"
disarm
echo "a response under way arrived whole, the requests behind it were answered"

# A response that is due and has not begun: a request sent behind it is not answered in front of it.
cat >"$TESTBED_DIR/late.py" <<'END'
import http.server, sys, time


class Late(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        time.sleep(1 if "late" in self.path else 0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(self.path[-2:].encode())

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer((sys.argv[1], 8099), Late).serve_forever()
END
services python3 "$TESTBED_DIR/late.py" "$TESTBED_SHARED4" &
late_listens() {
	[[ $(http_code "http://$TESTBED_SHARED4:8099/ok") == 200 ]]
}
await 5 late_listens
mkfifo "$TESTBED_DIR/go"
spawn python3 -uc '
import socket, sys
connection = socket.create_connection((sys.argv[1], 8099), 10)
reader = connection.makefile("rb")
def response():
    status = reader.readline().split()[1].decode()
    while (line := reader.readline().strip()):
        length = int(line.split(b":")[1]) if line.startswith(b"Content-Length") else 2
    return status, reader.read(length).decode()
connection.sendall(b"GET /late-a1 HTTP/1.1\r\nHost: x.example\r\n\r\n")
print("asked")
open(sys.argv[2]).read()
connection.sendall(b"GET /b2 HTTP/1.1\r\nHost: x.example\r\n\r\n")
print(*response(), *response())' "$TESTBED_SHARED4" "$TESTBED_DIR/go" >"$TESTBED_DIR/due"
due=$spawned
await 5 grep -q asked "$TESTBED_DIR/due"
arm "$(plan "$(rule '{"match": {"protocols": ["tcp"], "ports": ["8099"]}}')" "$scope")"
inject f 60
assert_eq "$(field .existing_adopted)" 1 "adopted while its response is due"
echo >"$TESTBED_DIR/go"
wait "$due" || fail "the client that waits: exit code $?"
assert_eq "$(xargs <"$TESTBED_DIR/due")" "asked 200 a1 200 b2" "a response that is due"
assert_between "$(reason_count f pipelined)" 1 2 "requests behind it"
disarm
echo "a response that was due came first"

# Clients as they are: one connection each, some requests before the inject, some after the lift.
# play NAME CMD...: the statuses that CMD prints, one a line.
declare -A player=()
play() {
	spawn "${@:2}" >"$TESTBED_DIR/$1.out" 2>&1
	player[$1]=$spawned
}
has_lines() {
	(($(wc -l <"$TESTBED_DIR/$1.out") >= $2))
}
: >"$TESTBED_ACCESS_LOG"
play curl curl --silent --no-buffer --rate 300/m --output /dev/null -H 'Host: registry.example' \
	--write-out '%{stderr}%{http_code}\n' "$base/?curl[1-30]"
play python python3 -uc '
import http.client, sys, time
connection = http.client.HTTPConnection(sys.argv[1], timeout=5)
for i in range(30):
    connection.request("GET", f"/?python{i}", headers={"Host": "registry.example"})
    response = connection.getresponse()
    response.read()
    print(response.status)
    time.sleep(0.2)' "$TESTBED_SHARED4"
# shellcheck disable=SC2016 # node expands its own templates
play node node -e '
const http = require("http");
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
let left = 30;
const next = () => http.get({host: process.argv[1], path: `/?node${left}`, agent,
	headers: {Host: "registry.example"}}, (response) => {
	response.resume().on("end", () => {
		console.log(response.statusCode);
		if (--left) setTimeout(next, 200); else agent.destroy();
	});
});
next();' "$TESTBED_SHARED4"
for name in curl python node; do
	await 10 has_lines "$name" 5
done
arm "$(plan "$(rule)" "$scope")"
inject f 60
answered() {
	(($(grep -c 503 "$TESTBED_DIR/$1.out") >= 5))
}
for name in curl python node; do
	await 10 answered "$name"
done
lift
for name in curl python node; do
	wait "${player[$name]}" || fail "$name: exit code $?"
	sequence=$(uniq <"$TESTBED_DIR/$name.out" | xargs)
	assert_eq "$sequence" "200 503 200" "$name: statuses in order"
	assert_eq "$(grep -c "?$name" "$TESTBED_ACCESS_LOG")" \
		"$(grep -c 200 "$TESTBED_DIR/$name.out")" "$name: requests that the server saw"
	echo "$name: $(sort "$TESTBED_DIR/$name.out" | uniq -c | xargs)"
done
assert_eq "$(grep '?curl\|?python\|?node' "$TESTBED_ACCESS_LOG" | cut -d ' ' -f 2 | sort -u | wc -l)" \
	3 "connections of the three clients"
disarm
stop_daemon
bpf_left
