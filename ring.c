// SPDX-License-Identifier: GPL-2.0
/*
 * What both ring layouts share: descriptors become segments of host memory.
 *
 * Called through ring.h, which says by whom.
 * Everything here comes from the guest and was read once: see ring.h.
 */
#include <asm/byteorder.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include "copy.h"
#include "ring.h"

static void forget_fetched(struct vhc_ring *ring, u16 next_avail)
{
	ring->fetch_end = next_avail;
	ring->avail_idx = next_avail;
	ring->more = false;
	ring->now.fetched_pos = 0;
	ring->fetched_num = 0;
	vhc_ring_mark(ring);
}

/**
 * vhc_ring_size() - how large a ring's areas are
 * @ring: the ring; its features are set.
 * @num: its entries.
 *
 * Return: the bytes (2.7, 2.8.10).
 */
struct vhc_ring_size vhc_ring_size(const struct vhc_ring *ring, u32 num)
{
	const size_t event = ring->event_idx ? sizeof(__virtio16) : 0;

	if (ring->packed)
		return (struct vhc_ring_size) {
			.desc = num * sizeof(*ring->packed_desc),
			.desc_written = true,
			.avail = sizeof(*ring->driver_event),
			.used = sizeof(*ring->device_event),
		};
	return (struct vhc_ring_size) {
		.desc = num * sizeof(*ring->desc),
		.avail = struct_size(ring->avail, ring, num) + event,
		.used = struct_size(ring->used, ring, num) + event,
	};
}

/**
 * vhc_ring_start() - put the ring at a position, when a backend is set
 * @ring: the ring.
 * @next_avail: position of the next available chain to take.
 * @used_idx: position of the next used entry to fill.
 *
 * A split ring's driver kicks: the caller has set used->flags to 0.
 */
void vhc_ring_start(struct vhc_ring *ring, u16 next_avail, u16 used_idx)
{
	ring->used_idx = used_idx;
	ring->signalled_valid = false;
	ring->notify_off = false;
	ring->now.done_num = 0;
	forget_fetched(ring, next_avail);
	vhc_ring_forget_memory(ring);
}

/**
 * vhc_ring_set_addr() - say where the ring is, before each run
 * @ring: the ring.
 * @desc: descriptor table, or a packed ring's descriptors.
 * @avail: available ring, or the driver event structure.
 * @used: used ring, or the device event structure.
 * @num: entries; at most 32768, and of a split ring a power of 2.
 *
 * Chains that were fetched in the last run and not taken are still good if the ring did not
 * move: an available chain is the device's, the driver must not change it (2.7.13, 2.8.21). Where
 * its buffers are is looked up when it is taken.
 */
void vhc_ring_set_addr(struct vhc_ring *ring, struct vring_desc __user *desc,
		       struct vring_avail __user *avail, struct vring_used __user *used, u32 num)
{
	if (ring->desc != desc || ring->avail != avail || ring->num != num)
		forget_fetched(ring, vhc_ring_next_avail(ring));
	ring->desc = desc;
	ring->avail = avail;
	ring->used = used;
	ring->num = num;
	ring->scattered = false;
}

/**
 * vhc_ring_forget_memory() - forget where guest memory is
 * @ring: the ring.
 *
 * For when the VMM may have moved it. Chains that were fetched stay good: where their buffers
 * are is looked up when they are taken.
 */
void vhc_ring_forget_memory(struct vhc_ring *ring)
{
	unsigned int i;

	ring->next_window = 0;
	for (i = 0; i < VHC_WINDOWS; i++) {
		ring->window[i].start = U64_MAX;
		ring->window[i].last = 0;
	}
}

static struct vhc_window *window_miss(struct vhc_ring *ring, u64 addr, bool write)
{
	struct vhc_window *window = &ring->window[ring->next_window];
	int err = ring->translate(ring->opaque, addr, write, window);

