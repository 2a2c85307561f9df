// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl: where the process begins; everything else is linked into the unit tests too. */
#include <signal.h>

#include "amctl_main.h"

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	return amctl_main(argc, argv);
}
