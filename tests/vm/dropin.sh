#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dropin.sh SRC - give a kernel source tree the two lines that a drop-in of this
# project at net/amoeba needs, and an empty place there.  The project's tree is
# bound over that place when a kernel with the code built in is wanted.

set -e
cd "$1"
[ -d net/amoeba ] && exit 0
sed -i 's,^source "net/tipc/Kconfig"$,&\nsource "net/amoeba/Kconfig",' net/Kconfig
sed -i 's,^obj-$(CONFIG_TIPC).*tipc/$,&\nobj-y\t\t\t\t+= amoeba/,' net/Makefile
grep -q '^source "net/amoeba/Kconfig"' net/Kconfig
grep -q '+= amoeba/$' net/Makefile
mkdir net/amoeba.new
echo '# the project goes here' > net/amoeba.new/Kconfig
echo '# the project goes here' > net/amoeba.new/Kbuild
mv net/amoeba.new net/amoeba
