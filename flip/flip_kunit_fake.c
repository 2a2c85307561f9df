// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fake networks for the unit tests of FLIP.
 *
 * DESIGN NOTES
 * Frames are written here without the help of flip_wire.h. Those that come in are in the byte
 * order of the sender, with bits set that nobody has defined and padding that is not zero; those
 * that must leave are in our own order, without such bits, padded with zeros. A frame comes in
 * through netif_receive_skb(), and all that happens because of it happens within that call.
 *
 * The devices and the endpoint stay for the suite; each test makes the devices networks anew, so
 * nothing is known and all credits are there. Message ids never repeat, so the loop cache may stay.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include "flip_kunit_fake.h"

#define FAKE_FRAME	((unsigned int)ETH_FRAME_LEN)
#define FAKE_LENGTH	5		/* usual bytes of payload, which counts up from here: */
#define FAKE_PAYLOAD	0x10
#define FAKE_PROTOCOL	0x10111213	/* what that is as the protocol of a broadcast */
#define FAKE_JUNK	0xc8		/* undefined flags */

/**
 * struct fake - a fake network
 * @dev: device
 * @network: what FLIP made of it
 * @sent: frames sent on it
 */
struct fake {
	struct net_device	*dev;
	struct flip_network	*network;
	struct sk_buff_head	sent;
};

static struct fake fakes[FLIP_FAKES];
static const u16 fake_weights[FLIP_FAKES] = { 3, 4, 5 };
static struct flip_ep *fake_ep;
static unsigned int fake_rate;			/* locate_rate as it was */

/* of the step at hand */
static u32 fake_messid = 0x01020300;
static bool fake_be;				/* sender's order */
static unsigned int fake_got;
static struct flip_rx fake_rx;
static enum flip_undeliv fake_back;
static u64 fake_stats[__FLIP_STAT_MAX];		/* before it */
static u8 fake_buf[2][FAKE_FRAME];		/* what must leave; what came in, or left */

static struct flip_ns *fake_ns(void)
{
	return flip_ns(&init_net);
}

static flip_addr_t fake_addr(u8 which)
{
	/* no two bytes alike, the space byte zero */
	u8 b[FLIP_ADDR_SIZE] = { which, 0xa1, 0xb2, 0xc3, 0xd4 ^ which, 0xe5, 0xf6 };

	if (which == NOBODY)
		return FLIP_ADDR_NULL;
	return which == ME ? flip_ep_addr(fake_ep) : flip_addr_load(b);
}

/* ---- frames ----------------------------------------------------------------------------- */

static void fake_put(u8 *at, u32 v, unsigned int n, bool be)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		at[be ? n - 1 - i : i] = v >> 8 * i;
}

static void fake_mac(u8 *mac, const struct sw_pkt *p, u8 peer)
{
	const u8 machine[ETH_ALEN] = { 0x02, 'F', 'L', 'P', p->net, peer };
	u8 group[ETH_ALEN] = { 0x55, 0x55 };
	flip_addr_t dst = fake_addr(p->dst);

	memcpy(group + 2, (u8 *)&dst + 2, 4);
	if (peer == EVERYONE)
		eth_broadcast_addr(mac);
	else
		ether_addr_copy(mac, peer == GROUP ? group : machine);
}

/* does it come to the broadcast MAC? */
static bool fake_for_all(const struct sw_pkt *p)
{
	return p->all || p->type == FLIP_LOCATE || (p->type == FLIP_MULTIDATA && !p->dst);
}

/* what follows the fc header of a control frame */
static u8 *fake_control(u8 *at, const struct sw_pkt *p)
{
	flip_addr_t dst = fake_addr(p->dst);

	if (p->type == FC(MCREQ)) {
		memset(at, 0, 8);
		fake_mac(at, p, GROUP);
		at += 8;
	}
	if (p->dst) {
		memcpy(at, &dst, 8);
		at += 8;
	}
	return at;
}

/* FLIP header and payload */
static u8 *fake_packet(u8 *at, const struct sw_pkt *p, u8 flags, u8 reserved, bool be)
{
	flip_addr_t dst = fake_addr(p->dst), src = fake_addr(p->src);
	u32 i, length = p->length;

	if (!length && p->type != FLIP_LOCATE)
		length = p->type == FLIP_HEREIS ? 4 : FAKE_LENGTH;
	at[0] = 1;
	at[1] = p->type;
	at[2] = p->flags | flags | be;
	at[3] = reserved;
	fake_put(at + 4, p->act, 2, be);
	fake_put(at + 6, p->max, 2, be);
	memcpy(at + 8, &dst, 8);
	memcpy(at + 16, &src, 8);
	fake_put(at + 24, fake_messid, 4, be);
	fake_put(at + 28, length, 4, be);
	fake_put(at + 32, p->offset, 4, be);
	fake_put(at + 36, p->total ?: length, 4, be);
	at += 40;
	for (i = 0; i < length; i++)
		at[i] = FAKE_PAYLOAD + i;
	if (p->type == FLIP_HEREIS) {
		fake_put(at, p->count, 2, be);
		fake_put(at + 2, p->trusted, 2, be);
	}
	return at + length;
}

