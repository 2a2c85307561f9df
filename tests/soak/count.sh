#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# count.sh FOLDER CLIENTS THREADS CALLS MAX_DATA [min_ok=N] [running=1] - adds up the books of
# machines.sh in FOLDER and says what has become of all calls, and what was killed. Status 1 when a
# promise is broken.

set -u
once=$(dirname "$(realpath "$0")")/../../build/userland/tests/race_once
cd "$1" || exit 2
book=$(mktemp) || exit 2
trap 'rm -f "$book"' EXIT
shopt -s nullglob
"$once" make "$book" "$2" "$3" "$4" max_data="$5" &&
	"$once" gather "$book" $(ls -v c.*) $(ls -v s.*) || exit 1
shift 5
"$once" check "$book" "$@"
status=$?
read -r begun deaths < <("$once" progress "$book")
cat events.* 2>/dev/null | awk -v deaths="$deaths" '{ n[$1]++ }
	END { printf "    killed: %d servers, %d clients; machines: %d cut off, %d rebooted\n",
		deaths, n["client"], n["cut"], n["reboot"] }'
exit $status
