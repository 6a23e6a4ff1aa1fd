// SPDX-License-Identifier: GPL-2.0
/*
 * RX: frames from the socket go into chains that the guest made available.
 *
 * Runs on the worker; the only entries are the work functions at the end, and
 * vhc_rx_set_socket().
 */
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/skb_array.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "trace.h"
#include "vhost_custom.h"

/* A run: its socket, and how long it is already. */
struct rx_run {
	struct socket *sock;
	unsigned int steps;	/* frames, and chains that were looked at in vain */
	unsigned int bytes;
	unsigned int several;	/* frames in several buffers; the others are counted at the end */
};

/* The chains that were gathered for one frame; their segments are in vq.iov. */
struct rx_chains {
	unsigned int chains;
	unsigned int segments;
};

/* Frames come from a tap's ring, many at a time. Returns the next one, or NULL. */
static void *rx_ring_frame(struct vhc_queue *queue)
{
	const struct socket *sock = queue->vq.private_data;
	struct vhc_rx *rx = &queue->rx;

	if (rx->pos == rx->num) {
		rx->pos = 0;
		rx->num = vhc_tun_ring_take(sock->file, rx->ring, rx->frame, VHC_BATCH);
		if (!rx->num)
			return NULL;
		vhc_count(queue->stats.batch, rx->num);
	}
	return rx->frame[rx->pos];
}

static unsigned int rx_ring_frame_len(void *frame)
{
	if (tun_is_xdp_frame(frame))
		return tun_ptr_to_xdp(frame)->len;
	return __skb_array_len_with_tag(frame);
}

/*
 * Or from a packet socket's queue, where they stay until recvmsg(). Somebody else who has the
 * socket may be faster; then recvmsg() has another length, or nothing.
 */
static bool rx_queue_frame_len(struct sock *sk, u32 *len)
{
	struct sk_buff *skb;

	if (skb_queue_empty_lockless(&sk->sk_receive_queue))
		return false;
	spin_lock_bh(&sk->sk_receive_queue.lock);
	skb = skb_peek(&sk->sk_receive_queue);
	/* recvmsg() leaves a VLAN's tag out: such a frame is too short then, and is dropped. */
	if (skb)
		*len = skb->len + (skb_vlan_tag_present(skb) ? VLAN_HLEN : 0);
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	return skb;
}

/* Find the next frame's length. Returns false if there is none. */
static bool rx_next(struct vhc_queue *queue, struct socket *sock, u32 *len)
{
	void *frame;

	if (unlikely(!queue->rx.ring))
		return rx_queue_frame_len(sock->sk, len);
	frame = rx_ring_frame(queue);
	if (!frame)
		return false;
	*len = rx_ring_frame_len(frame);
	return true;
}

static void rx_drop(struct vhc_queue *queue, struct socket *sock)
{
	struct vhc_rx *rx = &queue->rx;
	struct msghdr msg = {};

	queue->stats.dropped++;
	if (rx->ring) {
		tun_ptr_free(rx->frame[rx->pos++]);
		return;
	}
	iov_iter_init(&msg.msg_iter, ITER_DEST, queue->vq.iov, 0, 0);
	sock->ops->recvmsg(sock, &msg, 0, MSG_DONTWAIT | MSG_TRUNC);
}

/* Take @num chains, good or bad, and give all of them back empty. */
static void rx_give_back(struct vhc_queue *queue, unsigned int num,
			 enum vhost_custom_bad reason)
{
	struct vhc_ring *ring = &queue->ring;
	struct vhc_chain chain;
	int ret;

	while (num--) {
		ret = vhc_ring_take(ring, &chain, queue->vq.iov, UIO_MAXIOV);
		if (ret != 1 && ret != -EBADMSG)
			return;
		if (ret == 1 || chain.bad != VHOST_CUSTOM_BAD_HEAD)
			vhc_ring_fill(ring, &chain, 0);
	}
	vhc_queue_bad(queue, reason);
}

/* Returns 0, or an enum vhost_custom_bad + 1. */
static unsigned int rx_check(int ret, const struct vhc_chain *chain)
{
	if (ret == -EBADMSG)
		return chain->bad + 1;
	if (chain->out_num)
		return VHOST_CUSTOM_BAD_DIRECTION + 1;
	if (!chain->in_num)
		return VHOST_CUSTOM_BAD_LENGTH + 1;
	return 0;
}

