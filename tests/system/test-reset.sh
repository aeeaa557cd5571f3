#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: a reset is one that the client sees as the network's: ECONNREFUSED for the SYN, ECONNRESET at
# the first request or on a connection that was open before. The server's end is reset too, so that
# nothing half open stays. By address, by a name on a shared address, on both families and on the
# loopback; never what a peer opened, nor another cgroup's; and nothing stays attached.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup

# attempt ADDRESS PORT: what a client's connect, request and read come to.
attempt() {
	client python3 - "$1" "$2" <<-'END'
		import errno, socket, sys, time
		def word(error):
		    return errno.errorcode.get(error.errno, str(error)) if error.errno else str(error)
		family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		client = socket.socket(family)
		client.settimeout(5)
		began = time.monotonic()
		try:
		    client.connect((sys.argv[1], int(sys.argv[2])))
		except OSError as error:
		    print("connect", word(error), int((time.monotonic() - began) * 1000))
		    sys.exit()
		try:
		    client.sendall(b"GET / HTTP/1.1\r\nHost: registry.example\r\n\r\n")
		    data = client.recv(100)
		    print("read", data[:12].decode() if data else "end", int((time.monotonic() - began) * 1000))
		except OSError as error:
		    print("request", word(error), int((time.monotonic() - began) * 1000))
	END
}

# expect_attempt ADDRESS PORT OUTCOME: and it took less than 100 ms.
expect_attempt() {
	local got

	got=$(attempt "$1" "$2")
	assert_eq "${got% *}" "$3" "$1 port $2"
	assert_between "${got##* }" 0 100 "$1 port $2: ms"
}

# server_sockets STATE: connections of this host's at the servers.
server_sockets() {
	services ss -Htn state "$1" '( sport = :80 )' | wc -l
}

# rule AT MATCH
rule() {
	printf '{"fault": "f", "effect": "reset", "at": "%s", "match": {"protocols": ["tcp"], %s}}' \
		"$1" "$2"
}

none_established() {
	[[ $(server_sockets established) == 0 ]]
}

readonly SHARED="\"ports\": [\"80\"], \"prefixes\": [\"$TESTBED_SHARED4/32\", \"$TESTBED_SHARED6/128\"]"
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
start_daemon

# At connect.
arm "$(plan "$(rule connect "$SHARED")" "$scope")"
expect_attempt "$TESTBED_SHARED4" 80 "read HTTP/1.1 200"
inject f 60
expect_attempt "$TESTBED_SHARED4" 80 "connect ECONNREFUSED"
expect_attempt "$TESTBED_SHARED6" 80 "connect ECONNREFUSED"
assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 7 "curl's exit"
assert_eq "$(client_in elsewhere curl -s -o /dev/null -w '%{http_code}' http://registry.example/)" \
	200 "another cgroup"
expect_attempt "$TESTBED_SOLO4" 80 "read HTTP/1.1 200"
assert_eq "$(counter f hits)" 3 "hits"
assert_eq "$(counter f connects)" 4 "connects"
lift
expect_attempt "$TESTBED_SHARED4" 80 "read HTTP/1.1 200"
disarm
echo "at connect: ECONNREFUSED at once, 200 before and after"

# At the first request. A connection that has made one is left alone.
arm "$(plan "$(rule request "$SHARED")" "$scope")"
hold busy client "$TESTBED_SHARED4" 80 2
inject f 60
expect_attempt "$TESTBED_SHARED4" 80 "request ECONNRESET"
expect_attempt "$TESTBED_SHARED6" 80 "request ECONNRESET"
assert_eq "$(curl_error "http://$TESTBED_SHARED4/")" 56 "curl's exit"
assert_contains "$(ask busy request)" " 200" "past their first request"
assert_eq "$(server_sockets established)" 2 "connections that the servers still hold"
assert_eq "$(counter f hits)" 3 "hits"
lift
expect_attempt "$TESTBED_SHARED4" 80 "read HTTP/1.1 200"
disarm
release busy
echo "at the first request: ECONNRESET, and the server's end is gone"

# Of live connections, also those from before the arming.
hold before client "$TESTBED_SHARED4" 80 2
hold before6 client "$TESTBED_SHARED6" 80 1
arm "$(plan "$(rule live "$SHARED")" "$scope")"
hold during client "$TESTBED_SHARED4" 80 1
inject f 60
for name in before before6 during; do
	assert_contains "$(ask "$name" request)" " ECONNRESET" "$name"
done
await 2 none_established
assert_eq "$(counter f hits)" 4 "hits"
lift
expect_attempt "$TESTBED_SHARED4" 80 "read HTTP/1.1 200"
disarm
for name in before before6 during; do
	release "$name"
done
echo "live: ECONNRESET on connections from before and after the arming, none left at the server"

# By a name on an address that serves others.
arm "$(plan "$(rule request '"names": ["registry.example"]')" "$scope")"
inject f 60
client getent ahosts registry.example status.example >/dev/null
expect_attempt "$TESTBED_SHARED4" 80 "request ECONNRESET"
assert_eq "$(http_code http://status.example/)" 200 "another name on the address"
assert_eq "$(curl_error https://registry.example/)" 35 "curl's exit for TLS"
assert_eq "$(http_code https://status.example/)" 200 "another name on the address, TLS"
disarm
echo "by name: ECONNRESET at the ClientHello and the request, other names on the address pass"

# On the loopback, where there is no wire.
# It says so when its clients are reset.
spawn bash -c "exec '$CLIENTS/server.py' 127.0.0.1 8084 2>/dev/null"
answers() {
	[[ $(client curl -s --max-time 2 http://127.0.0.1:8084/) == ok ]]
}
await 5 answers
for at in connect request; do
	arm "$(plan "$(rule "$at" '"ports": ["8084"]')" "$scope")"
	inject f 60
	outcome="request ECONNRESET"
	[[ $at != connect ]] || outcome="connect ECONNREFUSED"
	expect_attempt 127.0.0.1 8084 "$outcome"
	disarm
done
hold local client 127.0.0.1 8084 2
arm "$(plan "$(rule live '"ports": ["8084"]')" "$scope")"
inject f 60
assert_contains "$(ask local request)" " ECONNRESET" "loopback, live"
disarm
echo "on the loopback: the same"

# Without the engine there is no fault: tcx links end with their descriptors.
arm "$(plan "$(rule connect "$SHARED")" "$scope")"
inject f 60
expect_attempt "$TESTBED_SHARED4" 80 "connect ECONNREFUSED"
stop_daemon KILL
expect_attempt "$TESTBED_SHARED4" 80 "read HTTP/1.1 200"
bpf_left
echo "engine killed: passes at once"
