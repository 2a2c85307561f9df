// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lmdb_change.c - what each change does inside the write transaction.
 *
 * A change checks everything first and puts afterwards, so that one that is refused leaves the
 * transaction as it was; apply_init(), which is made of others, spoils it instead.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_lmdb.h"

/* a free object number, next after the last given one; 0 when there is none */
static int object_new(struct lmdb *l, MDB_txn *txn, uint32_t *object)
{
	uint32_t last, top, n, tries;
	uint8_t kb[KEY_MAX];
	MDB_val k, v;
	int rc;

	rc = meta_get_u32(l, txn, "last", &last);
	if (!rc)
		rc = meta_get_u32(l, txn, "top", &top);
	if (rc)
		return rc;
	n = last;
	for (tries = 0; tries < STORE_OBJECT_MAX; tries++) {
		n = n < STORE_OBJECT_MAX ? n + 1 : 1;
		k = key_dir(kb, n);
		rc = mdb_get(txn, l->dir, &k, &v);
		if (rc == MDB_NOTFOUND)
			break;
		if (rc)
			return rc;
	}
	if (tries == STORE_OBJECT_MAX) {
		*object = 0;
		return 0;
	}
	*object = n;
	rc = meta_put_u32(l, txn, "last", n);
	if (!rc && n > top)
		rc = meta_put_u32(l, txn, "top", n);
	return rc;
}

int apply_create(struct lmdb *l, MDB_txn *txn, struct change *c)
{
	struct dirrec r = { 0 };
	unsigned int i;
	int rc;

	rc = object_new(l, txn, &r.d.ref.object);
	if (rc)
		return rc;
	if (!r.d.ref.object) {
		c->status = AM_STD_NOSPACE;
		return 0;
	}
	am_port_random(&r.d.ref.random);
	r.d.ncols = c->ncols;
	for (i = 0; i < c->ncols; i++)
		strcpy(r.d.cols[i], c->cols[i]);
	r.d.mtime = time(NULL);
	c->status = AM_OK;
	*c->out = r.d.ref;
	return dir_put(l, txn, &r);
}

int apply_discard(struct lmdb *l, MDB_txn *txn, struct change *c)
{
	uint8_t kb[KEY_MAX];
	struct dirrec r;
	uint32_t root;
	MDB_val k;
	int rc;

	rc = dir_ref(l, txn, c->dir, &r, &c->status);
	if (rc || c->status)
		return rc;
	if (r.d.nrows) {
		c->status = AM_SP_NOTEMPTY;
		return 0;
	}
	rc = meta_get_u32(l, txn, "root", &root);
	if (rc)
		return rc;
	if (r.d.ref.object == root) {
		c->status = AM_STD_DENIED;
		return 0;
	}
	k = key_dir(kb, r.d.ref.object);
	return mdb_del(txn, l->dir, &k, NULL);
}

/* a free slot of @r, or STORE_SLOTS */
static int slot_new(struct lmdb *l, MDB_txn *txn, const struct dirrec *r, uint32_t *slot)
{
	uint32_t s = r->nextslot, tries;
	uint8_t kb[KEY_MAX];
	MDB_val k, v;
	int rc;

	*slot = STORE_SLOTS;
	if (r->d.nrows >= STORE_SLOTS)
		return 0;
	for (tries = 0; tries < STORE_SLOTS; tries++, s = (s + 1) % STORE_SLOTS) {
		k = key_slot(kb, r->d.ref.object, s);
		rc = mdb_get(txn, l->slot, &k, &v);
		if (rc == MDB_NOTFOUND) {
			*slot = s;
			return 0;
		}
		if (rc)
			return rc;
	}
	return 0;
}

int apply_append(struct lmdb *l, MDB_txn *txn, struct change *c)
{
	struct store_row row = { 0 }, old;
	uint8_t kb[KEY_MAX];
	struct dirrec r;
	MDB_val k, v;
	int rc;

	rc = dir_ref(l, txn, c->dir, &r, &c->status);
	if (rc || c->status)
		return rc;
	rc = row_get(l, txn, r.d.ref.object, r.d.ncols, c->name, &old);
	if (!rc) {
		c->status = AM_STD_EXISTS;
		return 0;
	}
	if (rc != MDB_NOTFOUND)
		return rc;
	rc = slot_new(l, txn, &r, &row.slot);
	if (rc)
		return rc;
	if (row.slot == STORE_SLOTS) {
		c->status = AM_STD_NOSPACE;
		return 0;
	}

	strcpy(row.name, c->name);
	row.mtime = time(NULL);
	row.set = *c->set;
	memcpy(row.masks, c->masks, r.d.ncols * sizeof(row.masks[0]));
	rc = row_put(l, txn, r.d.ref.object, r.d.ncols, &row, MDB_NOOVERWRITE);
	if (rc)
		return rc;
	k = key_slot(kb, r.d.ref.object, row.slot);
	v = (MDB_val){ .mv_data = row.name, .mv_size = strlen(row.name) };
	rc = mdb_put(txn, l->slot, &k, &v, MDB_NOOVERWRITE);
	if (rc)
		return rc;
	r.d.nrows++;
	r.d.seq++;
	r.d.mtime = row.mtime;
	r.nextslot = (row.slot + 1) % STORE_SLOTS;
	return dir_put(l, txn, &r);
}