/* the whole frame in fake_buf[in]; its length */
static unsigned int fake_frame(const struct sw_pkt *p, bool in)
{
	bool be = in ? fake_be : IS_ENABLED(CONFIG_CPU_BIG_ENDIAN);
	const u8 *ours = fakes[p->net].dev->dev_addr;
	u8 *f = fake_buf[in], *end;

	memset(f, in ? 0xee : 0, FAKE_FRAME);
	if (!in) {
		fake_mac(f, p, p->peer);
		ether_addr_copy(f + ETH_ALEN, ours);
	} else {
		if (fake_for_all(p))
			eth_broadcast_addr(f);
		else
			ether_addr_copy(f, ours);
		fake_mac(f + ETH_ALEN, p, p->peer);
	}
	fake_put(f + 12, 0x8146, 2, true);
	f[15] = p->credits;
	if (p->type & 0x80) {
		f[14] = p->type & ~0x80;
		end = fake_control(f + 16, p);
	} else {
		f[14] = 0;
		end = fake_packet(f + 16, p, in ? FAKE_JUNK : 0, in ? 0xa5 : 0, be);
	}
	return max_t(unsigned int, end - f, ETH_ZLEN);
}

/* ---- steps ------------------------------------------------------------------------------ */

static void fake_receive(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx)
{
	fake_got++;
	fake_rx = *rx;
	kfree_skb(skb);
}

static void fake_undelivered(struct flip_ep *ep, struct sk_buff *skb, const struct flip_rx *rx,
			     enum flip_undeliv why)
{
	fake_back = why;
	fake_rx = *rx;
	kfree_skb(skb);
}

static const struct flip_ep_ops fake_ep_ops = {
	.receive	= fake_receive,
	.undelivered	= fake_undelivered,
};

static void fake_broadcast(struct net *net, struct sk_buff *skb, const struct flip_rx *rx)
{
	fake_receive(NULL, skb, rx);
}

static struct flip_bcast fake_bcast = {
	.protocol	= FAKE_PROTOCOL,
	.receive	= fake_broadcast,
};

static bool fake_inject(const struct sw_pkt *p)
{
	unsigned int len = fake_frame(p, true);
	struct sk_buff *skb = alloc_skb(NET_IP_ALIGN + len, GFP_KERNEL);

	if (!skb)
		return false;
	skb_reserve(skb, NET_IP_ALIGN);
	skb_put_data(skb, fake_buf[true], len);
	skb->protocol = eth_type_trans(skb, fakes[p->net].dev);
	local_bh_disable();
	netif_receive_skb(skb);
	local_bh_enable();
	return true;
}

/* the next frame sent on a network against the one that must be, or none */
static void fake_compare(struct kunit *test, struct sk_buff *skb, const struct sw_pkt *want)
{
	unsigned int n = want ? fake_frame(want, false) : 0, len, at = 0;
	const u8 *is = fake_buf[true], *must = fake_buf[false];

	len = skb ? skb->len : 0;
	if (skb && skb_copy_bits(skb, 0, fake_buf[true], min(len, FAKE_FRAME)))
		KUNIT_FAIL(test, "skb of %u bytes cannot be read", len);
	while (at < min(len, n) && is[at] == must[at])
		at++;
	if (at == n && at == len)
		return;
	KUNIT_FAIL(test, "sent %u bytes, not %u, wrong from %u on:\n%*ph\nand not\n%*ph", len, n,
		   at, min_t(int, len, 60), is, min_t(int, n, 60), must);
}

static void fake_check_sent(struct kunit *test, const struct sw_step *step)
{
	const struct sw_pkt *want;
	struct sk_buff *skb;
	unsigned int i;

	for (want = step->out; want < step->out + ARRAY_SIZE(step->out) && want->type; want++) {
		skb = skb_dequeue(&fakes[want->net].sent);
		fake_compare(test, skb, want);
		kfree_skb(skb);
	}
	for (i = 0; i < FLIP_FAKES; i++) {
		while ((skb = skb_dequeue(&fakes[i].sent))) {
			fake_compare(test, skb, NULL);
			kfree_skb(skb);
		}
	}
}

