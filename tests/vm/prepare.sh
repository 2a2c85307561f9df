#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# prepare.sh SRC PATCH... - make an unpacked kernel source fit for test kernels.
#
# The PATCHes that apply are applied: they mend drivers of the test machines, never what
# is tested.  And the tree gets the two lines that a drop-in of this project at net/amoeba
# needs, with an empty place there; for a kernel with the code built in, the project's
# tree is bound over that place.

set -e
cd "$1"
shift
[ -d net/amoeba ] && exit 0

for p in "$@"; do
	if patch -s -p1 --dry-run < "$p" >/dev/null 2>&1; then
		patch -s -p1 < "$p"
	else
		echo "prepare: $p does not apply here: left out" >&2
	fi
done

sed -i 's,^source "net/tipc/Kconfig"$,&\nsource "net/amoeba/Kconfig",' net/Kconfig
sed -i 's,^obj-$(CONFIG_TIPC).*tipc/$,&\nobj-y\t\t\t\t+= amoeba/,' net/Makefile
grep -q '^source "net/amoeba/Kconfig"' net/Kconfig
grep -q '+= amoeba/$' net/Makefile
mkdir net/amoeba.new
echo '# the project goes here' > net/amoeba.new/Kconfig
echo '# the project goes here' > net/amoeba.new/Kbuild
mv net/amoeba.new net/amoeba