	if (err) {
		window->start = U64_MAX;
		window->last = 0;
		ring->untranslated = err == -EAGAIN;
		return NULL;
	}
	ring->next_window = (ring->next_window + 1) % VHC_WINDOWS;
	return window;
}

static const struct vhc_window *window_find(struct vhc_ring *ring, u64 addr, bool write)
{
	return vhc_window_known(ring, addr, addr) ?: window_miss(ring, addr, write);
}

/*
 * Write a buffer down in as many segments as there are stretches of host memory.
 * Returns their number, or -1 - an enum vhost_custom_bad.
 */
static noinline int segments_append(struct vhc_ring *ring, struct iovec *iov, unsigned int max,
				    u64 addr, u32 len, bool write)
{
	unsigned int num = 0;
	u64 last;

	if (!len)
		return 0;
	if (check_add_overflow(addr, (u64)len - 1, &last))
		return -1 - VHOST_CUSTOM_BAD_ADDRESS;

	for (;;) {
		const struct vhc_window *window = window_find(ring, addr, write);
		u64 part;

		if (!window || !vhc_window_allows(window, write))
			return -1 - VHOST_CUSTOM_BAD_ADDRESS;
		if (num == max)
			return -1 - VHOST_CUSTOM_BAD_LENGTH;

		part = min(last, window->last) - addr;	/* less 1: cannot wrap */
		vhc_segment_set(&iov[num++], window, addr, part + 1);
		if (addr + part == last)
			return num;
		addr += part + 1;
	}
}

/* A chain in the making: a local variable, so that the compiler can have it in registers. */
struct chain_builder {
	struct iovec *iov;	/* the next segment */
	struct iovec *end;
	unsigned int out_num;
	unsigned int in_num;
	u64 out_len;
	u64 in_len;
};

/*
 * Append a descriptor that is not an indirect one.
 * Returns 0, or an enum vhost_custom_bad + 1.
 */
static __always_inline unsigned int chain_append(struct vhc_ring *ring,
						 struct chain_builder *chain, u64 addr, u32 len,
						 u16 flags)
{
	const bool write = flags & VRING_DESC_F_WRITE;
	int num = 1;

	if (!write && unlikely(chain->in_num))
		return VHOST_CUSTOM_BAD_ORDER + 1;
	if (unlikely(chain->iov == chain->end) ||
	    unlikely(!vhc_segment_known(ring, chain->iov, addr, len, write))) {
		num = segments_append(ring, chain->iov, chain->end - chain->iov, addr, len, write);
		if (num < 0)
			return -num;
	}
	chain->iov += num;
	if (write) {
		chain->in_num += num;
		chain->in_len += len;
	} else {
		chain->out_num += num;
		chain->out_len += len;
	}
	return 0;
}

/*
 * Copy an indirect table, or as many entries as a chain may have, to ring->table.
 * Returns 0 or an enum vhost_custom_bad + 1; @count is what was copied.
 */
static unsigned int table_copy(struct vhc_ring *ring, u64 addr, u32 len, unsigned int *count)
{
	char *to = (char *)ring->table;
	u64 last;

	if (!len || len % sizeof(struct vring_desc) ||
	    len / sizeof(struct vring_desc) > U16_MAX + 1)
		return VHOST_CUSTOM_BAD_INDIRECT + 1;
	len = min_t(u32, len, sizeof(ring->table));
	if (check_add_overflow(addr, (u64)len - 1, &last))
		return VHOST_CUSTOM_BAD_ADDRESS + 1;
	*count = len / sizeof(struct vring_desc);

	while (len) {
		const struct vhc_window *window = window_find(ring, addr, false);
		u32 part;

		if (!window || !window->readable)
			return VHOST_CUSTOM_BAD_ADDRESS + 1;
		part = min_t(u64, len, min(last, window->last) - addr + 1);
		if (vhc_copy_in(to, (void __user *)(unsigned long)(addr + window->offset), part))
			return VHOST_CUSTOM_BAD_FAULT + 1;
		to += part;
		addr += part;
		len -= part;
	}
	return 0;
}