/* new masks, a new capability set, or both for the row that is there */
int apply_edit(struct lmdb *l, MDB_txn *txn, struct change *c)
{
	struct store_row row;
	struct dirrec r;
	int rc;

	rc = dir_ref(l, txn, c->dir, &r, &c->status);
	if (rc || c->status)
		return rc;
	rc = row_get(l, txn, r.d.ref.object, r.d.ncols, c->name, &row);
	if (rc == MDB_NOTFOUND) {
		c->status = AM_STD_NOTFOUND;
		return 0;
	}
	if (rc)
		return rc;
	if (c->set)
		row.set = *c->set;
	if (c->masks)
		memcpy(row.masks, c->masks, r.d.ncols * sizeof(row.masks[0]));
	row.mtime = time(NULL);
	rc = row_put(l, txn, r.d.ref.object, r.d.ncols, &row, 0);
	if (rc)
		return rc;
	r.d.seq++;
	r.d.mtime = row.mtime;
	return dir_put(l, txn, &r);
}

int apply_remove(struct lmdb *l, MDB_txn *txn, struct change *c)
{
	struct store_row row;
	uint8_t kb[KEY_MAX];
	struct dirrec r;
	MDB_val k;
	int rc;

	rc = dir_ref(l, txn, c->dir, &r, &c->status);
	if (rc || c->status)
		return rc;
	rc = row_get(l, txn, r.d.ref.object, r.d.ncols, c->name, &row);
	if (rc == MDB_NOTFOUND) {
		c->status = AM_STD_NOTFOUND;
		return 0;
	}
	if (rc)
		return rc;
	k = key_row(kb, r.d.ref.object, c->name);
	rc = mdb_del(txn, l->row, &k, NULL);
	if (rc)
		return rc;
	k = key_slot(kb, r.d.ref.object, row.slot);
	rc = mdb_del(txn, l->slot, &k, NULL);
	if (rc)
		return rc;
	r.d.nrows--;
	r.d.seq++;
	r.d.mtime = time(NULL);
	return dir_put(l, txn, &r);
}

/* the identity and the first directories, in the one transaction that makes them */
int apply_init(struct lmdb *l, MDB_txn *txn, struct change *c)
{
	const struct store_tree *t = c->tree;
	struct store_ref *dirs, ref;
	am_port get, put, super;
	struct change sub;
	am_capset set;
	am_cap cap;
	uint32_t format;
	size_t i;
	int rc;

	rc = meta_get_u32(l, txn, "format", &format);
	if (rc != MDB_NOTFOUND) {
		c->status = AM_STD_EXISTS;
		return rc;
	}
	dirs = calloc(t->nnodes + 1, sizeof(*dirs));
	if (!dirs)
		return ENOMEM;
	am_port_random(&get);
	am_port_random(&super);
	am_one_way(&get, &put);
	rc = meta_put(l, txn, "get", &get, sizeof(get));
	if (!rc)
		rc = meta_put(l, txn, "super", &super, sizeof(super));
	if (!rc)
		rc = meta_put_u32(l, txn, "last", 0);
	if (!rc)
		rc = meta_put_u32(l, txn, "top", 0);
	if (rc)
		goto out;

	/* dirs[0] is the root, dirs[i + 1] what node i names */
	sub = (struct change){ .ncols = t->ncols, .cols = t->cols, .out = &dirs[0] };
	rc = apply_create(l, txn, &sub);
	if (rc || sub.status)
		goto sub;
	rc = meta_put_u32(l, txn, "root", dirs[0].object);
	if (rc)
		goto out;
	for (i = 0; i < t->nnodes; i++) {
		const struct store_node *n = &t->nodes[i];

		if (n->super) {
			am_cap_make(&cap, &put, 0, 0xff, &super);
		} else {
			sub = (struct change){ .ncols = t->ncols, .cols = t->cols, .out = &ref };
			rc = apply_create(l, txn, &sub);
			if (rc || sub.status)
				goto sub;
			dirs[i + 1] = ref;
			am_cap_make(&cap, &put, ref.object, 0xff, &ref.random);
		}
		am_capset_one(&set, &cap);
		sub = (struct change){ .dir = &dirs[n->parent + 1], .name = n->name,
				       .set = &set, .masks = n->masks };
		rc = apply_append(l, txn, &sub);
		if (rc || sub.status)
			goto sub;
	}
	rc = meta_put_u32(l, txn, "format", LMDB_FORMAT);
	c->status = AM_OK;
	goto out;
sub:
	/* what was put before is only taken back by spoiling the transaction */
	if (!rc)
		rc = MDB_BAD_TXN;
out:
	free(dirs);
	return rc;
}
