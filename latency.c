// SPDX-License-Identifier: GPL-2.0
/*
 * How long things take, for whoever asks for it: the parameter "latency", which may change at any
 * time. Off, it costs a test of one word for each run and publication, and a call for each wake-up.
 *
 * Time stamps are taken by wake-ups, in whatever context they come, and used by runs, under
 * vq.mutex. Called by queue.c.
 */
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/wait.h>

#include "vhost_custom.h"

/* When it was switched on, in ns, or 0. A stamp from before may be of any age. */
u64 vhc_latency_since;

static int latency_set(const char *value, const struct kernel_param *param)
{
	bool on;
	int err = kstrtobool(value, &on);

	if (!err)
		WRITE_ONCE(vhc_latency_since, on ? ktime_get_ns() : 0);
	return err;
}

static int latency_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%c\n", READ_ONCE(vhc_latency_since) ? 'Y' : 'N');
}

static const struct kernel_param_ops latency_ops = {
	.set = latency_set,
	.get = latency_get,
};
module_param_cb(latency, &latency_ops, NULL, 0644);
MODULE_PARM_DESC(latency, "measure how long things take: histograms of each queue (default: no)");

/* The first wake-up counts of those that no run saw. Others than ours come, too: see @key. */
static void stamp(atomic64_t *at, const struct vhost_poll *poll, void *key)
{
	if (vhc_latency_on() && (key_to_poll(key) & poll->mask))
		atomic64_cmpxchg(at, 0, ktime_get_ns());
}

static void count(u64 *buckets, u64 from, u64 to)
{
	u64 since = READ_ONCE(vhc_latency_since);

	if (since && from >= since)
		buckets[min(fls64(to - from), VHC_LATENCY_BUCKETS - 1)]++;
}

static int kick_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct vhc_queue *queue = container_of(wait, struct vhc_queue, vq.poll.wait);

	stamp(&queue->latency.kick, &queue->vq.poll, key);
	return queue->latency.wakeup(wait, mode, sync, key);
}

static int arrival_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct vhc_queue *queue = container_of(wait, struct vhc_queue, sock_poll.wait);

	stamp(&queue->latency.arrival, &queue->sock_poll, key);
	return queue->latency.wakeup(wait, mode, sync, key);
}

/**
 * vhc_latency_init() - take notice of a queue's wake-ups
 * @queue: the queue; the core has set up both of its polls.
 *
 * Both are woken by the same function, which is called then. A TX socket's wake-ups
 * announce room, and no frame.
 */
void vhc_latency_init(struct vhc_queue *queue)
{
	queue->latency.wakeup = queue->vq.poll.wait.func;
	queue->vq.poll.wait.func = kick_wakeup;
	if (vhc_queue_index(queue) == VHC_RX)
		queue->sock_poll.wait.func = arrival_wakeup;
}

/**
 * vhc_latency_forget() - wake-ups until now are of a time when the queue was stopped
 * @queue: the queue.
 */
void vhc_latency_forget(struct vhc_queue *queue)
{
	lockdep_assert_held(&queue->vq.mutex);
	atomic64_set(&queue->latency.kick, 0);
	atomic64_set(&queue->latency.arrival, 0);
	queue->latency.arrived = 0;
}

/**
 * vhc_latency_begin() - a run begins
 * @queue: the queue.
 */
void vhc_latency_begin(struct vhc_queue *queue)
{
	u64 kick = atomic64_xchg(&queue->latency.kick, 0);

	lockdep_assert_held(&queue->vq.mutex);
	/* A frame in hand that waits for a buffer, or for the VMM's answer, came before. */
	if (!queue->latency.arrived || queue->rx.pos == queue->rx.num)
		queue->latency.arrived = atomic64_xchg(&queue->latency.arrival, 0);
	if (kick)
		count(queue->stats.kick_latency, kick, ktime_get_ns());
}

/**
 * vhc_latency_published() - the driver can see chains that were given back
 * @queue: the queue.
 *
 * Frames that came meanwhile may be among them: their stamp is no one's.
 */
void vhc_latency_published(struct vhc_queue *queue)
{
	const u64 now = ktime_get_ns();

	lockdep_assert_held(&queue->vq.mutex);
	/* Others may wait for their signal already. */
	if (!queue->moderation.chains)
		queue->latency.published = now;
	if (queue->latency.arrived)
		count(queue->stats.arrival_latency, queue->latency.arrived, now);
	queue->latency.arrived = 0;
	atomic64_set(&queue->latency.arrival, 0);
}

/**
 * vhc_latency_signalled() - the driver was signalled, after vhc_latency_published()
 * @queue: the queue.
 */
void vhc_latency_signalled(struct vhc_queue *queue)
{
	lockdep_assert_held(&queue->vq.mutex);
	count(queue->stats.signal_latency, queue->latency.published, ktime_get_ns());
}
