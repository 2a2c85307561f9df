// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vol_disk.c - the bytes on disk: superblock, inodes, making a volume.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vol_int.h"

#define MAGIC		"AMBULLET"
#define VERSION		1

static uint32_t crc_table[256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
		crc_table[i] = c;
	}
}

/* CRC-32C */
uint32_t vol_crc(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint32_t c = ~0u;

	pthread_once(&crc_once, crc_init);
	while (len--)
		c = c >> 8 ^ crc_table[(c ^ *b++) & 0xff];
	return ~c;
}

int vol_pread(int fd, void *p, size_t len, uint64_t at)
{
	uint8_t *b = p;
	ssize_t n;

	while (len) {
		n = pread(fd, b, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!n)
				errno = EIO;	/* the end of the file, where it cannot be */
			return -1;
		}
		b += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int vol_pwrite(int fd, const void *p, size_t len, uint64_t at)
{
	const uint8_t *b = p;
	ssize_t n;

	while (len) {
		n = pwrite(fd, b, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!n)
				errno = ENOSPC;
			return -1;
		}
		b += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- superblock ------------------------------------------------------------------------------ */

void vol_super_pack(const struct vol_super *sb, uint8_t block[VOL_BLOCK])
{
	struct am_buf b;

	memset(block, 0, VOL_BLOCK);
	am_buf_init(&b, block, VOL_BLOCK - 4);
	am_put_bytes(&b, MAGIC, 8);
	am_put_u32(&b, VERSION);
	am_put_u32(&b, VOL_BLOCK);
	am_put_u64(&b, sb->generation);
	am_put_u64(&b, sb->blocks);
	am_put_u32(&b, sb->inodes);
	am_put_u64(&b, sb->table[0]);
	am_put_u64(&b, sb->table[1]);
	am_put_u64(&b, sb->data);
	am_put_bytes(&b, &sb->get, sizeof(sb->get));
	am_put_bytes(&b, &sb->super, sizeof(sb->super));
	am_buf_init(&b, block + VOL_BLOCK - 4, 4);
	am_put_u32(&b, vol_crc(block, VOL_BLOCK - 4));
}

bool vol_super_unpack(struct vol_super *sb, const uint8_t block[VOL_BLOCK])
{
	uint64_t tables;
	struct am_buf b;
	const void *p;

	am_buf_init(&b, block + VOL_BLOCK - 4, 4);
	if (am_get_u32(&b) != vol_crc(block, VOL_BLOCK - 4))
		return false;
	am_buf_init(&b, block, VOL_BLOCK - 4);
	p = am_get_bytes(&b, 8);
	if (memcmp(p, MAGIC, 8) || am_get_u32(&b) != VERSION || am_get_u32(&b) != VOL_BLOCK)
		return false;
	sb->generation = am_get_u64(&b);
	sb->blocks = am_get_u64(&b);
	sb->inodes = am_get_u32(&b);
	sb->table[0] = am_get_u64(&b);
	sb->table[1] = am_get_u64(&b);
	sb->data = am_get_u64(&b);
	memcpy(&sb->get, am_get_bytes(&b, sizeof(sb->get)), sizeof(sb->get));
	memcpy(&sb->super, am_get_bytes(&b, sizeof(sb->super)), sizeof(sb->super));

	/* what the checksum vouches for must also make sense */
	tables = vol_blocks((uint64_t)sb->inodes * VOL_INODE);
	return sb->inodes > 1 && sb->inodes <= VOLUME_OBJECT_MAX + 1 &&
	       sb->blocks <= INT64_MAX / VOL_BLOCK && sb->table[0] >= 2 &&
	       sb->table[0] < sb->blocks && sb->table[1] >= sb->table[0] + tables &&
	       sb->table[1] < sb->blocks && sb->data >= sb->table[1] + tables &&
	       sb->data <= sb->blocks;
}

int vol_super_write(int fd, struct vol_super *sb)
{
	uint8_t block[VOL_BLOCK];

	sb->generation++;
	vol_super_pack(sb, block);
	if (vol_pwrite(fd, block, VOL_BLOCK, 0) || fdatasync(fd) ||
	    vol_pwrite(fd, block, VOL_BLOCK, VOL_BLOCK))
		return -1;
	return fdatasync(fd);
}

/* ---- inodes ---------------------------------------------------------------------------------- */

void vol_inode_pack(const struct vol_inode *in, uint8_t p[VOL_INODE])
{
	struct am_buf b;

	memset(p, 0, VOL_INODE);
	am_buf_init(&b, p, VOL_INODE - 4);
	am_put_u32(&b, in->type);
	am_put_u32(&b, in->object);
	am_put_u64(&b, in->generation);
	am_put_u64(&b, in->start);
	am_put_u64(&b, in->size);
	am_put_u64(&b, in->created);
	am_put_bytes(&b, &in->random, sizeof(in->random));
	am_buf_init(&b, p + VOL_INODE - 4, 4);
	am_put_u32(&b, vol_crc(p, VOL_INODE - 4));
}

bool vol_inode_unpack(struct vol_inode *in, uint32_t object, const uint8_t p[VOL_INODE])
{
	static const uint8_t never[VOL_INODE];
	struct am_buf b;

	memset(in, 0, sizeof(*in));
	in->object = object;
	if (!memcmp(p, never, VOL_INODE))
		return true;
	am_buf_init(&b, p + VOL_INODE - 4, 4);
	if (am_get_u32(&b) != vol_crc(p, VOL_INODE - 4))
		return false;
	am_buf_init(&b, p, VOL_INODE - 4);
	in->type = am_get_u32(&b);
	in->object = am_get_u32(&b);
	in->generation = am_get_u64(&b);
	in->start = am_get_u64(&b);
	in->size = am_get_u64(&b);
	in->created = am_get_u64(&b);
	memcpy(&in->random, am_get_bytes(&b, sizeof(in->random)), sizeof(in->random));
	return in->object == object && (in->type == INODE_FREE || in->type == INODE_FILE);
}

int vol_inode_write(struct vol *v, unsigned int table, const struct vol_inode *in)
{
	uint8_t p[VOL_INODE];

	vol_inode_pack(in, p);
	return vol_pwrite(v->fd, p, VOL_INODE,
			  v->sb.table[table] * VOL_BLOCK + (uint64_t)in->object * VOL_INODE);
}

/* ---- making a volume --------------------------------------------------------------------------- */

/* the tables of a block device: all inodes never written */
static int zero(int fd, uint64_t from, uint64_t to)
{
	static uint8_t zeros[64 * VOL_BLOCK];	/* not const: costs no place in the program */

	while (from < to) {
		size_t n = to - from < sizeof(zeros) ? (size_t)(to - from) : sizeof(zeros);

		if (vol_pwrite(fd, zeros, n, from))
			return -1;
		from += n;
	}
	return 0;
}

/* @fd is something a volume may be made of: its largest size or 0 (no limit); -1 with @why */
static int64_t make_check(int fd, const char *path, char *why, size_t whysize)
{
	static const uint8_t zeros[2 * VOL_BLOCK];
	uint8_t head[2 * VOL_BLOCK];
	uint64_t size = 0;
	struct stat st;

	if (fstat(fd, &st)) {
		snprintf(why, whysize, "volume %s: %s", path, strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode)) {
		if (!st.st_size)
			return 0;
		snprintf(why, whysize, "volume %s: the file exists and is not empty; remove it first if its contents may go",
			 path);
		return -1;
	}
	if (!S_ISBLK(st.st_mode)) {
		snprintf(why, whysize, "volume %s: neither a file nor a block device", path);
		return -1;
	}
	if (ioctl(fd, BLKGETSIZE64, &size) || vol_pread(fd, head, sizeof(head), 0)) {
		snprintf(why, whysize, "volume %s: %s", path, strerror(errno));
		return -1;
	}
	if (memcmp(head, zeros, sizeof(head))) {
		snprintf(why, whysize, "volume %s: the device is in use, its first %zu bytes are not zero; clear them first if its contents may go",
			 path, sizeof(head));
		return -1;
	}
	return (int64_t)size;
}

/* the entry of @path in its folder is on disk */
static int folder_sync(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* what goes where in a volume of @size bytes */
static void layout(struct vol_super *sb, uint64_t size, uint32_t inodes)
{
	uint64_t n = size / 8192, tables;

	if (!inodes)
		inodes = n < VOL_INODES_MIN ? VOL_INODES_MIN :
			 n > VOLUME_OBJECT_MAX ? VOLUME_OBJECT_MAX : (uint32_t)n;
	inodes++;	/* number 0 is not used */
	tables = vol_blocks((uint64_t)inodes * VOL_INODE);
	memset(sb, 0, sizeof(*sb));
	sb->blocks = size / VOL_BLOCK;
	sb->inodes = inodes;
	sb->table[0] = 2;
	sb->table[1] = sb->table[0] + tables;
	sb->data = sb->table[1] + tables;
	am_port_random(&sb->get);
	am_port_random(&sb->super);
}

/* the superblock comes last: before it is there, this is no volume */
static int fill(int fd, bool file, struct vol_super *sb)
{
	uint64_t from = sb->table[0] * VOL_BLOCK, to = sb->data * VOL_BLOCK;

	if (file) {
		/* a hole is zeros already; the tables shall not run out of space later */
		if (ftruncate(fd, (off_t)(sb->blocks * VOL_BLOCK)))
			return -1;
		errno = posix_fallocate(fd, 0, (off_t)to);
		if (errno)
			return -1;
	} else if (zero(fd, from, to)) {
		return -1;
	}
	return fsync(fd) ? -1 : vol_super_write(fd, sb);
}

int volume_file_make(const char *path, uint64_t size, uint32_t inodes, char *why, size_t whysize)
{
	char tmp[PATH_MAX];
	struct vol_super sb;
	bool missing = access(path, F_OK) && errno == ENOENT;
	int64_t limit;
	int fd;

	layout(&sb, size, inodes);
	if (sb.blocks < sb.data + 16 || sb.blocks > INT64_MAX / VOL_BLOCK) {
		snprintf(why, whysize, "volume %s: a size of %llu bytes is too %s", path,
			 (unsigned long long)size, sb.blocks < sb.data + 16 ?
			 "small; take 1M or more" : "large");
		return -1;
	}
	/* a new file gets its name when it is whole */
	if ((size_t)snprintf(tmp, sizeof(tmp), missing ? "%s.new" : "%s", path) >= sizeof(tmp)) {
		snprintf(why, whysize, "volume %s: the name is too long", path);
		return -1;
	}
	fd = open(tmp, O_RDWR | O_CLOEXEC | (missing ? O_CREAT | O_TRUNC : 0), 0600);
	if (fd < 0) {
		snprintf(why, whysize, "volume %s: %s%s", path, strerror(errno),
			 errno == ENOENT ? "; make its folder first" : "");
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		snprintf(why, whysize, "volume %s: %s", path, errno == EWOULDBLOCK ?
			 "another bulletd has it; stop that one first" : strerror(errno));
		goto close;
	}
	limit = make_check(fd, path, why, whysize);
	if (limit < 0)
		goto close;
	if (limit && size > (uint64_t)limit) {
		snprintf(why, whysize, "volume %s: the device has only %lld bytes", path,
			 (long long)limit);
		goto close;
	}
	if (fill(fd, !limit, &sb) ||
	    (missing && (rename(tmp, path) || folder_sync(path)))) {
		snprintf(why, whysize, "volume %s: %s", path, strerror(errno));
		if (missing)
			unlink(tmp);
		else if (!limit && ftruncate(fd, 0))
			perror("bulletd");
		goto close;
	}
	close(fd);
	return 0;
close:
	close(fd);
	return -1;
}
