// SPDX-License-Identifier: GPL-2.0
/*
 * TX: chains that the guest made available become frames on the socket.
 *
 * Runs on the worker; the only entries are the work functions at the end, and
 * vhc_tx_free(). Small frames are copied and sent to tun 64 at a time; the others, and all
 * frames of a socket with a limited send buffer, go one by one through sendmsg().
 */
#include <linux/if_ether.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "vhost_custom.h"

enum {
	/* More than any frame, and far from what an int of the network stack can hold. */
	TX_LEN_MAX = 1024 * 1024,
};

/* What the rest of a run needs to know about the socket. */
struct tx_run {
	struct socket *sock;
	unsigned int pad;	/* bytes before a batched frame's data; 0: do not batch */
	unsigned int frames;
	unsigned int bytes;
	u64 poll_end;		/* see vhc_queue_may_poll() */
};

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
		if (likely(run->sock->ops->sendmsg(run->sock, &msg, 0) >= 0)) {
			queue->stats.packets += tx->num;
			queue->stats.bytes += tx->bytes;
		} else {
			/* Only a tap without its device refuses a batch; it took nothing. */
			queue->stats.dropped += tx->num;
			while (tx->num)
				page_frag_free(tx->xdp[--tx->num].data_hard_start);
		}
		tx->num = 0;
		tx->bytes = 0;
	}
	vhc_queue_publish(queue);
}

/*
 * Copy a chain from its byte @skip on.
 *
 * Not by copy_from_user(), whose check of the destination costs more than a small frame's
 * copy: the caller made room for all of the chain.
 */
static int chain_copy(void *to, const struct iovec *iov, unsigned int num, size_t skip)
{
	for (; num; num--, iov++) {
		size_t len = iov->iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		len -= skip;
		if (_copy_from_user(to, iov->iov_base + skip, len))
			return -EFAULT;
		to += len;
		skip = 0;
	}
	return 0;
}

/* Read @len bytes of a header which the driver may have cut anywhere. */
static noinline int header_copy_pieces(void *hdr, const struct iovec *iov, unsigned int len)
{
	unsigned int done, part;

	for (done = 0; done < len; done += part, iov++) {
		part = min_t(size_t, iov->iov_len, len - done);
		if (_copy_from_user(hdr + done, iov->iov_base, part))
			return -EFAULT;
	}
	return 0;
}

