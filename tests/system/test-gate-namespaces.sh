#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: the gate works for clients in other network namespaces than the daemon's and in cgroups of
# their own: what it forwards leaves from the client's namespace. ClientHellos of 16 KB and in pieces
# are answered too, and a server that gives an idle connection up is not noticed.
. "$(dirname "$0")/lib.sh"
need curl jq python3 openssl
setup
authority=$TESTBED_DIR/ca
trusted=$TESTBED_DIR/trusted.crt

"$BUILD/faultctl" ca init --directory "$authority" packages.blob.example solo.example >/dev/null
cat "$TESTBED_CA" "$authority/ca.pem" >"$trusted"
start_daemon --authority "$authority" --trust "$TESTBED_CA"
arm "$(plan '{"fault": "denied", "effect": "answer", "tls": "terminate", "answer": {"status": 409},
	"match": {"protocols": ["tcp"], "ports": ["443", "8443"], "http": true,
		"names": ["packages.blob.example", "solo.example"], "paths": ["/denied"]}},
	{"fault": "slow", "effect": "delay", "delay": {"time_ns": 200000000},
	"match": {"protocols": ["tcp"], "ports": ["80"], "names": ["packages.blob.example"]}}')"
inject denied,slow 60

# beside CMD...: a client in the services' network namespace, in a cgroup as a container's.
beside() {
	client_in machine.slice/container nsenter --net="/run/netns/$TESTBED_SERVICES_NETNS" -- "$@"
}

# status URL [CURL ARGUMENT...]: as beside.
status() {
	beside curl --silent --output /dev/null --max-time 10 --cacert "$trusted" \
		--write-out '%{http_code}' "${@:2}" "$1"
}

for family in -4 -6; do
	assert_eq "$(status https://packages.blob.example/denied $family)" 409 "answered, $family"
	assert_eq "$(status https://packages.blob.example/ $family)" 200 "forwarded, $family"
done
# While a slow response lasts, two connections of that namespace lead to the server: the client's own
# and the one of the gate.
beside curl --silent --output /dev/null --max-time 20 --cacert "$trusted" -4 \
	https://packages.blob.example/slow/large.bin &
slow=$!
two_lead_there() {
	[[ $(services ss -Htn state established dst "$TESTBED_SHARED4" dport = :443 | wc -l) == 2 ]]
}
await 5 two_lead_there
kill "$slow" || true
wait "$slow" || true
took=$(beside curl --silent --output /dev/null --max-time 10 --write-out '%{time_total}' \
	http://packages.blob.example/ | awk '{ printf "%d", $1 * 1000 }')
assert_between "$took" 200 1000 "delayed there, ms"
echo "another network namespace: answered, forwarded and delayed over IPv4 and IPv6"

# ClientHellos of 16 KB, and some in pieces: ALPN names of 200 bytes make them large.
# hello PIECE NAMES: the bytes of the ClientHello and the status.
hello() {
	client env SSL_CERT_FILE="$trusted" "$CLIENTS/hello.py" packages.blob.example 443 "$@" /denied |
		cut -d ' ' -f 2-
}
read -r size answered < <(hello 100000 78)
assert_between "$size" 15000 16384 "bytes of a large ClientHello"
assert_eq "$answered" 409 "a large ClientHello"
assert_eq "$(hello 1000 78)" "$size 409" "a large one in pieces"
assert_eq "$(hello 1 0 | cut -d ' ' -f 2)" 409 "byte by byte"

# A server that waits for no more than 0.3 s: two requests 1 s apart on one connection.
services python3 - "$TESTBED_SOLO4" <<'END' &
import socket, sys
listener = socket.create_server((sys.argv[1], 8443))
while True:
    connection, _ = listener.accept()
    connection.settimeout(0.3)
    try:
        connection.recv(1)
    except OSError:
        pass
    connection.close()
END
server=$!
listens() {
	services ss -Hltn "sport = :8443" | grep -q .
}
await 5 listens
assert_eq "$(client python3 - "$trusted" <<'END'
import http.client, ssl, sys, time
connection = http.client.HTTPSConnection("solo.example", 8443, timeout=5,
                                         context=ssl.create_default_context(cafile=sys.argv[1]))
connection.auto_open = 0
connection.connect()
for pause in (0, 1, 0.1):
    time.sleep(pause)
    connection.request("GET", "/denied")
    response = connection.getresponse()
    response.read()
    print(response.status)
END
)" $'409\n409\n409' "behind a server that gives up"
kill "$server"
disarm
stop_daemon
bpf_left
