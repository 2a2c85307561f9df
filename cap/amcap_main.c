// SPDX-License-Identifier: GPL-2.0-only
/*
 * amoeba_cap.ko: the frame of the module. It refuses to load when the functions are wrong on
 * this machine: a wrong one-way function would give ports that nobody finds and check fields
 * that anyone or no one may pass.
 */
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/string.h>
#include "amcap_vectors.h"

static int __init amcap_selftest(void)
{
	const struct amcap_flip_vector *f = &amcap_flip_vectors[0];
	const struct amcap_port_vector *p = &amcap_port_vectors[0];
	const struct amcap_check_vector *c = &amcap_check_vectors[0];
	u8 out[8];

	amcap_flip_oneway(f->priv, out);
	if (memcmp(out, f->pub, sizeof(f->pub)))
		return -EIO;
	amcap_one_way(p->in, out);
	if (!amcap_equal(out, p->out))
		return -EIO;
	amcap_encode(c->rights, amcap_check_random, out);
	if (!amcap_equal(out, c->check) || !amcap_check(c->rights, c->check, amcap_check_random))
		return -EIO;
	return 0;
}

static int __init amcap_init(void)
{
	int err = amcap_selftest();

	if (err)
		pr_err("amoeba_cap: self-test failed, the one-way functions are miscompiled\n");
	return err;
}

static void __exit amcap_exit(void)
{
}

/* built in: before flip and amoeba, which draw addresses and ports as they start */
subsys_initcall(amcap_init);
module_exit(amcap_exit);

MODULE_DESCRIPTION("Amoeba one-way functions and check fields");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMOEBA_VERSION);
