#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bare-debian.sh [demo] [check]: makes a minimal Debian 12 tree from this machine's own package
# source, clones the repository's HEAD into it and runs ./scripts/demo and ./scripts/check there,
# with the time of each. By hand only: it installs some hundred packages. KEEP=1 keeps the tree,
# TREE=DIR uses (and keeps) a tree made before.
set -euo pipefail

readonly SUITE=bookworm
readonly DEMO_SECONDS=240 # what the README promises
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repository

die() {
	printf 'bare-debian: %s\n' "$*" >&2
	exit 1
}

# package_source: the first address under which apt's own configuration knows the suite.
package_source() {
	local file

	for file in /etc/apt/sources.list.d/*.sources; do
		[[ -e $file ]] || continue
		awk -v suite="$SUITE" '
			/^URIs:/ { address = $2 }
			/^Suites:/ { for (i = 2; i <= NF; i++) if ($i == suite) print address }' "$file"
	done
	{ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
		sed -E 's/\[[^]]*\]//' |
		awk -v suite="$SUITE" '$1 == "deb" && $3 == suite { print $2 }'
}

make_tree() {
	local address entry

	address=$(package_source | sed -n 1p)
	[[ -n $address ]] || die "apt's configuration names no source of $SUITE"
	mkdir -p "$tree"
	debootstrap --variant=minbase "$SUITE" "$tree" "$address" >"$tree.log" 2>&1 ||
		die "debootstrap failed: $(tail -n 1 "$tree.log")"
	rm -f "$tree.log" "$tree/etc/apt/sources.list"
	for entry in sources.list sources.list.d apt.conf apt.conf.d auth.conf.d trusted.gpg.d; do
		[[ ! -e /etc/apt/$entry ]] || cp -a "/etc/apt/$entry" "$tree/etc/apt/"
	done
}

# enter CMD [ARG...]: runs CMD in the tree, with a process and a mount namespace of its own.
enter() {
	# shellcheck disable=SC2016 # the inner shell expands its own arguments
	unshare --mount --propagation private --pid --fork --kill-child -- bash -c '
		set -e
		mount --bind "$0" "$0"
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		exec env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
			${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
			chroot "$0" "$@"' "$tree" "$@"
}

# timed SCRIPT LIMIT: runs ./scripts/SCRIPT in the tree and says how it went and how long it took.
timed() {
	local start=$SECONDS code=0 took

	enter "/root/faultd/scripts/$1" || code=$?
	took=$((SECONDS - start))
	printf 'bare-debian: ./scripts/%s took %d s, exit code %d\n' "$1" "$took" "$code"
	((code == 0)) || failed=1
	(($2 == 0 || took < $2)) || {
		printf 'bare-debian: ./scripts/%s took more than %d s\n' "$1" "$2"
		failed=1
	}
}

main() {
	local script failed=0

	((EUID == 0)) || die "must run as root"
	type -P debootstrap git unshare >/dev/null || die "debootstrap, git and unshare are needed"
	(($#)) || set -- demo check
	for script; do
		[[ $script == demo || $script == check ]] || die "'$script' is neither demo nor check"
	done
	if [[ -n ${TREE:-} ]]; then
		tree=$TREE
	else
		tree=$(mktemp -d /var/tmp/faultd-bare.XXXXXX)/tree
		[[ -n ${KEEP:-} ]] || trap 'rm -rf --one-file-system "$(dirname "$tree")"' EXIT
	fi
	[[ -e $tree/etc/debian_version ]] || make_tree
	rm -rf "$tree/root/faultd"
	git clone --quiet --no-hardlinks "$repository" "$tree/root/faultd"
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	for script; do
		case $script in
		demo) timed demo "$DEMO_SECONDS" ;;
		check) timed check 0 ;;
		esac
	done
	exit "$failed"
}

main "$@"