static bool split_pair(struct vhc_ring *ring, struct iovec iov[2])
{
	const struct vring_desc *entry = ring->table;
	const bool le = vhc_ring_le(ring);

	return __virtio16_to_cpu(le, entry[0].flags) == VRING_DESC_F_NEXT &&
	       __virtio16_to_cpu(le, entry[0].next) == 1 && !entry[1].flags &&
	       vhc_segment_known(ring, &iov[0], __virtio64_to_cpu(le, entry[0].addr),
				 __virtio32_to_cpu(le, entry[0].len), false) &&
	       vhc_segment_known(ring, &iov[1], __virtio64_to_cpu(le, entry[1].addr),
				 __virtio32_to_cpu(le, entry[1].len), false);
}

/* Of a table's flags only these mean something (2.8.7). */
static bool packed_pair(struct vhc_ring *ring, struct iovec iov[2])
{
	const __le16 others = cpu_to_le16(VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT);
	const struct vring_packed_desc *entry = ring->packed_table;

	return !((entry[0].flags | entry[1].flags) & others) &&
	       vhc_segment_known(ring, &iov[0], le64_to_cpu(entry[0].addr),
				 le32_to_cpu(entry[0].len), false) &&
	       vhc_segment_known(ring, &iov[1], le64_to_cpu(entry[1].addr),
				 le32_to_cpu(entry[1].len), false);
}

/**
 * vhc_ring_pair_in_table() - two buffers that are to be read, from an indirect table of just them
 * @ring: the ring.
 * @desc: the descriptor of the table; it has no other flags.
 * @iov: filled with their segments.
 *
 * Return: false if it is another table, or another layout, or needs more than a look. Then
 * vhc_ring_take() finds out, and reads the table again.
 */
bool vhc_ring_pair_in_table(struct vhc_ring *ring, const struct vhc_desc *desc,
			    struct iovec iov[2])
{
	const u32 size = 2 * sizeof(*ring->table);
	struct iovec table;

	if (desc->len != size ||
	    unlikely(!vhc_segment_known(ring, &table, desc->addr, size, false)) ||
	    unlikely(vhc_copy_in(ring->table, table.iov_base, size)))
		return false;
	return ring->packed ? packed_pair(ring, iov) : split_pair(ring, iov);
}

/*
 * Append the first @count entries of ring->table, if they are a chain in this order, all for one
 * direction, each in a window that is known: as most drivers write them. Returns false, and has
 * appended nothing, if one is not like that.
 */
static __always_inline bool chain_append_plain(struct vhc_ring *ring, struct chain_builder *chain,
					       unsigned int count)
{
	const struct vring_desc *entry = ring->table;
	const bool le = vhc_ring_le(ring);
	const u16 write = __virtio16_to_cpu(le, entry->flags) & VRING_DESC_F_WRITE;
	struct iovec *iov = chain->iov;
	unsigned int next;
	u64 total = 0;

	if ((!write && chain->in_num) || count > chain->end - iov)
		return false;
	for (next = 1; next <= count; next++, entry++, iov++) {
		u32 len = __virtio32_to_cpu(le, entry->len);

		if (__virtio16_to_cpu(le, entry->flags) !=
		    (next < count ? write | VRING_DESC_F_NEXT : write) ||
		    (next < count && __virtio16_to_cpu(le, entry->next) != next) ||
		    !vhc_segment_known(ring, iov, __virtio64_to_cpu(le, entry->addr), len, write))
			return false;
		total += len;
	}
	chain->iov = iov;
	if (write) {
		chain->in_num += count;
		chain->in_len += total;
	} else {
		chain->out_num += count;
		chain->out_len += total;
	}
	return true;
}

