// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * init - the first and last process of a test machine.
 *
 * DESIGN NOTES
 *
 * Compiled statically on the host when first needed.  A program and not a script because
 * each fork costs tens of milliseconds on a debug kernel: this one forks once.
 *
 * It makes the node's root: the host's own root, read-only, under a tmpfs that takes
 * every change and goes with the machine.  UML starts it from the host's root (hostfs);
 * QEMU from an initramfs holding it and the modules needed to reach the host (/mods), the
 * host's root then coming by 9p.
 *
 * Kernel parameters:	vm_node=N	number of this node
 *			vm_run=DIR	folder of this run on the host (UML)
 *			vm_shared=DIR	folder that is $SHARED (UML)
 *			vm_probe=1	say so and stop: the host asks whether a guest boots
 *
 * The folder of the run is mounted on /run/vm:
 *	env.N		from the host: NUL-terminated NAME=value; names in lower case are
 *			for this program, ARG= builds the command, others go to its
 *			environment
 *	dmesg.N status.N kmemleak.N	to the host
 *
 * The command's output goes to the output port: UML's second console, QEMU's virtio port.
 * Lines of ours travel there behind an \001: "start UPTIME", "end STATUS", and "late" from a
 * machine that travels in time and has had enough of it.  Once it has the end of all nodes, the
 * host switches the machines off; until then this program reaps what is left.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define P9	"trans=virtio,version=9p2000.L,msize=512000,"
#define MAX_ARGS 256

static struct {
	int node;
	char run[PATH_MAX], shared[PATH_MAX];		/* from the command line */
	const char *out, *tree, *vm, *cwd, *modules, *kernel_modules, *hung, *watch, *kmemleak;
	const char *travel;				/* its clock is not the host's */
	char *argv[MAX_ARGS + 1];
	int argc;
} conf;

static void finish(void)
{
	sync();
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	va_start(ap, fmt);
	printf("vm-init: ");
	vprintf(fmt, ap);
	printf(": %s\n", strerror(e));
	va_end(ap);
	fflush(stdout);
	finish();
	exit(1);
}

static void msleep(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static char *path(const char *fmt, ...)
{
	static char buf[4][2 * PATH_MAX];
	static int turn;
	char *p = buf[turn++ & 3];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p, sizeof(buf[0]), fmt, ap);
	va_end(ap);
	return p;
}

static void put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		printf("vm-init: %s: %s\n", file, strerror(errno));
	close(fd);
}

/* Read a whole file; the caller frees.  Files of /proc have no size to ask for. */
static char *get(const char *file, size_t *len)
{
	size_t have = 0, room = 65536;
	char *buf = malloc(room + 1);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 || !buf) {
		free(buf);
		return NULL;
	}
	while ((n = read(fd, buf + have, room - have)) > 0) {
		have += n;
		if (have == room)
			buf = realloc(buf, (room *= 2) + 1);
		if (!buf)
			break;
	}
	close(fd);
	if (!buf)
		return NULL;
	buf[have] = 0;
	if (len)
		*len = have;
	return buf;
}

static void make_dirs(const char *dir)
{
	char p[PATH_MAX];

	snprintf(p, sizeof(p), "%s", dir);
	for (char *s = p + 1; (s = strchr(s, '/')); s++) {
		*s = 0;
		mkdir(p, 0755);
		*s = '/';
	}
	mkdir(p, 0755);
}

static void must_mount(const char *what, const char *where, const char *type,
		       unsigned long flags, const char *data)
{
	/* a virtio device may take a moment to appear */
	for (int i = 0; mount(what, where, type, flags, data); i++) {
		if (errno != ENOENT || i == 100)
			die("mount %s on %s (%s, %s)", what, where, type, data ? data : "");
		msleep(50);
	}
}

static void read_parameters(void)
{
	char *text = get("/proc/cmdline", NULL), *save = NULL;

	for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		if (!strncmp(w, "vm_node=", 8))
			conf.node = atoi(w + 8);
		else if (!strncmp(w, "vm_run=", 7))
			snprintf(conf.run, sizeof(conf.run), "%s", w + 7);
		else if (!strncmp(w, "vm_shared=", 10))
			snprintf(conf.shared, sizeof(conf.shared), "%s", w + 10);
		else if (!strncmp(w, "vm_probe=", 9)) {
			printf("vm-init: probe\n");
			fflush(stdout);
			finish();
		}
	}
	free(text);
	if (conf.node < 1)
		die("vm_node= is missing");
}

