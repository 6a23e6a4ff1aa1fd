// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: which pages of guest memory the device wrote, for live migration.
 *
 * The vhost core owns the log and sets the bits; this file says which. Called by rx.c and by
 * the ring engine through struct vhc_ring, on a worker, under the queue's mutex. It is rarely
 * on, and then its cost is the core's.
 */
#include <linux/lockdep.h>

#include "vhost_custom.h"

/* Log what lies at an address of the host's, under every guest address that it has. */
static int log_host(struct vhost_virtqueue *vq, u64 host, u64 len)
{
	struct vhost_iotlb_map *map;
	u64 last = host + len - 1;
	int err = -EFAULT;

	list_for_each_entry(map, &vq->umem->list, link) {
		u64 from = max(host, map->addr);
		u64 to = min(last, map->addr + (map->last - map->start));
		struct vhost_log log;

		if (from > to)
			continue;
		log.addr = map->start + (from - map->addr);
		log.len = to - from + 1;
		err = vhost_log_write(vq, &log, 1, log.len, NULL, 0);
		if (err < 0)
			return err;
	}
	return err;
}

static int log_piece(struct vhost_virtqueue *vq, void __user *base, size_t len)
{
	struct iovec iov = { .iov_base = base, .iov_len = len };

	if (!vq->umem)
		return -EFAULT;
	/* With an IOTLB, the core looks for the guest's addresses itself. */
	if (vq->iotlb)
		return vhost_log_write(vq, NULL, 0, len, &iov, 1);
	return log_host(vq, (unsigned long)base, len);
}

/**
 * vhc_log_buffers() - log what was written to the segments in vq.iov
 * @queue: the queue.
 * @segments: how many there are.
 * @len: bytes that were written, from the first segment on.
 */
void vhc_log_buffers(struct vhc_queue *queue, unsigned int segments, size_t len)
{
	const struct iovec *iov = queue->vq.iov;
	int err = 0;

	lockdep_assert_held(&queue->vq.mutex);
	for (; segments && len && err >= 0; segments--, iov++) {
		size_t part = min(len, iov->iov_len);

		if (part) {
			queue->stats.log_writes++;
			err = log_piece(&queue->vq, iov->iov_base, part);
		}
		len -= part;
	}
	if (err < 0)
		vhc_queue_bad(queue, VHOST_CUSTOM_BAD_LOG);
}

static int log_scattered(struct vhc_queue *queue, const struct vhc_area *area, u32 offset, u32 len)
{
	unsigned long addr = area->start + offset;
	unsigned long first = area->start / VHC_RING_PAGE;
	u32 part;
	int err = 0;

	for (; len && err >= 0; len -= part, addr += part) {
		unsigned long in_page = addr % VHC_RING_PAGE;

		part = min_t(u32, len, VHC_RING_PAGE - in_page);
		err = log_piece(&queue->vq,
				(void __user *)(area->page[addr / VHC_RING_PAGE - first] + in_page),
				part);
	}
	return err;
}

/**
 * vhc_log_ring() - log a part of the ring; a &typedef vhc_log_ring_fn
 * @opaque: the &struct vhost_virtqueue.
 * @which: the area.
 * @offset: of its first byte in the area.
 * @len: bytes.
 *
 * Without an IOTLB the VMM has told one address in the log, that of the used ring or of the device
 * event structure (VHOST_VRING_F_LOG).
 */
void vhc_log_ring(void *opaque, enum vhc_ring_area which, u32 offset, u32 len)
{
	struct vhost_virtqueue *vq = opaque;
	struct vhc_queue *queue = container_of(vq, struct vhc_queue, vq);
	const bool used = which == VHC_AREA_USED;
	struct vhost_log log = { .addr = vq->log_addr + offset, .len = len };
	struct vhc_ring *ring = &queue->ring;
	int err;

	lockdep_assert_held(&vq->mutex);
	queue->stats.log_writes++;
	if (!vq->iotlb && used)
		err = vhost_log_write(vq, &log, 1, len, NULL, 0);
	else if (ring->scattered)
		err = log_scattered(queue, used ? &ring->used_area : &ring->desc_area, offset, len);
	else
		err = log_piece(vq, (used ? (void __user *)ring->used :
					    (void __user *)ring->desc) + offset, len);
	if (err < 0)
		vhc_queue_bad(queue, VHOST_CUSTOM_BAD_LOG);
}
