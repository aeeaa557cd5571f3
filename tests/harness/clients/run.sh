#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh curl|wget|python|node|java LIST: plays LIST with a client of that runtime (see README.md).
set -euo pipefail

directory=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case ${1:-} in
curl) exec "$directory/curl.sh" "${@:2}" ;;
wget) exec "$directory/wget.sh" "${@:2}" ;;
python) exec python3 "$directory/client.py" "${@:2}" ;;
node) exec node "$directory/client.mjs" "${@:2}" ;;
java) exec java -XX:TieredStopAtLevel=1 "$directory/Client.java" "${@:2}" ;;
*)
	echo "usage: run.sh curl|wget|python|node|java LIST" >&2
	exit 2
	;;
esac