static void load_modules(void)
{
	char *order = get("/mods/order", NULL), *save = NULL;

	for (char *m = strtok_r(order, "\n", &save); m; m = strtok_r(NULL, "\n", &save)) {
		int fd = open(path("/mods/%s", m), O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			printf("vm-init: %s: %s\n", m, strerror(errno));
		close(fd);
	}
	free(order);
}

/* From the host's root to ours.  On return / is the throw-away one. */
static void make_root(void)
{
	bool qemu = !access("/mods", F_OK);
	const char *base, *lower;

	if (qemu) {
		mount("dev", "/dev", "devtmpfs", 0, NULL);
		load_modules();
		mkdir("/base", 0755);
		mkdir("/host", 0755);
		must_mount("root", "/host", "9p", MS_RDONLY, P9 "cache=loose");
		base = "/base";
		lower = "/host";
	} else {
		base = "/mnt";		/* exists everywhere and hides nothing needed */
		lower = "/";
	}
	must_mount("vm", base, "tmpfs", 0, "mode=755,size=90%");
	mkdir(path("%s/upper", base), 0755);
	mkdir(path("%s/work", base), 0755);
	mkdir(path("%s/root", base), 0755);
	must_mount("root", path("%s/root", base), "overlay", 0,
		   path("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, base, base));
	if (chdir(path("%s/root", base)))
		die("chdir to the new root");

	must_mount("proc", "proc", "proc", 0, NULL);
	must_mount("sys", "sys", "sysfs", 0, NULL);
	must_mount("dev", "dev", "devtmpfs", 0, NULL);
	must_mount("run", "run", "tmpfs", 0, "mode=755");
	mkdir("run/vm", 0755);
	mkdir("run/shared", 0755);
	mkdir("run/lock", 0755);
	if (qemu) {
		must_mount("run", "run/vm", "9p", 0, P9 "cache=none");
		must_mount("shared", "run/shared", "9p", 0, P9 "cache=mmap");
		mkdir("run/modules", 0755);
		if (mount("modules", "run/modules", "9p", MS_RDONLY, P9 "cache=loose"))
			rmdir("run/modules");
	} else {
		must_mount("run", "run/vm", "hostfs", 0, conf.run);
		must_mount("shared", "run/shared", "hostfs", 0, conf.shared);
	}
	/* on top of the old root, not merely inside: user namespaces refuse a chroot */
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("the root does not move");
}

static void read_environment(void)
{
	static const struct { const char *name; const char **value; } ours[] = {
		{ "out", &conf.out }, { "tree", &conf.tree }, { "vm", &conf.vm },
		{ "cwd", &conf.cwd }, { "modules", &conf.modules },
		{ "kernel_modules", &conf.kernel_modules }, { "hung", &conf.hung },
		{ "watch", &conf.watch }, { "kmemleak", &conf.kmemleak },
	};
	size_t len = 0;
	char *text = get(path("/run/vm/env.%d", conf.node), &len);

	if (!text)
		die("/run/vm/env.%d", conf.node);
	for (char *s = text; s < text + len; s += strlen(s) + 1) {
		char *value = strchr(s, '=');
		unsigned int i;

		if (!value)
			continue;
		if (!strncmp(s, "ARG=", 4)) {
			if (conf.argc < MAX_ARGS)
				conf.argv[conf.argc++] = value + 1;
			continue;
		}
		for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
			if (!strncmp(s, ours[i].name, value - s) && !ours[i].name[value - s]) {
				*ours[i].value = value + 1;
				break;
			}
		}
		if (i == sizeof(ours) / sizeof(ours[0]))
			putenv(s);
	}
	conf.travel = getenv("TIME_TRAVEL");
	if (!conf.argc || !conf.tree || !conf.vm || !conf.out)
		die("/run/vm/env.%d is not whole", conf.node);
}

static void make_machine(void)
{
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 0755);
	mkdir("/dev/mqueue", 0755);
	mount("pts", "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
	mount("shm", "/dev/shm", "tmpfs", 0, "mode=1777");
	mount("mqueue", "/dev/mqueue", "mqueue", 0, NULL);
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") || symlink("/proc/self/fd/2", "/dev/stderr"))
		printf("vm-init: /dev/fd and friends: %s\n", strerror(errno));
	mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("trace", "/sys/kernel/tracing", "tracefs", 0, NULL);
	mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);

	/* from here on the console shows everything the kernel says */
	put("/proc/sys/kernel/printk", "8\n");
	put("/proc/sys/kernel/sysrq", "1\n");
	if (conf.hung && !access("/proc/sys/kernel/hung_task_timeout_secs", F_OK))
		put("/proc/sys/kernel/hung_task_timeout_secs", conf.hung);
	put("/proc/sys/kernel/modprobe", "/sbin/modprobe\n");

	sethostname(path("node%d", conf.node), strlen(path("node%d", conf.node)));
	put("/etc/hostname", path("node%d\n", conf.node));
	put("/etc/hosts", path("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 node%d\n",
			       conf.node));
	unlink("/etc/resolv.conf");
}

static void interface_up(int sock, const char *name)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(sock, SIOCGIFFLAGS, &r))
		return;
	r.ifr_flags |= IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &r))
		printf("vm-init: %s does not come up: %s\n", name, strerror(errno));
}

