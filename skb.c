// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of a tun device's ring go to the guest without tun_recvmsg(), which looks for its
 * device and its settings anew for each of them.
 *
 * Called by rx.c, on the worker, under the RX queue's mutex. What the device's settings are,
 * tun tells nobody; but a frame that recvmsg() wrote with the length that we expect shows that
 * the socket has its device, and a header of our length in front of each frame. So after each
 * such frame some may go directly (struct vhc_rx.direct). What is left to recvmsg() anyway: VLAN
 * tags outside of the data, tunnels, lists of buffers, and XDP frames.
 */
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <linux/virtio_net.h>

#include "copy.h"
#include "vhost_custom.h"

/*
 * tun gives the header the byte order of legacy devices unless it was told to use another one
 * (TUNSETVNETLE, TUNSETVNETBE). Here, all choices are the same; and all of a frame has an address.
 */
static bool kernel_is_known(void)
{
	return virtio_legacy_is_little_endian() && !IS_ENABLED(CONFIG_TUN_VNET_CROSS_LE) &&
	       !IS_ENABLED(CONFIG_HIGHMEM);
}

static bool has_tunnel(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_type & (SKB_GSO_UDP_TUNNEL | SKB_GSO_UDP_TUNNEL_CSUM);
}

/* The device that counts the frames is not this socket's, or not any more. */
static void device_forget(struct vhc_rx *rx)
{
	/* vhc_rx_count_drops() may look at it now. */
	WRITE_ONCE(rx->tun.dev, NULL);
	rx->direct = 0;
}

/**
 * vhc_skb_is_proof() - may frames go directly after this one, if recvmsg() delivers it?
 * @queue: the RX queue.
 * @frame: from the ring of its socket.
 *
 * A frame of another device shows that sock.c found a namesake of the right one.
 */
bool vhc_skb_is_proof(struct vhc_queue *queue, void *frame)
{
	const struct sk_buff *skb = frame;
	struct vhc_rx *rx = &queue->rx;

	if (!frame || tun_is_xdp_frame(frame) || !rx->tun.dev)
		return false;
	if (unlikely(skb->dev != rx->tun.dev)) {
		vhc_skb_end(queue);
		device_forget(rx);
		return false;
	}
	return kernel_is_known() &&
	       queue->sock_hdr_len && queue->sock_hdr_len != VHC_TUNNEL_HEADER &&
	       !skb_vlan_tag_present(skb) && !has_tunnel(skb);
}

/* The rest of a chain's segments. */
struct space {
	const struct iovec *iov;
	size_t used;	/* of the first */
};

/*
 * Not by copy_to_user() or an iterator, whose check of the source costs more than a small
 * frame's copy: a frame's own parts are what may be copied.
 */
static int bytes_put(struct space *space, const void *from, size_t len)
{
	while (len) {
		size_t part = min(len, space->iov->iov_len - space->used);

		if (_copy_to_user(space->iov->iov_base + space->used, from, part))
			return -EFAULT;
		from += part;
		len -= part;
		space->used += part;
		if (space->used == space->iov->iov_len) {
			space->iov++;
			space->used = 0;
		}
	}
	return 0;
}

static int frags_put(struct space *space, const struct sk_buff *skb)
{
	int i, err = 0;

	for (i = 0; i < skb_shinfo(skb)->nr_frags && !err; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		const void *from = skb_frag_address(frag);

		/* It has none if it is a device's own memory. */
		err = from ? bytes_put(space, from, skb_frag_size(frag)) : -EFAULT;
	}
	return err;
}

/* Write the header (5.1.6) of @hdr_len bytes, 10 or 12, and the frame. */
static int frame_put(const struct iovec *iov, const struct sk_buff *skb,
		     const struct virtio_net_hdr_mrg_rxbuf *hdr, unsigned int hdr_len)
{
	struct space space = { .iov = iov, .used = hdr_len };
	unsigned int head = skb_headlen(skb);
	int err;

	if (likely(iov->iov_len > hdr_len + head) && likely(head)) {
		err = hdr_len == sizeof(*hdr) ? vhc_copy_out(iov->iov_base, hdr, sizeof(*hdr)) :
						vhc_copy_out(iov->iov_base, hdr, sizeof(hdr->hdr));
		if (likely(!err))
			err = vhc_copy_out(iov->iov_base + hdr_len, skb->data, head);
		space.used += head;
	} else {
		space.used = 0;
		err = bytes_put(&space, hdr, hdr_len);
		if (!err)
			err = bytes_put(&space, skb->data, head);
	}
	if (!err && skb_is_nonlinear(skb))
		err = frags_put(&space, skb);
	return err;
}

/**
 * vhc_skb_is_gso() - is a frame one for several segments?
 * @frame: from the ring of a tap, or NULL.
 */
bool vhc_skb_is_gso(void *frame)
{
	return frame && !tun_is_xdp_frame(frame) && skb_is_gso(frame);
}

/**
 * vhc_skb_deliver() - write a frame and its header to guest memory
 * @queue: the RX queue; its rx.direct is not 0.
 * @frame: from the ring of its socket.
 * @iov: segments that have room for it.
 * @chains: how many chains they are of.
 *
 * Return: 0, or -EFAULT; the frame is gone then. -EOPNOTSUPP if it is one for recvmsg(), and
 * still there.
 */
int vhc_skb_deliver(struct vhc_queue *queue, void *frame, const struct iovec *iov,
		    unsigned int chains)
{
	struct vhc_rx *rx = &queue->rx;
	struct virtio_net_hdr_mrg_rxbuf hdr;
	struct sk_buff *skb = frame;
	int err;

	if (tun_is_xdp_frame(frame) || skb->dev != rx->tun.dev || skb_vlan_tag_present(skb) ||
	    skb_has_frag_list(skb) || has_tunnel(skb) ||
	    virtio_net_hdr_from_skb(skb, &hdr.hdr, true, true, 0))
		return -EOPNOTSUPP;
	hdr.num_buffers = __cpu_to_virtio16(vhc_ring_le(&queue->ring), chains);

	err = frame_put(iov, skb, &hdr, queue->hdr_len);
	rx->direct--;
	rx->packets++;
	rx->bytes += skb->len;
	if (unlikely(err)) {
		kfree_skb(skb);
		return err;
	}
	if (hdr.hdr.gso_type)
		queue->stats.gso++;
	consume_skb(skb);
	return 0;
}

/**
 * vhc_skb_begin() - begin a run: is the device still there that counts the frames?
 * @queue: the RX queue. Its socket's file may have another device now.
 */
void vhc_skb_begin(struct vhc_queue *queue)
{
	struct vhc_rx *rx = &queue->rx;

	if (rx->direct && !vhc_tun_is_there(&rx->tun))
		device_forget(rx);
}

/**
 * vhc_skb_end() - end a run: have the tun device count the frames that went past it
 * @queue: the RX queue.
 */
void vhc_skb_end(struct vhc_queue *queue)
{
	struct vhc_rx *rx = &queue->rx;

	if (rx->packets)
		vhc_tun_count(&rx->tun, rx->packets, rx->bytes);
	rx->packets = 0;
	rx->bytes = 0;
}