/* Is the chain behind @skip others, all available, too long by itself? */
static bool rx_is_too_long(struct vhc_queue *queue, unsigned int skip)
{
	struct vhc_chain chain;
	int ret;

	vhc_ring_mark(&queue->ring);
	do {
		ret = vhc_ring_take(&queue->ring, &chain, queue->vq.iov, UIO_MAXIOV);
		if (ret != 1 && ret != -EBADMSG)
			break;
	} while (skip--);
	vhc_ring_rewind(&queue->ring);
	return ret == -EBADMSG;
}

/*
 * Gather chains for @need bytes, and fill in how much of each will be used.
 *
 * Returns 0; -ENOBUFS if the driver has to make more available; -EAGAIN if the VMM has to
 * translate an address first; -EMSGSIZE if the frame cannot fit; -EBADMSG if a bad chain was
 * met and all up to it were given back; or the ring's error. Except for 0, no chain is held
 * any more; with 0, vhc_ring_rewind() puts them back.
 */
static int rx_gather(struct vhc_queue *queue, u32 need, struct rx_chains *got)
{
	const unsigned int max_chains = queue->mergeable ? VHC_CHAIN_MAX : 1;
	struct vhc_ring *ring = &queue->ring;
	struct vhc_chain chain;
	unsigned int bad;
	int ret;

	got->chains = 0;
	got->segments = 0;
	vhc_ring_mark(ring);
	for (;;) {
		ret = vhc_ring_take(ring, &chain, queue->vq.iov + got->segments,
				    UIO_MAXIOV - got->segments);
		if (unlikely(!ret)) {
			/* With all of the ring in hand there is nothing to wait for. */
			ret = vhc_ring_is_exhausted(ring) ? -EMSGSIZE : -ENOBUFS;
			vhc_ring_rewind(ring);
			return ret;
		}
		if (unlikely(ret < 0 && ret != -EBADMSG)) {
			vhc_ring_rewind(ring);
			return ret;
		}
		bad = rx_check(ret, &chain);
		if (unlikely(bad)) {
			vhc_ring_rewind(ring);
			/* A good chain, but no place left for its segments? */
			if (ret == -EBADMSG && chain.bad == VHOST_CUSTOM_BAD_LENGTH &&
			    got->segments && !rx_is_too_long(queue, got->chains))
				return -EMSGSIZE;
			rx_give_back(queue, got->chains + 1, bad - 1);
			return -EBADMSG;
		}
		vhc_ring_fill(ring, &chain, min_t(u64, chain.in_len, need));
		got->chains++;
		got->segments += chain.in_num;
		if (chain.in_len >= need)
			return 0;
		need -= chain.in_len;
		if (unlikely(got->chains == max_chains)) {
			vhc_ring_rewind(ring);
			return -EMSGSIZE;
		}
	}
}

/*
 * Finish the header (5.1.6.4): num_buffers, behind the part that the socket wrote. All else is
 * zeros, if the socket has no header.
 */
static int rx_finish_header(struct vhc_queue *queue, struct iov_iter *iter,
			    const struct rx_chains *got)
{
	const size_t common = offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
	__virtio16 num = __cpu_to_virtio16(vhc_ring_le(&queue->ring), got->chains);

	if (unlikely(!queue->sock_hdr_len)) {
		if (iov_iter_zero(common, iter) != common)
			return -EFAULT;
	} else if (queue->hdr_len != common) {
		iov_iter_advance(iter, common);
	}
	if (queue->hdr_len == common)
		return 0;
	if (copy_to_iter(&num, sizeof(num), iter) != sizeof(num))
		return -EFAULT;
	if (unlikely(!queue->sock_hdr_len)) {
		size_t rest = queue->hdr_len - common - sizeof(num);

		return iov_iter_zero(rest, iter) == rest ? 0 : -EFAULT;
	}
	return 0;
}

