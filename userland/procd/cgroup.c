// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control groups of the jobs, version 2 only: BASE/job-ID below a base of our own.
 *
 * The base is made in the group procd finds itself in when that is delegated to it (systemd's
 * Delegate=), otherwise at the top of the hierarchy, so that no group of somebody else gets both
 * processes and children. Where no cgroup2 is mounted, one is mounted in $state/cgroup.
 * Controllers are used as far as they can be switched on; ending a job needs none of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "procd.h"

#define CGROUP2_MAGIC 0x63677270

static int base = -1;		/* directory of the base */
static char base_path[AM_PATH_MAX + 128];
static char mounted[AM_PATH_MAX + 16];	/* our own mount, to be taken away at the end */

static bool put(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

static ssize_t get(int dir, const char *file, char *buf, size_t size)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* where cgroup2 is mounted, as /proc/self/mounts has it */
static bool find_mount(char *path, size_t size)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[2 * AM_PATH_MAX], dir[AM_PATH_MAX], type[32], own[AM_PATH_MAX + 16];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		struct statfs fs;

		if (sscanf(line, "%*s %4095s %31s", dir, type) != 2 || strcmp(type, "cgroup2"))
			continue;
		if (statfs(dir, &fs) || (uint32_t)fs.f_type != CGROUP2_MAGIC || access(dir, W_OK))
			continue;
		found = (size_t)snprintf(path, size, "%s", dir) < size;
	}
	if (f)
		fclose(f);
	/* one of an earlier procd is ours to take away */
	snprintf(own, sizeof(own), "%s/cgroup", conf.state);
	if (found && !strcmp(own, path))
		strcpy(mounted, own);
	return found;
}

static bool mount_own(char *path, size_t size)
{
	snprintf(mounted, sizeof(mounted), "%s/cgroup", conf.state);
	if (mkdir(mounted, 0700) && errno != EEXIST)
		return false;
	if (mount("cgroup", mounted, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		mounted[0] = '\0';
		return false;
	}
	return (size_t)snprintf(path, size, "%s", mounted) < size;
}

/* our own group when it is delegated to us: it holds nobody but us and is not the top */
static bool own_group(const char *top, char *path, size_t size)
{
	char line[AM_PATH_MAX] = "", *nl, *p;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC), dir;
	bool ok;
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return false;
	p = strstr(line, "0::/");
	if (!p || !p[4] || p[4] == '\n')
		return false;
	p += 3;
	nl = strchr(p, '\n');
	if (nl)
		*nl = '\0';
	if ((size_t)snprintf(path, size, "%s%s", top, p) >= size)
		return false;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	ok = fgetxattr(dir, "trusted.delegate", line, sizeof(line)) > 0;
	close(dir);
	return ok;
}

static void enable(int dir)
{
	static const char *const want[] = { "+cpu", "+memory", "+pids", "+io" };

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		put(dir, "cgroup.subtree_control", want[i]);
}

/* groups of an earlier procd that did not get to remove them */
static void sweep(void)
{
	int dup_fd = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		unsigned int id;
		int fd;

		if (sscanf(e->d_name, "job-%u", &id) != 1)
			continue;
		fd = openat(base, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			cgroup_drop(fd, id);
	}
	if (d)
		closedir(d);
}

