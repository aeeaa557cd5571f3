#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# wget.sh LIST: plays LIST with one wget process (see README.md).
set -euo pipefail

die() {
	printf 'wget.sh: %s\n' "$*" >&2
	exit 2
}

(($# == 1)) || die "usage: wget.sh LIST"
kind=$(cut -d ' ' -f 1,3 "$1" | sort -u)
[[ $kind =~ ^([A-Z]+)\ ([0-9]+)$ ]] || die "$1: lines differ in method or body size"
method=${BASH_REMATCH[1]}
size=${BASH_REMATCH[2]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cut -d ' ' -f 2 "$1" >"$work/urls"
options=(--progress=dot:giga --server-response --content-on-error --no-config --tries=1 --timeout=20
	--no-hsts --output-document=/dev/null --input-file="$work/urls" --method="$method")
[[ -z ${SSL_CERT_FILE:-} ]] || options+=(--ca-certificate="$SSL_CERT_FILE")
if ((size > 0)); then
	head -c "$size" /dev/zero >"$work/body"
	options+=(--body-file="$work/body")
fi
# Its exit code tells of any failure of any request: those are lines here.
LC_ALL=C wget "${options[@]}" 2>"$work/log" || true
awk '
	# A line with date and address comes before each request, what became of it after that.
	function flush() {
		if (asked)
			print (status != "") ? status " " served " " length_ : "error " reason " 0"
		asked = 0
	}
	/^--[0-9]+-[0-9]+-[0-9]+ / {
		flush()
		asked = 1
		status = ""
		reason = "no-answer"
	}
	/^  HTTP\/1/ { status = $2; served = "-"; length_ = 0 }
	tolower($1) == "x-served-by:" { served = $2 }
	tolower($1) == "content-length:" { length_ = $2 }
	/failed: |unable to resolve|Read error|No data received/ {
		reason = $0
		sub(/^.*failed: /, "", reason)
		gsub(/[^A-Za-z]+/, "-", reason)
		sub(/-$/, "", reason)
	}
	END { flush() }' "$work/log"
