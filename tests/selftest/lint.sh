#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every check of scripts/lint, run on a small tree with a planted defect: it must find the defect,
# name its place, and find nothing in the tree without it.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
output=

readonly USER='/* SPDX-License-Identifier: Apache-2.0 */'
readonly KERNEL='/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */'

die() {
	printf 'selftest/lint.sh: %s\n' "$*" >&2
	exit 1
}

# plant FILE: what is on standard input becomes FILE of the tree.
plant() {
	mkdir -p "$tree/$(dirname "$1")"
	cat >"$tree/$1"
}

# lint CHECK: the check's output without its own closing lines.
lint() {
	local status=0

	output=$("$tree/scripts/lint" "$1" 2>&1) || status=$?
	return "$status"
}

# found CHECK PLACE MESSAGE: the check fails and says so; the planted file goes again.
found() {
	! lint "$1" || die "$1 passes with a defect at $2"
	grep -q -F -- "$2: " <<<"$output" || die "$1 does not name $2: $output"
	grep -F -- "$2: " <<<"$output" | grep -q -F -- "$3" || die "$1 does not say '$3': $output"
	rm -f "$tree/${2%%:*}"
}

# A tree in which every check passes.
git init --quiet "$tree"
mkdir -p "$tree/scripts" "$tree/build"
cp "$repository/.clang-format" "$repository/.clang-tidy" "$tree/"
cp -r "$repository/scripts/lint" "$repository/scripts/lint.d" "$tree/scripts/"
plant user/base/good.h <<END
$USER
#ifndef BASE_GOOD_H
#define BASE_GOOD_H

/* A return in a comment, and "strtol(": neither is code. */
int good(const char *text);

#endif
END
plant user/base/good.c <<END
$USER
#include "user/base/good.h"

#include <stddef.h>

int good(const char *text)
{
	return text != NULL && text[0] == '(';
}
END
plant user/base/number.c <<END
$USER
#include <stdlib.h>

long number(const char *text);

long number(const char *text)
{
	return strtol(text, NULL, 10);
}
END
plant kernel/good.h <<END
$KERNEL
#include <linux/types.h>
END
plant scripts/good.sh <<'END'
#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
echo "$1"
END
# Two programs of one option each, and their pages.
for name in faultd faultctl; do
	plant "build/$name" <<-'END'
		#!/bin/sh
		# SPDX-License-Identifier: Apache-2.0
		echo '  -q, --quiet                Say nothing'
	END
	chmod +x "$tree/build/$name"
done
# page NAME SECTION OPTION...
page() {
	plant "docs/man/$1.$2" <<-END
		.\\" SPDX-License-Identifier: Apache-2.0
		.Dd November 22, 2026
		.Dt ${1^^} $2
		.Os
		.Sh NAME
		.Nm $1
		.Nd a program
		.Sh DESCRIPTION
		.Bl -tag -width Ds
		.It Fl V , Fl -version
		The version.
		$(printf '.It Fl -%s\nAn option.\n' "${@:3}")
		.El
	END
}
page faultd 8 quiet
page faultctl 1 quiet
for check in format spdx banned includes size shell manual cppcheck tidy; do
	lint "$check" || die "$check fails without a defect: $output"
done

plant user/base/bad.c <<END
$USER
int  bad;
END
found format user/base/bad.c:2:4 clang-format

plant user/base/bad.c <<<'int bad;'
found spdx user/base/bad.c:1 Apache-2.0
plant kernel/bad.h <<<"$USER"
found spdx kernel/bad.h:1 "GPL-2.0-only OR BSD-2-Clause"
plant scripts/bad <<<'#!/bin/sh'
found spdx scripts/bad:1 Apache-2.0

for call in strtol strtoul strtoull strtod atoi sscanf strtok sprintf vsprintf strcpy strcat strncpy \
	localtime gets alloca; do
	printf '%s\nint x = %s(a);\n' "$USER" "$call" | plant user/base/bad.c
	found banned user/base/bad.c:2 "$call is banned"
