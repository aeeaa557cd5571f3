#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# Promise: the gate is there only while a run needs it, is nobody, holds no capability and no file,
# and can open neither a file nor a connection.
. "$(dirname "$0")/lib.sh"
need curl jq openssl gdb
setup
authority=$TESTBED_DIR/ca

"$BUILD/faultctl" ca init --directory "$authority" packages.blob.example >/dev/null
start_daemon --authority "$authority" --trust "$TESTBED_CA"
find_gate
assert_eq "$gate_pid" "" "a gate while nothing is armed"
arm "$(plan '{"fault": "refused", "effect": "refuse",
	"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["packages.blob.example"]}}')"
find_gate
assert_eq "$gate_pid" "" "a gate that no rule needs"
disarm
arm "$(plan '{"fault": "denied", "effect": "answer", "tls": "terminate", "answer": {"status": 409},
	"match": {"protocols": ["tcp"], "ports": ["443"], "names": ["packages.blob.example"]}}')"
find_gate
[[ -n $gate_pid ]] || fail "there is no gate"

# status FIELD PID: of /proc/PID/status.
status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$2/status"
}

for set in CapInh CapPrm CapEff CapBnd CapAmb; do
	assert_eq "$(status $set "$gate_pid")" 0000000000000000 "$set"
done
assert_eq "$(status NoNewPrivs "$gate_pid")" 1 NoNewPrivs
assert_eq "$(status Seccomp "$gate_pid")" 2 Seccomp
[[ $(status Uid "$gate_pid") != 0* ]] || fail "the gate is root"
assert_eq "$(status Groups "$gate_pid")" "" "groups"
# CAP_KILL, SETGID, SETUID, SETPCAP, NET_ADMIN, SYS_PTRACE, SYS_ADMIN.
assert_eq "$(status CapEff "$helper_pid")" 00000000002811e0 "the helper's capabilities"
assert_eq "$(status CapBnd "$helper_pid")" 00000000002811e0 "and what it can ever have"

# Nothing but its socket, its channel, epoll and a timer, behind the standard streams.
files=$(find "/proc/$gate_pid/fd" -lname '/*' -printf '%f %l\n' | sort)
assert_eq "$(grep -cv -E "^[012] (/dev/null|$TESTBED_DIR/faultd.log)$" <<<"$files" || true)" 0 \
	"files that are open: $files"
assert_eq "$(find "/proc/$gate_pid/fd" -lname 'socket:*' | wc -l)" 2 "sockets"
assert_eq "$(grep -c 'r--s.*bpf-map' "/proc/$gate_pid/maps")" 2 "maps that it may only read"
assert_eq "$(grep -c 'rw-s.*bpf-map' "/proc/$gate_pid/maps")" 1 "maps that it may write"

# attempt CALL: what the gate's own process gets when a debugger has it try.
attempt() {
	gdb --batch --quiet -p "$gate_pid" -ex "print (long)$1" \
		-ex 'print (int)*(int *)__errno_location()' 2>/dev/null | sed -n 's/^\$[12] = //p' | xargs
}

assert_eq "$(attempt 'open("/etc/passwd", 0)')" "-1 1" "opening a file"
assert_eq "$(attempt 'open("/tmp/faultd-gate", 0102, 0600)')" "-1 1" "making a file"
assert_eq "$(attempt 'socket(2, 1, 0)')" "-1 1" "a TCP socket"
assert_eq "$(attempt 'socket(1, 1, 0)')" "-1 1" "a unix socket"
assert_eq "$(attempt '((int (*)(int, long, int))connect)(3, 0, 0)')" "-1 1" "connecting what it has"
assert_eq "$(attempt 'kill(1, 0)')" "-1 1" "a signal"
assert_eq "$(attempt 'mmap(0, 4096, 7, 34, -1, 0)')" "-1 1" "memory to execute"
kill -0 "$gate_pid" || fail "the gate ended"
# What only an intruder would try ends it.
attempt 'execv("/bin/true", 0)' >/dev/null || true
gate_is_gone() {
	! kill -0 "$gate_pid" 2>/dev/null
}
await 3 gate_is_gone
disarm
stop_daemon
bpf_left
