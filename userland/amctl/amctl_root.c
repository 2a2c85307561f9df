// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl root, amctl join: the one line that is ever configured (design 1.1). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "amctl.h"

#define ROOT_DIR  "/etc/amoeba"
#define ROOT_FILE ROOT_DIR "/root"

/* does the directory answer? Prints a note when it does not: it may start later. */
static void note_answer(const am_cap *root)
{
	enum amctl_kind kind;
	char info[64];
	am_status s = amctl_kind(root, &kind, info, sizeof(info));

	if (s)
		amctl_note("root: the directory does not answer yet: %s (amctl doctor)",
			   am_why(s));
	else
		amctl_note("root: the directory answers");
}

/* ---- root show ------------------------------------------------------------------------------- */

static int root_show(int argc, char **argv)
{
	char text[AM_CAP_TEXT];
	am_cap root;
	int rc;

	if (argc)
		return amctl_bad("unexpected '%s'", argv[0]);
	rc = amctl_root(&root);
	if (rc)
		return rc;
	am_cap_text(&root, text);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "root", json_object_new_string(text));
		json_object_object_add(o, "source", json_object_new_string(
			getenv("AMOEBA_ROOT") ? "AMOEBA_ROOT" : ROOT_FILE));
		return amctl_print_json(o);
	}
	puts(text);
	return AMCTL_OK;
}

static const struct amctl_verb verbs[] = {
	{ "show", root_show, "", "print the line that `amctl join` takes on another machine", "" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_root = {
	.name = "root",
	.help = "the root of the directory graph",
	.verbs = verbs,
	.details =
		"The first directory server draws the root capability and writes it to\n"
		ROOT_FILE " (mode 0640, group amoeba); AMOEBA_ROOT in the environment\n"
		"goes before it. Whoever holds the line holds every right on the graph.",
};

/* ---- join ------------------------------------------------------------------------------------ */

/* the old line, or "" */
static void read_line(char *line, size_t size)
{
	FILE *f = fopen(ROOT_FILE, "re");

	*line = '\0';
	if (!f)
		return;
	if (!fgets(line, (int)size, f))
		*line = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	fclose(f);
}

static int write_line(const char *text)
{
	char tmp[] = ROOT_DIR "/.root.XXXXXX";
	const struct group *g;
	char line[AM_CAP_TEXT + 2];
	int fd, err, n;

	if (mkdir(ROOT_DIR, 0755) && errno != EEXIST)
		return amctl_err(errno == EACCES || errno == EROFS ? "be root" : NULL, "%s: %s",
				 ROOT_DIR, strerror(errno));
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return amctl_err(errno == EACCES ? "be root" : NULL, "%s: %s", ROOT_DIR,
				 strerror(errno));
	n = snprintf(line, sizeof(line), "%s\n", text);
	g = getgrnam("amoeba");
	if (write(fd, line, (size_t)n) != n || (g && fchown(fd, (uid_t)-1, g->gr_gid)) ||
	    fchmod(fd, 0640) || fsync(fd) || rename(tmp, ROOT_FILE)) {
		err = errno;
		unlink(tmp);
		close(fd);
		return amctl_err_errno(ROOT_FILE, err);
	}
	close(fd);
	fd = open(ROOT_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		if (fsync(fd))
			amctl_note("%s: not sure to be on disk: %s", ROOT_DIR, strerror(errno));
		close(fd);
	}
	if (!g)
		amctl_note("join: there is no group amoeba, only root can read %s "
			   "(groupadd -r amoeba, then join again with force)", ROOT_FILE);
	return AMCTL_OK;
}

static int cmd_join(int argc, char **argv)
{
	char old[256], text[AM_CAP_TEXT];
	bool force = argc == 2 && !strcmp(argv[1], "force");
	am_cap c, was;
	int rc;

	if (argc < 1)
		return amctl_bad("which line? `amctl root show` on a machine of the pool prints it");
	if (argc > 1 && !force)
		return amctl_bad("unexpected '%s'", argv[1]);
	if (am_cap_parse(argv[0], &c) || am_cap_null(&c))
		return amctl_err("it looks like F:89:5:C8:FE:FF/7(FF)/1:2:3:4:5:6, in quotes",
				 "'%s' is no capability", argv[0]);
	read_line(old, sizeof(old));
	if (*old && !force && (am_cap_parse(old, &was) || !am_cap_equal(&was, &c)))
		return amctl_err("amctl join LINE force replaces it",
				 "%s holds another root", ROOT_FILE);
	rc = write_line(am_cap_text(&c, text));
	if (rc)
		return rc;
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "joined", json_object_new_string(text));
		return amctl_print_json(o);
	}
	printf("joined: %s written\n", ROOT_FILE);
	note_answer(&c);
	return AMCTL_OK;
}

const struct amctl_object amctl_obj_join = {
	.name = "join",
	.help = "make this machine use the directory of others",
	.func = cmd_join,
	.args = "LINE [force]",
	.words = "force",
	.details =
		"LINE is what `amctl root show` prints on a machine that has joined, in quotes.\n"
		"It is written to " ROOT_FILE ", where every program finds the root.",
};
