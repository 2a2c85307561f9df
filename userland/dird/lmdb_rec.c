// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lmdb_rec.c - keys and records of the embedded store.
 */
#include <string.h>

#include "store_lmdb.h"

#define DIR_MAX		(64 + AM_DIR_COLUMNS * (AM_NAME_MAX + 1))
#define ROW_MAX		(64 + 4 * AM_DIR_COLUMNS + 4 + 18 * AM_CAPSET_MAX)

size_t key_object(uint8_t *key, uint32_t object)
{
	key[0] = object >> 24;
	key[1] = object >> 16;
	key[2] = object >> 8;
	key[3] = object;
	return 4;
}

MDB_val key_dir(uint8_t *key, uint32_t object)
{
	return (MDB_val){ .mv_data = key, .mv_size = key_object(key, object) };
}

MDB_val key_row(uint8_t *key, uint32_t object, const char *name)
{
	size_t n = key_object(key, object), len = strnlen(name, AM_NAME_MAX);

	memcpy(key + n, name, len);
	return (MDB_val){ .mv_data = key, .mv_size = n + len };
}

MDB_val key_slot(uint8_t *key, uint32_t object, uint32_t slot)
{
	size_t n = key_object(key, object);

	key[n] = slot >> 8;
	key[n + 1] = slot;
	return (MDB_val){ .mv_data = key, .mv_size = n + 2 };
}

static size_t buf_used(const struct am_buf *b, const uint8_t *start)
{
	return (size_t)(b->p - start);
}

int dir_put(struct lmdb *l, MDB_txn *txn, const struct dirrec *r)
{
	uint8_t kb[KEY_MAX], vb[DIR_MAX];
	struct am_buf b;
	MDB_val k, v;
	unsigned int i;

	am_buf_init(&b, vb, sizeof(vb));
	am_put_bytes(&b, &r->d.ref.random, sizeof(r->d.ref.random));
	am_put_u32(&b, r->d.nrows);
	am_put_u64(&b, r->d.seq);
	am_put_u64(&b, (uint64_t)r->d.mtime);
	am_put_u32(&b, r->nextslot);
	am_put_u16(&b, r->d.ncols);
	for (i = 0; i < r->d.ncols; i++)
		am_put_str(&b, r->d.cols[i]);
	if (b.bad)
		return MDB_CORRUPTED;
	k = key_dir(kb, r->d.ref.object);
	v = (MDB_val){ .mv_data = vb, .mv_size = buf_used(&b, vb) };
	return mdb_put(txn, l->dir, &k, &v, 0);
}

int dir_get(struct lmdb *l, MDB_txn *txn, uint32_t object, struct dirrec *r)
{
	uint8_t kb[KEY_MAX];
	struct am_buf b;
	const void *random;
	const char *col;
	MDB_val k, v;
	unsigned int i;
	int rc;

	k = key_dir(kb, object);
	rc = mdb_get(txn, l->dir, &k, &v);
	if (rc)
		return rc;
	am_buf_init(&b, v.mv_data, v.mv_size);
	r->d.ref.object = object;
	random = am_get_bytes(&b, sizeof(r->d.ref.random));
	if (random)
		memcpy(&r->d.ref.random, random, sizeof(r->d.ref.random));
	r->d.nrows = am_get_u32(&b);
	r->d.seq = am_get_u64(&b);
	r->d.mtime = (int64_t)am_get_u64(&b);
	r->nextslot = am_get_u32(&b);
	r->d.ncols = am_get_u16(&b);
	if (b.bad || !r->d.ncols || r->d.ncols > AM_DIR_COLUMNS || r->nextslot >= STORE_SLOTS)
		return MDB_CORRUPTED;
	for (i = 0; i < r->d.ncols; i++) {
		col = am_get_str(&b);
		if (!col || strlen(col) > AM_NAME_MAX)
			return MDB_CORRUPTED;
		strcpy(r->d.cols[i], col);
	}
	return 0;
}

