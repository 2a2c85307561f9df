// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_compat: /dev/amoeba through the system call entry of 32-bit programs.
 *
 * A 64-bit program enters the kernel with int 0x80, its arguments below 4 GiB: the kernel takes it
 * for a 32-bit caller, and the ioctl goes through compat_ioctl. So no 32-bit C library is needed.
 * Status 77 (and the reason) where there is no such entry.
 */
#include "rpc_tool.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#ifdef __x86_64__

static const uint8_t getport[6] = { 't', 'e', 's', 't', 0, 0 };
static const uint8_t putport[6] = { 0x58, 0x84, 0x07, 0x5c, 0xe6, 0x86 };
static sigjmp_buf back;
static int failed, tests;

static long entry32(long nr, long a, long b, long c)
{
	long ret = nr;

	__asm__ volatile("int $0x80" : "+a"(ret) : "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static long ioctl32(int fd, unsigned int cmd, void *arg)
{
	return entry32(54, fd, cmd, (long)(uintptr_t)arg);
}

static void on_trap(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void want(const char *what, long got, long wanted)
{
	tests++;
	if (got == wanted) {
		printf("ok %d - %s\n", tests, what);
		return;
	}
	failed++;
	printf("not ok %d - %s: got %ld, want %ld\n", tests, what, got, wanted);
}

static bool have_entry(void)
{
	struct sigaction sa = { .sa_handler = on_trap }, old;
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool uml = false;

	while (f && fgets(line, sizeof(line), f))
		uml |= !!strstr(line, "User Mode Linux");
	if (f)
		fclose(f);
	if (uml) {
		printf("# SKIP User Mode Linux has no entry for 32-bit programs\n");
		return false;
	}
	sigaction(SIGSEGV, &sa, &old);
	if (sigsetjmp(back, 1)) {
		printf("# SKIP this kernel has no entry for 32-bit programs (IA32_EMULATION)\n");
		return false;
	}
	if (entry32(20, 0, 0, 0) != getpid()) {	/* getpid of i386 */
		printf("# SKIP the entry for 32-bit programs does not work here\n");
		return false;
	}
	sigaction(SIGSEGV, &old, NULL);
	return true;
}

/* all that a call touches, below 4 GiB */
struct low {
	struct amoeba_info info;
	struct amoeba_trans t;
	struct amoeba_putrep_getreq pg;
	struct amoeba_iovec iov[2];
	uint8_t a[5000], b[5000];
};

static void run(struct low *w)
{
	int client = rpc_open(), server = rpc_open();
	int status = -1;
	pid_t pid;

	want("info", ioctl32(client, AMOEBA_INFO, &w->info), 0);
	want("its version", w->info.abi, AMOEBA_ABI_VERSION);
	want("info to no address", ioctl32(client, AMOEBA_INFO, NULL), -EFAULT);
	want("a command that is not known", ioctl32(client, _IOC(3, AMOEBA_IOC_TYPE, 9, 64), w),
	     -ENOTTY);
	w->t.reserved = 1;
	want("a reserved field", ioctl32(client, AMOEBA_TRANS, &w->t), -EINVAL);

	memcpy(w->pg.get.hdr.port, getport, 6);
	w->pg.get.flags = AMOEBA_GETREQ_NONBLOCK;
	want("getreq with nothing there", ioctl32(server, AMOEBA_PUTREP_GETREQ, &w->pg), -EAGAIN);
	pid = fork();
	if (!pid) {
		memset(&w->t, 0, sizeof(w->t));
		memcpy(w->t.req.port, putport, 6);
		w->t.req.offset = -5;
		memset(w->a, 0x5a, sizeof(w->a));
		w->iov[0] = (struct amoeba_iovec){ (uintptr_t)w->a, 1000 };
		w->iov[1] = (struct amoeba_iovec){ (uintptr_t)w->a + 1000, 3000 };
		w->t.send.addr = (uintptr_t)w->iov;
		w->t.send.iovcnt = 2;
		w->t.recv.addr = (uintptr_t)w->b;
		w->t.recv.len = sizeof(w->b);
		if (ioctl32(client, AMOEBA_TRANS, &w->t) || w->t.verdict)
			_exit(1);
		_exit(w->t.rep_len == 4000 && w->t.rep.offset == -6 &&
		      !memcmp(w->a, w->b, 4000) ? 0 : 2);
	}
	memset(&w->pg, 0, sizeof(w->pg));
	memcpy(w->pg.get.hdr.port, getport, 6);
	w->pg.get.timeout_ms = 5000;
	w->pg.get.recv.addr = (uintptr_t)w->b;
	w->pg.get.recv.len = sizeof(w->b);
	want("getreq", ioctl32(server, AMOEBA_PUTREP_GETREQ, &w->pg), 0);
	want("length of the request", w->pg.get.len, 4000);
	want("its offset, a negative one", w->pg.get.hdr.offset, -5);
	w->pg.put.handle = w->pg.get.handle;
	w->pg.put.hdr.offset = -6;
	w->pg.put.send.addr = (uintptr_t)w->b;
	w->pg.put.send.len = 4000;
	w->pg.get.flags = AMOEBA_GETREQ_NONBLOCK;
	want("reply", ioctl32(server, AMOEBA_PUTREP_GETREQ, &w->pg), -EAGAIN);
	want("its handle is cleared", w->pg.put.handle, 0);

	waitpid(pid, &status, 0);
	want("the client got it", WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

int main(void)
{
	struct low *w;

	rpc_name = "rpc_compat";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!have_entry())
		return 77;
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (w == MAP_FAILED)
		DIE("mmap below 4 GiB: %s", strerror(errno));
	run(w);
	printf("# %d calls judged, %d wrong\n", tests, failed);
	return failed ? 1 : 0;
}

#else

int main(void)
{
	printf("# SKIP only x86-64 has this entry\n");
	return 77;
}

#endif
