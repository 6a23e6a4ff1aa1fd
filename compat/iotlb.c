// SPDX-License-Identifier: GPL-2.0
/*
 * What vhost_clear_device_iotlb() does, for kernels whose vhost core lacks it: a device that
 * had an IOMMU goes back to guest-physical addresses. Called by vhost_custom.c.
 */
#include <linux/lockdep.h>

#include "compat.h"

/**
 * vhc_clear_iotlb() - remove the IOTLB, if there is one, and what was asked for it
 * @dev: the device.
 *
 * The rings' addresses, also those in the log, were IO virtual ones, so they are forgotten.
 * VMMs set them anew.
 *
 * Context: process; dev->mutex is held.
 */
void vhc_clear_iotlb(struct vhost_dev *dev)
{
	struct vhost_iotlb *iotlb = dev->iotlb;
	int i;

	lockdep_assert_held(&dev->mutex);
	if (!iotlb)
		return;
	/* The core's locking order of virtqueues is that of their index. */
	for (i = 0; i < dev->nvqs; i++)
		mutex_lock_nested(&dev->vqs[i]->mutex, i);
	dev->iotlb = NULL;
	for (i = 0; i < dev->nvqs; i++) {
		struct vhost_virtqueue *vq = dev->vqs[i];

		vq->iotlb = NULL;
		memset(vq->meta_iotlb, 0, sizeof(vq->meta_iotlb));
		vq->desc = NULL;
		vq->avail = NULL;
		vq->used = NULL;
		vq->log_used = false;
		vq->log_addr = -1;
	}
	for (i = 0; i < dev->nvqs; i++)
		mutex_unlock(&dev->vqs[i]->mutex);
	vhost_clear_msg(dev);
	vhost_iotlb_free(iotlb);
	/* A blocking reader sees that there is nothing to wait for. */
	wake_up_interruptible_poll(&dev->wait, EPOLLIN | EPOLLRDNORM);
}
