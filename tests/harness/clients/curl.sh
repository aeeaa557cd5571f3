#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# curl.sh LIST: plays LIST with one curl process (see README.md).
set -euo pipefail

bad_list() {
	printf 'curl.sh: %s: line %d: not METHOD URL BODYSIZE\n' "$list" "$number" >&2
	exit 2
}

# settings: one block of curl's configuration for each line of the list.
settings() {
	local method url size number=0

	while read -r method url size; do
		number=$((number + 1))
		[[ $method =~ ^[A-Z]+$ && $url == http*://* && $size =~ ^[0-9]+$ ]] || bad_list
		((number == 1)) || echo next
		printf 'url = "%s"\noutput = "/dev/null"\nhttp1.1\nsilent\nmax-time = 20\n' "$url"
		printf 'write-out = "%%{http_code} %%header{x-served-by} %%{size_download} %%{exitcode}\\n"\n'
		case $method in
		HEAD) echo head ;;
		*) printf 'request = "%s"\n' "$method" ;;
		esac
		if ((size > 0)); then
			head -c "$size" /dev/zero >"$bodies/$size"
			printf 'data-binary = "@%s"\nheader = "Expect:"\n' "$bodies/$size"
		fi
	done <"$list"
}

(($# == 1)) || {
	echo "usage: curl.sh LIST" >&2
	exit 2
}
list=$1
bodies=$(mktemp -d)
trap 'rm -rf "$bodies"' EXIT
settings >"$bodies/settings"
# curl's exit code is that of its last request: failures are lines here.
{ curl --config "$bodies/settings" || true; } |
	awk '
		NF == 3 { $0 = $1 " - " $2 " " $3 }
		$1 == "000" { print "error curl-" $4 " 0"; next }
		{ print $1, $2, $3 }'
