// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of large TX frames: pages that are filled again and again.
 *
 * tun, left alone, gets new pages for each frame, which the kernel clears (init_on_alloc) before
 * the frame is copied to them: together that is as much work as the copy. Here frames are copied
 * to pages that stay ours, and tun is told to take them as they are (TUN_MSG_UBUF). The stack
 * has a reference to the pages of each frame as long as it needs them; pages to which there is none
 * any more may be filled again.
 *
 * A block of 64 KiB stays for as long as one of its frames does. A queue has at most 16 of them,
 * until it is stopped: what the stack still has then is freed with its frames, and a queue that
 * runs again begins with none.
 *
 * Callers: tx.c, on the worker, and the end of a queue; always under the queue's mutex.
 */
#include <linux/bvec.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "vhost_custom.h"

enum { LARGE_SIZE = PAGE_SIZE > 64 * 1024 ? PAGE_SIZE : 64 * 1024 };

/* Nobody waits for the end of a frame: references tell it. */
static void large_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
}

/*
 * Without flags (SKBFL_ZEROCOPY_ENABLE) the stack need not copy a frame that stays for longer, nor
 * say when it is gone: its pages cannot change under it, unlike a guest's.
 */
#ifdef VHC_UBUF_OPS
static const struct ubuf_info_ops large_ops = { .complete = large_complete };
static struct ubuf_info large_ubuf = { .ops = &large_ops };
#else
static struct ubuf_info large_ubuf = { .callback = large_complete };
#endif

static bool is_idle(const struct page *page)
{
	return page_ref_count(page) == 1;
}

/* Worth some luck, but no wait: tun finds smaller ones. */
static struct page *large_alloc(void)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC;

	return alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP, get_order(LARGE_SIZE));
}

/* Returns true if there is one more page; it is idle. */
static bool large_grow(struct vhc_large *large)
{
	if (large->num == VHC_LARGE_PAGES || (large->waits && time_before(jiffies, large->retry)))
		return false;
	large->page[large->num] = large_alloc();
	/* Each try costs much, and wakes up who makes room. */
	large->waits = !large->page[large->num];
	if (large->waits) {
		large->retry = jiffies + HZ;
		return false;
	}
	large->num++;
	return true;
}

/*
 * Make the current page one with room for @len bytes. The one that was filled last is the best:
 * it is in the cache. Returns false if all are in use.
 */
static bool large_find(struct vhc_large *large, unsigned int len)
{
	unsigned int i, next;

	if (large->num) {
		if (is_idle(large->page[large->current_page]))
			large->used = 0;
		if (large->used + len <= LARGE_SIZE)
			return true;
	}
	for (i = 1; i < large->num; i++) {
		next = (large->current_page + i) % large->num;
		if (is_idle(large->page[next]))
			goto found;
	}
	next = large->num;
	if (!large_grow(large))
		return false;
found:
	large->current_page = next;
	large->used = 0;
	return true;
}

/**
 * vhc_large_copy() - copy a frame, so that tun need not
 * @large: the memory.
 * @send: its message says where the frame is in guest memory, with the header that tun wants.
 *	Changed to say where the copy is.
 *
 * If there is no memory for it, the message stays as it is. Otherwise it must be sent before the
 * next one is copied; -EMSGSIZE means that the socket takes none: call vhc_large_refuse(), and send
 * the frame from guest memory.
 *
 * That is so with IFF_NAPI_FRAGS, which a file gets and loses while frames flow, and with which
 * tun counts wrong, and stops the kernel, when it is given pages (TUN_MSG_UBUF). But it refuses
 * what has more segments than an skb, whether they are empty or not; nobody else counts them.
 *
 * Context: process; vq->mutex is held.
 * Return: 0, or -EFAULT if guest memory cannot be read.
 */
int vhc_large_copy(struct vhc_large *large, struct vhc_large_send *send)
{
	struct iov_iter *iter = &send->msg.msg_iter;
	const unsigned int len = iov_iter_count(iter);
	void *to;

	if (large->refused || len > LARGE_SIZE || !large_find(large, len))
		return 0;
	to = page_address(large->page[large->current_page]) + large->used;
	if (!copy_from_iter_full(to, len, iter))
		return -EFAULT;
	large->bvec[0].bv_page = large->page[large->current_page];
	large->bvec[0].bv_offset = large->used;
	large->bvec[0].bv_len = len;
	iov_iter_bvec(iter, ITER_SOURCE, large->bvec, ARRAY_SIZE(large->bvec), len);
	send->ctl.type = TUN_MSG_UBUF;
	send->ctl.ptr = &large_ubuf;
	send->msg.msg_control = &send->ctl;
	send->msg.msg_controllen = sizeof(send->ctl);
	large->used += ALIGN(len, SMP_CACHE_BYTES);
	return 0;
}

/**
 * vhc_large_refuse() - the socket does not take frames from here, until it is set anew
 * @large: the memory.
 */
void vhc_large_refuse(struct vhc_large *large)
{
	large->refused = true;
}

/**
 * vhc_large_free() - give the memory back; what the stack still has of it goes with its frames
 * @large: the memory.
 *
 * Context: process; vq->mutex is held.
 */
void vhc_large_free(struct vhc_large *large)
{
	while (large->num)
		put_page(large->page[--large->num]);
	large->used = 0;
	large->waits = false;
	large->refused = false;
}
