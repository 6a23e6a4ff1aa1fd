/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring engine's contract: the device's side of a virtqueue.
 *
 * Owns: what is between a ring in guest memory and chains of buffers that the rest of
 * the module can use. Knows no socket, eventfd, task, file or vhost type, so that
 * ring.c, ring_split.c and ring_packed.c compile in user space too (tests/unit). Callers: queue.c,
 * tx.c and rx.c, on a worker, and when what they use changes, queue.c and vhost_custom.c in an
 * ioctl; always under the queue's mutex.
 *
 * The driver (the guest) may change any word of the ring and of the buffers at any
 * time, whatever the specification says. So each word is read once into a local, then
 * checked, then used.
 *
 *	driver                                device
 *	STORE desc, avail->ring               LOAD avail->idx
 *	barrier A                             barrier B
 *	STORE avail->idx                      LOAD avail->ring, desc
 *
 *	LOAD used->idx                        STORE used->ring
 *	barrier D                             barrier C
 *	LOAD used->ring                       STORE used->idx
 *
 *	STORE used_event                      STORE used->idx
 *	barrier F                             barrier E
 *	LOAD used->idx                        LOAD used_event: signal?
 *
 *	STORE avail->idx                      STORE avail_event
 *	barrier H                             barrier G
 *	LOAD avail_event: kick?               LOAD avail->idx
 *
 * In a packed ring the flags of a chain's first descriptor stand for avail->idx, and those of the
 * first used one for used->idx; the event structures stand for used_event and avail_event.
 *
 * Without B the device may read entries that the driver had not written yet. Without C
 * the driver may. Without E or F both sides may decide that the other one is awake, and
 * a signal is lost; without G or H the same happens to a kick.
 */
#ifndef VHC_RING_H
#define VHC_RING_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_ring.h>

#include "uapi/vhost_custom.h"

enum {
	VHC_BATCH = 64,		/* chains that are fetched at once */
	VHC_CHAIN_MAX = 1024,	/* segments of a chain, and descriptors of a fetch */
	VHC_DONE_MAX = VHC_BATCH + VHC_CHAIN_MAX, /* used entries in hand */
	VHC_WINDOWS = 4,	/* translations that are remembered */
	VHC_RING_PAGE = 4096,	/* unit in which a ring may be scattered: an IOMMU's page */
	VHC_RING_MAX = 32768,	/* entries of the largest ring */
	VHC_WRAP = 0x8000,	/* of a packed ring's position: the wrap counter */
	VHC_DESCS_SHIFT = 16,	/* see struct vhc_chain.id */
};

/* The areas of a ring that the device writes to. */
enum vhc_ring_area {
	VHC_AREA_DESC,		/* a packed ring's descriptors */
	VHC_AREA_USED,		/* the used ring, or the device event structure */
};

/**
 * struct vhc_window - a stretch of guest memory and where the host sees it
 * @start: first guest address.
 * @last: last guest address; below @start when the window is unused.
 * @offset: what to add to a guest address to get the host's user address.
 * @writable: the device may write to it.
 * @readable: the device may read from it.
 */
struct vhc_window {
	u64 start;
	u64 last;
	u64 offset;
	bool writable;
	bool readable;
};

/**
 * typedef vhc_translate_fn - find the memory that holds a guest address
 * @opaque: &struct vhc_ring.opaque.
 * @addr: the guest address.
 * @write: what for.
 * @window: filled on success; contains @addr.
 *
 * Return: 0; -EFAULT when the guest has no memory there; -EAGAIN when nobody knows yet and
 * the VMM was asked: it will have the ring run again.
 */
typedef int (*vhc_translate_fn)(void *opaque, u64 addr, bool write, struct vhc_window *window);

/**
 * typedef vhc_log_ring_fn - mark a part of the ring as written, for live migration
 * @opaque: &struct vhc_ring.opaque.
 * @area: where it is.
 * @offset: of its first byte in that area.
 * @len: bytes.
 */
typedef void (*vhc_log_ring_fn)(void *opaque, enum vhc_ring_area area, u32 offset, u32 len);

/**
 * struct vhc_area - one of a ring's three areas, when the host sees it in pieces
 * @start: its guest address.
 * @page: where the host sees each %VHC_RING_PAGE of it, from the one that holds @start on; NULL
 *	if the area is contiguous and is found directly.
 */
struct vhc_area {
	unsigned long start;
	unsigned long *page;
};

