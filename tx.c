// SPDX-License-Identifier: GPL-2.0
/*
 * TX: chains that the guest made available become frames on the socket.
 *
 * Runs on the worker; the only entries are the work functions at the end, and
 * vhc_tx_free(). Small frames are copied and sent to tun 64 at a time; the others, and all
 * frames of a socket with a limited send buffer, go one by one through sendmsg(), large ones from
 * the memory of tx_large.c.
 */
#include <linux/if_ether.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "copy.h"
#include "trace.h"
#include "vhost_custom.h"

enum {
	/* More than any frame, and far from what an int of the network stack can hold. */
	TX_LEN_MAX = 1024 * 1024,
	/* What build_skb() wants behind a frame's data. */
	TX_TAIL = SKB_DATA_ALIGN(sizeof(struct skb_shared_info)),
	/* Small frames share it: as many as have a reference each. */
	TX_FRAG_SIZE = PAGE_SIZE > 32 * 1024 ? PAGE_SIZE : 32 * 1024,
	TX_FRAG_REFS = TX_FRAG_SIZE / TX_TAIL + 1,
};

/* What the rest of a run needs to know about the socket. */
struct tx_run {
	struct socket *sock;
	unsigned int pad;	/* bytes before a batched frame's data */
	unsigned int batch_min;	/* bytes of the chains that can be batched */
	unsigned int batch_max;	/* below batch_min: none */
	bool takes_pages;	/* frames may come from tx_large.c */
	unsigned int frames;
	unsigned int bytes;
};

/* ---- the memory of small frames ---- */

static void frag_release(struct vhc_tx *tx)
{
	if (tx->frag)
		__page_frag_cache_drain(virt_to_page(tx->frag), tx->frag_refs);
	tx->frag = NULL;
	tx->frag_size = 0;
}

static int frag_alloc(struct vhc_tx *tx)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_COMP | __GFP_NOMEMALLOC;
	unsigned int order = get_order(TX_FRAG_SIZE);
	struct page *page;

	/* Worth some luck, but no wait. */
	page = alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NORETRY, order);
	if (unlikely(!page)) {
		order = 0;
		page = alloc_pages(gfp, order);
	}
	if (unlikely(!page))
		return -ENOMEM;
	page_ref_add(page, TX_FRAG_REFS - 1);
	tx->frag = page_address(page);
	tx->frag_size = PAGE_SIZE << order;
	tx->frag_refs = TX_FRAG_REFS;
	tx->frag_used = 0;
	return 0;
}

/*
 * Begin again at the start of the page if nobody has any of the frames that were in it. It is in
 * the cache then, and a new one would have to be cleared (init_on_alloc). One that is smaller than
 * it should be is not kept: next time there may be more.
 */
static void frag_reuse(struct vhc_tx *tx)
{
	struct page *page;

	if (!tx->frag_used || tx->frag_size < TX_FRAG_SIZE)
		return;
	page = virt_to_page(tx->frag);
	if (page_ref_count(page) != tx->frag_refs)
		return;
	page_ref_add(page, TX_FRAG_REFS - tx->frag_refs);
	tx->frag_refs = TX_FRAG_REFS;
	tx->frag_used = 0;
}

/* ---- frames on their way ---- */

/* Send the batched frames, then hand their chains back. */
static void tx_flush(struct vhc_queue *queue, struct tx_run *run)
{
	struct vhc_tx *tx = &queue->tx;
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR,
		.num = tx->num,
		.ptr = tx->xdp,
	};
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};

	if (tx->num) {
		queue->stats.buffers[1] += tx->num - tx->several;
		trace_tx_batch(queue, tx->num, tx->bytes);
		if (likely(run->sock->ops->sendmsg(run->sock, &msg, 0) >= 0)) {
			queue->stats.packets += tx->num;
			queue->stats.bytes += tx->bytes;
			queue->stats.gso += tx->gso;
			vhc_count(queue->stats.batch, tx->num);
		} else {
			/* Only a tap without its device refuses a batch; it took nothing. */
			queue->stats.dropped += tx->num;
			while (tx->num)
				page_frag_free(tx->xdp[--tx->num].data_hard_start);
		}
		tx->num = 0;
		tx->bytes = 0;
		tx->gso = 0;
		tx->several = 0;
		frag_reuse(tx);
	}
	vhc_queue_publish(queue);
}

/* Copy a whole chain. */
static __always_inline int chain_copy(void *to, const struct iovec *iov, unsigned int num)
{
	for (; num; num--, iov++) {
		if (vhc_copy_in(to, iov->iov_base, iov->iov_len))
			return -EFAULT;
		to += iov->iov_len;
	}
	return 0;
}