void cgroup_start(void)
{
	char top[AM_PATH_MAX], own[AM_PATH_MAX + 64], leaf[AM_PATH_MAX + 160], pid[16];
	int dir;

	if (!find_mount(top, sizeof(top)) && !(conf.isolate && mount_own(top, sizeof(top)))) {
		note("no cgroup2 to write to: jobs run without control groups%s",
		     conf.isolate ? ", held together by their process namespace only" : "");
		return;
	}
	if (own_group(top, own, sizeof(own))) {
		/* a group with children holds no processes: we move one down */
		snprintf(base_path, sizeof(base_path), "%s", own);
		snprintf(leaf, sizeof(leaf), "%s/procd", own);
		if (!mkdir(leaf, 0755) || errno == EEXIST) {
			dir = open(leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			snprintf(pid, sizeof(pid), "%d", getpid());
			if (dir >= 0) {
				put(dir, "cgroup.procs", pid);
				close(dir);
			}
		}
	} else {
		dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0) {
			enable(dir);
			close(dir);
		}
		snprintf(base_path, sizeof(base_path), "%s/amoeba-procd-%s", top, conf.name);
	}
	if (mkdir(base_path, 0755) && errno != EEXIST) {
		note("%s: %s: jobs run without control groups", base_path, strerror(errno));
		return;
	}
	base = open(base_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0) {
		note("%s: %s: jobs run without control groups", base_path, strerror(errno));
		return;
	}
	enable(base);
	sweep();
	if (faccessat(base, "cgroup.kill", W_OK, 0) && conf.isolate)
		note("%s: no cgroup.kill: jobs are ended by their process namespace only",
		     base_path);
}

void cgroup_stop(void)
{
	if (base >= 0) {
		close(base);
		base = -1;
		rmdir(base_path);	/* systemd removes a delegated one itself */
	}
	if (*mounted) {
		umount2(mounted, MNT_DETACH);
		rmdir(mounted);
	}
}

bool cgroup_have(void)
{
	return base >= 0;
}

int cgroup_make(uint32_t id, uint32_t mem_mib)
{
	char name[32], text[32];
	int fd;

	if (base < 0)
		return -1;
	snprintf(name, sizeof(name), "job-%u", id);
	if (mkdirat(base, name, 0755) && errno != EEXIST)
		return -1;
	fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (mem_mib) {
		snprintf(text, sizeof(text), "%u", mem_mib);
		strcat(text, "M");
		put(fd, "memory.max", text);
		put(fd, "memory.swap.max", "0");
	}
	put(fd, "memory.oom.group", "1");
	if (conf.nproc) {
		snprintf(text, sizeof(text), "%u", conf.nproc + 1);
		put(fd, "pids.max", text);
	}
	return fd;
}

/* signals each process named in cgroup.procs; false when the file cannot be read */
bool cgroup_signal(int fd, int sig)
{
	FILE *f;
	long pid;
	int p;

	if (fd < 0)
		return false;
	p = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	f = p < 0 ? NULL : fdopen(p, "r");
	if (!f)
		return false;
	while (fscanf(f, "%ld", &pid) == 1)
		if (pid > 1)
			kill((pid_t)pid, sig);
	fclose(f);
	return true;
}

void cgroup_kill(int fd)
{
	if (fd >= 0 && !put(fd, "cgroup.kill", "1"))
		cgroup_signal(fd, SIGKILL);
}

void cgroup_usage(int fd, uint64_t *cpu_us, uint64_t *mem_kib)
{
	char buf[512], *p;

	*cpu_us = *mem_kib = 0;
	if (fd < 0)
		return;
	if (get(fd, "cpu.stat", buf, sizeof(buf)) > 0) {
		p = strstr(buf, "usage_usec ");
		if (p)
			*cpu_us = strtoull(p + 11, NULL, 10);
	}
	if (get(fd, "memory.current", buf, sizeof(buf)) > 0)
		*mem_kib = strtoull(buf, NULL, 10) / 1024;
}

void cgroup_drop(int fd, uint32_t id)
{
	char name[32];

	if (fd < 0)
		return;
	snprintf(name, sizeof(name), "job-%u", id);
	/* the last process leaves its group a moment after it was waited for */
	for (int i = 0; i < 200; i++) {
		if (!unlinkat(base, name, AT_REMOVEDIR) || errno == ENOENT)
			break;
		if (errno != EBUSY) {
			note("%s/%s: %s", base_path, name, strerror(errno));
			break;
		}
		cgroup_kill(fd);
		usleep(i < 20 ? 1000 : 20000);
		if (i == 199)
			note("%s/%s: processes do not end; the group stays", base_path, name);
	}
	close(fd);
}