static void fake_check_route(struct kunit *test, const struct sw_route *want)
{
	const struct sw_pkt at = { .net = want->net };
	u16 hops = 0, count = 0, trusted = 0;
	struct flip_route *r;
	struct flip_loc *loc;
	u8 mac[ETH_ALEN];

	fake_mac(mac, &at, want->peer);
	rcu_read_lock();
	r = flip_route_lookup(fake_ns(), fake_addr(want->addr));
	if (r) {
		list_for_each_entry_rcu(loc, &r->locs, list) {
			if (loc->neigh->network != fakes[want->net].network ||
			    !ether_addr_equal(loc->neigh->key.mac, mac))
				continue;
			hops = loc->hops;
			count = loc->count;
			trusted = loc->trusted;
		}
	}
	rcu_read_unlock();
	if (hops != want->hops || count != want->count || trusted != want->trusted)
		KUNIT_FAIL(test, "address %u at %u:%u: %u hops, %u behind it, %u trusted, not %u, %u, %u",
			   want->addr, want->net, want->peer, hops, count, trusted, want->hops,
			   want->count, want->trusted);
}

/* every drop, and what is done instead */
static void fake_check_stats(struct kunit *test, const struct sw_step *step)
{
	enum flip_stat i;
	u64 n;

	for (i = FLIP_STAT_FORWARDED; i < __FLIP_STAT_MAX; i++) {
		if (i > FLIP_STAT_UNDELIVERED && i < FLIP_DROP_OTHERHOST)
			continue;
		n = flip_stat_sum(fake_ns(), i) - fake_stats[i];
		KUNIT_EXPECT_EQ_MSG(test, n, (u64)(i == step->drop || i == step->stat), "%s",
				    flip_stat_names[i]);
	}
}

static void fake_check_upcall(struct kunit *test, const struct sw_step *step)
{
	const struct fake *f = &fakes[step->in.net];
	u8 flags = step->in.flags | (f->network->trusted ? 0 : FLIP_F_UNSAFE);

	KUNIT_EXPECT_EQ(test, fake_got, step->got);
	KUNIT_EXPECT_EQ(test, fake_back, step->back);
	if (!step->got && !step->back)
		return;
	KUNIT_EXPECT_TRUE(test, fake_rx.dst == fake_addr(step->in.dst));
	KUNIT_EXPECT_TRUE(test, fake_rx.src == fake_addr(step->in.src));
	KUNIT_EXPECT_EQ(test, fake_rx.messid, fake_messid);
	KUNIT_EXPECT_EQ(test, fake_rx.hops, step->in.act);
	KUNIT_EXPECT_EQ(test, fake_rx.flags, flags);
	KUNIT_EXPECT_EQ(test, fake_rx.network, f->network->index);
	KUNIT_EXPECT_FALSE(test, fake_rx.local);
}

/* let a frame come in and look at all that it did */
void flip_fake_step(struct kunit *test, const struct sw_step *step)
{
	const struct sw_pkt *p = &step->in;
	enum flip_stat i;

	for (i = 0; i < __FLIP_STAT_MAX; i++)
		fake_stats[i] = flip_stat_sum(fake_ns(), i);
	fake_got = 0;
	fake_back = 0;
	if (!step->again)
		fake_messid++;
	KUNIT_ASSERT_TRUE(test, fake_inject(p));
	fake_check_sent(test, step);
	fake_check_stats(test, step);
	fake_check_upcall(test, step);
	for (i = 0; i < ARRAY_SIZE(step->routes); i++)
		if (step->routes[i].peer)
			fake_check_route(test, &step->routes[i]);
	if (test->status == KUNIT_FAILURE)
		kunit_err(test, "from machine %u:%u, %s-endian: type %#x, flags %#x, hops %u of %u, to %u of %u",
			  p->net, p->peer, fake_be ? "big" : "little", p->type, p->flags, p->act,
			  p->max, p->dst, p->src);
}

/* send the part of a message that @step->out[0] is, the first @hlen bytes of which are a header */
void flip_fake_send_part(struct kunit *test, u32 hlen, const struct sw_step *step)
{
	const struct sw_pkt *p = &step->out[0];
	struct flip_send how = {
		.dst = fake_addr(p->dst), .from = p->offset, .to = p->offset + p->length,
		.has_messid = true, .messid = ++fake_messid,
	};
	u8 *message = kunit_kmalloc(test, p->total, GFP_KERNEL);
	struct iov_iter data;
	struct kvec vec;

	KUNIT_ASSERT_NOT_NULL(test, message);
	for (u32 i = 0; i < p->total; i++)
		message[i] = FAKE_PAYLOAD + i - p->offset;
	vec = (struct kvec){ message + hlen, p->total - hlen };
	iov_iter_kvec(&data, ITER_SOURCE, &vec, 1, vec.iov_len);
	KUNIT_EXPECT_EQ(test, 0, flip_send_msg(fake_ep, message, hlen, &data, &how,
					       MAX_SCHEDULE_TIMEOUT));
	fake_check_sent(test, step);
	if (test->status == KUNIT_FAILURE)
		kunit_err(test, "bytes %u to %u of %u, header %u", how.from, how.to, p->total,
			  hlen);
}

