// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that waits for one thing: its call to be answered, a request to serve.
 *
 * DESIGN NOTES
 *
 * There is one sleeper at a time, so it needs no queue: it says who it is, looks, and sleeps; who has
 * something for it says so and wakes it, as with rcuwait. Either sees what the other has written before:
 * the one sets its state, the other has a barrier of its own, and then both look. A thread is freed after a
 * grace period only, so it may be woken, at worst for nothing, while it leaves.
 *
 * The waker goes to sleep itself in a moment, for which the scheduler wants a hint: wake_up_process()
 * does not take it, default_wake_function() does, but its value is the scheduler's own. So we ask
 * a wait queue once what it passes on.
 */
#include <linux/init.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "rpc.h"

static int sync_flag __ro_after_init;

static int __init learn(struct wait_queue_entry *e, unsigned int mode, int flags, void *key)
{
	sync_flag = flags;
	return 0;
}

void __init amrpc_wait_init(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct wait_queue_entry e;

	init_waitqueue_func_entry(&e, learn);
	add_wait_queue(&wq, &e);
	__wake_up_sync(&wq, TASK_NORMAL);
	remove_wait_queue(&wq, &e);
}

/**
 * amrpc_wake_task() - what a thread waits for may have come
 * @task: thread
 * @sync: the caller is about to sleep itself, or returns to who is
 *
 * Context: any, rcu_read_lock(). What the thread looks at has been written before, with a full barrier.
 */
void amrpc_wake_task(struct task_struct *task, bool sync)
{
	struct wait_queue_entry e;

	e.private = task;
	default_wake_function(&e, TASK_NORMAL, sync ? sync_flag : 0, NULL);
}

/**
 * amrpc_wake() - the same for who sleeps there now, if somebody does
 * @s: where
 * @sync: as above
 *
 * Context: any. What the thread looks at has been written before.
 */
void amrpc_wake(struct amrpc_sleeper *s, bool sync)
{
	struct task_struct *task;

	smp_mb();	/* what was written, before looking who waits: amrpc_sleep() */
	rcu_read_lock();
	task = READ_ONCE(s->task);
	if (task)
		amrpc_wake_task(task, sync);
	rcu_read_unlock();
}
