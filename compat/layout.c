// SPDX-License-Identifier: GPL-2.0
/*
 * Proof, when the module is loaded, that the vhost core lays its structs out as this
 * module was compiled to believe. Called by vhost_custom.c, once.
 *
 * vhost_dev_init() only writes to the memory that it is given and allocates nothing. So it
 * is given poisoned memory and values that can be told apart, and whatever it wrote has to
 * be where our definitions say. A worker that the core can make several of is looked at alive.
 */
#include <linux/printk.h>
#include <linux/slab.h>

#include "compat.h"
#include "layout.h"

enum {
	POISON = 0xa5,
	SLACK = 4096,		/* a larger struct of the kernel's must not harm */
	IOV_LIMIT = 0x1357,
	WEIGHT = 0x2468,
	BYTE_WEIGHT = 0x3579,
};

static void marker_kick(struct vhost_work *work)
{
}

static int marker_handler(struct vhost_dev *dev, u32 asid, struct vhost_iotlb_msg *msg)
{
	return 0;
}

static bool slack_is_poison(const void *object, size_t size)
{
	return !memchr_inv(object + size, POISON, SLACK);
}

static bool dev_is_right(const struct vhost_dev *dev, struct vhost_virtqueue **vqs)
{
	return dev->vqs == vqs && dev->nvqs == 1 && !dev->mm && !dev->umem && !dev->iotlb &&
	       !dev->log_ctx && dev->iov_limit == IOV_LIMIT && dev->weight == WEIGHT &&
	       dev->byte_weight == BYTE_WEIGHT && dev->use_worker &&
	       dev->msg_handler == marker_handler && list_empty(&dev->read_list) &&
	       list_empty(&dev->pending_list) && list_empty(&dev->wait.head) &&
	       slack_is_poison(dev, sizeof(*dev));
}

static bool vq_is_right(const struct vhost_virtqueue *vq, const struct vhost_dev *dev)
{
	return vq->dev == dev && vq->num == 1 && !vq->desc && !vq->avail && !vq->used &&
	       !vq->kick && !vq->call_ctx.ctx && !vq->error_ctx && !vq->last_avail_idx &&
	       !vq->avail_idx && !vq->last_used_idx && !vq->used_flags && !vq->log_used &&
	       vq->log_addr == (u64)-1 && !vq->private_data && !vq->umem && !vq->iotlb &&
	       !vq->acked_features && !vq->acked_backend_features && !vq->log_base &&
	       !vq->busyloop_timeout && vq->handle_kick == marker_kick &&
	       vq->poll.work.fn == marker_kick && vq->poll.mask == EPOLLIN &&
	       vq->poll.dev == dev && !vq->poll.wqh && vq->poll.wait.func &&
	       !vq->poll.wait.private && slack_is_poison(vq, sizeof(*vq));
}

#ifdef VHC_WORKER_OPS
static bool worker_is_right(struct vhost_worker *worker, struct vhost_dev *dev)
{
	return worker && worker->dev == dev && worker->kthread_task && !worker->vtsk &&
	       worker->attachment_cnt == 1 && !worker->killed &&
	       llist_empty(&worker->work_list) && !mutex_is_locked(&worker->mutex) &&
	       worker->ops && worker->ops->create && worker->ops->stop && worker->ops->wakeup &&
	       xa_load(&dev->worker_xa, worker->id) == worker &&
	       worker->kthread_task->flags & PF_KTHREAD;
}

/* The core makes a kernel thread, and ends it: a thread of ours would be visible in the caller. */
static int worker_check(struct vhost_dev *dev, struct vhost_virtqueue *vq)
{
	int err;

	dev->iov_limit = 1;	/* it allocates as much */
	dev->fork_owner = false;
	mutex_lock(&dev->mutex);
	err = vhost_dev_set_owner(dev);
	if (!err && !worker_is_right(rcu_dereference_protected(vq->worker, true), dev))
		err = -EINVAL;
	mutex_unlock(&dev->mutex);
	vhost_dev_cleanup(dev);
	return err;
}
#else
static int worker_check(struct vhost_dev *dev, struct vhost_virtqueue *vq)
{
	return 0;
}
#endif

/**
 * vhc_layout_check() - compare the core's structs with the definitions of this build
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -EINVAL with a line in the log that says what to do; or why the core could
 * not make a worker.
 */
int vhc_layout_check(void)
{
	struct vhost_virtqueue *vq;
	struct vhost_dev *dev;
	int err = -ENOMEM;

	dev = kmalloc(sizeof(*dev) + SLACK, GFP_KERNEL);
	vq = kvmalloc(sizeof(*vq) + SLACK, GFP_KERNEL);
	if (!dev || !vq)
		goto out;
	memset(dev, POISON, sizeof(*dev) + SLACK);
	memset(vq, POISON, sizeof(*vq) + SLACK);
	vq->handle_kick = marker_kick;

	vhost_dev_init(dev, &vq, 1, IOV_LIMIT, WEIGHT, BYTE_WEIGHT, true, marker_handler);

	err = -EINVAL;
	if (dev_is_right(dev, &vq) && vq_is_right(vq, dev))
		err = worker_check(dev, vq);
	if (err == -EINVAL)
		pr_err("this kernel's vhost module has other structs than the module was built for; build it again for this kernel\n");
out:
	kvfree(vq);
	kfree(dev);
	return err;
}
