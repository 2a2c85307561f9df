#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# amctl run: streams, exit status, signals, files in and out, stored programs, choice of the
# host, hosts that go away, wrong use.
# nodes: 3
# timeout: 500

set -u
. "$AMOEBA_TREE/tests/selftests/src/pool_lib.bash"
pool_start
amctl="$bin/amctl"

if [ "$NODE" = 1 ]; then
	cd "$work"
	# streams
	same "output" "hello" "$("$amctl" run -n echo hello)"
	same "errors" "oops" "$("$amctl" run -n --on node2 sh -c 'echo oops >&2' 2>&1 >/dev/null)"
	same "input" "HELLO" "$(echo hello | "$amctl" run --on node3 tr a-z A-Z)"
	head -c 5000000 /dev/urandom >big
	"$amctl" run --on node2 cat <big | cmp - big || fail "5 MB through cat"
	same "sum of input" "$(cksum <big)" "$("$amctl" run --on node3 cksum <big)"
	same "early end of reading" "one" "$(yes one | "$amctl" run --on node2 head -1)"
	same "early end of writing" "y" "$("$amctl" run -n --on node2 yes | head -1)"
	within 20 sh -c "! '$amctl' ps node2 | grep -q yes" || fail "yes runs on"

	# status and signals
	for s in 0 1 77 255; do
		"$amctl" run -n sh -c "exit $s"; same "status" $s $?
	done
	"$amctl" run -n --on node2 sh -c 'kill -SEGV $$' 2>err; same "signal" 139 $?
	grep -q SIGSEGV err || fail "no word of the signal: $(cat err)"
	refused 127 'no-such-program' "$amctl" run no-such-program
	refused 126 'ermission denied' "$amctl" run /etc/passwd
	"$amctl" run -n --on node2 sh -c 'trap "echo got it; exit 9" TERM; echo up; while :; do sleep 0.1; done' >out &
	client=$!
	within 20 grep -q up out || fail "the program did not start"
	kill -TERM $client
	wait $client; same "status after a signal passed on" 9 $?
	grep -q 'got it' out || fail "the signal did not arrive"
	"$amctl" run -n --limit 1 --on node2 sleep 60 2>err; same "limit of time" 125 $?
	grep -q 'its time was over' err || fail "no word of the limit: $(cat err)"

	# files
	echo 'in the file' >in.txt
	"$amctl" run -n --on node3 --in in.txt --in in.txt=a/b/c.txt --out out.txt --out d/e=e.txt \
		sh -c 'cat in.txt a/b/c.txt >out.txt; mkdir d; echo e >d/e' || fail "files: $?"
	same "out" "in the file in the file" "$(tr '\n' ' ' <out.txt | sed 's/ $//')"
	same "e" "e" "$(cat e.txt)"
	refused 125 'did not make it' "$amctl" run -n --out nothing true
	refused 1 'No such file' "$amctl" run -n --in nosuch true
	refused 2 "no path below" "$amctl" run -n --in in.txt=../x true

	# stored programs
	printf '#!/bin/sh\necho "script $0 $1 on $(hostname)"\n' >script
	"$amctl" put script /home/script 2>/dev/null || fail "put"
	"$amctl" put /bin/uname /home/uname 2>/dev/null || fail "put"
	same "script" "script /tmp/program arg on node3" \
		"$("$amctl" run -n --on node3 amoeba:/home/script arg)"
	same "binary" "$(uname -s)" "$("$amctl" run -n --on node2 amoeba:/home/uname -s)"
	same "stored input" "$(cksum <script)" \
		"$("$amctl" run -n --on node3 --in amoeba:/home/script=s sh -c 'cksum <s')"
	"$amctl" ls /home | grep -qx script || fail "a stored input is gone"
	"$amctl" get /home/script "$work/script.2" 2>/dev/null && cmp script script.2 ||
		fail "a stored input changed"
	refused 1 '/home/nosuch' "$amctl" run -n --in amoeba:/home/nosuch true
	refused 1 '/home/nosuch' "$amctl" run -n amoeba:/home/nosuch
	refused 125 'the program' "$amctl" run -n amoeba:/home

	# the choice: the idle ones both get some; node1 is busy with the servers and with us
	for i in $(seq 24); do "$amctl" run -n hostname; done | sort | uniq -c >spread
	same "idle hosts used" 2 "$(grep -c 'node[23]' spread)"
	same "programs run" 24 "$(awk '{n += $1} END {print n}' spread)"

	# a detached one, seen, attached to, killed
	job=$("$amctl" run -d --on node3 sh -c 'echo begin; sleep 2; echo end; exit 4')
	"$amctl" ps | grep -q "^$job " || fail "ps does not show $job: $("$amctl" ps)"
	"$amctl" ps node2 | grep -q "^$job " && fail "ps node2 shows $job"
	"$amctl" run --attach "$job" >out; same "status of an attached job" 4 $?
	same "its output" "begin end" "$(tr '\n' ' ' <out | sed 's/ $//')"
	job=$("$amctl" -j run -d --on node2 sleep 99 | tr -d ' \n')
	case $job in '{"host":"node2","id":'*) ;; *) fail "json: $job";; esac

	# wrong use
	refused 1 'no such job' "$amctl" kill node2/9999
	refused 1 'nohost' "$amctl" kill nohost/1
	refused 2 'no HOST/NUMBER' "$amctl" kill 17
	refused 2 'no signal' "$amctl" kill -s NOSUCH node2/1
	refused 2 'which program' "$amctl" run
	refused 2 'wants a value' "$amctl" run --on
	refused 2 'no option' "$amctl" run --nosuch true
	refused 125 'nohost' "$amctl" run --on nohost true
	refused 1 'no such host' "$amctl" host status nohost
	id=$("$amctl" ps node2 | sed -n 's/^\(node2[^ ]*\) .*sleep 99$/\1/p')
	"$amctl" kill "$id" || fail "kill $id"
	within 10 sh -c "! '$amctl' ps node2 | grep -q 'run.*sleep 99'" || fail "$id lives"
	refused 1 'has ended already' "$amctl" kill "$id"
	"$amctl" run --attach "$id"; same "status of a killed job" 143 $?
	"$amctl" host status node2 | grep -q '^user nobody' || fail "host status"
	refused 1 'is up' "$amctl" host del node2