/* Move the next frame into the chains that were gathered. Consumes the frame. */
static int rx_deliver(struct vhc_queue *queue, struct socket *sock, u32 need,
		      const struct rx_chains *got)
{
	const unsigned int skip = queue->hdr_len - queue->sock_hdr_len;
	struct vhc_rx *rx = &queue->rx;
	void *frame = likely(rx->ring) ? rx->frame[rx->pos++] : NULL;
	struct msghdr msg = {
		.msg_control = frame,
		.msg_flags = MSG_DONTWAIT,
	};
	struct iov_iter header;
	bool proof, gso;
	int ret;

	if (likely(rx->direct)) {
		ret = vhc_skb_deliver(queue, frame, queue->vq.iov, got->chains);
		if (likely(ret != -EOPNOTSUPP))
			return ret;
	}
	proof = vhc_skb_is_proof(queue, frame);
	gso = vhc_skb_is_gso(frame);
	iov_iter_init(&msg.msg_iter, ITER_DEST, queue->vq.iov, got->segments, need);
	header = msg.msg_iter;
	if (unlikely(skip)) {
		iov_iter_advance(&msg.msg_iter, skip);
		need -= skip;
	}
	ret = sock->ops->recvmsg(sock, &msg, need, MSG_DONTWAIT | MSG_TRUNC);
	if (unlikely(ret < 0))
		return ret;
	/* Of an XDP frame, tun says how much it could write. */
	if (unlikely(ret < need && tun_is_xdp_frame(frame)))
		return -EFAULT;
	if (unlikely(ret != need))
		return -EMSGSIZE;
	if (proof)
		rx->direct = VHC_BATCH - 1;
	ret = rx_finish_header(queue, &header, got);
	if (!ret && gso)
		queue->stats.gso++;
	return ret;
}

/*
 * Let the socket wake us while we wait for it; when we are behind, that costs the sender. A
 * packet socket whose device went down is in error until somebody asks for the error.
 */
static void rx_wait_for_socket(struct vhc_queue *queue, struct socket *sock)
{
	if (unlikely(vhc_poll_start(&queue->sock_poll, sock->file)) && sock_error(sock->sk))
		vhc_poll_start(&queue->sock_poll, sock->file);
}

static void rx_ignore_socket(struct vhc_queue *queue)
{
	vhost_poll_stop(&queue->sock_poll);
}

/*
 * Most frames: a skb, which goes past recvmsg() into one buffer. Returns false if the next one is
 * not like that; nothing was done then.
 */
static __always_inline bool rx_plain(struct vhc_queue *queue, u32 len)
{
	const u32 need = len + queue->hdr_len;
	struct vhc_ring *ring = &queue->ring;
	const struct vhc_fetched *fetched;
	struct vhc_rx *rx = &queue->rx;
	struct iovec iov;
	int err;

	if (unlikely(!rx->direct) || unlikely(queue->log))
		return false;
	fetched = vhc_ring_peek_plain(ring, VRING_DESC_F_WRITE, &iov);
	if (!fetched || iov.iov_len < need)
		return false;
	err = vhc_skb_deliver(queue, rx->frame[rx->pos], &iov, 1);
	if (unlikely(err == -EOPNOTSUPP))
		return false;
	rx->pos++;
	if (unlikely(err)) {
		queue->stats.dropped++;
		rx_give_back(queue, 1, VHOST_CUSTOM_BAD_FAULT);
		return true;
	}
	vhc_ring_use_plain(ring, fetched, need);
	queue->stats.packets++;
	queue->stats.bytes += len;
	return true;
}

/*
 * Deal with the next frame.
 *
 * Returns true to go on: the frame is gone, delivered or dropped, or a chain was given back.
 */
static bool rx_one(struct vhc_queue *queue, struct rx_run *run, u32 len)
{
	u32 need = len + queue->hdr_len;
	struct rx_chains got;
	int err;

	err = rx_gather(queue, need, &got);
	if (likely(!err)) {
		err = rx_deliver(queue, run->sock, need, &got);
		/* What a failed delivery wrote is dirty, too. */
		if (unlikely(queue->log))
			vhc_log_buffers(queue, got.segments, need);
		if (likely(!err)) {
			queue->stats.packets++;
			queue->stats.bytes += len;
			if (unlikely(got.segments > 1)) {
				vhc_count(queue->stats.buffers, got.segments);
				run->several++;
			}
			return true;
		}
		queue->stats.dropped++;
		vhc_ring_rewind(&queue->ring);
		run->steps += got.chains;
		/* Memory that cannot be written would fail the next frame, too. */
		if (err == -EFAULT)
			rx_give_back(queue, got.chains, VHOST_CUSTOM_BAD_FAULT);
		return true;
	}
	run->steps += got.chains;
	switch (err) {
	case -EBADMSG:
		return true;
	case -EMSGSIZE:
		rx_drop(queue, run->sock);
		return true;
	case -ENOBUFS:
		queue->stats.stalls++;
		if (vhc_queue_wait_for_driver(queue))
			return true;
		/* It may wait for those that it gets back, and to be told of them. */
		vhc_queue_publish(queue);
		vhc_moderation_due(queue, U64_MAX);
		return false;
	case -EAGAIN:
		vhc_queue_wait_for_memory(queue);
		return false;
	default:
		vhc_queue_bad_ring(queue, err);
		return vhc_ring_enable_notify(&queue->ring) > 0;
	}
}