/* the directory @ref names: status AM_SP_UNREACH when it is not there any more */
int dir_ref(struct lmdb *l, MDB_txn *txn, const struct store_ref *ref, struct dirrec *r,
		   am_status *status)
{
	int rc = dir_get(l, txn, ref->object, r);

	if (rc == MDB_NOTFOUND ||
	    (!rc && !am_port_equal(&ref->random, &r->d.ref.random))) {
		*status = AM_SP_UNREACH;
		return 0;
	}
	*status = AM_OK;
	return rc;
}

int row_put(struct lmdb *l, MDB_txn *txn, uint32_t object, unsigned int ncols,
		   const struct store_row *r, unsigned int flags)
{
	uint8_t kb[KEY_MAX], vb[ROW_MAX];
	struct am_buf b;
	MDB_val k, v;
	unsigned int i;

	am_buf_init(&b, vb, sizeof(vb));
	am_put_u32(&b, r->slot);
	am_put_u64(&b, (uint64_t)r->mtime);
	for (i = 0; i < ncols; i++)
		am_put_u32(&b, r->masks[i]);
	am_put_capset(&b, &r->set);
	if (b.bad)
		return MDB_CORRUPTED;
	k = key_row(kb, object, r->name);
	v = (MDB_val){ .mv_data = vb, .mv_size = buf_used(&b, vb) };
	return mdb_put(txn, l->row, &k, &v, flags);
}

int row_get(struct lmdb *l, MDB_txn *txn, uint32_t object, unsigned int ncols,
		   const char *name, struct store_row *r)
{
	uint8_t kb[KEY_MAX];
	struct am_buf b;
	MDB_val k, v;
	unsigned int i;
	int rc;

	k = key_row(kb, object, name);
	rc = mdb_get(txn, l->row, &k, &v);
	if (rc)
		return rc;
	memset(r, 0, sizeof(*r));
	strcpy(r->name, name);
	am_buf_init(&b, v.mv_data, v.mv_size);
	r->slot = am_get_u32(&b);
	r->mtime = (int64_t)am_get_u64(&b);
	for (i = 0; i < ncols; i++)
		r->masks[i] = am_get_u32(&b);
	am_get_capset(&b, &r->set);
	return b.bad ? MDB_CORRUPTED : 0;
}

int meta_put(struct lmdb *l, MDB_txn *txn, const char *name, const void *p, size_t size)
{
	MDB_val k = { .mv_data = (void *)(uintptr_t)name, .mv_size = strlen(name) };
	MDB_val v = { .mv_data = (void *)(uintptr_t)p, .mv_size = size };

	return mdb_put(txn, l->meta, &k, &v, 0);
}

int meta_put_u32(struct lmdb *l, MDB_txn *txn, const char *name, uint32_t value)
{
	uint8_t vb[4];
	struct am_buf b;

	am_buf_init(&b, vb, sizeof(vb));
	am_put_u32(&b, value);
	return meta_put(l, txn, name, vb, sizeof(vb));
}

int meta_get(struct lmdb *l, MDB_txn *txn, const char *name, void *p, size_t size)
{
	MDB_val k = { .mv_data = (void *)(uintptr_t)name, .mv_size = strlen(name) };
	MDB_val v;
	int rc = mdb_get(txn, l->meta, &k, &v);

	if (rc)
		return rc;
	if (v.mv_size != size)
		return MDB_CORRUPTED;
	memcpy(p, v.mv_data, size);
	return 0;
}

int meta_get_u32(struct lmdb *l, MDB_txn *txn, const char *name, uint32_t *value)
{
	uint8_t vb[4];
	struct am_buf b;
	int rc = meta_get(l, txn, name, vb, sizeof(vb));

	if (rc)
		return rc;
	am_buf_init(&b, vb, sizeof(vb));
	*value = am_get_u32(&b);
	return 0;
}