/* Does the header ask for a checksum at a place inside of the frame? */
static bool csum_fits(const struct virtio_net_hdr *hdr, bool le, unsigned int len)
{
	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return true;
	return __virtio16_to_cpu(le, hdr->csum_start) +
	       __virtio16_to_cpu(le, hdr->csum_offset) + 2 <= len;
}

/*
 * Put the header where tun looks for it. tun may read more of it than the driver has, so the
 * rest is zero.
 */
static void header_place(const struct vhc_queue *queue, struct virtio_net_hdr *hdr,
			 const void *from)
{
	memset(hdr, 0, VHC_XDP_HEADER_MAX);
	if (unlikely(queue->sock_hdr_len == VHC_TUNNEL_HEADER))
		memcpy(hdr, from, VHC_TUNNEL_HEADER);
	else if (likely(queue->sock_hdr_len))
		memcpy(hdr, from, sizeof(*hdr));
}

/*
 * Copy a small frame of @total bytes with its header, from @num segments, to memory of its own and
 * put it behind the batch.
 *
 * Returns 0, -ENOMEM, -EFAULT, or -EBADMSG for a header that makes no sense.
 */
static __always_inline int tx_batch(struct vhc_queue *queue, struct tx_run *run,
				    const struct iovec *iov, unsigned int num, unsigned int total)
{
	unsigned int len = total - queue->hdr_len;
	unsigned int size = SKB_DATA_ALIGN(run->pad + len) + TX_TAIL;
	struct vhc_tx *tx = &queue->tx;
	struct virtio_net_hdr *hdr;
	struct xdp_buff *xdp;
	void *buf, *from;

	if (unlikely(tx->frag_used + size > tx->frag_size)) {
		/* What was sent may be gone already, and leave its memory to the next ones. */
		if (tx->num)
			tx_flush(queue, run);
		if (tx->frag_used)
			frag_release(tx);
		if (!tx->frag && frag_alloc(tx))
			return -ENOMEM;
	}
	buf = tx->frag + tx->frag_used;
	from = buf + run->pad - queue->hdr_len;
	if (unlikely(chain_copy(from, iov, num)))
		return -EFAULT;
	hdr = vhc_xdp_header(buf, size);
	header_place(queue, hdr, from);
	if (unlikely(!csum_fits(hdr, vhc_ring_le(&queue->ring), len)))
		return -EBADMSG;
	if (hdr->gso_type)
		tx->gso++;
	if (num > 1) {
		vhc_count(queue->stats.buffers, num);
		tx->several++;
	}

	tx->frag_used += size;
	tx->frag_refs--;
	xdp = &tx->xdp[tx->num++];
	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, buf, run->pad, len, true);
	tx->bytes += len;
	return 0;
}

/* Only to count: the socket reads the header again. */
static bool has_gso(const struct vhc_queue *queue)
{
	const size_t at = offsetof(struct virtio_net_hdr, gso_type);
	const struct iovec *iov = queue->vq.iov;
	u8 type;

	return queue->sock_hdr_len && iov->iov_len > at &&
	       !get_user(type, (u8 __user *)iov->iov_base + at) && type;
}

static int tx_sendmsg(struct vhc_queue *queue, struct socket *sock, const struct vhc_chain *chain,
		      bool takes_pages)
{
	const unsigned int skip = queue->hdr_len - queue->sock_hdr_len;
	struct vhc_large_send send = { .msg.msg_flags = MSG_DONTWAIT };
	struct iov_iter *iter = &send.msg.msg_iter;
	int ret;

	iov_iter_init(iter, ITER_SOURCE, queue->vq.iov, chain->out_num, chain->out_len);
	iov_iter_advance(iter, skip);
	if (takes_pages && chain->out_len > PAGE_SIZE) {
		ret = vhc_large_copy(&queue->tx.large, &send);
		if (unlikely(ret))
			return ret;
	}
	ret = sock->ops->sendmsg(sock, &send.msg, chain->out_len - skip);
	if (unlikely(ret == -EMSGSIZE) && send.msg.msg_control) {
		vhc_large_refuse(&queue->tx.large);
		return tx_sendmsg(queue, sock, chain, false);
	}
	return ret;
}

static int tx_send(struct vhc_queue *queue, struct tx_run *run, const struct vhc_chain *chain)
{
	int ret = tx_sendmsg(queue, run->sock, chain, run->takes_pages);

	if (ret < 0)
		return ret;
	queue->stats.packets++;
	queue->stats.bytes += chain->out_len - queue->hdr_len;
	vhc_count(queue->stats.batch, 1);
	vhc_count(queue->stats.buffers, chain->out_num);
	if (has_gso(queue))
		queue->stats.gso++;
	return 0;
}

