// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: where the host sees a guest address, from the vhost core's own table.
 *
 * Called by the ring engine through struct vhc_ring, on a worker, under the queue's mutex,
 * which is what keeps the table as it is. Nothing of it may be remembered beyond that.
 */
#include <linux/lockdep.h>

#include "vhost_custom.h"

/**
 * vhc_mem_translate() - find the memory region that holds a guest address
 * @opaque: the &struct vhost_virtqueue.
 * @addr: guest-physical address.
 * @window: filled on success.
 *
 * Context: worker; vq->mutex is held.
 * Return: 0, or -EFAULT.
 */
int vhc_mem_translate(void *opaque, u64 addr, struct vhc_window *window)
{
	struct vhost_virtqueue *vq = opaque;
	struct vhost_iotlb_map *map;

	lockdep_assert_held(&vq->mutex);
	if (!vq->umem)
		return -EFAULT;
	map = vhost_iotlb_itree_first(vq->umem, addr, addr);
	if (!map)
		return -EFAULT;
	window->start = map->start;
	window->last = map->last;
	window->offset = map->addr - map->start;
	window->readable = map->perm & VHOST_MAP_RO;
	window->writable = map->perm & VHOST_MAP_WO;
	return 0;
}
