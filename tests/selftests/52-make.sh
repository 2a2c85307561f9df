#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# amctl make: a source tree built on three hosts is, byte for byte, what make builds here; trees
# of the directory; what must be compiled here; errors; a host that dies in the middle.
# nodes: 3
# timeout: 600
# mem: 768M

set -u
. "$AMOEBA_TREE/tests/selftests/src/pool_lib.bash"
command -v cc >/dev/null && command -v make >/dev/null || { echo "SKIP: no compiler"; exit 77; }
pool_start
amctl="$bin/amctl"

# a small tree with what is awkward: headers found by -I, absolute paths, links, "..", generated
# headers, names with a blank, C++, dependencies in a directory of their own
make_tree() {
	local t=$1 i
	mkdir -p "$t/src/sub" "$t/inc/deep" "$t/real"
	ln -s real "$t/link"
	cat >"$t/Makefile" <<-'MK'
	objs := $(addprefix o/,a.o b.o c.o d.o e.o f.o $(patsubst %,m%.o,1 2 3 4))
	flags := -g -O1 -Wall -Iinc -I$(CURDIR)/inc/deep -Isrc/sub/../../inc -Ilink -Iabsent
	all: prog
	prog: $(objs); $(CC) -o $@ $^
	o/%.o: src/%.c gen.h | o; $(CC) $(flags) -include gen.h -MD -MP -MF o/$*.d -c -o $@ $<
	o/f.o: src/f.S | o; $(CC) -g -c -o $@ $<
	o/a.o: $(CURDIR)/src/a.c gen.h | o; cd o && $(CC) -g -I../inc -include ../gen.h -MMD -c $<
	gen.h: ; echo '#define GEN 5' >$@
	o: ; mkdir o
	clean: ; rm -rf o prog gen.h
	-include $(wildcard o/*.d)
	MK
	echo '#define IN_INC 1' >"$t/inc/inc.h"
	echo '#define DEEP 2' >"$t/inc/deep/deep.h"
	echo '#define REAL 3' >"$t/real/through.h"
	echo '#define BLANK 4' >"$t/inc/a blank.h"
	printf '#include <stdio.h>\n#include "inc.h"\nint sum(void);\nint main(void) { printf("%%d %%s\\n", sum() + IN_INC, __FILE__); return 0; }\n' >"$t/src/a.c"
	printf '#include "deep.h"\nint m(void);\nint b(void) { return DEEP + m(); }\n' >"$t/src/b.c"
	printf '#include "through.h"\nint c(void) { return REAL; }\n' >"$t/src/c.c"
	printf '#include "a blank.h"\nint d(void) { return BLANK; }\n' >"$t/src/d.c"
	printf '#include "sub/../sub/e.h"\nint e(void) { return E + GEN; }\n' >"$t/src/e.c"
	echo '#define E 6' >"$t/src/sub/e.h"
	printf '.globl f\nf:\n ret\n.section .note.GNU-stack,"",@progbits\n' >"$t/src/f.S"
	printf 'int b(void), c(void), d(void), e(void);\nint sum(void) { return b() + c() + d() + e(); }\n' >"$t/src/m1.c"
	printf '#include <stdlib.h>\n#include <string.h>\nint m(void) { return (int)strlen("abc"); }\n' >"$t/src/m2.c"
	for i in 3 4; do
		printf '#include <stdio.h>\nint m%d(void) { return printf("%%d\\n", %d + GEN); }\n' $i $i >"$t/src/m$i.c"
	done
}

count() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$2"; }

if [ "$NODE" = 1 ]; then
	t=/home/builder/project
	make_tree $t
	cd $t
	make -s -j2 >"$work/out" 2>&1 || fail "make here: $(cat "$work/out")"
	mkdir "$work/local" && cp -r o prog "$work/local/"
	make -s clean

	# the same on the pool
	"$amctl" make -v -j6 2>"$work/log" >"$work/out" || fail "amctl make: $(cat "$work/log")"
	diff -r o "$work/local/o" || fail "objects differ"
	cmp prog "$work/local/prog" || fail "the program differs"
	[ "$(grep -c ': here: ' "$work/log")" = 0 ] || fail "compiled here: $(cat "$work/log")"
	grep -q 'make: 10 compiled:.* here 0' "$work/log" || fail "summary: $(tail -1 "$work/log")"
	n=$(grep -o ': node[123], ' "$work/log" | sort -u | wc -l)
	[ "$n" -ge 2 ] || fail "$n hosts used: $(cat "$work/log")"
	same "the program" "24 $t/src/a.c" "$(./prog)"
	"$amctl" make 2>&1 | grep -q 'Nothing to be done' || fail "a second time"

	# again: every source is there already
	make -s clean
	"$amctl" -j make -j6 >"$work/json" 2>"$work/out" || fail "again: $(cat "$work/out")"
	same "all on the pool" 10 "$(count remote "$work/json")"
	same "nothing sent" 0 "$(count sent_files "$work/json")"
	diff -r o "$work/local/o" || fail "objects differ the second time"

	# a changed header
	echo '#define E 7' >src/sub/e.h
	"$amctl" -j make -j6 >"$work/json" 2>"$work/out" || fail "changed: $(cat "$work/out")"
	same "one compiled" 1 "$(count remote "$work/json")"
	same "the program" "25 $t/src/a.c" "$(./prog)"

	# an error is shown once and counts
	echo 'int m3(void) { return undeclared; }' >src/m3.c
	"$amctl" make -k -j6 >"$work/out" 2>&1 && fail "an error did not count"
	same "messages" 1 "$(grep -c "error: 'undeclared'\|error: ‘undeclared’" "$work/out")"
	echo 'int m3(void) { int unused; return 0; }' >src/m3.c
	"$amctl" make -j6 >"$work/out" 2>&1 || fail "repaired: $(cat "$work/out")"
	same "warnings" 1 "$(grep -c 'warning: unused variable' "$work/out")"

	# what is done here, and why
	cat >here.mk <<-'MK'
	all: t1.o t2.o t3.o t4.o t5.o t6.o
	t1.o: t1.c; $(CC) -c -o $@ $<
	t2.o: t2.c; $(CC) -march=native -c -o $@ $<
	t3.o: t3.c; $(CC) -save-temps -c -o $@ $<
	t4.o: t4.c; $(CC) -c -o $@ $<
	t5.o: t5.c; echo '-c -o t5.o t5.c' >args; $(CC) @args -c
	t6.o: t6.c; $(CC) -c -o $@ - <$< -x c || $(CC) -x c -c -o $@ - <$<
	MK
	for i in 1 2 3 4 5 6; do echo "int t$i;" >t$i.c; done
	echo 'const char *t = __TIMESTAMP__;' >>t1.c
	printf '__asm__(".incbin \\"t5.c\\"");\n' >>t4.c
	"$amctl" make -v -f here.mk -j1 >"$work/out" 2>&1 || fail "here: $(cat "$work/out")"
	for why in 'its own date' 'this very processor' 'temporary files' 'includes data' \
		   'arguments from a file' 'standard input'; do
		grep -q "here: .*$why" "$work/out" || fail "'$why' is not said: $(cat "$work/out")"
	done
	grep -q ' here 6' "$work/out" || grep -q ' here 7' "$work/out" ||
		fail "not all here: $(tail -1 "$work/out")"

	# wrong use
	refused 2 'wants a path' "$amctl" make --tree
	refused 1 '/home/nosuch' "$amctl" make --tree /home/nosuch
	refused 2 'stored elsewhere' "$amctl" make --here -C amoeba:/home
	"$amctl" make -C /nowhere >"$work/out" 2>&1; same "make's own status" 2 $?

	# a tree of the directory: built from there, stored there, run from there
	rm -rf "$work/tree"; make_tree "$work/tree"
	rm "$work/tree/inc/a blank.h"; echo 'int d(void) { return 4; }' >"$work/tree/src/d.c"
	"$amctl" mkdir -p /home/demo || fail "mkdir"
	"$amctl" put -r "$work/tree" /home/demo/src 2>/dev/null || fail "put -r"
	"$amctl" -j make --tree /home/demo/src -j6 >"$work/json" 2>"$work/out" ||
		fail "tree: $(cat "$work/out")"
	same "of the tree on the pool" 10 "$(count remote "$work/json")"
	# those of the tree are there, and gen.h is since the build above
	same "sources sent again" 0 "$(count sent_files "$work/json")"
	"$amctl" ls /home/demo/src/o | grep -qx m1.o || fail "no object in the tree"
	out=$("$amctl" run -n --on node3 amoeba:/home/demo/src/prog) || fail "the stored program"
	same "what it says" 24 "${out% *}"
	"$amctl" make -C amoeba:/home/demo/src 2>&1 | grep -q 'Nothing to be done' ||
		fail "the stored tree is not up to date"
	echo '#define DEEP 3' >"$work/deep.h"
	"$amctl" put "$work/deep.h" /home/demo/src/inc/deep/deep.h 2>/dev/null || fail "put"
	"$amctl" -j make -C amoeba:/home/demo/src -j6 >"$work/json" 2>"$work/out" ||
		fail "changed tree: $(cat "$work/out")"
	same "of the changed tree" 1 "$(count remote "$work/json")"
	out=$("$amctl" run -n --on node2 amoeba:/home/demo/src/prog)
	same "what it says now" 25 "${out% *}"
fi
barrier built 500
clean "after building"

# another compiler: not used
if [ "$NODE" = 3 ]; then
	real=$(readlink -f "$(command -v cc)")
	printf '#!/bin/sh\n[ "$1" = -v ] && echo another >&2\nexec %s "$@"\n' "$real" >"$work/cc"
	chmod 755 "$work/cc"
	mv /usr/bin/cc /usr/bin/cc.was && cp "$work/cc" /usr/bin/cc
fi
barrier other-compiler
if [ "$NODE" = 1 ]; then
	mkdir "$work/big"; cd "$work/big"
	for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int x) { return x + $i; }" >f$i.c; done
	printf 'objs := $(patsubst %%.c,%%.o,$(wildcard *.c))\nall: $(objs)\n' >Makefile
	make -s -j2 && mkdir here && mv ./*.o here/ || fail "make here"
	"$amctl" make -v -j6 >"$work/out" 2>&1 || fail "other compiler: $(cat "$work/out")"
	if grep -q 'node3' "$work/out"; then
		grep -q 'node3: /usr/bin/cc is not the same there' "$work/out" ||
			fail "not noticed: $(cat "$work/out")"
	fi
	grep -q ': node3, ' "$work/out" && fail "another compiler was used"
	for f in here/*.o; do cmp "$f" "${f##*/}" || fail "${f##*/} differs"; done
	rm ./*.o
fi
barrier other-done 200
[ "$NODE" = 3 ] && mv /usr/bin/cc.was /usr/bin/cc

# a host that dies in the middle: everything is built all the same
barrier same-again
if [ "$NODE" = 1 ]; then
	"$amctl" make -v -j6 >"$work/out" 2>&1 &
	build=$!
	used() { grep -q ': node[23], ' "$work/out"; }
	within 60 used || fail "nothing on other hosts: $(cat "$work/out")"
	sed -n 's/.*: \(node[23]\), .*/\1/p' "$work/out" | head -1 >"$SHARED/die.tmp"
	mv "$SHARED/die.tmp" "$SHARED/die"
else
	within 100 test -e "$SHARED/die"
	if [ "$(cat "$SHARED/die")" = "$name" ]; then
		kill -9 $procd; wait $procd 2>/dev/null
		died=1
	fi
fi
if [ "$NODE" = 1 ]; then
	wait $build; same "status of the build" 0 $?
	for f in here/*.o; do cmp "$f" "${f##*/}" || fail "${f##*/} differs"; done
	[ -z "$(ls ./*.o.* 2>/dev/null)" ] || fail "halves of objects: $(ls)"
	tail -1 "$work/out"
fi
barrier died 200
if [ -n "${died-}" ]; then
	procd_start
	within 30 is_up "$name" || fail "$name did not come back"
fi
barrier all-back 60

# nobody left: here
if [ "$NODE" != 1 ]; then
	kill $procd; wait $procd
fi
barrier alone
if [ "$NODE" = 1 ]; then
	kill $procd; wait $procd
	rm ./*.o
	"$amctl" make -j2 >"$work/out" 2>&1 || fail "alone: $(cat "$work/out")"
	grep -q 'here 8' "$work/out" || fail "not here: $(tail -1 "$work/out")"
	for f in here/*.o; do cmp "$f" "${f##*/}" || fail "${f##*/} differs"; done
fi
barrier alone-done 200
procd_start
within 30 is_up "$name" || fail "$name did not come back"
pool_stop
exit $bad
