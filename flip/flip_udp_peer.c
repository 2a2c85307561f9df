// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peers of a UDP overlay: an address and port on one side, a MAC on the other.
 *
 * DESIGN NOTES
 * FLIP knows its neighbours by six bytes, so each peer is given a MAC that means a slot of a table
 * of this device and nothing to anybody else. A slot that is reused gets another MAC, so FLIP
 * never sends to one peer what it meant for another that had the slot before.
 *
 * Peers the administrator named stay. Others come with their first datagram; when the table is
 * full the one that has been silent longest, of a few, makes room, unless even that has been heard
 * lately: so a flood of invented senders cannot drive out those that speak.
 *
 * u->lock covers the table and is taken within any other; one worker adds, senders look up.
 */
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "flip_udp.h"

#define FLIP_UDP_CHANCES	16	/* slots looked at to find one to reuse */

bool flip_udp_addr_equal(const union flip_udp_addr *a, const union flip_udp_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family || flip_udp_port(a) != flip_udp_port(b))
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return ipv6_addr_equal(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
	       a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static struct hlist_head *flip_udp_bucket(struct flip_udp *u, const union flip_udp_addr *a)
{
	u32 seed = u->seed + (__force u16)flip_udp_port(a), h;

	if (a->sa.sa_family == AF_INET)
		h = jhash_1word((__force u32)a->v4.sin_addr.s_addr, seed);
	else
		h = jhash2((__force const u32 *)a->v6.sin6_addr.s6_addr32, 4, seed);
	return &u->hash[h % ARRAY_SIZE(u->hash)];
}

static struct flip_udp_peer *flip_udp_peer_lookup(struct flip_udp *u,
						  const union flip_udp_addr *a)
{
	struct flip_udp_peer *p;

	lockdep_assert_held(&u->lock);
	hlist_for_each_entry(p, flip_udp_bucket(u, a), hash)
		if (flip_udp_addr_equal(&p->addr, a))
			return p;
	return NULL;
}

static bool flip_udp_peer_fresh(const struct flip_udp_peer *p)
{
	return time_before(jiffies, p->heard + FLIP_UDP_FRESH_S * HZ);
}

/* an empty slot, or that of a peer that is taken out; negative: all others are needed more */
static int flip_udp_slot(struct flip_udp *u)
{
	struct flip_udp_peer *p, *victim = NULL;
	unsigned int i, slot = 0;

	lockdep_assert_held(&u->lock);
	if (u->n_slots < FLIP_UDP_SLOTS)
		return u->n_slots++;
	for (i = 0; i < FLIP_UDP_CHANCES; i++) {
		u->hand = (u->hand + 1) % FLIP_UDP_SLOTS;
		p = u->slots[u->hand];
		if (p->named || (victim && !time_before(p->heard, victim->heard)))
			continue;
		victim = p;
		slot = u->hand;
	}
	if (!victim || flip_udp_peer_fresh(victim))
		return -ENOSPC;
	hlist_del(&victim->hash);
	kfree(victim);
	u->gens[slot]++;
	flip_stat_inc(flip_ns(dev_net(u->dev)), UDP_EVICTED);
	return slot;
}

static void flip_udp_peer_put(struct flip_udp *u, struct flip_udp_peer *p, unsigned int slot)
{
	/* locally administered; the rest is ours alone */
	p->mac[0] = 0x0a;
	p->mac[1] = 0x81;
	put_unaligned_be16(u->gens[slot], p->mac + 2);
	put_unaligned_be16(slot, p->mac + 4);
	p->heard = jiffies;
	u->slots[slot] = p;
	hlist_add_head(&p->hash, flip_udp_bucket(u, &p->addr));
}

/* a peer of the administrator's, before the device is used; 0, -EEXIST, -ENOMEM */
int flip_udp_peer_name(struct flip_udp *u, const union flip_udp_addr *a)
{
	struct flip_udp_peer *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->addr = *a;
	p->named = true;
	spin_lock_bh(&u->lock);
	if (flip_udp_peer_lookup(u, a))
		err = -EEXIST;
	else
		flip_udp_peer_put(u, p, flip_udp_slot(u));
	spin_unlock_bh(&u->lock);
	if (err)
		kfree(p);
	return err;
}

/**
 * flip_udp_peer_heard() - somebody has spoken
 * @u: overlay
 * @a: who
 * @mac: the MAC it has for FLIP, on success
 *
 * Context: worker. Return: FLIP_STAT_NONE, or why it is not listened to.
 */
enum flip_stat flip_udp_peer_heard(struct flip_udp *u, const union flip_udp_addr *a,
				   u8 mac[ETH_ALEN])
{
	enum flip_stat why = FLIP_STAT_NONE;
	struct flip_udp_peer *p;
	int slot;

	spin_lock_bh(&u->lock);
	p = flip_udp_peer_lookup(u, a);
	if (p) {
		p->heard = jiffies;
		goto out;
	}
	why = FLIP_DROP_UDP_SOURCE;
	if (!u->cfg.group.sa.sa_family)
		goto out;
	why = FLIP_DROP_NOMEM;
	p = kzalloc(sizeof(*p), GFP_ATOMIC);
	if (!p)
		goto out;
	why = FLIP_DROP_UDP_FULL;
	slot = flip_udp_slot(u);
	if (slot < 0) {
		kfree(p);
		goto out;
	}
	p->addr = *a;
	flip_udp_peer_put(u, p, slot);
	why = FLIP_STAT_NONE;
out:
	if (!why)
		ether_addr_copy(mac, p->mac);
	spin_unlock_bh(&u->lock);
	return why;
}

/* the address behind a MAC, also for those who show it; any context but hard interrupt */
bool flip_udp_peer_find(struct flip_udp *u, const u8 *mac, union flip_udp_addr *a)
{
	unsigned int slot = get_unaligned_be16(mac + 4);
	struct flip_udp_peer *p = NULL;

	spin_lock_bh(&u->lock);
	if (slot < u->n_slots)
		p = u->slots[slot];
	if (p && !ether_addr_equal_unaligned(p->mac, mac))
		p = NULL;
	if (p)
		*a = p->addr;
	spin_unlock_bh(&u->lock);
	return p;
}

/* one peer after the other, from slot 0 until false */
bool flip_udp_peer_at(struct flip_udp *u, unsigned int slot, union flip_udp_addr *a)
{
	bool ok;

	spin_lock_bh(&u->lock);
	ok = slot < u->n_slots;
	if (ok)
		*a = u->slots[slot]->addr;
	spin_unlock_bh(&u->lock);
	return ok;
}

void flip_udp_peer_init(struct flip_udp *u)
{
	spin_lock_init(&u->lock);
	u->seed = get_random_u32();
}

/* nobody looks any more */
void flip_udp_peer_exit(struct flip_udp *u)
{
	unsigned int i;

	for (i = 0; i < u->n_slots; i++)
		kfree(u->slots[i]);
}
