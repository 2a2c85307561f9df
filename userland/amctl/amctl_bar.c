// SPDX-License-Identifier: GPL-2.0-or-later
/* Progress of long work on standard error. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "amctl_main.h"

#define REDRAW 0.1	/* seconds between two drawings */

bool amctl_bar_drawn;

void amctl_bar_clear(void)
{
	if (amctl_bar_drawn)
		fputs("\r\033[K", stderr);
	amctl_bar_drawn = false;
}

static bool bytes(const struct amctl_bar *b)
{
	return !strcmp(b->unit, "bytes");
}

static void amount(const struct amctl_bar *b, uint64_t v, char buf[24])
{
	char size[16];

	if (bytes(b))
		snprintf(buf, 24, "%s", amctl_size(v, size));
	else
		snprintf(buf, 24, "%" PRIu64, v);
}

void amctl_bar_start(struct amctl_bar *b, const char *label, const char *unit, uint64_t total)
{
	const char *term = getenv("TERM");

	memset(b, 0, sizeof(*b));
	b->label = label;
	b->unit = unit;
	b->total = total;
	b->start = amctl_now();
	b->tty = isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
	b->quiet = amctl_json;
}

void amctl_bar_hide(struct amctl_bar *b)
{
	if (!b->tty || b->quiet || b->drawn == 0)
		return;
	amctl_bar_clear();
	b->drawn = 0;
}

static int columns(void)
{
	struct winsize w;

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col > 20)
		return w.ws_col;
	return 80;
}

static void draw(struct amctl_bar *b, const char *detail)
{
	double passed = amctl_now() - b->start;
	char done[24], total[24], line[512];
	int room, n;

	amount(b, b->done, done);
	amount(b, b->total, total);
	if (b->total) {
		char bar[33];
		int full = (int)(b->done * 32 / b->total);

		for (int i = 0; i < 32; i++)
			bar[i] = i < full ? '#' : '.';
		bar[32] = '\0';
		n = snprintf(line, sizeof(line), "%s [%s] %3d%% %s/%s %s", b->label, bar,
			     (int)(b->done * 100 / b->total), done, total,
			     bytes(b) ? "" : b->unit);
		if (b->done && b->done < b->total && passed > 2)
			n += snprintf(line + n, sizeof(line) - (size_t)n, ", %.0f s left",
				      passed * (double)(b->total - b->done) / (double)b->done);
	} else {
		n = snprintf(line, sizeof(line), "%s: %s %s, %.0f s", b->label, done,
			     bytes(b) ? "" : b->unit, passed);
	}
	room = columns() - 1;
	if (n > room)
		n = room;
	fprintf(stderr, "\r%.*s", n, line);
	if (detail && n + 4 < room)
		fprintf(stderr, "  %.*s", room - n - 2, detail);
	fputs("\033[K", stderr);
	fflush(stderr);
	amctl_bar_drawn = true;
}

void amctl_bar_set(struct amctl_bar *b, uint64_t done, const char *detail)
{
	double now;
	int tenth;

	if (b->total && done > b->total)
		done = b->total;
	b->done = done;
	if (b->quiet)
		return;
	if (b->tty) {
		now = amctl_now();
		if (now - b->drawn < REDRAW && done != b->total)
			return;
		b->drawn = now;
		draw(b, detail);
		return;
	}
	if (!b->total)
		return;
	tenth = (int)(done * 10 / b->total);
	if (tenth > b->tenth && tenth < 10) {
		char d[24], t[24];

		amount(b, done, d);
		amount(b, b->total, t);
		fprintf(stderr, "%s: %d0%%, %s of %s %s\n", b->label, tenth, d, t,
			bytes(b) ? "" : b->unit);
	}
	if (tenth > b->tenth)
		b->tenth = tenth;
}

void amctl_bar_end(struct amctl_bar *b, const char *summary)
{
	if (b->quiet)
		return;
	amctl_bar_hide(b);
	if (summary)
		fprintf(stderr, "%s: %s\n", b->label, summary);
}
