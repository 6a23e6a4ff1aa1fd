// SPDX-License-Identifier: GPL-2.0
/*
 * Polling: a run without work goes on looking for some, so that what comes meanwhile needs neither
 * kick nor wake-up. It ends at once when somebody else wants the CPU, or this worker.
 *
 * VHOST_SET_VRING_BUSYLOOP_TIMEOUT says for how long. If it does not, but the parameter
 * poll_max_us is set, each queue finds out. What counts is how long it waits for work, awake or
 * asleep. A longer poll would have spared it the sleep: the interval doubles. Not even the
 * longest one would have: it is halved, and soon 0, so that a queue that is idle, or has work
 * only now and then, costs nothing.
 *
 * Called by tx.c and rx.c, on the worker, and by queue.c; under vq.mutex.
 */
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>

#include "trace.h"
#include "vhost_custom.h"

enum {
	MAX_US = USEC_PER_SEC,
	/* The shortest interval, unless that is the maximum. */
	LEAST_NS = 10 * NSEC_PER_USEC,
	/* Of one run. */
	HELD_NS = 10 * NSEC_PER_MSEC,
};

/* In microseconds; 0: only those that have a fixed time poll. */
unsigned int vhc_poll_max_us;

static int max_set(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, 0, MAX_US);
}

static const struct kernel_param_ops max_ops = {
	.set = max_set,
	.get = param_get_uint,
};
module_param_cb(poll_max_us, &max_ops, &vhc_poll_max_us, 0644);
MODULE_PARM_DESC(poll_max_us,
		 "poll for work as long as that pays, for so many microseconds at most (default: 0, not at all)");

static u32 max_ns(void)
{
	return READ_ONCE(vhc_poll_max_us) * (u32)NSEC_PER_USEC;
}

static void count(struct vhc_queue *queue, bool hit)
{
	if (hit)
		queue->stats.poll_hits++;
	else
		queue->stats.poll_misses++;
	trace_poll(queue, hit);
}

static void adapt(struct vhc_polling *polling, u64 waited)
{
	const u32 max = max_ns();
	u32 interval = min(polling->interval, max);

	if (waited > max) {
		interval /= 2;
		if (interval < LEAST_NS)
			interval = 0;
	} else if (waited > interval) {
		interval = clamp_t(u32, 2 * interval, min_t(u32, LEAST_NS, max), max);
	}
	polling->interval = interval;
}

static bool is_wanted(struct vhc_queue *queue)
{
	return vhc_need_resched() || signal_pending(current) || vhc_has_work(&queue->vq);
}

/**
 * vhc_poll_wait() - should a run that has nothing to do go on looking for work?
 * @queue: the queue.
 *
 * A run ends when it has polled for as long as one wait may take, or for %HELD_NS, whatever it
 * found, as a VMM that changes something waits for vq.mutex. The next one goes on.
 *
 * Return: what to do.
 */
enum vhc_poll vhc_poll_wait(struct vhc_queue *queue)
{
	const u64 fixed = READ_ONCE(queue->vq.busyloop_timeout) * (u64)NSEC_PER_USEC;
	struct vhc_polling *polling = &queue->polling;
	const u64 now = ktime_get_ns();
	bool early;

	lockdep_assert_held(&queue->vq.mutex);
	/* One wait may be that of several runs. */
	if (!polling->since)
		polling->since = now;
	if (!polling->until)
		polling->until = now + min_t(u64, fixed ?: max_ns(), HELD_NS);
	vhc_moderation_due(queue, now);
	early = now - polling->since < (fixed ?: min(polling->interval, max_ns()));
	if (early && !is_wanted(queue)) {
		polling->active = true;
		if (now >= polling->until) {
			vhc_queue_requeue(queue);
			return VHC_POLL_LATER;
		}
		cpu_relax();
		return VHC_POLL_ON;
	}
	/* A fixed time that is over was polled, if not by this run. */
	if (fixed || early || polling->active)
		count(queue, false);
	polling->active = false;
	if (fixed)
		polling->since = 0;
	return VHC_POLL_NOT;
}

/**
 * vhc_poll_end() - there is work that the queue waited for
 * @queue: the queue.
 */
void vhc_poll_end(struct vhc_queue *queue)
{
	struct vhc_polling *polling = &queue->polling;

	lockdep_assert_held(&queue->vq.mutex);
	if (polling->active)
		count(queue, true);
	if (!READ_ONCE(queue->vq.busyloop_timeout))
		adapt(polling, ktime_get_ns() - polling->since);
	polling->active = false;
	polling->since = 0;
}

/**
 * vhc_poll_forget() - what is known is of a time before the queue was stopped
 * @queue: the queue.
 */
void vhc_poll_forget(struct vhc_queue *queue)
{
	lockdep_assert_held(&queue->vq.mutex);
	queue->polling = (struct vhc_polling) {};
}