/* Append all buffers of a split ring's indirect table (2.7.5.3). */
static __always_inline unsigned int chain_append_table(struct vhc_ring *ring,
						       struct chain_builder *chain,
						       const struct vhc_desc *desc)
{
	const bool le = vhc_ring_le(ring);
	unsigned int count = 0, seen, next = 0;
	unsigned int bad;

	bad = table_copy(ring, desc->addr, desc->len, &count);
	if (bad)
		return bad;
	if (chain_append_plain(ring, chain, count))
		return 0;

	for (seen = 0; seen < count; seen++) {
		const struct vring_desc *entry = &ring->table[next];
		u16 flags = __virtio16_to_cpu(le, entry->flags);

		if (flags & VRING_DESC_F_INDIRECT)
			return VHOST_CUSTOM_BAD_INDIRECT + 1;
		bad = chain_append(ring, chain, __virtio64_to_cpu(le, entry->addr),
				   __virtio32_to_cpu(le, entry->len), flags);
		if (bad)
			return bad;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		next = __virtio16_to_cpu(le, entry->next);
		if (next >= desc->len / sizeof(*entry))
			return VHOST_CUSTOM_BAD_NEXT + 1;
		if (next >= count)
			return VHOST_CUSTOM_BAD_LENGTH + 1;
		/* Also speculatively: the table is in the kernel's memory. */
		next = array_index_nospec(next, count);
	}
	return VHOST_CUSTOM_BAD_LOOP + 1;
}

/*
 * Append all buffers of a packed ring's indirect table (2.8.7): all entries, in their order; of
 * their flags only the direction counts. DPDK's driver says of a header that it is to be written,
 * and that what follows is to be read; the header is, too.
 */
static noinline unsigned int chain_append_packed_table(struct vhc_ring *ring,
						       struct chain_builder *chain,
						       const struct vhc_desc *desc)
{
	const struct vring_packed_desc *entry = ring->packed_table;
	unsigned int count = 0;
	unsigned int bad;

	bad = table_copy(ring, desc->addr, desc->len, &count);
	if (bad)
		return bad;
	if (count < desc->len / sizeof(*entry))
		return VHOST_CUSTOM_BAD_LENGTH + 1;
	if (count > 1 && !(entry[1].flags & cpu_to_le16(VRING_DESC_F_WRITE)))
		ring->packed_table[0].flags &= ~cpu_to_le16(VRING_DESC_F_WRITE);
	for (; count && !bad; count--, entry++) {
		u16 flags = le16_to_cpu(entry->flags);

		if (flags & VRING_DESC_F_INDIRECT)
			return VHOST_CUSTOM_BAD_INDIRECT + 1;
		bad = chain_append(ring, chain, le64_to_cpu(entry->addr), le32_to_cpu(entry->len),
				   flags);
	}
	return bad;
}

/*
 * The same for descriptors of the ring itself: all for one direction, each in a window that is
 * known. Returns false if one is not like that; what is in @iov then is not to be used.
 */
static __always_inline bool chain_build_plain(struct vhc_ring *ring,
					      const struct vhc_fetched *fetched,
					      struct vhc_chain *chain, struct iovec *iov,
					      unsigned int iov_max)
{
	const struct vhc_desc *desc = &ring->snapshot[fetched->first];
	const struct vhc_desc *end = desc + fetched->count;
	u64 len = 0;
	u16 write;

	/* One that is bad may have no descriptors. */
	if (fetched->bad || fetched->count > iov_max)
		return false;
	write = desc->flags & VRING_DESC_F_WRITE;
	for (; desc < end; desc++, iov++) {
		if ((desc->flags & ~VRING_DESC_F_NEXT) != write ||
		    !vhc_segment_known(ring, iov, desc->addr, desc->len, write))
			return false;
		len += desc->len;
	}
	if (write) {
		chain->out_num = 0;
		chain->out_len = 0;
		chain->in_num = fetched->count;
		chain->in_len = len;
	} else {
		chain->out_num = fetched->count;
		chain->out_len = len;
		chain->in_num = 0;
		chain->in_len = 0;
	}
	return true;
}