/**
 * struct vhc_chain - a chain of buffers, as vhc_ring_take() hands it out
 * @id: what the driver knows it by: the index of its first descriptor, with how many more it has
 *	above it (%VHC_DESCS_SHIFT); or, of a packed ring, the buffer id, with the number of its
 *	descriptors. Valid for a bad chain too, unless @bad is %VHOST_CUSTOM_BAD_HEAD.
 * @bad: if vhc_ring_take() returned -EBADMSG: an &enum vhost_custom_bad.
 * @out_num: segments that the device reads; they come first.
 * @in_num: segments that the device writes.
 * @out_len: bytes of the former.
 * @in_len: bytes of the latter; of a bad chain more than any.
 */
struct vhc_chain {
	u32 id;
	u16 bad;
	unsigned int out_num;
	unsigned int in_num;
	u64 out_len;
	u64 in_len;
};

/* A descriptor as it was when it was read, in the host's byte order. */
struct vhc_desc {
	u64 addr;
	u32 len;
	u16 flags;
};

/* A chain that was fetched and not taken yet; its descriptors are in the snapshot. */
struct vhc_fetched {
	u32 id;			/* as struct vhc_chain's; of a split ring without the number */
	u16 bad;		/* enum vhost_custom_bad + 1, 0: none */
	u16 start;		/* position of the chain */
	u16 first;		/* index into vhc_ring.snapshot */
	u16 count;
};

/* A chain that was filled and not published yet. */
struct vhc_done {
	u32 id;			/* as struct vhc_chain's, if it was taken as one */
	u32 len;		/* bytes that were written; VHC_DONE_SKIP */
};

/*
 * With VIRTIO_F_IN_ORDER: if another chain is published with this one, the driver need not be told
 * of it. It takes such a chain for used completely: nothing in it can be written.
 */
#define VHC_DONE_SKIP	BIT(31)

/* Where vhc_ring_rewind() goes back to: how many fetched chains were taken, and how many filled. */
struct vhc_mark {
	u16 fetched_pos;	/* VHC_MARK_FETCHED: of an earlier fetch */
	u16 done_num;
};

enum { VHC_MARK_FETCHED = 0xffff };

/**
 * struct vhc_ring - the device's side of one virtqueue
 *
 * The first group is set before each run, from what the VMM configured; it is stable
 * during the run. Of a scattered ring, the addresses are the guest's, and the areas tell where
 * each page is; such a ring is aligned as virtio 1.2 wants it, so that no field is cut. The
 * second is the ring's position and what was fetched beyond it; it
 * survives from run to run, and so do the windows, until vhc_ring_forget_memory(). The rest is
 * scratch of a run.
 *
 * Positions are free-running indices of the available and used rings; or, of a packed ring, indices
 * of descriptors, with the wrap counter (%VHC_WRAP), as VHOST_SET_VRING_BASE has them.
 */
struct vhc_ring {
	union {
		struct vring_desc __user *desc;
		struct vring_packed_desc __user *packed_desc;
	};
	union {
		struct vring_avail __user *avail;
		struct vring_packed_desc_event __user *driver_event;
	};
	union {
		struct vring_used __user *used;
		struct vring_packed_desc_event __user *device_event;
	};
	u32 num;		/* at most 32768; of a split ring, a power of 2 */
	bool packed;
	bool in_order;
	bool little_endian;
	bool event_idx;
	bool notify_on_empty;
	bool scattered;
	struct vhc_area desc_area;
	struct vhc_area avail_area;
	struct vhc_area used_area;
	vhc_translate_fn translate;
	vhc_log_ring_fn log;	/* NULL: not logged */
	void *opaque;

	u16 fetch_end;		/* next chain to fetch */
	u16 avail_idx;		/* behind the last chain that is known to be available */
	u16 used_idx;		/* next used entry to fill */
	u16 signalled_used;	/* used_idx when the driver was last asked for its wish */
	bool signalled_valid;
	bool notify_off;	/* the driver was told that kicks are not needed */
	bool more;		/* of a packed ring: the last fetch did not reach the last chain */

	u16 fetched_num;
	struct vhc_mark now;	/* the next chain to take, and how many are filled */
	struct vhc_mark mark;
	u16 mark_start;		/* its position, once it is of an earlier fetch */
	struct vhc_fetched fetched[VHC_BATCH];
	struct vhc_desc snapshot[VHC_CHAIN_MAX];

