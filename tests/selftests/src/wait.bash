# SPDX-License-Identifier: GPL-2.0-or-later
# Waiting in selftests: for what is to come, never for a time. Sourced by the other *.bash here, and
# by tests that need nothing else of them.
#
#	wait_for SECONDS CMD...	until CMD succeeds
#	serve NS ARG...		rpc_server for $getport in the namespace, until it waits for a
#				request; its process is in $server, what it says in $tmp/srv
#	serving NS		does a server wait there?

# a get-port and its one-way
getport=746573740000 putport=5884075ce686
getport2=677270000000 putport2=99fed83a4000

# For so many seconds, and so many tries as there would be on a machine of our own: one that gets a
# tenth of a processor is as much slower at what is waited for as at trying.
wait_for()
{
	local end=$((SECONDS + $1)) last=$((SECONDS + 10 * $1)) tries=$((10 * $1))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || [ $SECONDS -lt $end ] || return 1
		[ $SECONDS -lt $last ] || return 1
		sleep 0.1
	done
}

serving() { ip netns exec "$1" grep -q 'waiting 1' /proc/net/amoeba/ports; }

serve()
{
	local n=$1
	shift
	# the process itself, not a shell that waits for it, so that it can be killed
	ip netns exec "$n" "$tests/rpc_server" getport=$getport echo=1 "$@" >"$tmp/srv" 2>&1 &
	server=$!
	wait_for 30 serving "$n" || fail "no server in $n: $(cat "$tmp/srv")"
}