/* Returns 0, or an enum vhost_custom_bad + 1. */
static unsigned int tx_check(struct vhc_queue *queue, const struct vhc_chain *chain)
{
	if (chain->in_num)
		return VHOST_CUSTOM_BAD_DIRECTION + 1;
	if (!chain->out_num)
		return VHOST_CUSTOM_BAD_LENGTH + 1;
	if (chain->out_len < queue->hdr_len)
		return VHOST_CUSTOM_BAD_HEADER + 1;
	if (chain->out_len > TX_LEN_MAX)
		return VHOST_CUSTOM_BAD_LENGTH + 1;
	return 0;
}

/* Can it be sent in a batch? All that tx_check() wants follows from that. */
static bool tx_is_small(const struct tx_run *run, const struct vhc_chain *chain)
{
	return !chain->in_num && chain->out_len >= run->batch_min &&
	       chain->out_len <= run->batch_max;
}

/* A frame was not sent: its chain goes back, and somebody's counter goes up. */
static void tx_failed(struct vhc_queue *queue, const struct vhc_chain *chain, int err)
{
	switch (err) {
	case -EFAULT:
		vhc_queue_give_back(queue, chain, VHOST_CUSTOM_BAD_FAULT);
		break;
	case -EBADMSG:
		vhc_queue_give_back(queue, chain, VHOST_CUSTOM_BAD_HEADER);
		break;
	case -ENOMEM:
	case -ENOBUFS:
	case -EBADFD:	/* the tap lost its device */
	case -EBUSY:
	case -EPIPE:
	case -EIO:	/* the device is down; of a packet socket: */
	case -ENETDOWN:
	case -ENXIO:	/* it is gone */
	case -ENODEV:
		queue->stats.dropped++;
		vhc_ring_fill(&queue->ring, chain, 0);
		break;
	default:
		vhc_queue_give_back(queue, chain, VHOST_CUSTOM_BAD_FRAME);
	}
}

/*
 * The send buffer is full: run again when the socket says that there is room. Returns false
 * if it never will, as it is in error.
 */
static bool tx_wait_for_socket(struct vhc_queue *queue, struct socket *sock)
{
	if (vhc_poll_start(&queue->sock_poll, sock->file))
		return false;
	queue->stats.stalls++;
	return true;
}

/*
 * Returns 0 if the chain is dealt with, -EAGAIN if the socket cannot take it now and says
 * when it can.
 */
static int tx_chain(struct vhc_queue *queue, struct tx_run *run, const struct vhc_chain *chain)
{
	int err;

	if (likely(tx_is_small(run, chain))) {
		err = tx_batch(queue, run, queue->vq.iov, chain->out_num, chain->out_len);
	} else {
		unsigned int bad = tx_check(queue, chain);

		if (unlikely(bad)) {
			vhc_queue_give_back(queue, chain, bad - 1);
			return 0;
		}
		/* Frames must not overtake each other. */
		if (queue->tx.num)
			tx_flush(queue, run);
		err = tx_send(queue, run, chain);
	}
	if (likely(!err)) {
		vhc_ring_fill(&queue->ring, chain, 0);
		return 0;
	}
	if (unlikely(err == -EAGAIN)) {
		if (tx_wait_for_socket(queue, run->sock))
			return err;
		err = -ENOBUFS;
	}
	tx_failed(queue, chain, err);
	return 0;
}

/*
 * How a frame's memory is laid out for tun, if it can be sent in a batch at all: batches are
 * not accounted to the socket's send buffer, so they are for unlimited ones, and tun takes
 * what is in them for Ethernet.
 */
static void tx_plan(const struct vhc_queue *queue, struct tx_run *run)
{
	unsigned int pad = NET_SKB_PAD + NET_IP_ALIGN;

	/* The header before the data, as it was copied, and where tun looks for it. */
	BUILD_BUG_ON(sizeof(int) + 2 * VHC_XDP_HEADER_MAX > NET_SKB_PAD);
	/* Only tun and tap say so. */
	run->takes_pages = sock_flag(run->sock->sk, SOCK_ZEROCOPY);
	if (!queue->tx.batches || run->sock->sk->sk_sndbuf != INT_MAX)
		return;
	if (sock_flag(run->sock->sk, SOCK_XDP))
		pad += XDP_PACKET_HEADROOM;
	run->pad = SKB_DATA_ALIGN(pad);
	run->batch_min = queue->hdr_len + ETH_HLEN;
	run->batch_max = queue->hdr_len + PAGE_SIZE - TX_TAIL - run->pad;
}

/* There is no chain. Returns true to go on. */
static bool tx_idle(struct vhc_queue *queue, struct tx_run *run)
{
	enum vhc_poll poll;

	tx_flush(queue, run);
	poll = vhc_poll_goes_on(queue);
	return poll == VHC_POLL_NOT ? vhc_queue_wait_for_driver(queue) : poll == VHC_POLL_ON;
}

/*
 * There is no chain, or there is something wrong with it or with the ring.
 * Returns true to go on.
 */
