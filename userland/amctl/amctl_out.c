// SPDX-License-Identifier: GPL-2.0-or-later
/* Results, errors, colours: what reaches the two output streams. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "amctl_main.h"

bool amctl_json;
const char *amctl_where;

static void error_line(const char *remedy, const char *fmt, va_list ap)
{
	bool tty = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	/* one line whatever a name or a server's text holds */
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	fflush(stdout);
	flockfile(stderr);	/* threads report too: a line stays a line */
	amctl_bar_clear();
	fprintf(stderr, "%samctl:%s ", tty ? "\033[31m" : "", tty ? "\033[0m" : "");
	if (amctl_where)
		fprintf(stderr, "%s: ", amctl_where);
	if (remedy)
		fprintf(stderr, "%s (%s)\n", text, remedy);
	else
		fprintf(stderr, "%s\n", text);
	funlockfile(stderr);
}

int amctl_err(const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_line(remedy, fmt, ap);
	va_end(ap);
	return AMCTL_FAIL;
}

int amctl_bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_line(amctl_usage_text(), fmt, ap);
	va_end(ap);
	return AMCTL_USAGE;
}

void amctl_note(const char *fmt, ...)
{
	va_list ap;

	if (amctl_json)
		return;
	fflush(stdout);
	amctl_bar_clear();
	va_start(ap, fmt);
	fputs("amctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

int amctl_version(void)
{
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "version", json_object_new_string(AMCTL_VERSION));
		return amctl_print_json(o);
	}
	printf("amctl %s\n", AMCTL_VERSION);
	return AMCTL_OK;
}

/* ---- remedies ------------------------------------------------------------------------------ */

static const struct {
	am_status s;
	const char *remedy;
} remedies[] = {
	{ AM_RPC_NOTFOUND, "is its server running and a network up? amctl doctor" },
	{ AM_RPC_FAILURE, "the server may have done it: look before repeating; amctl doctor" },
	{ AM_RPC_UNSAFE, "only untrusted networks lead there: amctl net set DEV trusted on" },
	{ AM_RPC_ABORTED, "interrupted before it was sent; repeat it" },
	{ AM_RPC_TRYAGAIN, "the machine is busy; repeat it" },
	{ AM_RPC_BADPORT, "the capability is null" },
	{ AM_STD_CAPBAD, "the capability is false or its object is gone" },
	{ AM_STD_COMBAD, "that server does not do this" },
	{ AM_STD_ARGBAD, "parts of a name are printable ASCII without blanks, at most 255 "
			 "characters" },
	{ AM_STD_NOTNOW, "the server is busy; repeat it" },
	{ AM_STD_NOSPACE, "the server's store is full: remove something" },
	{ AM_STD_DENIED, "the capability lacks the right; use one with more rights" },
	{ AM_STD_EXISTS, "choose another name or remove the old one" },
	{ AM_STD_NOTFOUND, "amctl ls shows the names there are" },
	{ AM_STD_SYSERR, "see the log of the server" },
	{ AM_SP_UNAVAIL, "the directory server is not ready; repeat it" },
	{ AM_SP_NOTEMPTY, "amctl rm -r removes what is in it too" },
	{ AM_SP_UNREACH, "the directory server is not ready; repeat it" },
};

const char *amctl_remedy(am_status s)
{
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
		if (remedies[i].s == s)
			return remedies[i].remedy;
	return NULL;
}

int amctl_err_status(const char *what, am_status s)
{
	/* a device that cannot be opened ends every transaction in the same way: name it */
	if (s == AM_RPC_FAILURE) {
		int err = -am_open();

		if (err)
			return amctl_err_errno("/dev/amoeba", err);
	}
	return amctl_err(amctl_remedy(s), "%s: %s", what, am_why(s));
}

static const struct {
	int err;
	const char *remedy;
} errnos[] = {
	{ ENOENT, "is the name right?" },
	{ ENOTDIR, "a part of the name is no directory" },
	{ EISDIR, "it is a directory" },
	{ EEXIST, "choose another name or remove the old one" },
	{ EACCES, "this user may not; be its owner or root" },
	{ EPERM, "this user may not; be root" },
	{ EROFS, "choose a place that can be written" },
	{ ENOSPC, "remove something" },
	{ EDQUOT, "remove something" },
	{ ENAMETOOLONG, "use a shorter one" },
	{ ELOOP, "a symbolic link leads to itself" },
	{ EMFILE, "raise the limit of open files: ulimit -n" },
	{ ENFILE, "raise the limit of open files: sysctl fs.file-max" },
	{ ENOMEM, "free some memory" },
	{ EIO, "see the kernel's log; is the disk well?" },
	{ EPIPE, "the reader has ended" },
};

int amctl_err_errno(const char *what, int err)
{
	const char *remedy = NULL;

	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (errnos[i].err == err)
			remedy = errnos[i].remedy;
	if (!strcmp(what, "/dev/amoeba")) {
		if (err == ENOENT || err == ENXIO || err == ENODEV)
			remedy = "modprobe amoeba";
		else if (err == EACCES || err == EPERM)
			remedy = "join the group amoeba: usermod -aG amoeba USER, log in anew";
		else if (err == EDQUOT)
			remedy = "this user has too many files or calls: /proc/net/amoeba/users, "
				 "sysctl net.amoeba.max_user_files";
	}
	return amctl_err(remedy, "%s: %s", what, strerror(err));
}

/* ---- colours ------------------------------------------------------------------------------- */

static bool colours(void)
{
	static int yes = -1;

	if (yes < 0) {
		const char *term = getenv("TERM");
		const char *no = getenv("NO_COLOR");

		yes = !amctl_json && isatty(STDOUT_FILENO) && !(no && *no) &&
		      term && strcmp(term, "dumb");
	}
	return yes;
}

const char *amctl_on(enum amctl_colour c)
{
	static const char *const esc[] = {
		[AMC_NONE] = "", [AMC_GOOD] = "\033[32m", [AMC_WARN] = "\033[33m",
		[AMC_BAD] = "\033[31m", [AMC_NAME] = "\033[1;34m", [AMC_DIM] = "\033[2m",
	};

	return colours() ? esc[c] : "";
}

const char *amctl_off(void)
{
	return colours() ? "\033[0m" : "";
}

/* ---- small texts --------------------------------------------------------------------------- */

int amctl_print_json(struct json_object *o)
{
	const char *s = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						       JSON_C_TO_STRING_NOSLASHESCAPE);
	int rc = puts(s) < 0 ? AMCTL_FAIL : AMCTL_OK;

	json_object_put(o);
	return rc;
}

char *amctl_size(uint64_t bytes, char buf[16])
{
	static const char unit[] = "KMGTPE";
	double v = (double)bytes;
	size_t u = 0;

	if (bytes < 1024) {
		snprintf(buf, 16, "%u", (unsigned int)bytes);
		return buf;
	}
	for (v /= 1024; v >= 1023.95 && unit[u + 1]; u++)
		v /= 1024;
	snprintf(buf, 16, v < 10 ? "%.1f%c" : "%.0f%c", v, unit[u]);
	return buf;
}

char *amctl_hex(const void *p, size_t n, char sep, char *buf, size_t size)
{
	const uint8_t *b = p;
	size_t at = 0;

	if (!size)
		return buf;
	buf[0] = '\0';
	for (size_t i = 0; i < n && at + 4 <= size; i++) {
		if (sep && i)
			buf[at++] = sep;
		at += (size_t)snprintf(buf + at, size - at, "%02x", b[i]);
	}
	return buf;
}

double amctl_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
