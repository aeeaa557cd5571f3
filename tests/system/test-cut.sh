#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Promise: `cut: {after: n}` ends a download when the server has sent n bytes: the client reads exactly
# those, byte for byte, and then ECONNRESET; the server's end is reset too. Downloads of less, of
# others, and after the lift are whole.
. "$(dirname "$0")/lib.sh"
need curl jq python3
setup
head -c 4000000 /dev/urandom >"$TESTBED_WWW/random.bin"
head -c 50000 /dev/urandom >"$TESTBED_WWW/small.bin"

# download ADDRESS [PATH]: reads a whole response from a plain socket and says how many bytes of the
# stream came, whether they are the file's, and how it ended.
download() {
	client python3 - "$1" "${2:-random.bin}" "$TESTBED_WWW" <<-'END'
		import errno, socket, sys
		address, path, www = sys.argv[1:]
		client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
		client.settimeout(10)
		client.connect((address, 80))
		client.sendall(f"GET /{path} HTTP/1.1\r\nHost: registry.example\r\n"
		               "Connection: close\r\n\r\n".encode())
		data, end = b"", "end"
		try:
		    while part := client.recv(65536):
		        data += part
		except OSError as error:
		    end = errno.errorcode.get(error.errno, str(error))
		body = data.partition(b"\r\n\r\n")[2]
		same = open(f"{www}/{path}", "rb").read().startswith(body)
		print(len(data), "same" if same else "other", end)
	END
}

# rule AFTER MATCH
rule() {
	printf '{"fault": "f", "effect": "cut", "after": %s, "match": {"protocols": ["tcp"], %s}}' \
		"$1" "$2"
}

none_established() {
	[[ $(services ss -Htn state established '( sport = :80 )' | wc -l) == 0 ]]
}

readonly SHARED="\"ports\": [\"80\"], \"prefixes\": [\"$TESTBED_SHARED4/32\", \"$TESTBED_SHARED6/128\"]"
scope='{"scope": {"cgroups": ["'"$TESTBED_HOST_CGROUP_PATH"'"], "units": []}}'
whole=$(client curl -s -i -H 'Host: registry.example' -H 'Connection: close' \
	"http://$TESTBED_SHARED4/random.bin" | wc -c)
start_daemon

for after in 1 1000 100001 1048576 3999999; do
	arm "$(plan "$(rule "$after" "$SHARED")" "$scope")"
	inject f 60
	for address in "$TESTBED_SHARED4" "$TESTBED_SHARED6"; do
		assert_eq "$(download "$address")" "$after same ECONNRESET" "$address after $after"
	done
	await 2 none_established
	assert_eq "$(counter f hits)" 2 "hits"
	[[ $after != 1048576 ]] || assert_contains "$(download "$TESTBED_SHARED4" small.bin)" " same end"
	assert_contains "$(download "$TESTBED_SOLO4")" " same end" "another address"
	lift
	assert_eq "$(download "$TESTBED_SHARED4")" "$whole same end" "after the lift"
	disarm
done
echo "cut after 1 to 3999999 bytes: exactly those came, then ECONNRESET"

# A download that is under way when the fault begins: what the server may send already is on its way,
# so the cut is late by one receive segment at most.
arm "$(plan "$(rule 200000 "$SHARED")" "$scope")"
got=$TESTBED_DIR/got.bin
has_begun() {
	[[ -s $got ]]
}
spawn curl -s --no-buffer --max-time 30 -H 'Host: registry.example' --output "$got" \
	"http://$TESTBED_SHARED4/slow/random.bin"
await 5 has_begun
inject f 60
error=0
wait "$spawned" || error=$?
assert_eq "$error" 56 "curl's exit"
size=$(stat --format %s "$got")
assert_between "$size" 199000 265536 "bytes that came"
cmp --bytes "$size" "$got" "$TESTBED_WWW/random.bin" || fail "the download has other bytes"
disarm
echo "begun before the fault: $size bytes and the head, then a reset"

# curl says what it lacks.
arm "$(plan "$(rule 1048576 "$SHARED")" "$scope")"
inject f 60
assert_eq "$(curl_error "http://$TESTBED_SHARED4/random.bin" -H 'Host: registry.example')" 56 \
	"curl's exit"
disarm

# By a name on an address that serves others; on the loopback.
arm "$(plan "$(rule 1048576 '"names": ["registry.example"]')" "$scope")"
inject f 60
client getent ahosts registry.example status.example >/dev/null
assert_eq "$(download "$TESTBED_SHARED4")" "1048576 same ECONNRESET" "by name"
assert_eq "$(client curl -s -o /dev/null -w '%{size_download}' http://status.example/random.bin)" \
	4000000 "another name"
disarm
spawn python3 -m http.server --bind 127.0.0.1 --directory "$TESTBED_WWW" 8085 >"$TESTBED_DIR/web.log" 2>&1
answers() {
	client curl -s --max-time 2 -o /dev/null http://127.0.0.1:8085/small.bin
}
await 5 answers
arm "$(plan "$(rule 1048576 '"ports": ["8085"]')" "$scope")"
inject f 60
got=$(client curl -s -o /dev/null -w '%{size_download} %{size_header} %{errormsg}' \
	http://127.0.0.1:8085/random.bin || true)
read -r body head message <<<"$got"
assert_eq "$((body + head))" 1048576 "on the loopback"
assert_contains "$message" "reset by peer"
disarm
echo "by name and on the loopback: the same"
stop_daemon
bpf_left
