/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ring engine's contract: the device's side of a virtqueue.
 *
 * Owns: what is between a ring in guest memory and chains of buffers that the rest of
 * the module can use. Knows no socket, eventfd, task, file or vhost type, so that
 * ring.c and ring_split.c compile in user space too (tests/unit). Callers: queue.c,
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
 * Without B the device may read entries that the driver had not written yet. Without C
 * the driver may. Without E or F both sides may decide that the other one is awake, and
 * a signal is lost; without G or H the same happens to a kick.
 */
#ifndef VHC_RING_H
#define VHC_RING_H

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
 * typedef vhc_log_used_fn - mark a part of the used ring as written, for live migration
 * @opaque: &struct vhc_ring.opaque.
 * @offset: of its first byte in the used ring.
 * @len: bytes.
 */
typedef void (*vhc_log_used_fn)(void *opaque, u32 offset, u32 len);

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
 * @head: the chain's identity, for vhc_ring_fill(). Valid for a bad chain too, unless
 *	@bad is %VHOST_CUSTOM_BAD_HEAD.
 * @bad: if vhc_ring_take() returned -EBADMSG: an &enum vhost_custom_bad.
 * @out_num: segments that the device reads; they come first.
 * @in_num: segments that the device writes.
 * @out_len: bytes of the former.
 * @in_len: bytes of the latter.
 */
struct vhc_chain {
	u16 head;
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
	u16 head;
	u16 bad;		/* enum vhost_custom_bad + 1, 0: none */
	u16 first;		/* index into vhc_ring.snapshot */
	u16 count;
};

/**
 * struct vhc_ring - the device's side of one split virtqueue
 *
 * The first group is set before each run, from what the VMM configured; it is stable
 * during the run. Of a scattered ring, the addresses are the guest's, and the areas tell where
 * each page is; such a ring is aligned as virtio 1.2 wants it, so that no field is cut. The
 * second is the ring's position and what was fetched beyond it; it
 * survives from run to run, and so do the windows, until vhc_ring_forget_memory(). The rest is
 * scratch of a run.
 */
struct vhc_ring {
	struct vring_desc __user *desc;
	struct vring_avail __user *avail;
	struct vring_used __user *used;
	u32 num;		/* a power of 2, at most 32768 */
	bool little_endian;
	bool event_idx;
	bool notify_on_empty;
	bool scattered;
	struct vhc_area desc_area;
	struct vhc_area avail_area;
	struct vhc_area used_area;
	vhc_translate_fn translate;
	vhc_log_used_fn log_used;	/* NULL: not logged */
	void *opaque;

	u16 next_avail;		/* next chain to take: never shows a fetched one */
	u16 avail_idx;		/* last avail->idx that was read and found valid */
	u16 used_idx;		/* next used entry to fill */
	u16 signalled_used;	/* used_idx when the driver was last asked for its wish */
	bool signalled_valid;
	bool notify_off;	/* used->flags says that kicks are not needed */

	u16 fetched_pos;
	u16 fetched_num;
	struct vhc_fetched fetched[VHC_BATCH];
	struct vhc_desc snapshot[VHC_CHAIN_MAX];

	u16 done_num;
	u16 news;		/* times that new chains were seen; the caller sets it to 0 */
	u16 next_window;
	bool untranslated;	/* of the last chain: the VMM was asked for a translation */
	struct vhc_window window[VHC_WINDOWS];
	struct vring_used_elem done[VHC_DONE_MAX];
	struct vring_desc table[VHC_CHAIN_MAX];
};

void vhc_ring_start(struct vhc_ring *ring, u16 next_avail, u16 used_idx);
void vhc_ring_set_addr(struct vhc_ring *ring, struct vring_desc __user *desc,
		       struct vring_avail __user *avail, struct vring_used __user *used, u32 num);
