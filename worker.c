// SPDX-License-Identifier: GPL-2.0
/*
 * Which thread runs which queue.
 *
 * Called by vhost_custom.c only, under dev->mutex. The vhost core makes a worker for a device that
 * gets an owner; here RX gets another one, so that TX is left to the core's. How such a thread is
 * made is the kernel's: compat/thread.h.
 */
#include <linux/lockdep.h>
#include <linux/moduleparam.h>

#include "vhost_custom.h"

static unsigned int workers = VHC_QUEUES;

static int workers_set(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, 1, VHC_QUEUES);
}

static const struct kernel_param_ops workers_ops = {
	.set = workers_set,
	.get = param_get_uint,
};
module_param_cb(workers, &workers_ops, &workers, 0644);
MODULE_PARM_DESC(workers,
		 "threads for each device that gets an owner from now on: 2, one for RX and one for TX, or 1 for both (default: 2)");

/**
 * vhc_worker_start() - a device has a new owner
 * @net: the open file, after vhost_dev_set_owner().
 *
 * A second thread is no promise. Whoever may not have more of them, as a limit of a cgroup's says,
 * has a device that works, as it does elsewhere, with one. But a signal, or whatever else stops
 * the owner for a moment, must not decide that for good: no thread is made for a task with a signal
 * pending, and that is no reason not to have one.
 *
 * Context: process, the owner.
 * Return: 0, or -ERESTARTNOINTR: take the owner away again, and let the caller come back.
 */
int vhc_worker_start(struct vhc_net *net)
{
	struct vhc_queue *rx = &net->queue[VHC_RX];
	int err;

	lockdep_assert_held(&net->dev.mutex);
	err = READ_ONCE(workers) > 1 ? vhc_thread_start(&rx->thread, &rx->vq) : 0;
	if (err == -ERESTARTNOINTR)
		return err;
	if (err)
		pr_debug("%d has one worker for RX and TX\n", task_tgid_nr(current));
	vhc_worker_changed(net);
	return 0;
}

/**
 * vhc_worker_changed() - other threads run queues now: find out which
 * @net: the open file.
 *
 * A run tells, so each queue gets one, whatever there is to do.
 *
 * Context: process.
 */
void vhc_worker_changed(struct vhc_net *net)
{
	struct vhc_queue *queue;

	lockdep_assert_held(&net->dev.mutex);
	for (queue = net->queue; queue < net->queue + VHC_QUEUES; queue++) {
		mutex_lock(&queue->vq.mutex);
		queue->worker = 0;
		queue->requeued = true;
		mutex_unlock(&queue->vq.mutex);
		vhc_poll_queue(&queue->sock_poll);
	}
	vhc_worker_flush(net);
}

/**
 * vhc_worker_flush() - wait for all that was queued up to now
 * @net: the open file.
 *
 * Context: process.
 */
void vhc_worker_flush(struct vhc_net *net)
{
	lockdep_assert_held(&net->dev.mutex);
	/* The core's worker may have something to pass on. */
	vhost_dev_flush(&net->dev);
	vhc_thread_flush(&net->queue[VHC_RX].thread);
}

/**
 * vhc_worker_stop() - a device is about to lose its owner
 * @net: the open file, after vhost_dev_stop(): nothing queues work any more.
 *
 * On return no run is under way, and the threads are the core's alone.
 *
 * Context: process.
 */
void vhc_worker_stop(struct vhc_net *net)
{
	struct vhc_queue *queue;

	lockdep_assert_held(&net->dev.mutex);
	vhc_thread_stop(&net->queue[VHC_RX].thread);
	for (queue = net->queue; queue < net->queue + VHC_QUEUES; queue++) {
		mutex_lock(&queue->vq.mutex);
		queue->worker = 0;
		mutex_unlock(&queue->vq.mutex);
	}
}
