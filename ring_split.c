// SPDX-License-Identifier: GPL-2.0
/*
 * The split virtqueue layout (virtio 1.2, section 2.7), the device's side.
 *
 * Called through ring.h, on a worker, under the queue's mutex. The letters at the
 * barriers are those of the table in ring.h.
 *
 * Between user_*_access_begin() and _end() no function may be called; on some
 * architectures the section is also good for the given range alone. Page faults are fine.
 * Our own arrays are reached through pointers there, as a checked index calls UBSAN.
 */
#include <asm/barrier.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include "ring.h"

/*
 * The loops exist twice, so that a contiguous ring's are short. All others look it up.
 */
static inline __virtio16 __user *avail_word(struct vhc_ring *ring, __virtio16 __user *word)
{
	return vhc_area_at(&ring->avail_area, word, ring->scattered);
}

static inline __virtio16 __user *used_word(struct vhc_ring *ring, __virtio16 __user *word)
{
	return vhc_area_at(&ring->used_area, word, ring->scattered);
}

static inline __virtio16 __user *used_event_of(struct vhc_ring *ring)
{
	return avail_word(ring, &ring->avail->ring[ring->num]);
}

static inline __virtio16 __user *avail_event_of(struct vhc_ring *ring)
{
	return used_word(ring, (__virtio16 __user *)&ring->used->ring[ring->num]);
}

/*
 * Read avail->idx; -EINVAL if the driver made more chains available than there can be, or
 * took some away that it had shown.
 */
static int avail_idx_read(struct vhc_ring *ring, u16 *idx)
{
	const u16 next_avail = vhc_ring_next_avail(ring);
	u16 known = ring->avail_idx - next_avail;
	__virtio16 word;
	u16 count;

	if (get_user(word, avail_word(ring, &ring->avail->idx)))
		return -EFAULT;
	*idx = __virtio16_to_cpu(vhc_ring_le(ring), word);
	count = *idx - next_avail;
	if (count > ring->num || count < known)
		return -EINVAL;
	return 0;
}

static __always_inline int __heads_read(struct vhc_ring *ring, unsigned int count,
					const bool scattered)
{
	struct vring_avail __user *avail = ring->avail;
	struct vhc_fetched *fetched = ring->fetched;
	u32 mask = ring->num - 1;
	unsigned int i;

	if (!user_read_access_begin(vhc_area_at(&ring->avail_area, avail, scattered),
				    scattered ? 1 : struct_size(avail, ring, ring->num)))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		__virtio16 __user *entry = &avail->ring[(ring->fetch_end + i) & mask];
		__virtio16 head;

		entry = vhc_area_at(&ring->avail_area, entry, scattered);
		unsafe_get_user(head, entry, fault);
		fetched[i].id = __virtio16_to_cpu(vhc_ring_le(ring), head);
	}
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int heads_read(struct vhc_ring *ring, unsigned int count)
{
	return unlikely(ring->scattered) ? __heads_read(ring, count, true) :
					   __heads_read(ring, count, false);
}

/*
 * Copy the descriptors of up to @count chains. A chain that does not fit behind others
 * is left for the next fetch; one that does not fit at all is too long.
 * Returns the number of chains, or -EFAULT.
 */
