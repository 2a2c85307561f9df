#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel's own objects (system, random numbers, time of day): known to nobody until asked for;
# from here and from another machine; with and without rights; fuzzed; when the namespace goes.
#
#	a -- b
#
# nodes: 1
# suites: kernel
# timeout: 120

. "$AMOEBA_TREE/tests/selftests/src/rpc_lib.bash"
need_modules
pair a b
caps() { in_ns "$1" cat /proc/net/amoeba/kernel; }
ports() { in_ns "$1" grep -c . /proc/net/amoeba/ports; }

[ "$(ports a)" = 0 ] || fail "something is served before anybody asked: $(in_ns a cat /proc/net/amoeba/ports)"
in_ns a setpriv --reuid 65534 --regid 65534 --clear-groups cat /proc/net/amoeba/kernel >"$tmp/nobody" 2>&1 &&
	fail "anybody reads capabilities: $(cat "$tmp/nobody")"
[ "$(ports a)" = 0 ] || fail "anybody starts the server"
caps a >"$tmp/caps" || fail "no capabilities: $(cat "$tmp/caps")"
[ "$(cut -d' ' -f1 "$tmp/caps" | tr '\n' ' ')" = "sys random tod " ] || fail "$(cat "$tmp/caps")"
[ "$(caps a)" = "$(cat "$tmp/caps")" ] || fail "they change"
[ "$(caps b)" != "$(cat "$tmp/caps")" ] || fail "b has the same"
[ "$(ports a)" = 1 ] || fail "not one port: $(in_ns a cat /proc/net/amoeba/ports)"

mapfile -t c < <(cut -d' ' -f2 "$tmp/caps")
for n in a b; do
	in_ns $n "$tests/kobj_check" "${c[@]}" >"$tmp/check" 2>&1 || fail "from $n: $(cat "$tmp/check")"
done
[ "$(in_ns b "$amctl" cap show "${c[0]}" | grep -c 'system server')" = 1 ] ||
	fail "amctl cap show: $(in_ns b "$amctl" cap show "${c[0]}")"

# many at once wait for one work; and what makes no sense
for i in 1 2 3 4; do
	ip netns exec b "$tests/kobj_check" fuzz "${c[$((i % 3))]}" 2000 $i >"$tmp/fuzz$i" 2>&1 &
	pids[i]=$!
done
for i in 1 2 3 4; do wait ${pids[i]} || fail "fuzz $i: $(tail -3 "$tmp/fuzz$i")"; done
in_ns b "$tests/kobj_check" "${c[@]}" >"$tmp/check" 2>&1 || fail "afterwards: $(cat "$tmp/check")"

# no memory for a reply: its client is told so. What fails are the allocations of the works that serve.
slab=/sys/kernel/debug/failslab
if [ -e $slab ]; then
	# on or off: in all works that are there
	failing()
	{
		local p
		for p in /proc/[0-9]*; do
			case $(cat "$p/comm" 2>/dev/null) in kworker/u*) echo "$1" >"$p/make-it-fail" ;; esac
		done 2>/dev/null
		echo $((100 * $1)) >$slab/probability
	}
	echo Y >$slab/task-filter
	echo N >$slab/ignore-gfp-wait
	echo 0 >$slab/verbose
	echo -1 >$slab/times
	for n in a b; do
		failing 1
		in_ns $n timeout 60 "$tests/kobj_check" nomem "${c[0]}" 20 >"$tmp/check" 2>&1
		status=$?
		failing 0
		[ $status = 0 ] || fail "without memory, from $n: status $status, $(cat "$tmp/check")"
		grep -q 'nomem [1-9]' "$tmp/check" || fail "nothing failed, from $n: $(cat "$tmp/check")"
		in_ns $n "$tests/kobj_check" nomem "${c[0]}" 20 >"$tmp/check" 2>&1
		grep -qx 'good 20 nomem 0' "$tmp/check" || fail "with memory again, from $n: $(cat "$tmp/check")"
	done
	echo N >$slab/task-filter
else
	echo "no failslab here"
fi

# a client that takes no long reply holds up nobody
"$AMOEBA_TREE/tests/fuzz/nocredit" || fail "nocredit"

# the namespace goes while it is being asked
ip netns exec b "$tests/kobj_check" fuzz "${c[1]}" 1000000 9 >/dev/null 2>&1 &
asking=$!
sleep 0.3
ip netns del a
for ((i = 0; i < 200; i++)); do
	ip -n b link show vb >/dev/null 2>&1 || break
	sleep 0.1
done
ip -n b link show vb >/dev/null 2>&1 && fail "the namespace does not go"
kill $asking 2>/dev/null
wait $asking 2>/dev/null
finish
