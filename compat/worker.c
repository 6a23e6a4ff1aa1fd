// SPDX-License-Identifier: GPL-2.0
/*
 * A virtqueue's own thread, for kernels whose vhost core knows several workers: another one of
 * them, made by the function that made the first. User space can ask for one by an ioctl alone.
 * From the moment it is attached the core flushes it, ends it, lets it be attached elsewhere and
 * frees it, as one that an ioctl made.
 *
 * Called by worker.c, under dev->mutex.
 */
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "thread.h"

#ifdef VHC_WORKER_OPS
/*
 * Give a virtqueue to a worker instead of its first one. It has no kick and no socket yet, so that
 * there is no work that the first one would have to do before.
 *
 * Either may have been killed with its owner, also in between: then it has let go of all virtqueues
 * by itself, and must not get one.
 */
static void attach(struct vhost_virtqueue *vq, struct vhost_worker *worker)
{
	struct vhost_worker *first = NULL;

	mutex_lock(&worker->mutex);
	if (!worker->killed) {
		mutex_lock(&vq->mutex);
		first = rcu_dereference_protected(vq->worker, lockdep_is_held(&vq->mutex));
		rcu_assign_pointer(vq->worker, worker);
		worker->attachment_cnt++;
		mutex_unlock(&vq->mutex);
	}
	mutex_unlock(&worker->mutex);
	if (!first)
		return;
	mutex_lock(&first->mutex);
	if (!first->killed)
		first->attachment_cnt--;
	mutex_unlock(&first->mutex);
}

/**
 * vhc_thread_start() - a new owner's queue gets a worker of its own
 * @thread: not used.
 * @vq: the queue; it has neither a kick nor a socket yet.
 *
 * Context: process, the owner; dev->mutex is held.
 * Return: 0, or why there is none; -EAGAIN if the owner may not have more threads, -ESRCH if it is
 * being killed.
 */
int vhc_thread_start(struct vhc_thread *thread, struct vhost_virtqueue *vq)
{
	struct vhost_dev *dev = vq->dev;
	struct vhost_worker *first, *worker;
	char name[TASK_COMM_LEN];
	int err;

	lockdep_assert_held(&dev->mutex);
	/* None is freed as long as we have that mutex. */
	first = rcu_dereference_protected(vq->worker, lockdep_is_held(&dev->mutex));
	if (!first)
		return -ESRCH;
	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return -ENOMEM;
	worker->dev = dev;
	worker->ops = first->ops;
	worker->kcov_handle = kcov_common_handle();
	mutex_init(&worker->mutex);
	init_llist_head(&worker->work_list);
	snprintf(name, sizeof(name), "vhost-%d", task_pid_nr(current));
	err = worker->ops->create(worker, dev, name);
	if (err) {
		kfree(worker);	/* the thread is gone, if there was one */
		return err;
	}
	attach(vq, worker);
	return 0;
}
#else
/**
 * vhc_thread_start() - none: there is no way to make one
 * @thread: not used.
 * @vq: the queue.
 *
 * Return: -EOPNOTSUPP.
 */
int vhc_thread_start(struct vhc_thread *thread, struct vhost_virtqueue *vq)
{
	return -EOPNOTSUPP;
}
#endif
