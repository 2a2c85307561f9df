// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl kill: a signal to jobs. */
#include <signal.h>
#include <string.h>

#include "amctl_pool.h"

static int cmd_kill(int argc, char **argv)
{
	int sig = SIGTERM, rc = AMCTL_OK, err;
	am_cap proc;
	am_status s;

	if (argc && argv[0][0] == '-') {
		const char *name = argv[0] + 1;

		if (!strcmp(argv[0], "-s")) {
			if (argc < 2)
				return amctl_bad("-s wants a signal");
			name = argv[1];
			argc--;
			argv++;
		}
		argc--;
		argv++;
		err = pool_signal(name, &sig);
		if (err)
			return err;
	}
	if (!argc)
		return amctl_bad("which job?");
	for (int i = 0; i < argc; i++) {
		err = pool_job(argv[i], &proc);
		if (!err) {
			s = am_ps_kill(&proc, sig);
			/* what has ended needs no signal, but is none the less not there */
			if (s == AM_STD_NOTFOUND || s == AM_STD_CAPBAD)
				err = amctl_err("amctl ps lists those that run",
						"%s: has ended already", argv[i]);
			else if (s)
				err = pool_err(argv[i], s);
		}
		if (err > rc)
			rc = err;
	}
	return rc;
}

const struct amctl_object amctl_obj_kill = {
	.name = "kill",
	.help = "send a signal to jobs",
	.func = cmd_kill,
	.args = "[-s SIGNAL] HOST/NUMBER...",
	.words = "@host",
	.details =
		"TERM when none is given. KILL ends every process of the job; other signals go to the\n"
		"process group of its program. amctl ps shows the names of the jobs.",
};