void vhc_ring_forget_memory(struct vhc_ring *ring);
int vhc_ring_take_any(struct vhc_ring *ring, struct vhc_chain *chain, struct iovec *iov,
		      unsigned int iov_max);
void vhc_ring_rewind(struct vhc_ring *ring, unsigned int chains);
void vhc_ring_unfill(struct vhc_ring *ring, unsigned int count);

/* ring_split.c: what depends on the layout */
int vhc_split_fetch(struct vhc_ring *ring);
int vhc_split_publish(struct vhc_ring *ring);
int vhc_split_need_signal(struct vhc_ring *ring);
int vhc_split_enable_notify(struct vhc_ring *ring);
int vhc_split_disable_notify(struct vhc_ring *ring);

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
 * Most chains: one buffer, inside of a window that is known. Returns false, and has taken
 * nothing, if the next one is not like that.
 */
static inline bool vhc_ring_take_plain(struct vhc_ring *ring, struct vhc_chain *chain,
				       struct iovec *iov, unsigned int iov_max)
{
	const struct vhc_fetched *fetched;
	const struct vhc_desc *desc;
	bool write;

	if (ring->fetched_pos == ring->fetched_num)
		return false;
	fetched = &ring->fetched[ring->fetched_pos];
	if (fetched->count != 1 || fetched->bad)
		return false;
	desc = &ring->snapshot[fetched->first];
	write = desc->flags == VRING_DESC_F_WRITE;
	if ((desc->flags && !write) || unlikely(!iov_max) ||
	    unlikely(!vhc_segment_known(ring, iov, desc->addr, desc->len, write)))
		return false;

	chain->head = fetched->head;
	if (write) {
		chain->out_num = 0;
		chain->out_len = 0;
		chain->in_num = 1;
		chain->in_len = desc->len;
	} else {
		chain->out_num = 1;
		chain->out_len = desc->len;
		chain->in_num = 0;
		chain->in_len = 0;
	}
	ring->fetched_pos++;
	ring->next_avail++;
	return true;
}

/**
 * vhc_ring_take() - take the next available chain
 * @ring: the ring.
 * @chain: filled when the return value is 1 or -EBADMSG.
 * @iov: where the chain's segments go; readable ones first.
 * @iov_max: segments that fit there.
 *
 * A chain that was taken must be filled, or rewound, before the run ends.
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
 * vhc_ring_fill() - write down that a chain was used; the driver sees it at the next publish
 * @ring: the ring; fewer than %VHC_DONE_MAX were filled since the last publish.
 * @head: &struct vhc_chain.head.
 * @len: bytes that were written to the chain.
 */
static inline void vhc_ring_fill(struct vhc_ring *ring, u16 head, u32 len)
{
	struct vring_used_elem *elem = &ring->done[ring->done_num++];

	elem->id = __cpu_to_virtio32(vhc_ring_le(ring), head);
	elem->len = __cpu_to_virtio32(vhc_ring_le(ring), len);
}

/**
 * vhc_ring_publish() - hand the filled used entries to the driver
 * @ring: the ring.
 *
 * Return: how many there were, or -EFAULT if the ring's memory could not be written; the
 * entries are lost then.
 */
static inline int vhc_ring_publish(struct vhc_ring *ring)
{
	return ring->done_num ? vhc_split_publish(ring) : 0;
}

/**
 * vhc_ring_need_signal() - does the driver want to be told of what was published?
 * @ring: the ring.
 *
 * Return: 1 or 0, or -EFAULT if the ring's memory could not be read.
 */
static inline int vhc_ring_need_signal(struct vhc_ring *ring)
{
	return vhc_split_need_signal(ring);
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
	return vhc_split_enable_notify(ring);
}

/**
 * vhc_ring_disable_notify() - tell the driver that kicks are not needed
 * @ring: the ring.
 *
 * Return: 0 or -EFAULT.
 */
static inline int vhc_ring_disable_notify(struct vhc_ring *ring)
{
	return vhc_split_disable_notify(ring);
}

#endif
