#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# probes.sh [RATE [SECONDS]]: how many HTTP probes a second one faultctl can begin on time, on one core
# of a machine with two: by default 2000 for 60 s, over fresh connections and over kept ones, by workflows
# of 100 a second and of 1000. The service is nginx on loopback. Exits 1 when schedule lateness reaches 2 ms at its 99th percentile, a
# unit is abandoned, or memory grows.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rate=${1:-2000}
seconds=${2:-60}
for command in nginx python3 taskset; do
	type -P "$command" >/dev/null || {
		printf 'SKIP: %s is not installed\n' "$command"
		exit 77
	}
done
state=$(mktemp -d)
nginx_pid=
trap '[[ -z $nginx_pid ]] || kill "$nginx_pid"; rm -rf "$state"' EXIT
cat >"$state/nginx.conf" <<-CONF
	daemon off;
	worker_processes 1;
	pid $state/nginx.pid;
	error_log stderr error;
	events { worker_connections 8192; }
	http {
		access_log off;
		keepalive_requests 1000000;
		client_body_temp_path $state;
		proxy_temp_path $state;
		fastcgi_temp_path $state;
		uwsgi_temp_path $state;
		scgi_temp_path $state;
		server { listen 127.0.0.1:18081 backlog=4096; return 200 "{}"; }
	}
CONF
taskset -c 0 nginx -c "$state/nginx.conf" -e stderr -p "$state" &
nginx_pid=$!
until curl --silent --output /dev/null --max-time 1 http://127.0.0.1:18081/; do
	kill -0 "$nginx_pid"
	sleep 0.05
done
status=0
for each in 100 1000; do
	for connection in cold warm; do
		python3 tests/bench/probes.py "${BUILD:-build}/faultctl" http://127.0.0.1:18081/ \
			"$rate" "$seconds" 1 "$connection" "$each" || status=1
	done
done
exit "$status"