static __always_inline int __chains_read(struct vhc_ring *ring, unsigned int count,
					 const bool scattered)
{
	struct vhc_fetched *fetched = ring->fetched;
	struct vhc_desc *snapshot = ring->snapshot;
	const bool le = vhc_ring_le(ring);
	const u32 num = ring->num;
	unsigned int slot = 0, i;

	if (!user_read_access_begin(vhc_area_at(&ring->desc_area, ring->desc, scattered),
				    scattered ? 1 : num * sizeof(*ring->desc)))
		return -EFAULT;

	for (i = 0; i < count; i++, fetched++) {
		unsigned int next = fetched->id;
		unsigned int first = slot;

		fetched->start = ring->fetch_end + i;
		fetched->first = first;
		fetched->bad = 0;
		if (next >= num) {
			fetched->bad = VHOST_CUSTOM_BAD_HEAD + 1;
			fetched->count = 0;
			continue;
		}
		/* Of a scattered ring it indexes memory of the kernel's, also speculatively. */
		if (scattered)
			next = array_index_nospec(next, num);
		for (;;) {
			struct vring_desc __user *entry = &ring->desc[next];
			struct vhc_desc *desc = &snapshot[slot];
			__virtio64 addr;
			__virtio32 len;
			__virtio16 flags, link;

			entry = vhc_area_at(&ring->desc_area, entry, scattered);
			if (slot == VHC_CHAIN_MAX) {
				if (first)
					goto full;
				fetched->bad = VHOST_CUSTOM_BAD_LENGTH + 1;
				break;
			}
			unsafe_get_user(addr, &entry->addr, fault);
			unsafe_get_user(len, &entry->len, fault);
			unsafe_get_user(flags, &entry->flags, fault);
			desc->addr = __virtio64_to_cpu(le, addr);
			desc->len = __virtio32_to_cpu(le, len);
			desc->flags = __virtio16_to_cpu(le, flags);
			slot++;
			if (!(desc->flags & VRING_DESC_F_NEXT))
				break;

			if (desc->flags & VRING_DESC_F_INDIRECT) {
				fetched->bad = VHOST_CUSTOM_BAD_INDIRECT + 1;
				break;
			}
			if (slot - first == num) {
				fetched->bad = VHOST_CUSTOM_BAD_LOOP + 1;
				break;
			}
			unsafe_get_user(link, &entry->next, fault);
			next = __virtio16_to_cpu(le, link);
			if (next >= num) {
				fetched->bad = VHOST_CUSTOM_BAD_NEXT + 1;
				break;
			}
			if (scattered)
				next = array_index_nospec(next, num);
		}
		fetched->count = slot - first;
	}
full:
	user_read_access_end();
	return i;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int chains_read(struct vhc_ring *ring, unsigned int count)
{
	return unlikely(ring->scattered) ? __chains_read(ring, count, true) :
					   __chains_read(ring, count, false);
}

/**
 * vhc_split_fetch() - read the next chains' descriptors into the ring's snapshot
 * @ring: the ring; all that was fetched before was taken.
 *
 * Return: the number of chains, 0 if none is available, -EFAULT or -EINVAL.
 */
int vhc_split_fetch(struct vhc_ring *ring)
{
	unsigned int count = (u16)(ring->avail_idx - ring->fetch_end);
	int err;

	if (!count) {
		u16 idx;

		err = avail_idx_read(ring, &idx);
		if (err)
			return err;
		count = (u16)(idx - ring->fetch_end);
		if (!count)
			return 0;
		ring->avail_idx = idx;
		ring->news++;
		/* B: entries and descriptors are read after the index that covers them. */
		smp_rmb();
	}
	count = min_t(unsigned int, count, VHC_BATCH);
	/* Even if that fails. */
	vhc_ring_overwrite_fetched(ring);
	err = heads_read(ring, count);
	if (err)
		return err;
	err = chains_read(ring, count);
	if (err < 0)
		return err;
	ring->fetched_num = err;
	ring->fetch_end += err;
	return err;
}

/*
 * Copy the filled entries to the used ring, and then its index. @batches: some of them need not be
 * written (2.7.9, IN_ORDER). Returns 0 or -EFAULT.
 */
static __always_inline int __used_write(struct vhc_ring *ring, unsigned int count,
					const bool scattered, const bool batches)
{
	struct vring_used __user *used = ring->used;
	__virtio16 __user *idx = vhc_area_at(&ring->used_area, &used->idx, scattered);
	const bool le = vhc_ring_le(ring);
	u32 mask = ring->num - 1;
	unsigned int i;

	if (!user_write_access_begin(vhc_area_at(&ring->used_area, used, scattered),
				     scattered ? 1 : struct_size(used, ring, ring->num)))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		struct vring_used_elem __user *elem = &used->ring[(ring->used_idx + i) & mask];
		const struct vhc_done *done;

		if (batches)
			i = vhc_batch_last(ring, i, count);
		done = ring->done + i;
		/* Twice: an entry is aligned to 4 bytes, and may lie across two pages. */
		unsafe_put_user(__cpu_to_virtio32(le, (u16)done->id), (__virtio32 __user *)
				vhc_area_at(&ring->used_area, &elem->id, scattered), fault);
		unsafe_put_user(__cpu_to_virtio32(le, batches ? done->len & ~VHC_DONE_SKIP :
								done->len), (__virtio32 __user *)
				vhc_area_at(&ring->used_area, &elem->len, scattered), fault);
	}
	/* C: the entries, and what was written to the buffers, are visible before the index. */
	smp_wmb();
	unsafe_put_user(__cpu_to_virtio16(le, ring->used_idx + count), idx, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

static int used_write(struct vhc_ring *ring, unsigned int count)
{
	if (unlikely(ring->scattered))
		return __used_write(ring, count, true, true);
	return unlikely(ring->in_order) ? __used_write(ring, count, false, true) :
					  __used_write(ring, count, false, false);
}

/* Log @count entries from the one that used_idx names on, and the index. */
static noinline void log_entries(struct vhc_ring *ring, unsigned int count)
{
	const u32 size = sizeof(struct vring_used_elem);
	u32 first = ring->used_idx & (ring->num - 1);
	u32 part;

	for (count = min(count, ring->num); count; count -= part) {
		part = min(count, ring->num - first);
		vhc_ring_log(ring, VHC_AREA_USED, offsetof(struct vring_used, ring) + first * size,
			     part * size);
		first = 0;
	}
	vhc_ring_log(ring, VHC_AREA_USED, offsetof(struct vring_used, idx), sizeof(__virtio16));
}

/**
 * vhc_split_publish() - copy the filled entries to the used ring and move its index
 * @ring: the ring; at least one entry is filled. A driver that gets more of them at once
 *	than its ring holds made more chains available than it could.
 *
 * Return: how many there were, or -EFAULT.
 */
int vhc_split_publish(struct vhc_ring *ring)
{
	unsigned int count = ring->now.done_num;
	int err;

	ring->now.done_num = 0;
	err = used_write(ring, count);
	/* What was written before a fault counts, too. */
	if (unlikely(ring->log))
		log_entries(ring, count);
	if (unlikely(err))
		return err;
	ring->used_idx += count;
	/* All the way around since the driver was asked: its answer says nothing any more. */
	if ((u16)(ring->used_idx - ring->signalled_used) < count)
		ring->signalled_valid = false;
	return count;
}

/**
 * vhc_split_need_signal() - ask the driver's suppression fields
 * @ring: the ring; entries were published since the last call.
 *
 * Return: 1 or 0, or -EFAULT.
 */
int vhc_split_need_signal(struct vhc_ring *ring)
{
	const bool le = vhc_ring_le(ring);
	u16 old = ring->signalled_used;
	bool valid = ring->signalled_valid;
	__virtio16 word;

	/* E: the used index is visible before the driver's wish is read. */
	smp_mb();

	if (ring->notify_on_empty && ring->avail_idx == vhc_ring_next_avail(ring))
		return 1;
	if (!ring->event_idx) {
		if (get_user(word, avail_word(ring, &ring->avail->flags)))
			return -EFAULT;
		return !(__virtio16_to_cpu(le, word) & VRING_AVAIL_F_NO_INTERRUPT);
	}

	ring->signalled_used = ring->used_idx;
	ring->signalled_valid = true;
	if (!valid)
		return 1;
	if (get_user(word, used_event_of(ring)))
		return -EFAULT;
	return vring_need_event(__virtio16_to_cpu(le, word), ring->used_idx, old);
}

/* Without EVENT_IDX the driver looks at used->flags. */
static int used_flags_write(struct vhc_ring *ring, bool notify_off)
{
	u16 flags = notify_off ? VRING_USED_F_NO_NOTIFY : 0;

	if (ring->notify_off == notify_off)
		return 0;
	if (put_user(__cpu_to_virtio16(vhc_ring_le(ring), flags),
		     used_word(ring, &ring->used->flags)))
		return -EFAULT;
	vhc_ring_log(ring, VHC_AREA_USED, offsetof(struct vring_used, flags), sizeof(__virtio16));
	ring->notify_off = notify_off;
	return 0;
}

/**
 * vhc_split_enable_notify() - ask for a kick at the next chain, and look once more
 * @ring: the ring.
 *
 * The kick is asked for beyond avail_idx, not the next chain to take: RX may have seen chains,
 * found them too few for a frame and put them back. It must sleep until there are more.
 *
 * Return: 0, 1 if more chains are available than avail_idx said, -EFAULT or -EINVAL.
 */
int vhc_split_enable_notify(struct vhc_ring *ring)
{
	u16 idx;
	int err;

	if (ring->event_idx) {
		err = put_user(__cpu_to_virtio16(vhc_ring_le(ring), ring->avail_idx),
			       avail_event_of(ring));
		if (!err)
			vhc_ring_log(ring, VHC_AREA_USED, struct_size(ring->used, ring, ring->num),
				     sizeof(__virtio16));
	} else {
		err = used_flags_write(ring, false);
	}
	if (err)
		return -EFAULT;

	/* G: the wish for a kick is visible before the index is read again. */
	smp_mb();

	err = avail_idx_read(ring, &idx);
	if (err)
		return err;
	if (idx == ring->avail_idx)
		return 0;
	ring->avail_idx = idx;
	ring->news++;
	/* B, as in vhc_split_fetch(). */
	smp_rmb();
	return 1;
}

/**
 * vhc_split_disable_notify() - say that kicks are not needed
 * @ring: the ring.
 *
 * With EVENT_IDX there is nothing to write: the event index stays behind, and the driver
 * does not kick again before it is moved.
 *
 * Return: 0 or -EFAULT.
 */
int vhc_split_disable_notify(struct vhc_ring *ring)
{
	return ring->event_idx ? 0 : used_flags_write(ring, true);
}