static unsigned int chain_build(struct vhc_ring *ring, const struct vhc_fetched *fetched,
				struct vhc_chain *chain, struct iovec *iov, unsigned int iov_max)
{
	struct chain_builder builder = { .iov = iov, .end = iov + iov_max };
	const struct vhc_desc *desc = &ring->snapshot[fetched->first];
	const struct vhc_desc *end = desc + fetched->count;
	unsigned int bad = fetched->bad;

	for (; !bad && desc < end; desc++) {
		if (desc->flags & VRING_DESC_F_INDIRECT)
			bad = ring->packed ? chain_append_packed_table(ring, &builder, desc) :
					     chain_append_table(ring, &builder, desc);
		else
			bad = chain_append(ring, &builder, desc->addr, desc->len, desc->flags);
	}
	chain->out_num = builder.out_num;
	chain->in_num = builder.in_num;
	chain->out_len = builder.out_len;
	chain->in_len = builder.in_len;
	return bad;
}

/**
 * vhc_ring_take_any() - take the next available chain, whatever it looks like
 * @ring: see vhc_ring_take(), its only caller, as for the rest.
 * @chain: see there.
 * @iov: see there.
 * @iov_max: see there.
 *
 * Return: see there.
 */
int vhc_ring_take_any(struct vhc_ring *ring, struct vhc_chain *chain, struct iovec *iov,
		      unsigned int iov_max)
{
	const struct vhc_fetched *fetched;
	unsigned int bad;

	if (ring->now.fetched_pos == ring->fetched_num) {
		int err = ring->packed ? vhc_packed_fetch(ring) : vhc_split_fetch(ring);

		if (err <= 0)
			return err;
		if (likely(vhc_ring_take_plain(ring, chain, iov, iov_max)))
			return 1;
	}
	fetched = &ring->fetched[ring->now.fetched_pos++];

	chain->id = fetched->id;
	if (!ring->packed && fetched->count > 1)
		chain->id |= (fetched->count - 1) << VHC_DESCS_SHIFT;
	if (chain_build_plain(ring, fetched, chain, iov, iov_max))
		return 1;
	ring->untranslated = false;
	bad = chain_build(ring, fetched, chain, iov, iov_max);
	if (likely(!bad))
		return 1;
	if (ring->untranslated) {
		vhc_ring_put_back(ring);
		return -EAGAIN;
	}
	chain->bad = bad - 1;
	chain->in_len = U64_MAX;	/* who knows? */
	return -EBADMSG;
}

/**
 * vhc_ring_rewind() - put all chains that were taken since vhc_ring_mark() back
 * @ring: the ring; nothing was published since.
 *
 * Those of them that were filled are not any more. The next take returns the oldest of them again.
 */
void vhc_ring_rewind(struct vhc_ring *ring)
{
	ring->now.done_num = ring->mark.done_num;
	if (ring->mark.fetched_pos != VHC_MARK_FETCHED) {
		ring->now.fetched_pos = ring->mark.fetched_pos;
		return;
	}
	ring->fetch_end = ring->mark_start;
	ring->now.fetched_pos = 0;
	ring->fetched_num = 0;
	vhc_ring_mark(ring);
}

/* Of a split ring it is one more than what stands in the id. */
static unsigned int done_descs(const struct vhc_ring *ring, unsigned int i)
{
	return (ring->done[i].id >> VHC_DESCS_SHIFT) + !ring->packed;
}

/**
 * vhc_ring_is_exhausted() - do the chains that were filled since vhc_ring_mark() take all of it?
 * @ring: the ring.
 *
 * Then the driver has no more to make available before it gets some of them back: what is left of
 * the ring has no room for another one like the longest. All of a driver's are of one length, as a
 * rule; of one that has others, a frame may be lost here for which it had a shorter one.
 */
bool vhc_ring_is_exhausted(const struct vhc_ring *ring)
{
	unsigned int i, longest = 1, entries = 0;

	for (i = ring->mark.done_num; i < ring->now.done_num; i++) {
		longest = max(longest, done_descs(ring, i));
		entries += done_descs(ring, i);
	}
	return entries + longest > ring->num;
}