static noinline bool tx_no_chain(struct vhc_queue *queue, struct tx_run *run,
				 const struct vhc_chain *chain, int ret)
{
	switch (ret) {
	case 0:
		return tx_idle(queue, run);
	case -EAGAIN:
		vhc_queue_wait_for_memory(queue);
		return false;
	case -EBADMSG:
		run->frames++;
		vhc_queue_give_back(queue, chain, chain->bad);
		return true;
	default:
		run->frames++;
		vhc_queue_bad_ring(queue, ret);
		return vhc_ring_enable_notify(&queue->ring) > 0;
	}
}

/*
 * Most frames: small, and in one buffer. Returns false, and has taken nothing, if the next one is
 * not like that, or if something is wrong with it.
 */
static __always_inline bool tx_plain(struct vhc_queue *queue, struct tx_run *run)
{
	struct vhc_ring *ring = &queue->ring;
	const struct vhc_fetched *fetched;
	struct iovec iov;

	fetched = vhc_ring_peek_plain(ring, 0, &iov);
	if (!fetched || iov.iov_len < run->batch_min || iov.iov_len > run->batch_max ||
	    unlikely(tx_batch(queue, run, &iov, 1, iov.iov_len)))
		return false;
	vhc_ring_use_plain(ring, fetched, 0);
	run->bytes += iov.iov_len;
	return true;
}

/* The same of two buffers, most often the header and the rest. */
static __always_inline bool tx_pair(struct vhc_queue *queue, struct tx_run *run)
{
	struct vhc_ring *ring = &queue->ring;
	const struct vhc_fetched *fetched;
	struct iovec iov[2];
	u64 len;

	fetched = vhc_ring_peek_pair(ring, iov);
	if (!fetched)
		return false;
	len = (u64)iov[0].iov_len + iov[1].iov_len;
	if (len < run->batch_min || len > run->batch_max ||
	    unlikely(tx_batch(queue, run, iov, 2, len)))
		return false;
	vhc_ring_use_plain(ring, fetched, 0);
	run->bytes += len;
	return true;
}

static void tx_chains(struct vhc_queue *queue, struct tx_run *run)
{
	struct vhc_ring *ring = &queue->ring;
	struct vhc_chain chain;
	int ret;

	while (run->frames < VHC_RUN_FRAMES && run->bytes < VHC_RUN_BYTES) {
		if (vhc_ring_filled(ring) >= VHC_BATCH)
			tx_flush(queue, run);

		if (likely(tx_plain(queue, run)) || tx_pair(queue, run)) {
			run->frames++;
			vhc_poll_found(queue);
			continue;
		}
		ret = vhc_ring_take(ring, &chain, queue->vq.iov, UIO_MAXIOV);
		if (unlikely(ret != 1)) {
			if (!tx_no_chain(queue, run, &chain, ret))
				return;
			continue;
		}
		run->frames++;
		run->bytes += chain.out_len;
		vhc_poll_found(queue);
		if (unlikely(tx_chain(queue, run, &chain))) {
			vhc_ring_put_back(ring);
			return;
		}
	}
	vhc_queue_requeue(queue);
}

static void tx_run(struct vhc_queue *queue)
{
	struct tx_run run = { .batch_min = 1 };

	run.sock = vhc_queue_begin(queue);
	if (!run.sock)
		return;
	tx_plan(queue, &run);
	/* It is on the queue where RX waits: each frame to the guest would look at it. */
	vhost_poll_stop(&queue->sock_poll);
	vhc_ring_disable_notify(&queue->ring);
	tx_chains(queue, &run);
	if (queue->tx.num)
		tx_flush(queue, &run);
	vhc_queue_end(queue);
}

/**
 * vhc_tx_kick() - the driver made chains available
 * @work: of the virtqueue's poll.
 */
void vhc_tx_kick(struct vhost_work *work)
{
	struct vhc_queue *queue = container_of(work, struct vhc_queue, vq.poll.work);

	mutex_lock(&queue->vq.mutex);
	queue->stats.kicks++;
	queue->kicks_pending++;
	trace_kick(queue);
	tx_run(queue);
	mutex_unlock(&queue->vq.mutex);
}

/**
 * vhc_tx_ready() - the socket has room, or a run was too long and goes on
 * @work: of the queue's socket poll.
 */
void vhc_tx_ready(struct vhost_work *work)
{
	struct vhc_queue *queue = container_of(work, struct vhc_queue, sock_poll.work);

	mutex_lock(&queue->vq.mutex);
	vhc_queue_woken(queue);
	tx_run(queue);
	mutex_unlock(&queue->vq.mutex);
}

/**
 * vhc_tx_free() - give the frames' memory back, when the file is closed
 * @queue: the TX queue; no run can happen any more.
 */
void vhc_tx_free(struct vhc_queue *queue)
{
	frag_release(&queue->tx);
}
