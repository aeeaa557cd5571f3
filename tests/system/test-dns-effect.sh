#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: `dns` makes a resolver say what the fault says, for its names alone, whatever the case they
# are asked in and the kind of record; `drop` loses the query without an error for its sender. Every
# client sees its own error for it, a stub resolver on the loopback included; after the lift names
# resolve again.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup

# query NAME [TYPE [SERVER [COUNT]]]: asks by a datagram of its own and says the RCODE, whether the
# response is in order, and how long it took in ms.
query() {
	client python3 - "$1" "${2:-1}" "${3:-$TESTBED_DNS4}" <<-'END'
		import socket, struct, sys, time
		name, kind, server = sys.argv[1], int(sys.argv[2]), sys.argv[3]
		question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
		question += struct.pack("!HH", kind, 1)
		# With EDNS, as resolvers ask today.
		message = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 1) + question
		message += b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
		client = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
		client.settimeout(1)
		client.connect((server, 53))
		began = time.monotonic()
		client.send(message)
		try:
		    got = client.recv(4096)
		except OSError as error:
		    print("silent" if isinstance(error, TimeoutError) else error)
		    sys.exit()
		number, flags, questions, answers = struct.unpack("!HHHH", got[:8])
		fine = number == 0x1234 and flags & 0x8180 == 0x8180 and questions == 1
		fine = fine and got[12:12 + len(question)] == question
		print(flags & 15, "fine" if fine else got.hex(), answers, int((time.monotonic() - began) * 1000))
	END
}

# gai NAME: what getaddrinfo says.
gai() {
	client python3 -c '
import socket, sys
try:
    print("found", len(socket.getaddrinfo(sys.argv[1], 80, proto=socket.IPPROTO_TCP)))
except socket.gaierror as error:
    print({getattr(socket, n): n for n in dir(socket) if n.startswith("EAI_")}[error.errno])' "$1"
}

# rule WORD NAME
rule() {
	printf '{"fault": "f", "effect": "dns", "dns": "%s", "match": {"protocols": ["udp"],
		"names": ["%s"]}}' "$1" "$2"
}

# expect_query NAME TYPE SERVER RCODE: an error, at once.
expect_query() {
	local got

	got=$(query "$1" "$2" "$3")
	assert_eq "${got% *}" "$4 fine 0" "$1 type $2 from $3"
	assert_between "${got##* }" 0 100 "ms"
}

scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
start_daemon
arm "$(plan "$(rule nxdomain registry.example)" "$scope")"
assert_contains "$(query registry.example)" "0 fine 1"
assert_eq "$(counter f passes)" 1 "passes before the inject"
inject f 60
for name in registry.example REGISTRY.Example; do
	for kind in 1 28 16 65; do
		expect_query "$name" "$kind" "$TESTBED_DNS4" 3
	done
	expect_query "$name" 1 "$TESTBED_DNS6" 3
done
assert_contains "$(query status.example)" "0 fine 1" "another name"
assert_contains "$(query images.registry.example)" " fine 0" "a name below it"
assert_eq "$(counter f hits)" 10 "hits"
assert_eq "$(gai registry.example)" EAI_NONAME "getaddrinfo"
assert_eq "$(curl_error http://registry.example/)" 6 "curl's exit"
assert_contains "$(client_in elsewhere curl -s http://registry.example/)" registry.example \
	"another cgroup"
if type -P node >/dev/null; then
	assert_eq "$(client node -e 'require("dns").lookup("registry.example",
		(error) => console.log(error && error.code))')" ENOTFOUND "Node's lookup"
	assert_eq "$(client node -e 'require("dns").resolve4("registry.example",
		(error) => console.log(error && error.code))')" ENOTFOUND "Node's resolve4"
fi
lift
assert_contains "$(query registry.example)" "0 fine 1" "after the lift"
assert_contains "$(gai registry.example)" found "after the lift"
disarm
echo "nxdomain: EAI_NONAME, curl 6, Node ENOTFOUND; other names and another cgroup resolve"

arm "$(plan "$(rule servfail '*.blob.example')" "$scope")"
inject f 60
expect_query packages.blob.example 1 "$TESTBED_DNS4" 2
assert_eq "$(gai packages.blob.example)" EAI_AGAIN "getaddrinfo"
assert_contains "$(query registry.example)" "0 fine 1" "another name"
disarm
arm "$(plan "$(rule refused registry.example)" "$scope")"
inject f 60
expect_query registry.example 28 "$TESTBED_DNS6" 5
assert_eq "$(gai registry.example)" EAI_AGAIN "getaddrinfo"
disarm
echo "servfail, refused: EAI_AGAIN"

arm "$(plan "$(rule drop registry.example)" "$scope")"
inject f 60
assert_eq "$(query registry.example)" silent "drop"
assert_eq "$(query registry.example 28 "$TESTBED_DNS6")" silent "drop over IPv6"
assert_contains "$(query status.example)" "0 fine 1" "another name"
disarm
echo "drop: silence, and no error for the sender"

# A stub on the loopback.
spawn dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --user=root \
	--listen-address=127.0.0.53 --bind-interfaces --server="$TESTBED_DNS4" --cache-size=100 \
	--pid-file= 2>"$TESTBED_DIR/stub.log"
stub_answers() {
	[[ $(query registry.example 1 127.0.0.53) == "0 fine 1"* ]]
}
await 5 stub_answers
for word in nxdomain drop; do
	arm "$(plan "$(rule $word registry.example)" "$scope")"
	inject f 60
	if [[ $word == drop ]]; then
		assert_eq "$(query registry.example 1 127.0.0.53)" silent "the stub, drop"
	else
		expect_query registry.example 1 127.0.0.53 3
	fi
	disarm
done
stub_answers || fail "the stub after the disarm"
echo "a stub on 127.0.0.53: the same"

# A resolver that is protected is not spoken for.
arm "$(plan "$(rule nxdomain registry.example)" '{"protect": [{"prefix": "'"$TESTBED_DNS4"'/32"}],
	"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}')"
inject f 60
assert_contains "$(query registry.example)" "0 fine 1" "a protected resolver"
assert_eq "$(reason_count f protected)" 1 "protected"
expect_query registry.example 1 "$TESTBED_DNS6" 3
disarm
stop_daemon
bpf_left
