// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt moderation (VHOST_CUSTOM_SET_MODERATION): the signal for chains that were given back
 * waits until there are so many of them, or until the first one waited for so long.
 *
 * The driver is asked for its wish when the signal is due, and not before: it may have seen the
 * chains by then. That takes a worker, since guest memory is read, and vq.mutex, under which
 * the VMM changes eventfds and stops queues. So all that the timer does is to queue work; it
 * takes no lock, and may be waited for under vq.mutex.
 *
 * Called by queue.c and poll.c, and by vhost_custom.c in process context.
 */
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "vhost_custom.h"

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct vhc_queue *queue = container_of(timer, struct vhc_queue, moderation.timer);

	vhc_poll_queue(&queue->moderation.work);
	return HRTIMER_NORESTART;
}

/* On the worker. The chains may have been signalled since the timer expired; others may wait. */
static void signal_late(struct vhost_work *work)
{
	struct vhc_queue *queue = container_of(work, struct vhc_queue, moderation.work.work);
	struct vhc_moderation *moderation = &queue->moderation;

	mutex_lock(&queue->vq.mutex);
	if (!moderation->chains || ktime_get_ns() < moderation->deadline)
		goto out;
	/* Without an eventfd, they wait for the next one. */
	if (!queue->vq.call_ctx.ctx)
		goto out;
	if (vhc_queue_look(queue)) {
		moderation->chains = 0;
		vhc_queue_signal(queue);
	} else {
		/* The ring cannot be read now. */
		vhc_moderation_flush(queue);
	}
out:
	mutex_unlock(&queue->vq.mutex);
}

/**
 * vhc_moderation_init() - set a new queue's fields, after vhost_dev_init()
 * @queue: the queue.
 */
void vhc_moderation_init(struct vhc_queue *queue)
{
	vhc_poll_init(&queue->moderation.work, signal_late, 0, &queue->vq);
	vhc_hrtimer_setup(&queue->moderation.timer, timer_expired);
}

/**
 * vhc_moderation_set() - VHOST_CUSTOM_SET_MODERATION
 * @net: the open file.
 * @argp: a struct vhost_custom_moderation.
 *
 * Context: process; waits for a run.
 * Return: 0, or an error as uapi/vhost_custom.h says.
 */
long vhc_moderation_set(struct vhc_net *net, const void __user *argp)
{
	struct vhost_custom_moderation wish;
	struct vhc_queue *queue;

	if (copy_from_user(&wish, argp, sizeof(wish)))
		return -EFAULT;
	if (wish.index >= VHC_QUEUES)
		return -ENOBUFS;
	if (wish.usecs > VHOST_CUSTOM_MODERATION_MAX || (!wish.usecs && wish.chains) ||
	    wish.padding)
		return -EINVAL;
	queue = &net->queue[array_index_nospec(wish.index, VHC_QUEUES)];
	/* A run may wait for the VMM's memory for long. */
	if (mutex_lock_killable(&queue->vq.mutex))
		return -EINTR;
	queue->moderation.usecs = wish.usecs;
	queue->moderation.limit = wish.chains;
	vhc_moderation_flush(queue);
	mutex_unlock(&queue->vq.mutex);
	return 0;
}

/* No chain waits any longer. */
static void end_wait(struct vhc_moderation *moderation)
{
	hrtimer_try_to_cancel(&moderation->timer);
	moderation->chains = 0;
}

/**
 * vhc_moderation_wait() - chains were given back, and signals are moderated
 * @queue: the queue.
 * @chains: how many.
 *
 * Return: true if their signal has to wait; false if it is due.
 */
bool vhc_moderation_wait(struct vhc_queue *queue, unsigned int chains)
{
	struct vhc_moderation *moderation = &queue->moderation;
	const u64 delay = moderation->usecs * (u64)NSEC_PER_USEC;
	const bool first = !moderation->chains;

	lockdep_assert_held(&queue->vq.mutex);
	moderation->chains += chains;
	if (moderation->limit && moderation->chains >= moderation->limit &&
	    queue->vq.call_ctx.ctx) {
		end_wait(moderation);
		return false;
	}
	if (first) {
		moderation->deadline = ktime_get_ns() + delay;
		/* With some slack, so that a run that polls is earlier, and is not disturbed. */
		hrtimer_start_range_ns(&moderation->timer, ns_to_ktime(moderation->deadline),
				       delay / 8, HRTIMER_MODE_ABS);
	}
	queue->stats.signals_delayed++;
	return true;
}

/**
 * vhc_moderation_due() - the run has time: is it time for a signal that waits, too?
 * @queue: the queue; its run began.
 * @now: nanoseconds.
 */
void vhc_moderation_due(struct vhc_queue *queue, u64 now)
{
	struct vhc_moderation *moderation = &queue->moderation;

	lockdep_assert_held(&queue->vq.mutex);
	if (!moderation->chains || now < moderation->deadline || !queue->vq.call_ctx.ctx)
		return;
	end_wait(moderation);
	vhc_queue_signal(queue);
}

/**
 * vhc_moderation_flush() - send a signal that waits, whatever the driver wants
 * @queue: the queue. Without an eventfd, the signal goes on waiting.
 *
 * For when guest memory cannot be read, or need not be, as it happens seldom.
 */
void vhc_moderation_flush(struct vhc_queue *queue)
{
	lockdep_assert_held(&queue->vq.mutex);
	if (!queue->moderation.chains || !queue->vq.call_ctx.ctx)
		return;
	end_wait(&queue->moderation);
	vhc_queue_call(queue);
}

/**
 * vhc_moderation_stop() - the queue stops: no signal waits any longer
 * @queue: the queue.
 *
 * On return the timer is off; work that it has queued finds nothing to do.
 */
void vhc_moderation_stop(struct vhc_queue *queue)
{
	vhc_moderation_flush(queue);
	queue->moderation.chains = 0;
	hrtimer_cancel(&queue->moderation.timer);
}
