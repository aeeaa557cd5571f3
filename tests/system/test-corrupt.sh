#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Promise: `corrupt: {every: n, after: m}` changes one byte in each n of the server's behind the first
# m, with a right checksum: a plain download has its length and other bytes, one inside TLS ends with
# an alert for a bad record. Less than m, others, and what comes after the lift is whole.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup
head -c 4000000 /dev/urandom >"$TESTBED_WWW/random.bin"
head -c 4000 /dev/urandom >"$TESTBED_WWW/small.bin"
digest=$(sha256sum "$TESTBED_WWW/random.bin")
readonly EVERY=65536 AFTER=8192 BAD_RECORD="bad record mac"

# download ADDRESS [PATH] [PORT]: reads a whole response from a plain socket and says how many bytes of
# the body came, how many of them are changed, and whether each is in a stretch of its own.
download() {
	client python3 - "$1" "${2:-random.bin}" "$TESTBED_WWW" "$EVERY" "$AFTER" "${3:-80}" <<-'END'
		import socket, sys
		address, path, www, every, after, port = sys.argv[1:]
		every, after = int(every), int(after)
		client = socket.create_connection((address, int(port)), 10)
		client.sendall(f"GET /{path} HTTP/1.1\r\nHost: registry.example\r\n"
		               "Connection: close\r\n\r\n".encode())
		data = b""
		while part := client.recv(65536):
		    data += part
		head, separator, body = data.partition(b"\r\n\r\n")
		front = len(head) + len(separator)
		right = open(f"{www}/{path}", "rb").read()
		changed = [front + i for i, (a, b) in enumerate(zip(body, right)) if a != b]
		stretches = [(at - after) // every for at in changed]
		alone = stretches == list(range(len(changed)))
		print(len(body), len(changed), "one-each" if alone else stretches)
	END
}

# rule MATCH
rule() {
	printf '{"fault": "f", "effect": "corrupt", "every": %s, "after": %s,
		"match": {"protocols": ["tcp"], %s}}' "$EVERY" "$AFTER" "$1"
}

# assert_corrupt ADDRESS WHAT [PORT]
assert_corrupt() {
	local length changed how

	read -r length changed how <<<"$(download "$1" random.bin "${3:-80}")"
	assert_eq "$length $how" "4000000 one-each" "$2"
	# As many as there are whole stretches, and one more if the rest has its place.
	assert_between "$changed" $((4000000 / EVERY - 1)) $((4000000 / EVERY + 1)) "$2: changed bytes"
}

# checksums on|off: whether the devices between client and servers are spared writing and checking
# checksums (ETHTOOL_STXCSUM and ETHTOOL_SRXCSUM).
checksums() {
	local script='
import fcntl, socket, struct, sys, ctypes
device, on = sys.argv[1], sys.argv[2] == "on"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    for command in 0x17, 0x15:
        value = ctypes.create_string_buffer(struct.pack("II", command, on))
        request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
        fcntl.ioctl(control, 0x8946, request.ljust(40, b"\0"))
'
	client python3 -c "$script" "$TESTBED_HOST_DEVICE" "$1"
	services python3 -c "$script" "$TESTBED_SERVICES_DEVICE" "$1"
}

# checksum_errors: segments that the client's host has thrown away.
checksum_errors() {
	# shellcheck disable=SC2016 # awk's own
	client awk '$1 == "Tcp:" && n++ { print $NF }' /proc/net/snmp
}

readonly SHARED="\"ports\": [\"80\"], \"prefixes\": [\"$TESTBED_SHARED4/32\", \"$TESTBED_SHARED6/128\"]"
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
start_daemon

assert_eq "$(download "$TESTBED_SHARED4")" "4000000 0 one-each" "before"
for offload in on off; do
	checksums "$offload"
	arm "$(plan "$(rule "$SHARED")" "$scope")"
	inject f 60
	assert_corrupt "$TESTBED_SHARED4" "IPv4, offload $offload"
	assert_corrupt "$TESTBED_SHARED6" "IPv6, offload $offload"
	assert_eq "$(counter f hits)" 2 "hits"
	assert_eq "$(download "$TESTBED_SHARED4" small.bin)" "4000 0 one-each" "a short response"
	assert_eq "$(counter f hits)" 2 "hits after the short one"
	assert_eq "$(download "$TESTBED_SOLO4")" "4000000 0 one-each" "another address"
	assert_eq "$(reason_count f kernel-error)" 0 "errors in the kernel"
	lift
	assert_eq "$(download "$TESTBED_SHARED4")" "4000000 0 one-each" "after the lift"
	disarm
done
checksums on
assert_eq "$(checksum_errors)" 0 "segments with a wrong checksum"
echo "one byte in each $EVERY behind the first $AFTER, with right checksums"

# Inside TLS, by a name on an address that serves others: the client tells the server why it goes.
arm "$(plan "$(rule '"names": ["registry.example"]')" "$scope")"
inject f 60
client getent ahosts registry.example status.example >/dev/null
# curl makes no file of its own when the changed byte is in the first record.
: >"$TESTBED_DIR/tls.bin"
message=$(client curl -s -o "$TESTBED_DIR/tls.bin" -w '%{exitcode} %{errormsg}' \
	https://registry.example/random.bin || true)
assert_eq "${message%% *}" 56 "curl's exit"
assert_contains "$message" "$BAD_RECORD"
bytes=$(stat --format %s "$TESTBED_DIR/tls.bin")
cmp --bytes "$bytes" "$TESTBED_DIR/tls.bin" "$TESTBED_WWW/random.bin" ||
	fail "a changed byte came through TLS"
assert_eq "$(client curl -s -o "$TESTBED_DIR/tls.bin" -w '%{http_code} %{size_download}' \
	https://status.example/random.bin)" "200 4000000" "another name"
lift
client curl -s -o "$TESTBED_DIR/tls.bin" https://registry.example/random.bin
cmp "$TESTBED_DIR/tls.bin" "$TESTBED_WWW/random.bin" || fail "after the lift: other bytes"
disarm
echo "inside TLS: $message"

# On the loopback, where the server's own memory passes by.
spawn python3 -m http.server --bind 127.0.0.1 --directory "$TESTBED_WWW" 8085 \
	>"$TESTBED_DIR/web.log" 2>&1
answers() {
	client curl -s --max-time 2 -o /dev/null http://127.0.0.1:8085/small.bin
}
await 5 answers
arm "$(plan "$(rule '"ports": ["8085"]')" "$scope")"
inject f 60
assert_corrupt 127.0.0.1 "on the loopback" 8085
disarm
assert_eq "$(sha256sum "$TESTBED_WWW/random.bin")" "$digest" "the server's file"
echo "on the loopback: the same, and the server's file is what it was"
stop_daemon
bpf_left