/* eth0 is the segment, whatever the driver calls it; nothing of ours travels on it */
static void make_network(void)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char mac[32];
	glob_t g;

	snprintf(mac, sizeof(mac), "52:54:00:00:%02x:%02x\n", conf.node >> 8, conf.node & 255);
	if (!glob("/sys/class/net/*", 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			char *address = get(path("%s/address", g.gl_pathv[i]), NULL);
			struct ifreq r = { 0 };

			if (address && !strcmp(address, mac)) {
				snprintf(r.ifr_name, sizeof(r.ifr_name), "%s",
					 strrchr(g.gl_pathv[i], '/') + 1);
				strcpy(r.ifr_newname, "eth0");
				if (strcmp(r.ifr_name, "eth0") && ioctl(sock, SIOCSIFNAME, &r))
					printf("vm-init: eth0: %s\n", strerror(errno));
			}
			free(address);
		}
		globfree(&g);
	}
	if (!access("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", F_OK))
		put("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1\n");
	interface_up(sock, "lo");
	interface_up(sock, "eth0");
	close(sock);
}

static void bind_dir(const char *from, const char *to)
{
	make_dirs(to);
	if (mount(from, to, NULL, MS_BIND, NULL))
		printf("vm-init: %s on %s: %s\n", from, to, strerror(errno));
}

