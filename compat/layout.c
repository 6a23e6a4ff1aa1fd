// SPDX-License-Identifier: GPL-2.0
/*
 * Proof, when the module is loaded, that the vhost core lays its structs out as this
 * module was compiled to believe. Called by vhost_custom.c, once.
 *
 * vhost_dev_init() only writes to the memory that it is given and allocates nothing. So it
 * is given poisoned memory and values that can be told apart, and whatever it wrote has to
 * be where our definitions say.
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
	       vq->poll.dev == dev && !vq->poll.wqh && slack_is_poison(vq, sizeof(*vq));
}

/**
 * vhc_layout_check() - compare the core's structs with the definitions of this build
 *
 * Context: process, may sleep.
 * Return: 0, -ENOMEM, or -EINVAL with a line in the log that says what to do.
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

	err = 0;
	if (!dev_is_right(dev, &vq) || !vq_is_right(vq, dev)) {
		pr_err("this kernel's vhost module has other structs than the module was built for; build it again for this kernel\n");
		err = -EINVAL;
	}
out:
	kvfree(vq);
	kfree(dev);
	return err;
}
