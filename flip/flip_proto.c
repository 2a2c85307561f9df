// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address family and its socket types: ours (SOCK_DGRAM, FLIPPROTO_RAW) and those of modules
 * above, which register theirs and are loaded on demand as net-pf-18-proto-N.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/sock.h>
#include "flip_int.h"

/* AF_ASH has no code anywhere and no number is free: design 4 */
#define FLIP_FAMILY	18

int flip_family = FLIP_FAMILY;
EXPORT_SYMBOL_GPL(flip_family);
module_param_named(family, flip_family, int, 0444);
MODULE_PARM_DESC(family, "number of AF_FLIP (18); 0: no sockets");
MODULE_ALIAS_NETPROTO(FLIP_FAMILY);

struct flip_proto {
	struct list_head	list;
	int			type;
	int			protocol;
	flip_proto_create_t	create;
	struct module		*owner;
};

int flip_sockaddr_get(const struct sockaddr_flip *sf, int len, flip_addr_t *addr)
{
	if (len < (int)sizeof(*sf))
		return -EINVAL;
	if (sf->sflip_family != flip_family)
		return -EAFNOSUPPORT;
	if (sf->sflip_flags || sf->sflip_network ||
	    memchr_inv(sf->sflip_zero, 0, sizeof(sf->sflip_zero)))
		return -EINVAL;
	*addr = flip_addr_load(sf->sflip_addr);
	return 0;
}
EXPORT_SYMBOL_GPL(flip_sockaddr_get);

int flip_sockaddr_put(struct sockaddr_flip *sf, flip_addr_t addr, u32 network)
{
	memset(sf, 0, sizeof(*sf));
	sf->sflip_family = flip_family;
	sf->sflip_network = network;
	flip_addr_store(sf->sflip_addr, addr);
	return sizeof(*sf);
}
EXPORT_SYMBOL_GPL(flip_sockaddr_put);

static LIST_HEAD(flip_protos);
static DEFINE_MUTEX(flip_proto_mutex);

static struct flip_proto *flip_proto_find(int type, int protocol)
{
	struct flip_proto *p;

	lockdep_assert_held(&flip_proto_mutex);
	list_for_each_entry(p, &flip_protos, list)
		if (p->type == type && p->protocol == protocol)
			return p;
	return NULL;
}

int flip_proto_register(int type, int protocol, flip_proto_create_t create, struct module *owner)
{
	struct flip_proto *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->type = type;
	p->protocol = protocol;
	p->create = create;
	p->owner = owner;
	mutex_lock(&flip_proto_mutex);
	if (flip_proto_find(type, protocol))
		err = -EEXIST;
	else
		list_add_tail(&p->list, &flip_protos);
	mutex_unlock(&flip_proto_mutex);
	if (err)
		kfree(p);
	return err;
}
EXPORT_SYMBOL_GPL(flip_proto_register);

void flip_proto_unregister(int type, int protocol)
{
	struct flip_proto *p;

	mutex_lock(&flip_proto_mutex);
	p = flip_proto_find(type, protocol);
	if (p)
		list_del(&p->list);
	mutex_unlock(&flip_proto_mutex);
	kfree(p);
}
EXPORT_SYMBOL_GPL(flip_proto_unregister);

/* the creator of a socket type, its module held; *@known: some protocol has this type */
static flip_proto_create_t flip_proto_get(int type, int protocol, struct module **owner,
					  bool *known)
{
	flip_proto_create_t create = NULL;
	struct flip_proto *p;

	*known = false;
	mutex_lock(&flip_proto_mutex);
	list_for_each_entry(p, &flip_protos, list)
		*known |= p->type == type;
	p = flip_proto_find(type, protocol);
	if (p && try_module_get(p->owner)) {
		create = p->create;
		*owner = p->owner;
	}
	mutex_unlock(&flip_proto_mutex);
	return create;
}

static int flip_pf_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	flip_proto_create_t create;
	struct module *owner;
	bool known;
	int err;

	if (protocol < 0 || protocol > 255)
		return -EINVAL;
	create = flip_proto_get(sock->type, protocol, &owner, &known);
	if (!create && protocol != FLIPPROTO_RAW) {
		request_module("net-pf-%d-proto-%d", FLIP_FAMILY, protocol);
		create = flip_proto_get(sock->type, protocol, &owner, &known);
	}
	if (!create)
		return known || protocol != FLIPPROTO_RAW ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
	sock->state = SS_UNCONNECTED;
	/* it takes a reference to its module with the socket's proto_ops or proto */
	err = create(net, sock, protocol, kern);
	module_put(owner);
	return err;
}

static struct net_proto_family flip_pf = {
	.create	= flip_pf_create,
	.owner	= THIS_MODULE,
};

int flip_proto_init(void)
{
	int err;

	if (!flip_family)
		return 0;
	flip_pf.family = flip_family;
	err = sock_register(&flip_pf);
	if (err)
		pr_err("flip: address family %d cannot be registered (%d): choose another with family=N, or family=0 for none\n",
		       flip_family, err);
	return err;
}

void flip_proto_exit(void)
{
	if (flip_family)
		sock_unregister(flip_family);
}
