// SPDX-License-Identifier: GPL-2.0
/*
 * The packed virtqueue layout (virtio 1.2, section 2.8), the device's side.
 *
 * Called through ring.h, on a worker, under the queue's mutex. The letters at the
 * barriers are those of the table in ring.h.
 *
 * A position is the index of a descriptor and, in its highest bit, the wrap counter: the driver's
 * when a descriptor there is available, the device's when it was used. The ring is seen as a circle
 * of twice its size. From used_idx on come the descriptors that the device has and did not give
 * back: first those of chains that were taken, up to the next chain to take, then those that were
 * fetched, up to fetch_end, then those that were only seen, up to avail_idx; together no more than
 * the ring has. A driver that overwrites what is not its own changes nothing of that.
 *
 * Between user_*_access_begin() and _end() no function may be called; on some
 * architectures the section is also good for the given range alone. Page faults are fine.
 */
#include <asm/barrier.h>
#include <asm/byteorder.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "ring.h"

enum {
	DESC_F_AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	DESC_F_USED = 1 << VRING_PACKED_DESC_F_USED,
	DESC_F_BOTH = DESC_F_AVAIL | DESC_F_USED,
	/* What the rest of the engine may see of a descriptor's flags. */
	DESC_F_KNOWN = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT,
};

/* ---- positions ---- */

static __always_inline u32 index_of(u16 position)
{
	return position & ~VHC_WRAP;
}

static __always_inline u16 advance(const struct vhc_ring *ring, u16 position, u32 count)
{
	u32 index = index_of(position) + count;
	u16 wrap = position & VHC_WRAP;

	if (index >= ring->num) {
		index -= ring->num;
		wrap ^= VHC_WRAP;
	}
	return index | wrap;
}

/* Where a position is on the circle: the wrap counter is 1 at first. */
static __always_inline u32 on_circle(u32 num, u16 position)
{
	return index_of(position) + (position & VHC_WRAP ? 0 : num);
}

static __always_inline u32 distance(u32 num, u16 from, u16 to)
{
	u32 a = on_circle(num, from), b = on_circle(num, to);

	return b >= a ? b - a : b + 2 * num - a;
}

/* How many descriptors may be available from a position on, beyond those that the device has? */
static __always_inline u32 room_behind(const struct vhc_ring *ring, u16 position)
{
	u32 taken = distance(ring->num, ring->used_idx, position);

	return taken < ring->num ? ring->num - taken : 0;
}

/**
 * vhc_packed_base() - check the positions that a VMM starts a ring at
 * @num: entries of the ring.
 * @next_avail: of the next chain to take.
 * @used_idx: of the next used descriptor. Corrected if nothing could be taken from such a ring
 *	ever, as the device had all of it: it is what VMMs say that know of @next_avail only.
 *
 * Return: 0, or -EINVAL if there are no such positions.
 */
int vhc_packed_base(u32 num, u16 next_avail, u16 *used_idx)
{
	u32 taken;

	if (index_of(next_avail) >= num || index_of(*used_idx) >= num)
		return -EINVAL;
	taken = distance(num, *used_idx, next_avail);
	if (taken > num)
		return -EINVAL;
	if (taken == num)
		*used_idx = next_avail;
	return 0;
}

/* ---- what the driver makes available ---- */

/* The flags of a descriptor that tell whose it is, when it is available (2.8.1). */
static __always_inline u16 available_flags(u16 position)
{
	return position & VHC_WRAP ? DESC_F_AVAIL : DESC_F_USED;
}

static __always_inline bool is_available(u16 flags, u16 position)
{
	return (flags & DESC_F_BOTH) == available_flags(position);
}

/* A descriptor of the ring, where the host sees it. */
static __always_inline struct vring_packed_desc __user *
desc_at(struct vhc_ring *ring, u32 index, const bool scattered)
{
	/* Of a scattered ring it indexes memory of the kernel's, also speculatively. */
	if (scattered)
		index = array_index_nospec(index, ring->num);
	return vhc_area_at(&ring->desc_area, &ring->packed_desc[index], scattered);
}

/* Copy a descriptor whose flags are known. */
static __always_inline bool desc_copy(struct vhc_desc *desc,
				      const struct vring_packed_desc __user *entry, u16 flags)
{
	__le64 addr;
	__le32 len;

	unsafe_get_user(addr, &entry->addr, fault);
	unsafe_get_user(len, &entry->len, fault);
	desc->addr = le64_to_cpu(addr);
	desc->len = le32_to_cpu(len);
	desc->flags = flags & DESC_F_KNOWN;
	return true;
fault:
	return false;
}

