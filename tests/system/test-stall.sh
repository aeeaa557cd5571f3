#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Promise: `stall` falls silent once the server has sent so many bytes on a connection, at most one
# receive segment late and never early, whether the rule matches by address, by a name that has its
# address alone, or by a name that only the request or the ClientHello tells; connections that match
# nothing, and shorter responses, pass. After the lift the download goes on by itself and is whole.
. "$(dirname "$0")/lib.sh"
need jq python3 curl
setup
start_daemon

readonly AFTER=1048576
readonly SEGMENT=65536 # the longest that a veth pair hands to a receiver at once
head -c 8388608 /dev/urandom >"$TESTBED_WWW/random.bin"
read -r digest _ < <(sha256sum "$TESTBED_WWW/random.bin")
out=$TESTBED_DIR/download

# stall MATCH [KEYS]: arms a stall after AFTER bytes.
stall() {
	arm "$(plan '{"fault": "f", "effect": "stall", "after": '"${2:-$AFTER}"',
		"match": {"protocols": ["tcp"], "ports": ["80", "443"], '"$1"'}}')"
}

# begin ADDRESS HOST [ARGUMENT...]: downloads in the background.
begin() {
	: >"$out"
	spawn "$CLIENTS/download.py" --host "$2" "${@:3}" "$1" 80 /random.bin >"$out"
}

# fell_silent: whether the download has; sets bytes to where it stands.
fell_silent() {
	bytes=$(awk '$1 == "silent" { print $2 }' "$out" | tail -n 1)
	[[ $bytes ]]
}

# check_silence WHAT: it stands where it should, and stays there.
check_silence() {
	await 10 fell_silent
	echo "$1: silent after $bytes bytes, $((bytes - AFTER)) late"
	assert_between "$((bytes - AFTER))" 0 "$SEGMENT" "$1: bytes behind the limit"
	sleep 1
	assert_eq "$(grep -c silent "$out")" 1 "$1: silences, since it stays where it is"
}

# check_whole WHAT: the download comes to its end, and nothing of it is different.
check_whole() {
	wait "$spawned" || fail "$1: the download failed"
	assert_eq "$(awk '$1 == "done" { print $3 }' "$out")" "$digest" "$1: SHA-256 of what came"
}

# play WHAT MATCH ADDRESS HOST
play() {
	stall "$2"
	inject f 60
	begin "$3" "$4"
	check_silence "$1"
	(($(counter f hits) > 0)) || fail "$1: no hits are counted"
	lift
	check_whole "$1"
	disarm
}

play "by address" '"prefixes": ["'"$TESTBED_SOLO4/32"'"]' "$TESTBED_SOLO4" solo.example
play "by address, IPv6" '"prefixes": ["'"$TESTBED_SOLO6/128"'"]' "$TESTBED_SOLO6" solo.example
play "by a name with its own address" '"names": ["solo.example"]' "$TESTBED_SOLO4" solo.example
play "by Host" '"names": ["*.blob.example"]' "$TESTBED_SHARED4" packages.blob.example

# Other names on that address, and what is shorter, pass.
stall '"names": ["*.blob.example"]'
inject f 60
begin "$TESTBED_SHARED4" registry.example
check_whole "another name"
assert_eq "$(http_code "http://packages.blob.example/extension.zip")" 200 "a short response"
assert_eq "$(counter f hits)" 0 "hits"
# Two responses on one connection count together: 200 KB each, the sixth goes over 1 MiB.
assert_eq "$(client curl --silent --output /dev/null --max-time 2 --write-out '%{http_code} ' \
	"http://packages.blob.example/extension.zip?[1-5]")" "200 200 200 200 200 " "five in a row"
assert_eq "$(counter f hits)" 0 "hits after five"
assert_eq "$(curl_error "http://packages.blob.example/extension.zip?[1-6]" --max-time 2)" 28 "six in a row"
disarm

# By SNI, inside TLS: curl's own limits tell.
stall '"names": ["*.blob.example"]'
inject f 60
client curl --silent --max-time 60 --output "$TESTBED_DIR/tls.bin" \
	https://packages.blob.example/random.bin &
pid=$!
hits() {
	(($(counter f packets) > 2))
}
await 10 hits
sleep 0.5
# What curl has written is what it has decrypted: whole records.
bytes=$(stat --format %s "$TESTBED_DIR/tls.bin")
assert_between "$bytes" $((AFTER - 65536)) $((AFTER + SEGMENT)) "bytes inside TLS"
lift
wait "$pid"
read -r got _ < <(sha256sum "$TESTBED_DIR/tls.bin")
assert_eq "$got" "$digest" "SHA-256 of what came through TLS"
disarm
echo "by SNI: silent with $bytes bytes decrypted"

# Without a lift it ends with its window.
stall '"prefixes": ["'"$TESTBED_SOLO4/32"'"]'
inject f 2
begin "$TESTBED_SOLO4" solo.example
check_silence "for 2 s"
check_whole "for 2 s"
disarm

# A connection that was open before the run: its bytes count from the first packet seen.
mkfifo "$TESTBED_DIR/go"
: >"$out"
client "$CLIENTS/download.py" --host solo.example --connect-first "$TESTBED_SOLO4" 80 /random.bin \
	<"$TESTBED_DIR/go" >"$out" &
spawned=$!
exec {go}>"$TESTBED_DIR/go"
await 5 grep -q connected "$out"
stall '"prefixes": ["'"$TESTBED_SOLO4/32"'"]'
inject f 60
echo >&"$go"
check_silence "opened before the run"
lift
check_whole "opened before the run"
exec {go}>&-
disarm
stop_daemon
bpf_left
