#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The test runner itself, run on tests made up here: it must count, fail and skip as it says.
# Needs no root and no compiler: shell scripts stand in for cmocka programs.
set -euo pipefail

# Other tests may be running on this machine: as root, the network seen here is this run's own.
if ((EUID == 0)) && [[ ${1:-} != isolated ]]; then
	mkdir -p /run/netns
	# shellcheck disable=SC2016 # the inner shell expands its own arguments
	exec unshare --net --mount --propagation private -- \
		bash -c 'mount -t tmpfs tmpfs /run/netns && exec "$0" isolated' "$0"
fi

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# fake_unit NAME: a test source and a stand-in binary that does what is on standard input.
fake_unit() {
	mkdir -p "$tree/tests/unit/room" "$tree/build/tests/unit/room"
	: >"$tree/tests/unit/room/$1.c"
	{
		echo '#!/bin/sh'
		cat
	} >"$tree/build/tests/unit/room/$1"
	chmod +x "$tree/build/tests/unit/room/$1"
}

# expect STATUS LAST_LINE ARGUMENT...: runs the runner; the output stays in $output.
expect() {
	local status=0

	output=$("$tree/tests/run" "${@:3}" 2>&1) || status=$?
	if [[ $status != "$1" || ${output##*$'\n'} != "$2" ]]; then
		printf 'selftest/run.sh: tests/run %s: exit code %d instead of %d, printed:\n%s\n' \
			"${*:3}" "$status" "$1" "$output" >&2
		exit 1
	fi
}

expect_text() {
	[[ $output == *"$1"* ]] || {
		printf "selftest/run.sh: '%s' is missing in:\n%s\n" "$1" "$output" >&2
		exit 1
	}
}

mkdir -p "$tree/tests" "$tree/scripts"
cp "$repository/tests/run" "$tree/tests/"
# Stand-ins for the cgroups and the programs of the machine, for the same reason.
mkdir "$tree/cgroup2" "$tree/bin"
printf '#!/bin/sh\necho "%s"\n' "$tree/cgroup2" >"$tree/scripts/with-cgroup2"
cat >"$tree/bin/bpftool" <<END
#!/bin/sh
cat "$tree/bin/\$1" 2>/dev/null || true
END
chmod +x "$tree/scripts/with-cgroup2" "$tree/bin/bpftool"
export PATH=$tree/bin:$PATH

expect 2 "tests/run: usage: tests/run unit|bpf|system|all [PATTERN...]" everything
expect 2 "tests/run: no test matches" unit
fake_unit test_good <<-'END'
	echo '[==========] Running 2 test(s).'
	echo '[ RUN      ] one'
	echo '[       OK ] one'
	echo '[ RUN      ] two'
	echo '[       OK ] two'
	echo '[==========] 2 test(s) run.'
	echo '[  PASSED  ] 2 test(s).'
END
expect 0 "2 passed, 0 failed, 0 skipped" unit
fake_unit test_skip <<-'END'
	echo '[       OK ] one'
	echo 'SKIP: the kernel has no such thing'
	echo '[  SKIPPED ] two'
	echo '[  SKIPPED ] 1 test(s), listed below:'
	echo '[  SKIPPED ] two'
END
expect 0 "3 passed, 0 failed, 1 skipped" unit
expect_text "1 of 2 tests: the kernel has no such thing"
fake_unit test_bad <<-'END'
	echo '[       OK ] one'
	echo '[  FAILED  ] two'
	echo '[  FAILED  ] 1 test(s), listed below:'
	echo '[  FAILED  ] two'
	exit 1
END
expect 1 "4 passed, 1 failed, 1 skipped" unit
expect_text "1 of 2 tests; exit code 1"
expect 0 "2 passed, 0 failed, 0 skipped" unit test_good
fake_unit test_crash <<-'END'
	echo '[       OK ] one'
	kill -SEGV $$
END
expect 1 "1 passed, 1 failed, 0 skipped" unit test_crash
expect_text "killed by signal 11"
fake_unit test_empty <<<''
expect 1 "0 passed, 1 failed, 0 skipped" unit test_empty
: >"$tree/tests/unit/room/test_unbuilt.c"
expect 1 "0 passed, 1 failed, 0 skipped" unit test_unbuilt
expect_text "not built: make tests"

if ((EUID == 0)); then
	mkdir -p "$tree/tests/system"
	echo 'true' >"$tree/tests/system/test-good.sh"
	echo 'echo "SKIP: no reason but this"; exit 77' >"$tree/tests/system/test-skip.sh"
	printf '# timeout: 1\nsleep 5\n' >"$tree/tests/system/test-slow.sh"
	expect 0 "1 passed, 0 failed, 1 skipped" system good skip
	expect_text "no reason but this"
	expect 1 "0 passed, 1 failed, 0 skipped" system slow
	expect_text "timed out after 1 s"
	cat >"$tree/tests/system/test-leaves.sh" <<-END
		ip netns add faultd-left
		ip link add left0 type veth peer name left1
		tc qdisc add dev left0 clsact
		mkdir $tree/cgroup2/faultd-left
		echo '7: sk_msg  name fault_message  tag 0123456789abcdef  gpl' >$tree/bin/prog
		echo '8: hash  name fault_left  flags 0x0' >$tree/bin/map
	END
	expect 1 "1 passed, 1 failed, 0 skipped" system leaves
	for trace in "network namespace faultd-left" "veth left0" "qdisc clsact on left0" \
		"cgroup $tree/cgroup2/faultd-left" "BPF program 7 fault_message" "BPF map 8 fault_left"; do
		expect_text "left behind: $trace"
	done
	expect 0 "1 passed, 0 failed, 0 skipped" system good
	expect_text "there before the tests:"
fi
echo "the runner counts, fails, skips and finds what is left behind"