/*
 * Copy the descriptors of up to VHC_BATCH chains. A chain that does not fit behind others is left
 * for the next fetch; one that does not fit at all is too long, and is followed to its end, as
 * the driver knows it by what is there.
 * Returns the number of chains, or -EFAULT. @end: behind the last of them.
 */
static __always_inline int __chains_read(struct vhc_ring *ring, u16 *end, const bool scattered)
{
	struct vhc_fetched *fetched = ring->fetched;
	struct vhc_desc *snapshot = ring->snapshot;
	const u32 num = ring->num;
	u32 index = index_of(ring->fetch_end);
	u16 wrap = ring->fetch_end & VHC_WRAP;
	u32 room = room_behind(ring, ring->fetch_end);
	unsigned int slot = 0, i;

	ring->more = false;
	if (!user_read_access_begin(desc_at(ring, 0, scattered),
				    scattered ? 1 : num * sizeof(*ring->packed_desc)))
		return -EFAULT;

	for (i = 0; room; i++, fetched++) {
		struct vring_packed_desc __user *entry = desc_at(ring, index, scattered);
		const u16 start = index | wrap;
		const unsigned int first = slot;
		u32 count = 0;
		__le16 word, id;
		u16 flags;

		unsafe_get_user(word, &entry->flags, fault);
		flags = le16_to_cpu(word);
		if (!is_available(flags, wrap))
			break;
		if (unlikely(i == VHC_BATCH)) {
			ring->more = true;
			break;
		}
		/* B: the rest of the chain is read after the flags that cover it. */
		smp_rmb();

		fetched->start = start;
		fetched->first = first;
		fetched->bad = 0;
		for (;;) {
			if (likely(slot < VHC_CHAIN_MAX)) {
				if (!desc_copy(&snapshot[slot++], entry, flags))
					goto fault;
			} else if (first) {
				index = index_of(start);
				wrap = start & VHC_WRAP;
				ring->more = true;
				goto full;
			} else {
				fetched->bad = VHOST_CUSTOM_BAD_LENGTH + 1;
			}
			count++;
			if (unlikely(++index == num)) {
				index = 0;
				wrap ^= VHC_WRAP;
			}
			if (likely(!(flags & VRING_DESC_F_NEXT)))
				break;

			if (flags & VRING_DESC_F_INDIRECT)
				fetched->bad = VHOST_CUSTOM_BAD_INDIRECT + 1;
			if (count == room) {
				fetched->bad = VHOST_CUSTOM_BAD_LOOP + 1;
				break;
			}
			entry = desc_at(ring, index, scattered);
			unsafe_get_user(word, &entry->flags, fault);
			flags = le16_to_cpu(word);
		}
		/* That of the last descriptor counts (2.8.6). */
		unsafe_get_user(id, &entry->id, fault);
		fetched->id = le16_to_cpu(id) | count << VHC_DESCS_SHIFT;
		fetched->count = slot - first;
		room -= count;
	}
full:
	user_read_access_end();
	*end = index | wrap;
	return i;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int chains_read(struct vhc_ring *ring, u16 *end)
{
	return unlikely(ring->scattered) ? __chains_read(ring, end, true) :
					   __chains_read(ring, end, false);
}

/**
 * vhc_packed_fetch() - read the next chains' descriptors into the ring's snapshot
 * @ring: the ring; all that was fetched before was taken.
 *
 * Return: the number of chains, 0 if none is available, -EFAULT, or -EINVAL if the driver took
 * some away that it had shown.
 */
int vhc_packed_fetch(struct vhc_ring *ring)
{
	u32 known = distance(ring->num, ring->fetch_end, ring->avail_idx);
	const bool more = ring->more;
	u16 end;
	int ret;

	vhc_ring_overwrite_fetched(ring);
	ret = chains_read(ring, &end);
	if (ret < 0)
		return ret;
	if (!ret && known) {
		ring->avail_idx = ring->fetch_end;
		return -EINVAL;
	}
	if (distance(ring->num, ring->fetch_end, end) > known) {
		ring->avail_idx = end;
		/* The rest of what one look saw is no news. */
		if (!more)
			ring->news++;
	}
	ring->fetch_end = end;
	ring->fetched_num = ret;
	return ret;
}

/* ---- what the device gives back ---- */

/*
 * All of a used descriptor but its address, which is not written (2.8.4). Those fields are one word
 * of memory, and are written as one.
 */
static __always_inline __le64 used_word(u16 id, u32 len, u16 flags)
{
	return cpu_to_le64(len | (u64)id << 32 | (u64)flags << 48);
}

static_assert(offsetof(struct vring_packed_desc, id) ==
	      offsetof(struct vring_packed_desc, len) + 4);
static_assert(offsetof(struct vring_packed_desc, flags) ==
	      offsetof(struct vring_packed_desc, len) + 6);

/*
 * Write a used descriptor for each filled chain; the first one's flags come last, as the driver
 * looks at no other before. @batches: some of them need not be written (2.8.9, IN_ORDER).
 * Returns 0 or -EFAULT. @end: behind the last descriptor that is given back.
 */
static __always_inline int __used_write(struct vhc_ring *ring, unsigned int count, u16 *end,
					const bool scattered, const bool batches)
{
	const struct vhc_done *done = ring->done;
	const u32 num = ring->num;
	u32 index = index_of(ring->used_idx);
	u16 wrap_flags = ring->used_idx & VHC_WRAP ? DESC_F_BOTH : 0;
	struct vring_packed_desc __user *first = NULL;
	u16 first_flags = 0;
	unsigned int i;

	if (!user_write_access_begin(desc_at(ring, 0, scattered),
				     scattered ? 1 : num * sizeof(*ring->packed_desc)))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		struct vring_packed_desc __user *entry = desc_at(ring, index, scattered);
		u32 descs = 0, len;
		u16 flags;

		for (; batches && i + 1 < count && (done[i].len & VHC_DONE_SKIP); i++)
			descs += done[i].id >> VHC_DESCS_SHIFT;
		descs += done[i].id >> VHC_DESCS_SHIFT;
		len = batches ? done[i].len & ~VHC_DONE_SKIP : done[i].len;
		flags = wrap_flags | (len ? VRING_DESC_F_WRITE : 0);
		if (likely(first)) {
			unsafe_put_user(used_word(done[i].id, len, flags),
					(__le64 __user *)&entry->len, fault);
		} else {
			unsafe_put_user(cpu_to_le32(len), &entry->len, fault);
			unsafe_put_user(cpu_to_le16((u16)done[i].id), &entry->id, fault);
			first = entry;
			first_flags = flags;
		}
		index += descs;
		if (unlikely(index >= num)) {
			index -= num;
			wrap_flags ^= DESC_F_BOTH;
		}
	}
	/* C: all that, and what was written to the buffers, is visible before the first flags. */
	smp_wmb();
	unsafe_put_user(cpu_to_le16(first_flags), &first->flags, fault);
	user_write_access_end();
	*end = index | (wrap_flags ? VHC_WRAP : 0);
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

static int used_write(struct vhc_ring *ring, unsigned int count, u16 *end)
{
	if (unlikely(ring->scattered))
		return __used_write(ring, count, end, true, true);
	return unlikely(ring->in_order) ? __used_write(ring, count, end, false, true) :
					  __used_write(ring, count, end, false, false);
}

/* Log all descriptors from used_idx up to a position. */
static noinline void log_descs(struct vhc_ring *ring, u16 end)
{
	const u32 size = sizeof(struct vring_packed_desc);
	u32 count = distance(ring->num, ring->used_idx, end);
	u32 first = index_of(ring->used_idx);
	u32 part;

	for (count = min(count, ring->num); count; count -= part) {
		part = min(count, ring->num - first);
		vhc_ring_log(ring, VHC_AREA_DESC, first * size, part * size);
		first = 0;
	}
}

/* Where all filled chains end: they have as many descriptors as were taken. */
static u16 filled_end(const struct vhc_ring *ring, unsigned int count)
{
	u16 position = ring->used_idx;
	unsigned int i;

	for (i = 0; i < count; i++)
		position = advance(ring, position, ring->done[i].id >> VHC_DESCS_SHIFT);
	return position;
}

/**
 * vhc_packed_publish() - write the filled chains' used descriptors
 * @ring: the ring; at least one chain is filled.
 *
 * If that fails, the chains are lost to the driver; the ring goes on behind them.
 *
 * Return: how many there were, or -EFAULT.
 */
int vhc_packed_publish(struct vhc_ring *ring)
{
	unsigned int count = ring->now.done_num;
	u16 end;
	int err;

	ring->now.done_num = 0;
	err = used_write(ring, count, &end);
	if (unlikely(err))
		end = filled_end(ring, count);
	/* What was written before a fault counts, too. */
	if (unlikely(ring->log))
		log_descs(ring, end);
	/* Not asked, or all the way around since then: the driver's answer says nothing. */
	if (unlikely(err) || unlikely(distance(ring->num, ring->signalled_used, end) <
				      distance(ring->num, ring->used_idx, end)))
		ring->signalled_valid = false;
	ring->used_idx = end;
	return err ?: count;
}

/* ---- who wants to be woken ---- */

static __le16 __user *driver_event_word(struct vhc_ring *ring, __le16 __user *word)
{
	return vhc_area_at(&ring->avail_area, word, ring->scattered);
}

/**
 * vhc_packed_need_signal() - ask the driver event structure (2.8.10)
 * @ring: the ring; descriptors were published since the last call.
 *
 * Return: 1 or 0, or -EFAULT.
 */
int vhc_packed_need_signal(struct vhc_ring *ring)
{
	const bool valid = ring->signalled_valid;
	const u16 old = ring->signalled_used;
	__le16 word;
	u16 event;

	/* E: the used descriptors are visible before the driver's wish is read. */
	smp_mb();

	/* Also if it cannot be read: the caller signals then. */
	ring->signalled_used = ring->used_idx;
	ring->signalled_valid = true;
	if (get_user(word, driver_event_word(ring, &ring->driver_event->flags)))
		return -EFAULT;
	if (word == cpu_to_le16(VRING_PACKED_EVENT_FLAG_DISABLE))
		return 0;
	/* A wish that makes no sense is one to be woken. */
	if (!ring->event_idx || word != cpu_to_le16(VRING_PACKED_EVENT_FLAG_DESC) || !valid)
		return 1;
	/* The driver writes the position before the flags. */
	smp_rmb();
	if (get_user(word, driver_event_word(ring, &ring->driver_event->off_wrap)))
		return -EFAULT;
	event = le16_to_cpu(word);
	if (index_of(event) >= ring->num)
		return 1;
	return distance(ring->num, old, event) < distance(ring->num, old, ring->used_idx);
}

/* Tell the driver when to kick; in one word, so that it sees no half of it. */
static int device_event_write(struct vhc_ring *ring, u16 position, u16 flags)
{
	__le32 __user *word = vhc_area_at(&ring->used_area, ring->device_event, ring->scattered);

	if (put_user(cpu_to_le32(position | (u32)flags << 16), word))
		return -EFAULT;
	vhc_ring_log(ring, VHC_AREA_USED, 0, sizeof(*ring->device_event));
	ring->notify_off = flags == VRING_PACKED_EVENT_FLAG_DISABLE;
	return 0;
}

/* Is the descriptor behind all that were seen available? Returns 1, 0 or -EFAULT. */
static int look_behind(struct vhc_ring *ring)
{
	struct vring_packed_desc __user *entry;
	__le16 word;

	if (!room_behind(ring, ring->avail_idx))
		return 0;
	entry = ring->scattered ? desc_at(ring, index_of(ring->avail_idx), true) :
				  desc_at(ring, index_of(ring->avail_idx), false);
	if (get_user(word, &entry->flags))
		return -EFAULT;
	return is_available(le16_to_cpu(word), ring->avail_idx);
}

/**
 * vhc_packed_enable_notify() - ask for a kick at the next chain, and look once more
 * @ring: the ring.
 *
 * The kick is asked for beyond avail_idx, not the next chain to take: RX may have seen chains,
 * found them too few for a frame and put them back. It must sleep until there are more.
 *
 * Return: 0, 1 if more is available than what was seen, or -EFAULT.
 */
int vhc_packed_enable_notify(struct vhc_ring *ring)
{
	const u16 flags = ring->event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
					    VRING_PACKED_EVENT_FLAG_ENABLE;
	int ret = device_event_write(ring, ring->event_idx ? ring->avail_idx : 0, flags);

	if (ret)
		return ret;

	/* G: the wish for a kick is visible before the flags are read again. */
	smp_mb();

	ret = look_behind(ring);
	if (ret <= 0)
		return ret;
	/* As long as they come, one call each; the ring ends it. */
	ring->avail_idx = advance(ring, ring->avail_idx, 1);
	if (!ring->more)
		ring->news++;
	ring->more = true;
	return 1;
}

/**
 * vhc_packed_disable_notify() - say that kicks are not needed
 * @ring: the ring.
 *
 * Return: 0 or -EFAULT.
 */
int vhc_packed_disable_notify(struct vhc_ring *ring)
{
	if (ring->notify_off)
		return 0;
	return device_event_write(ring, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
}
