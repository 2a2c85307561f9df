// SPDX-License-Identifier: GPL-2.0-only
/* always compiles: tells broken flags from a missing interface */

#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/sock.h>

int probe(struct sock *sk);
int probe(struct sock *sk)
{
	return sk->sk_family;
}