	u16 news;		/* times that new chains were seen; the caller sets it to 0 */
	u16 next_window;
	bool untranslated;	/* of the last chain: the VMM was asked for a translation */
	struct vhc_window window[VHC_WINDOWS];
	struct vhc_done done[VHC_DONE_MAX];
	union {
		struct vring_desc table[VHC_CHAIN_MAX];
		struct vring_packed_desc packed_table[VHC_CHAIN_MAX];
	};
};

/* The bytes of a ring's areas; and does the device write to the first one, too? */
struct vhc_ring_size {
	size_t desc;
	size_t avail;
	size_t used;
	bool desc_written;
};

struct vhc_ring_size vhc_ring_size(const struct vhc_ring *ring, u32 num);
void vhc_ring_start(struct vhc_ring *ring, u16 next_avail, u16 used_idx);
void vhc_ring_set_addr(struct vhc_ring *ring, struct vring_desc __user *desc,
		       struct vring_avail __user *avail, struct vring_used __user *used, u32 num);
void vhc_ring_forget_memory(struct vhc_ring *ring);
int vhc_ring_take_any(struct vhc_ring *ring, struct vhc_chain *chain, struct iovec *iov,
		      unsigned int iov_max);
void vhc_ring_rewind(struct vhc_ring *ring);
bool vhc_ring_is_exhausted(const struct vhc_ring *ring);

/* ring_split.c, ring_packed.c: what depends on the layout */
int vhc_split_fetch(struct vhc_ring *ring);
int vhc_split_publish(struct vhc_ring *ring);
int vhc_split_need_signal(struct vhc_ring *ring);
int vhc_split_enable_notify(struct vhc_ring *ring);
int vhc_split_disable_notify(struct vhc_ring *ring);

int vhc_packed_fetch(struct vhc_ring *ring);
int vhc_packed_publish(struct vhc_ring *ring);
int vhc_packed_need_signal(struct vhc_ring *ring);
int vhc_packed_enable_notify(struct vhc_ring *ring);
int vhc_packed_disable_notify(struct vhc_ring *ring);
int vhc_packed_base(u32 num, u16 next_avail, u16 *used_idx);

/* Where the host sees a field of an area. */
static __always_inline void __user *vhc_area_at(const struct vhc_area *area,
						const void __user *field, bool scattered)
{
	unsigned long addr = (unsigned long)field;
	unsigned long page;

	if (!scattered)
		return (void __user *)addr;
	page = addr / VHC_RING_PAGE - area->start / VHC_RING_PAGE;
	return (void __user *)(*(area->page + page) + addr % VHC_RING_PAGE);
}

static inline void vhc_ring_log(struct vhc_ring *ring, enum vhc_ring_area area, u32 offset, u32 len)
{
	if (unlikely(ring->log))
		ring->log(ring->opaque, area, offset, len);
}

/*
 * The last filled chain of a batch that the driver is told of by one used entry: @first itself, if
 * there is no other. May be called between user_*_access_begin() and _end().
 */
static __always_inline unsigned int vhc_batch_last(const struct vhc_ring *ring, unsigned int first,
						   unsigned int count)
{
	const struct vhc_done *done = ring->done;

	while ((done[first].len & VHC_DONE_SKIP) && first + 1 < count)
		first++;
	return first;
}

/* The position of a chain of the last fetch, or of the next one. */
static inline u16 vhc_ring_start_of(const struct vhc_ring *ring, unsigned int index)
{
	return index < ring->fetched_num ? ring->fetched[index].start : ring->fetch_end;
}

/* The position of the next chain to take; never shows one that was only fetched. */
static inline u16 vhc_ring_next_avail(const struct vhc_ring *ring)
{
	return vhc_ring_start_of(ring, ring->now.fetched_pos);
}

/* Forget what was fetched, before it is overwritten; a rewind must not go back to it. */
static inline void vhc_ring_overwrite_fetched(struct vhc_ring *ring)
{
	if (ring->mark.fetched_pos != VHC_MARK_FETCHED) {
		ring->mark_start = vhc_ring_start_of(ring, ring->mark.fetched_pos);
		ring->mark.fetched_pos = VHC_MARK_FETCHED;
	}
	ring->now.fetched_pos = 0;
	ring->fetched_num = 0;
}

/*
 * The ring's byte order; known to the compiler where legacy devices have the same. The ioctl
 * for legacy guests of the other order (CONFIG_VHOST_CROSS_ENDIAN_LEGACY) is not supported.
 */
static inline bool vhc_ring_le(const struct vhc_ring *ring)
{
	return virtio_legacy_is_little_endian() || ring->little_endian;
}