/* ---- networks --------------------------------------------------------------------------- */

/* make the devices networks; senders on them are big-endian or little-endian */
void flip_fake_up(struct kunit *test, u8 untrusted, bool be)
{
	struct flip_network *n;
	unsigned int i;

	fake_be = be;
	for (i = 0; i < FLIP_FAKES; i++) {
		rtnl_lock();
		n = flip_network_add(fake_ns(), fakes[i].dev, fake_weights[i],
				     !(untrusted & BIT(i)), true, NULL);
		rtnl_unlock();
		KUNIT_ASSERT_FALSE(test, IS_ERR(n));
		fakes[i].network = n;
		KUNIT_ASSERT_TRUE(test, n->running);
	}
}

void flip_fake_down(void)
{
	unsigned int i;

	rtnl_lock();
	for (i = 0; i < FLIP_FAKES; i++) {
		if (fakes[i].network)
			flip_network_del(fakes[i].network);
		fakes[i].network = NULL;
		skb_queue_purge(&fakes[i].sent);
	}
	rtnl_unlock();
}

/* LOCATEs taken per second, until the end of the test */
void flip_fake_locate_rate(unsigned int rate)
{
	WRITE_ONCE(fake_ns()->tune.locate_rate, rate);
}

/* as if a second had passed since the first LOCATE on a network */
void flip_fake_second(unsigned int net)
{
	fakes[net].network->rate_stamp -= HZ;
}

int flip_fake_init(struct kunit *test)
{
	if (READ_ONCE(fake_ns()->n_networks))
		kunit_skip(test, "there are FLIP networks, which would hear of it");
	fake_rate = fake_ns()->tune.locate_rate;
	return 0;
}

void flip_fake_exit(struct kunit *test)
{
	if (fake_rate)
		WRITE_ONCE(fake_ns()->tune.locate_rate, fake_rate);
	fake_rate = 0;
	flip_fake_down();
}

/* ---- devices ---------------------------------------------------------------------------- */

static netdev_tx_t fake_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct fake **f = netdev_priv(dev);

	/* others use every device too */
	if (skb->protocol == htons(FLIP_ETHERTYPE))
		skb_queue_tail(&(*f)->sent, skb);
	else
		kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops fake_ops = {
	.ndo_start_xmit = fake_xmit,
};

static void fake_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &fake_ops;
	dev->flags |= IFF_NOARP;
	/* sent within the call */
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
}

static int fake_add(struct fake *f, unsigned int i)
{
	const u8 mac[ETH_ALEN] = { 0x02, 'F', 'L', 'P', i };
	struct net_device *dev;
	int err;

	dev = alloc_netdev(sizeof(f), "flipkunit%d", NET_NAME_UNKNOWN, fake_setup);
	if (!dev)
		return -ENOMEM;
	*(struct fake **)netdev_priv(dev) = f;
	eth_hw_addr_set(dev, mac);
	skb_queue_head_init(&f->sent);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	f->dev = dev;
	rtnl_lock();
	err = dev_open(dev, NULL);
	rtnl_unlock();
	return err;
}

void flip_fake_suite_exit(struct kunit_suite *suite)
{
	unsigned int i;

	for (i = 0; i < FLIP_FAKES; i++) {
		if (!fakes[i].dev)
			continue;
		unregister_netdev(fakes[i].dev);
		free_netdev(fakes[i].dev);
		fakes[i].dev = NULL;
	}
	if (!IS_ERR_OR_NULL(fake_ep))
		flip_ep_destroy(fake_ep);
	fake_ep = NULL;
	flip_bcast_unregister(&fake_bcast);
}

int flip_fake_suite_init(struct kunit_suite *suite)
{
	unsigned int i;
	int err;

	err = flip_bcast_register(&fake_bcast);
	if (err)
		return err;
	fake_ep = flip_ep_create(&init_net, FLIP_ADDR_NULL, &fake_ep_ops, THIS_MODULE, NULL);
	err = PTR_ERR_OR_ZERO(fake_ep);
	for (i = 0; i < FLIP_FAKES && !err; i++)
		err = fake_add(&fakes[i], i);
	if (err)
		flip_fake_suite_exit(suite);
	return err;
}