fi
barrier done 250

# hosts that go away: the run server forgets them, run finds the others
if [ "$NODE" = 3 ]; then
	kill $procd; wait $procd || fail "procd: status $?"
fi
barrier one-gone
if [ "$NODE" = 1 ]; then
	for i in 1 2 3 4 5 6; do
		out=$("$amctl" run -n hostname 2>"$work/err") || fail "run: $(cat "$work/err")"
		[ "$out" = node3 ] && fail "a host that is gone"
	done
	"$amctl" host list | grep -q '^node3 *down' || fail "host list: $("$amctl" host list)"
	refused 125 'node3' "$amctl" run --on node3 true
	# without a run server
	kill $rund; wait $rund || fail "rund: status $?"
	"$amctl" run -n hostname >/dev/null || fail "without a run server"
	"$bin/rund" >"$work/rund.log" 2>&1 &
	rund=$!
	"$amctl" host del node3 || fail "host del"
	"$amctl" host list | grep -q node3 && fail "node3 is still listed"
fi
barrier two-left 120
if [ "$NODE" = 3 ]; then
	procd_start
	within 30 is_up node3 || fail "node3 did not come back"
fi
barrier three-again 120
if [ "$NODE" = 1 ]; then
	back() { [ "$("$amctl" run -n hostname)" = node3 ]; }
	within 60 back || fail "node3 is not used again"
fi
barrier used-again 120
pool_stop
exit $bad