/* The window with all of a stretch, which must not wrap, if it is known. */
static inline const struct vhc_window *
vhc_window_known(const struct vhc_ring *ring, u64 first, u64 last)
{
	const struct vhc_window *window = ring->window;

	while (first < window->start || last > window->last)
		if (++window == ring->window + VHC_WINDOWS)
			return NULL;
	return window;
}

static inline bool vhc_window_allows(const struct vhc_window *window, bool write)
{
	return write ? window->writable : window->readable;
}

static inline void vhc_segment_set(struct iovec *iov, const struct vhc_window *window, u64 addr,
				   u64 len)
{
	iov->iov_base = (void __user *)(unsigned long)(addr + window->offset);
	iov->iov_len = len;
}

/* Make a segment of a buffer that is not empty and inside of a known window, or return false. */
static __always_inline bool vhc_segment_known(const struct vhc_ring *ring, struct iovec *iov,
					      u64 addr, u32 len, bool write)
{
	const struct vhc_window *window;
	u64 last = addr + len - 1;

	if (unlikely(!len) || unlikely(last < addr))
		return false;
	window = vhc_window_known(ring, addr, last);
	if (unlikely(!window) || unlikely(!vhc_window_allows(window, write)))
		return false;
	vhc_segment_set(iov, window, addr, len);
	return true;
}

/*
 * Most chains: one buffer, inside of a window that is known, and nothing else to do than what
 * @flags say. Returns NULL if the next one is not like that; it is not taken yet.
 */
static __always_inline const struct vhc_fetched *
vhc_ring_peek_plain(const struct vhc_ring *ring, u16 flags, struct iovec *iov)
{
	const struct vhc_fetched *fetched;
	const struct vhc_desc *desc;

	if (ring->now.fetched_pos == ring->fetched_num)
		return NULL;
	fetched = &ring->fetched[ring->now.fetched_pos];
	if (fetched->count != 1 || fetched->bad)
		return NULL;
	desc = &ring->snapshot[fetched->first];
	if (desc->flags != flags ||
	    unlikely(!vhc_segment_known(ring, iov, desc->addr, desc->len,
					flags == VRING_DESC_F_WRITE)))
		return NULL;
	return fetched;
}

bool vhc_ring_pair_in_table(struct vhc_ring *ring, const struct vhc_desc *desc,
			    struct iovec iov[2]);

/*
 * The same of two buffers that are to be read, as a header and its frame often are; in descriptors
 * of their own, or in a table.
 */
static __always_inline const struct vhc_fetched *
vhc_ring_peek_pair(struct vhc_ring *ring, struct iovec iov[2])
{
	const struct vhc_fetched *fetched;
	const struct vhc_desc *desc;

	if (ring->now.fetched_pos == ring->fetched_num)
		return NULL;
	fetched = &ring->fetched[ring->now.fetched_pos];
	if (fetched->bad)
		return NULL;
	desc = &ring->snapshot[fetched->first];
	if (fetched->count == 1 && desc->flags == VRING_DESC_F_INDIRECT)
		return vhc_ring_pair_in_table(ring, desc, iov) ? fetched : NULL;
	if (fetched->count != 2 || desc[0].flags != VRING_DESC_F_NEXT || desc[1].flags ||
	    unlikely(!vhc_segment_known(ring, &iov[0], desc[0].addr, desc[0].len, false)) ||
	    unlikely(!vhc_segment_known(ring, &iov[1], desc[1].addr, desc[1].len, false)))
		return NULL;
	return fetched;
}

/* Take a plain chain. Returns false if the next one is not like that. */
static inline bool vhc_ring_take_plain(struct vhc_ring *ring, struct vhc_chain *chain,
				       struct iovec *iov, unsigned int iov_max)
{
	const struct vhc_fetched *fetched;

	if (unlikely(!iov_max))
		return false;
	fetched = vhc_ring_peek_plain(ring, VRING_DESC_F_WRITE, iov);
	if (fetched) {
		chain->out_num = 0;
		chain->out_len = 0;
		chain->in_num = 1;
		chain->in_len = iov->iov_len;
	} else {
		fetched = vhc_ring_peek_plain(ring, 0, iov);
		if (!fetched)
			return false;
		chain->out_num = 1;
		chain->out_len = iov->iov_len;
		chain->in_num = 0;
		chain->in_len = 0;
	}
	chain->id = fetched->id;
	ring->now.fetched_pos++;
	return true;
}