/* Read the header, or what tun looks at of the usual ones. */
static int header_copy(struct virtio_net_hdr *hdr, const struct iovec *iov, unsigned int len)
{
	struct virtio_net_hdr __user *from = iov->iov_base;

	if (unlikely(len == VHC_TUNNEL_HEADER))
		return header_copy_pieces(hdr, iov, len);
	if (unlikely(iov->iov_len < sizeof(*hdr)))
		return header_copy_pieces(hdr, iov, sizeof(*hdr));

	if (!user_read_access_begin(from, sizeof(*hdr)))
		return -EFAULT;
	unsafe_get_user(hdr->flags, &from->flags, fault);
	unsafe_get_user(hdr->gso_type, &from->gso_type, fault);
	unsafe_get_user(hdr->hdr_len, &from->hdr_len, fault);
	unsafe_get_user(hdr->gso_size, &from->gso_size, fault);
	unsafe_get_user(hdr->csum_start, &from->csum_start, fault);
	unsafe_get_user(hdr->csum_offset, &from->csum_offset, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
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
 * Copy a frame to memory of its own and put it behind the batch.
 *
 * tun may read more of a header than the driver has, so the rest is zero.
 *
 * Returns 0, -ENOSPC if the frame is too large for a batch, -ENOMEM, -EFAULT, or -EINVAL
 * for a header that makes no sense.
 */
static int tx_batch(struct vhc_queue *queue, struct tx_run *run, const struct vhc_chain *chain)
{
	unsigned int len = chain->out_len - queue->hdr_len;
	unsigned int size = SKB_DATA_ALIGN(run->pad + len) +
			    SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct vhc_tx *tx = &queue->tx;
	struct xdp_buff *xdp = &tx->xdp[tx->num];
	struct virtio_net_hdr *hdr;
	void *buf;
	int err;

	if (size > PAGE_SIZE)
		return -ENOSPC;
	buf = page_frag_alloc(&tx->frags, size, GFP_KERNEL);
	if (unlikely(!buf))
		return -ENOMEM;

	hdr = vhc_xdp_header(buf, size);
	memset(hdr, 0, VHC_XDP_HEADER_MAX);
	err = queue->sock_hdr_len ? header_copy(hdr, queue->vq.iov, queue->hdr_len) : 0;
	if (likely(!err))
		err = chain_copy(buf + run->pad, queue->vq.iov, chain->out_num, queue->hdr_len);
	if (unlikely(err))
		goto err_free;
	err = -EINVAL;
	if (unlikely(!csum_fits(hdr, vhc_ring_le(&queue->ring), len)))
		goto err_free;

	xdp_init_buff(xdp, size, NULL);
	xdp_prepare_buff(xdp, buf, run->pad, len, true);
	tx->num++;
	tx->bytes += len;
	return 0;

err_free:
	page_frag_free(buf);
	return err;
}

static int tx_send(struct vhc_queue *queue, struct tx_run *run, const struct vhc_chain *chain)
{
	const unsigned int skip = queue->hdr_len - queue->sock_hdr_len;
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	int ret;

	iov_iter_init(&msg.msg_iter, ITER_SOURCE, queue->vq.iov, chain->out_num, chain->out_len);
	iov_iter_advance(&msg.msg_iter, skip);
	ret = run->sock->ops->sendmsg(run->sock, &msg, chain->out_len - skip);
	if (ret < 0)
		return ret;
	queue->stats.packets++;
	queue->stats.bytes += chain->out_len - queue->hdr_len;
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

/* A frame was not sent: its chain goes back, and somebody's counter goes up. */
static void tx_failed(struct vhc_queue *queue, const struct vhc_chain *chain, int err)
{
	switch (err) {
	case -EFAULT:
		vhc_queue_give_back(queue, chain, VHOST_CUSTOM_BAD_FAULT);
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
		vhc_ring_fill(&queue->ring, chain->head, 0);
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
	if (vhost_poll_start(&queue->sock_poll, sock->file))
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
	unsigned int bad = tx_check(queue, chain);
	int err;

	if (unlikely(bad)) {
		vhc_queue_give_back(queue, chain, bad - 1);
		return 0;
	}
	if (run->pad && chain->out_len >= queue->hdr_len + ETH_HLEN) {
		err = tx_batch(queue, run, chain);
		if (likely(!err)) {
			vhc_ring_fill(&queue->ring, chain->head, 0);
			return 0;
		}
		if (err == -EINVAL) {
			vhc_queue_give_back(queue, chain, VHOST_CUSTOM_BAD_HEADER);
			return 0;
		}
		if (err == -ENOSPC) {
			/* Frames must not overtake each other. */
			if (queue->tx.num)
				tx_flush(queue, run);
			err = tx_send(queue, run, chain);
		}
	} else {
		if (queue->tx.num)
			tx_flush(queue, run);
		err = tx_send(queue, run, chain);
	}
	if (unlikely(err == -EAGAIN)) {
		if (tx_wait_for_socket(queue, run->sock))
			return err;
		err = -ENOBUFS;
	}
	if (unlikely(err))
		tx_failed(queue, chain, err);
	else
		vhc_ring_fill(&queue->ring, chain->head, 0);
	return 0;
}

/*
 * How a frame's memory is laid out for tun, if it can be sent in a batch at all: batches are
 * not accounted to the socket's send buffer, so they are for unlimited ones, and tun takes
 * what is in them for Ethernet.
 */
static unsigned int tx_pad(const struct vhc_queue *queue, struct socket *sock)
{
	unsigned int pad = NET_SKB_PAD + NET_IP_ALIGN;

	BUILD_BUG_ON(sizeof(int) + VHC_XDP_HEADER_MAX > NET_SKB_PAD);
	if (!queue->tx.batches || sock->sk->sk_sndbuf != INT_MAX)
		return 0;
	if (sock_flag(sock->sk, SOCK_XDP))
		pad += XDP_PACKET_HEADROOM;
	return SKB_DATA_ALIGN(pad);
}

static void tx_chains(struct vhc_queue *queue, struct tx_run *run)
{
	struct vhc_ring *ring = &queue->ring;
	struct vhc_chain chain;
	int ret;

	while (run->frames < VHC_RUN_FRAMES && run->bytes < VHC_RUN_BYTES) {
		if (ring->done_num >= VHC_BATCH)
			tx_flush(queue, run);

		ret = vhc_ring_take(ring, &chain, queue->vq.iov, UIO_MAXIOV);
		if (!ret) {
			tx_flush(queue, run);
			if (vhc_queue_may_poll(queue, &run->poll_end) ||
			    vhc_queue_wait_for_driver(queue))
				continue;
			return;
		}
		run->poll_end = 0;
		if (unlikely(ret == -EAGAIN)) {
			vhc_queue_wait_for_memory(queue);
			return;
		}
		if (unlikely(ret == -EBADMSG)) {
			run->frames++;
			vhc_queue_give_back(queue, &chain, chain.bad);
			continue;
		}
		run->frames++;
		if (unlikely(ret < 0)) {
			vhc_queue_bad_ring(queue, ret);
			if (vhc_ring_enable_notify(ring) > 0)
				continue;
			return;
		}
		run->bytes += chain.out_len;
		if (unlikely(tx_chain(queue, run, &chain))) {
			vhc_ring_rewind(ring, 1);
			return;
		}
	}
	vhost_poll_queue(&queue->sock_poll);
}

static void tx_run(struct vhc_queue *queue)
{
	struct tx_run run = {};

	run.sock = vhc_queue_begin(queue);
	if (!run.sock)
		return;
	run.pad = tx_pad(queue, run.sock);
	/* It is on the queue where RX waits: each frame to the guest would look at it. */
	vhost_poll_stop(&queue->sock_poll);
	vhc_ring_disable_notify(&queue->ring);
	tx_chains(queue, &run);
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
	tx_run(queue);
	mutex_unlock(&queue->vq.mutex);
}

/**
 * vhc_tx_free() - give the frames' memory back, when the file is closed
 * @queue: the TX queue; no run can happen any more.
 */
void vhc_tx_free(struct vhc_queue *queue)
{
	vhc_frag_cache_drain(&queue->tx.frags);
}