done
printf '%s\n\n/* %s%s: later */\n' "$USER" TO DO | plant user/base/bad.c
found banned user/base/bad.c:3 "finish it"
plant user/base/bad.c <<END
$USER
#define CHECK(x) \\
	if (!(x))    \\
	return -1
END
found banned user/base/bad.c:4 "return hidden in a macro"

# room|include|what is said
while IFS='|' read -r file include message; do
	printf '\n#include %s\n' "$include" | plant "$file"
	found includes "$file:2" "$message"
done <<-'END'
	user/base/bad.c|"user/experiment/plan.h"|must not include
	user/experiment/bad.c|"user/protocol/names.h"|must not include
	user/protocol/bad.c|"user/daemon/bpf.h"|must not include
	user/controller/bad.c|"user/daemon/bpf.h"|must not include
	user/daemon/bad.c|"user/controller/http.h"|must not include
	user/base/bad.c|"kernel/contract.h"|must not include
	user/daemon/bad.c|"kernel/connect.bpf.c"|is a program
	user/daemon/bad.c|"tests/harness/fake.h"|must not include
	tests/unit/base/test_bad.c|"user/protocol/names.h"|must not include
	kernel/bad.h|<stdio.h>|only kernel/
	kernel/bad.h|"user/base/address.h"|must not include
	user/daemon/bad.c|<curl/curl.h>|only user/controller may use libcurl
	user/controller/bad.c|<bpf/libbpf.h>|only user/daemon may use libbpf
	user/controller/bad.c|<netlink/socket.h>|only user/daemon may use libnl
	user/protocol/bad.c|<microhttpd.h>|only user/daemon may use libmicrohttpd
	user/base/bad.c|<seccomp.h>|only user/daemon may use libseccomp
	user/base/bad.c|<sys/capability.h>|only user/daemon may use libcap
	user/base/bad.c|<systemd/sd-daemon.h>|only user/daemon may use libsystemd
	user/controller/bad.c|<libfyaml.h>|only user/experiment may use libfyaml
	user/base/bad.c|<jansson.h>|may use jansson
	user/controller/bad.c|"kernel/faultd.skel.h"|only user/daemon may use the skeleton
	user/daemon/bad.c|<cmocka.h>|only tests/ may use cmocka
END
printf '#include <curl/curl.h>\n' | plant user/controller/first.c
printf '#include <curl/curl.h>\n' | plant user/controller/second.c
found includes user/controller/second.c:1 "libcurl is for one file: it is also in user/controller/first.c"
rm "$tree/user/controller/first.c"

{
	echo "$USER"
	printf '\n%.0s' {1..700}
} | plant user/base/bad.c
found size user/base/bad.c:701 "701 lines"

plant scripts/bad.sh <<'END'
#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
echo $1
END
found shell scripts/bad.sh:3:6 SC2086

page faultctl 1 quite
found manual docs/man/faultctl.1:1 "--quiet is missing"
page faultctl 1 quiet verbose
found manual docs/man/faultctl.1:1 "--verbose is not one of its program"

plant user/base/bad.c <<END
$USER
int bad(void);

int bad(void)
{
	int values[2] = {1, 2};

	return values[2];
}
END
found cppcheck user/base/bad.c:8 arrayIndexOutOfBounds

plant user/base/bad.c <<END
$USER
int bad(int *value);

int bad(int *value)
{
	if (value)
		*value = 1;
	return *value;
}
END
found tidy user/base/bad.c:8:9 clang-analyzer-core
{
	printf '%s\nint bad(int value);\n\nint bad(int value)\n{\n' "$USER"
	for _ in $(seq 70); do printf '\tvalue++;\n'; done
	printf '\treturn value;\n}\n'
} | plant user/base/bad.c
found tidy user/base/bad.c:4:5 readability-function-size
echo "every check of lint finds its planted defect"
