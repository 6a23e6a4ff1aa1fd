// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory: where the host sees a guest address, from the vhost core's own tables, and
 * the questions to the VMM when an IOMMU's translation is missing.
 *
 * Called by the ring engine through struct vhc_ring, and by queue.c, on a worker or when a
 * queue stops, under the queue's mutex, which is what keeps the tables as they are. An IOMMU's
 * may not be remembered beyond that; that of the VMM until it sets another one, as it has to
 * keep the memory where it is so long: see vhc_queue_forget_memory().
 */
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "trace.h"
#include "vhost_custom.h"

/* Remove a virtqueue's questions from a list; true if one that asks for @keep stays. */
static bool withdraw_misses(struct list_head *list, const struct vhost_virtqueue *vq,
			    const struct vhost_iotlb_msg *keep)
{
	struct vhost_msg_node *node, *next;
	bool kept = false;

	list_for_each_entry_safe(node, next, list, node) {
		/* Both versions of a message have their body at the same place. */
		const struct vhost_iotlb_msg *msg = &node->msg.iotlb;

		if (node->vq != vq)
			continue;
		if (keep && !kept && msg->iova == keep->iova && msg->perm == keep->perm) {
			kept = true;
			continue;
		}
		list_del(&node->node);
		vhc_forget_miss(node);
		kfree(node);
	}
	return kept;
}

/*
 * Ask the VMM for a translation. When it answers, the core queues the virtqueue's kick.
 *
 * A run ends at the first miss, so that of each virtqueue only the last question matters:
 * older ones are withdrawn, or a guest could fill the host's memory with them. One that was
 * read and not answered is asked again, as the VMM may have an answer now, and it stays, as
 * that answer may be on its way.
 */
static void iotlb_miss(struct vhost_virtqueue *vq, u64 addr, u8 perm)
{
	const bool v2 = vq->acked_backend_features & BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2);
	struct vhc_queue *queue = container_of(vq, struct vhc_queue, vq);
	struct vhost_dev *dev = vq->dev;
	struct vhost_msg_node *node;
	struct vhost_iotlb_msg *msg;
	bool asked;

	lockdep_assert_held(&vq->mutex);
	BUILD_BUG_ON(offsetof(struct vhost_msg_node, msg.iotlb) !=
		     offsetof(struct vhost_msg_node, msg_v2.iotlb));

	node = vhost_new_msg(vq, v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG);
	if (!node) {
		queue->unasked = true;
		return;
	}
	msg = &node->msg.iotlb;
	msg->type = VHOST_IOTLB_MISS;
	msg->iova = addr;
	msg->perm = perm;

	spin_lock(&dev->iotlb_lock);
	withdraw_misses(&dev->pending_list, vq, msg);
	asked = withdraw_misses(&dev->read_list, vq, msg);
	spin_unlock(&dev->iotlb_lock);

	if (asked) {
		kfree(node);
		return;
	}
	queue->stats.iotlb_misses++;
	trace_iotlb_miss(queue, addr, perm);
	vhost_enqueue_msg(dev, &dev->read_list, node);
}

/**
 * vhc_mem_withdraw() - a queue stops: forget what it asked the VMM
 * @queue: the queue. The other one may still wait for its answer.
 *
 * Context: process; vq->mutex is held.
 */
void vhc_mem_withdraw(struct vhc_queue *queue)
{
	struct vhost_dev *dev = queue->vq.dev;

	lockdep_assert_held(&queue->vq.mutex);
	spin_lock(&dev->iotlb_lock);
	withdraw_misses(&dev->pending_list, &queue->vq, NULL);
	withdraw_misses(&dev->read_list, &queue->vq, NULL);
	spin_unlock(&dev->iotlb_lock);
}

static struct vhost_iotlb_map *find_map(struct vhost_virtqueue *vq, u64 addr)
{
	struct vhost_iotlb *table = vq->iotlb ?: vq->umem;

	return table ? vhost_iotlb_itree_first(table, addr, addr) : NULL;
}

/**
 * vhc_mem_translate() - find the memory that holds a guest address
 * @opaque: the &struct vhost_virtqueue.
 * @addr: guest-physical address, or IO virtual address if there is an IOMMU.
 * @write: what for.
 * @window: filled on success.
 *
 * Context: worker; vq->mutex is held.
 * Return: 0, -EFAULT, or -EAGAIN if the VMM was asked.
 */