static void make_project(void)
{
	struct utsname u;
	struct stat st;
	char p[PATH_MAX];
	glob_t g;

	/* the kernel's own modules for modprobe, the project's for insmod and modprobe */
	uname(&u);
	if (!access("/run/modules", F_OK))
		bind_dir("/run/modules", path("/lib/modules/%s", u.release));
	else if (conf.kernel_modules && *conf.kernel_modules)
		bind_dir(conf.kernel_modules, path("/lib/modules/%s", u.release));
	if (conf.modules && !access(conf.modules, F_OK)) {
		bind_dir(conf.modules, "/lib/amoeba");
		make_dirs("/etc/modprobe.d");
		if (!access("/run/vm/modprobe.conf", F_OK) &&
		    symlink("/run/vm/modprobe.conf", "/etc/modprobe.d/amoeba-vm.conf"))
			printf("vm-init: modprobe.d: %s\n", strerror(errno));
	}

	/* a job of an unprivileged user must get at the userland too */
	snprintf(p, sizeof(p), "%s", conf.tree);
	for (char *s = p + strlen(p); s && s > p; s = strrchr(p, '/')) {
		*s = 0;
		if (*p && !stat(p, &st) && !(st.st_mode & S_IXOTH))
			chmod(p, (st.st_mode & 07777) | S_IXOTH);
	}
	if (!glob(path("%s/build/userland/lib/*.so*", conf.tree), 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			char *to = path("/usr/lib/x86_64-linux-gnu%s", strrchr(g.gl_pathv[i], '/'));

			unlink(to);
			if (symlink(g.gl_pathv[i], to))
				printf("vm-init: %s: %s\n", to, strerror(errno));
		}
		globfree(&g);
	}
	setenv("PATH", path("%s/build/userland/bin:%s/guest/bin:/usr/local/sbin:/usr/local/bin:"
			    "/usr/sbin:/usr/bin:/sbin:/bin", conf.tree, conf.vm), 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "dumb", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("SHARED", "/run/shared", 1);
	setenv("AMOEBA_MODULES", "/lib/amoeba", 1);
	setenv("AMOEBA_TREE", conf.tree, 1);
}

static int open_output(void)
{
	struct termios t;
	int fd = -1;
	glob_t g;

	for (int i = 0; fd < 0 && i < 100; i++) {
		if (!glob(conf.out, 0, NULL, &g)) {
			fd = open(g.gl_pathv[0], O_WRONLY | O_NOCTTY);
			globfree(&g);
		}
		if (fd < 0)
			msleep(50);
	}
	if (fd < 0)
		die("no output port %s", conf.out);
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static void __attribute__((format(printf, 1, 0))) kmsg(const char *fmt, int value)
{
	char line[128];

	/* not dprintf: it asks where in the file it is, and /dev/kmsg does not say */
	snprintf(line, sizeof(line), fmt, value);
	put("/dev/kmsg", line);
}

/* A machine that outlives its time says what its tasks wait for, while it still can. */
static void start_watch(int out)
{
	int seconds = conf.watch ? atoi(conf.watch) : 0;
	struct timespec now;

	if (seconds <= 0 || fork())
		return;
	clock_gettime(CLOCK_BOOTTIME, &now);
	sleep(seconds > now.tv_sec ? seconds - now.tv_sec : 1);
	kmsg("vm-init: time is nearly up after %d s; blocked tasks, locks held\n", seconds);
	put("/proc/sysrq-trigger", "w");
	put("/proc/sysrq-trigger", "d");
	if (conf.travel && *conf.travel)
		dprintf(out, "\001late\n");
	_exit(0);
}

static int run_command(int out)
{
	struct timespec now;
	int status;
	pid_t child;

	clock_gettime(CLOCK_BOOTTIME, &now);
	dprintf(out, "\001start %ld.%02ld\n", (long)now.tv_sec, now.tv_nsec / 10000000);
	kmsg("vm-init: script starts on node %d\n", conf.node);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		int null = open("/dev/null", O_RDONLY);

		setsid();
		dup2(null, 0);
		dup2(out, 1);
		dup2(out, 2);
		closefrom(3);
		if (!conf.cwd || chdir(conf.cwd))
			(void)!chdir(conf.tree);
		execvp(conf.argv[0], conf.argv);
		printf("vm-init: %s: %s\n", conf.argv[0], strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	/* others are orphans of the command: init's to reap */
	while (waitpid(-1, &status, 0) != child)
		;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	kmsg("vm-init: script ended with status %d\n", status);
	return status;
}

static void report(int out, int status)
{
	int size = klogctl(10 /* size of the buffer */, NULL, 0);
	char *log = malloc(size > 0 ? size + 1 : 1);

	if (conf.kmemleak && *conf.kmemleak && !access("/sys/kernel/debug/kmemleak", W_OK)) {
		char *leaks;

		sleep(6);	/* kmemleak does not judge what is younger than five seconds */
		for (int i = 0; i < 2; i++)
			put("/sys/kernel/debug/kmemleak", "scan");
		leaks = get("/sys/kernel/debug/kmemleak", NULL);
		if (leaks)
			put(path("/run/vm/kmemleak.%d", conf.node), leaks);
		free(leaks);
	}
	size = log ? klogctl(3 /* read all */, log, size) : 0;
	if (size > 0) {
		log[size] = 0;
		put(path("/run/vm/dmesg.%d", conf.node), log);
	}
	put(path("/run/vm/status.%d", conf.node), path("%d\n", status));
	sync();
	dprintf(out, "\001end %d\n", status);
}

int main(void)
{
	int out;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* on UML there is a /proc already: the host's */
	mount("proc", "/proc", "proc", 0, NULL);
	read_parameters();
	make_root();
	read_environment();
	make_machine();
	make_network();
	make_project();
	out = open_output();
	start_watch(out);
	report(out, run_command(out));
	for (;;)
		if (waitpid(-1, NULL, 0) < 0)
			msleep(100);
}