/**
 * vhc_ring_take() - take the next available chain
 * @ring: the ring.
 * @chain: filled when the return value is 1 or -EBADMSG.
 * @iov: where the chain's segments go; readable ones first.
 * @iov_max: segments that fit there.
 *
 * A chain that was taken must be filled, or put back, before the run ends.
 *
 * Return: 1 for a chain; 0 when none is available; -EBADMSG for one that cannot be used
 * (taken all the same: give it back with length 0 unless its head is bad); -EAGAIN for one
 * whose memory is not translated yet (not taken: the ring runs again when it is); -EFAULT or
 * -EINVAL when the ring itself cannot be read or makes no sense.
 */
static inline int vhc_ring_take(struct vhc_ring *ring, struct vhc_chain *chain,
				struct iovec *iov, unsigned int iov_max)
{
	if (likely(vhc_ring_take_plain(ring, chain, iov, iov_max)))
		return 1;
	return vhc_ring_take_any(ring, chain, iov, iov_max);
}

/**
 * vhc_ring_put_back() - put the chain that was taken last back
 * @ring: the ring; the chain was not filled, and no other take was tried since.
 */
static inline void vhc_ring_put_back(struct vhc_ring *ring)
{
	ring->now.fetched_pos--;
}

/**
 * vhc_ring_mark() - note the place that vhc_ring_rewind() goes back to
 * @ring: the ring.
 */
static inline void vhc_ring_mark(struct vhc_ring *ring)
{
	ring->mark = ring->now;
}

/**
 * vhc_ring_fill() - write down that a chain was used; the driver sees it at the next publish
 * @ring: the ring; fewer than %VHC_DONE_MAX were filled since the last publish.
 * @chain: the chain; all before it were filled.
 * @len: bytes that were written to the chain, below 2^31.
 */
static inline void vhc_ring_fill(struct vhc_ring *ring, const struct vhc_chain *chain, u32 len)
{
	struct vhc_done *done = &ring->done[ring->now.done_num++];

	done->id = chain->id;
	done->len = len;
	if (unlikely(ring->in_order) && !chain->in_len)
		done->len |= VHC_DONE_SKIP;
}

/**
 * vhc_ring_use_plain() - take a chain that was found without being taken, and fill it
 * @ring: the ring.
 * @fetched: what was found.
 * @len: bytes that were written to the chain; 0 if it was for reading.
 */
static __always_inline void vhc_ring_use_plain(struct vhc_ring *ring,
					       const struct vhc_fetched *fetched, u32 len)
{
	struct vhc_done *done = &ring->done[ring->now.done_num++];

	ring->now.fetched_pos++;
	done->id = fetched->id;
	done->len = len;
	if (!len && unlikely(ring->in_order))
		done->len = VHC_DONE_SKIP;
}

/* How many chains were filled since the last publish. */
static inline unsigned int vhc_ring_filled(const struct vhc_ring *ring)
{
	return ring->now.done_num;
}

/**
 * vhc_ring_publish() - hand the filled chains to the driver
 * @ring: the ring.
 *
 * Return: how many there were, or -EFAULT if the ring's memory could not be written; the
 * entries are lost then.
 */
static inline int vhc_ring_publish(struct vhc_ring *ring)
{
	if (!ring->now.done_num)
		return 0;
	return ring->packed ? vhc_packed_publish(ring) : vhc_split_publish(ring);
}

/**
 * vhc_ring_need_signal() - does the driver want to be told of what was published?
 * @ring: the ring.
 *
 * Return: 1 or 0, or -EFAULT if the ring's memory could not be read.
 */
static inline int vhc_ring_need_signal(struct vhc_ring *ring)
{
	return ring->packed ? vhc_packed_need_signal(ring) : vhc_split_need_signal(ring);
}

/**
 * vhc_ring_enable_notify() - ask for a kick when the driver makes a chain available
 * @ring: the ring.
 *
 * Return: 0 when there will be a kick, 1 when chains came in the meantime (look again),
 * -EFAULT or -EINVAL when the ring cannot be read or makes no sense.
 */
static inline int vhc_ring_enable_notify(struct vhc_ring *ring)
{
	return ring->packed ? vhc_packed_enable_notify(ring) : vhc_split_enable_notify(ring);
}

/**
 * vhc_ring_disable_notify() - tell the driver that kicks are not needed
 * @ring: the ring.
 *
 * Return: 0 or -EFAULT.
 */
static inline int vhc_ring_disable_notify(struct vhc_ring *ring)
{
	return ring->packed ? vhc_packed_disable_notify(ring) : vhc_split_disable_notify(ring);
}

#endif