int vhc_mem_translate(void *opaque, u64 addr, bool write, struct vhc_window *window)
{
	struct vhost_virtqueue *vq = opaque;
	struct vhost_iotlb_map *map;

	lockdep_assert_held(&vq->mutex);
	map = find_map(vq, addr);
	if (!map) {
		if (!vq->iotlb)
			return -EFAULT;
		iotlb_miss(vq, addr, write ? VHOST_ACCESS_WO : VHOST_ACCESS_RO);
		return -EAGAIN;
	}
	window->start = map->start;
	window->last = map->last;
	window->offset = map->addr - map->start;
	window->readable = map->perm & VHOST_MAP_RO;
	window->writable = map->perm & VHOST_MAP_WO;
	return 0;
}

/* One of the areas of a ring that is behind an IOMMU. */
struct iotlb_area {
	struct vhc_area *area;	/* where its pages are noted */
	unsigned long addr;
	size_t size;
	u8 perm;
	unsigned long host;	/* where the host sees its first byte */
};

/*
 * Find out whether all of an area is translated.
 *
 * Returns 1 if the host sees it in one piece, 0 if in several, -EAGAIN if the VMM was asked,
 * -EFAULT if the ring may not be there.
 */
static int area_find(struct vhost_virtqueue *vq, struct iotlb_area *area)
{
	u64 addr = area->addr, last = addr + area->size - 1;
	int whole = 1;

	if (last < addr)
		return -EFAULT;
	for (;;) {
		struct vhost_iotlb_map *map = find_map(vq, addr);
		unsigned long host;

		if (!map) {
			iotlb_miss(vq, addr, area->perm);
			return -EAGAIN;
		}
		if ((map->perm & area->perm) != area->perm)
			return -EFAULT;
		host = map->addr + (addr - map->start);
		if (addr == area->addr)
			area->host = host;
		else if (host - area->host != addr - area->addr)
			whole = 0;
		if (map->last >= last)
			return whole;
		addr = map->last + 1;
	}
}

/* Note where each page of an area is; area_find() has seen all of it. */
static int area_note_pages(struct vhost_virtqueue *vq, const struct iotlb_area *area)
{
	u64 last = area->addr + area->size - 1;
	u64 start = area->addr, end;
	unsigned long *page = area->area->page;

	area->area->start = area->addr;
	for (;; start = end + 1) {
		struct vhost_iotlb_map *map = find_map(vq, start);

		end = min(last, start | (VHC_RING_PAGE - 1));
		/* No IOMMU maps less than a page. */
		if (!map || map->last < end)
			return -EFAULT;
		*page = map->addr + (start - map->start) - start % VHC_RING_PAGE;
		if (!access_ok((void __user *)(*page + start % VHC_RING_PAGE), end - start + 1))
			return -EFAULT;
		page++;
		if (end == last)
			return 0;
	}
}

/**
 * vhc_mem_find_ring() - find a virtqueue's areas for a run, if it is behind an IOMMU
 * @queue: the queue. The addresses that the core has are IO virtual ones.
 *
 * Context: worker; vq->mutex is held.
 * Return: 0, the ring has its addresses; -EAGAIN if the VMM was asked: the queue runs again
 * when it has answered; -EFAULT if the ring is where it may not be.
 */
int vhc_mem_find_ring(struct vhc_queue *queue)
{
	struct vhost_virtqueue *vq = &queue->vq;
	struct vhc_ring *ring = &queue->ring;
	const struct vhc_ring_size size = vhc_ring_size(ring, vq->num);
	struct iotlb_area area[] = {
		{ &ring->desc_area, (unsigned long)vq->desc, size.desc,
		  size.desc_written ? VHOST_ACCESS_RW : VHOST_ACCESS_RO },
		{ &ring->avail_area, (unsigned long)vq->avail, size.avail, VHOST_ACCESS_RO },
		{ &ring->used_area, (unsigned long)vq->used, size.used, VHOST_ACCESS_WO },
	};
	bool whole = true;
	int i, ret;

	lockdep_assert_held(&vq->mutex);
	for (i = 0; i < ARRAY_SIZE(area); i++) {
		ret = area_find(vq, &area[i]);
		if (ret < 0)
			return ret;
		whole &= ret;
	}
	if (likely(whole)) {
		vhc_ring_set_addr(ring, (void __user *)area[0].host,
				  (void __user *)area[1].host, (void __user *)area[2].host,
				  vq->num);
		return 0;
	}

	if (area[0].addr % sizeof(*vq->desc))
		return -EFAULT;		/* the core does not check it, and fields would be cut */
	for (i = 0; i < ARRAY_SIZE(area); i++) {
		ret = area_note_pages(vq, &area[i]);
		if (ret)
			return ret;
	}
	vhc_ring_set_addr(ring, vq->desc, vq->avail, vq->used, vq->num);
	ring->scattered = true;
	return 0;
}