static void rx_frames(struct vhc_queue *queue, struct rx_run *run)
{
	while (run->steps < VHC_RUN_FRAMES && run->bytes < VHC_RUN_BYTES) {
		u32 len;

		if (!rx_next(queue, run->sock, &len)) {
			enum vhc_poll poll;

			vhc_queue_publish(queue);
			poll = vhc_poll_goes_on(queue);
			if (likely(poll == VHC_POLL_NOT)) {
				rx_wait_for_socket(queue, run->sock);
				return;
			}
			/* A wake-up for each frame would end the poll. */
			rx_ignore_socket(queue);
			if (poll == VHC_POLL_LATER)
				return;
			continue;
		}
		vhc_poll_found(queue);
		if (vhc_ring_filled(&queue->ring) >= VHC_BATCH)
			vhc_queue_publish(queue);
		run->steps++;
		run->bytes += len;
		if (likely(rx_plain(queue, len)))
			continue;
		if (!rx_one(queue, run, len)) {
			rx_ignore_socket(queue);
			return;
		}
	}
	rx_ignore_socket(queue);
	vhc_queue_requeue(queue);
}

static void rx_run(struct vhc_queue *queue)
{
	struct rx_run run = { .sock = vhc_queue_begin(queue) };

	if (!run.sock)
		return;
	vhc_ring_disable_notify(&queue->ring);
	vhc_skb_begin(queue);
	rx_frames(queue, &run);
	vhc_skb_end(queue);
	queue->stats.buffers[1] += queue->stats.packets - queue->run_packets - run.several;
	vhc_queue_end(queue);
}

/**
 * vhc_rx_kick() - the driver made chains available
 * @work: of the virtqueue's poll.
 */
void vhc_rx_kick(struct vhost_work *work)
{
	struct vhc_queue *queue = container_of(work, struct vhc_queue, vq.poll.work);

	mutex_lock(&queue->vq.mutex);
	queue->stats.kicks++;
	queue->kicks_pending++;
	trace_kick(queue);
	rx_run(queue);
	mutex_unlock(&queue->vq.mutex);
}

/**
 * vhc_rx_ready() - the tap has frames, or a run was too long and goes on
 * @work: of the queue's socket poll.
 */
void vhc_rx_ready(struct vhost_work *work)
{
	struct vhc_queue *queue = container_of(work, struct vhc_queue, sock_poll.work);

	mutex_lock(&queue->vq.mutex);
	vhc_queue_woken(queue);
	rx_run(queue);
	mutex_unlock(&queue->vq.mutex);
}

/**
 * vhc_rx_count_drops() - look at how many frames the tap dropped since the last time
 * @queue: the RX queue.
 *
 * Runs need not know, and a reader of the counters need not wait for one.
 *
 * Context: process; dev->mutex is held.
 */
void vhc_rx_count_drops(struct vhc_queue *queue)
{
	u64 dropped = vhc_tun_dropped(&queue->rx.tun);

	lockdep_assert_held(&queue->vq.dev->mutex);
	if (dropped <= queue->rx.dropped)
		return;
	queue->stats.device_dropped += dropped - queue->rx.dropped;
	queue->rx.dropped = dropped;
}

/**
 * vhc_rx_set_socket() - take frames from another socket, or from none
 * @queue: the RX queue.
 * @sock: the socket, or NULL.
 * @tun: its device.
 *
 * Frames that were taken from the old one's ring go back there.
 *
 * Context: process; dev->mutex and vq->mutex are held.
 */
void vhc_rx_set_socket(struct vhc_queue *queue, struct socket *sock,
		       const struct vhc_tun *tun)
{
	struct vhc_rx *rx = &queue->rx;

	lockdep_assert_held(&queue->vq.mutex);
	if (rx->ring && rx->pos < rx->num)
		ptr_ring_unconsume(rx->ring, rx->frame + rx->pos, rx->num - rx->pos,
				   tun_ptr_free);
	rx->pos = 0;
	rx->num = 0;
	rx->ring = sock ? vhc_sock_ring(sock) : NULL;
	vhc_rx_count_drops(queue);
	rx->tun = *tun;
	rx->dropped = vhc_tun_dropped(tun);
	rx->direct = 0;
}
