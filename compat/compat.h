/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes the kernels that the module is built for look alike. The macros come from the
 * probes in compat/Kbuild.include.
 */
#ifndef VHC_COMPAT_H
#define VHC_COMPAT_H

#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/if_tun.h>
#include <linux/lockdep.h>
#include <linux/ptr_ring.h>
#include <linux/sched.h>
#include <linux/virtio_net.h>
#include <net/xdp.h>
#ifdef VHC_PAGE_FRAG_CACHE_H
#include <linux/page_frag_cache.h>
#endif

#include "thread.h"
#include "vhost.h"

static inline void vhc_eventfd_signal(struct eventfd_ctx *ctx)
{
#ifdef VHC_EVENTFD_SIGNAL_COUNT
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

static inline void vhc_hrtimer_setup(struct hrtimer *timer,
				     enum hrtimer_restart (*fn)(struct hrtimer *timer))
{
#ifdef VHC_HRTIMER_SETUP
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = fn;
#endif
}

static inline void vhc_poll_init(struct vhost_poll *poll, vhost_work_fn_t fn, __poll_t mask,
				 struct vhost_virtqueue *vq)
{
#ifdef VHC_POLL_INIT_HAS_VQ
	vhost_poll_init(poll, fn, mask, vq->dev, vq);
#else
	vhost_poll_init(poll, fn, mask, vq->dev);
#endif
}

/* Does somebody else want the CPU? Where preemption is lazy, a flag of its own says so first. */
static inline bool vhc_need_resched(void)
{
#ifdef TIF_NEED_RESCHED_LAZY
	if (test_thread_flag(TIF_NEED_RESCHED_LAZY))
		return true;
#endif
	return need_resched();
}

/* Where a device has one worker, these ioctls do not exist. */
static inline long vhc_worker_ioctl(struct vhost_dev *dev, unsigned int cmd, void __user *argp)
{
#ifdef VHC_WORKER_IOCTL
	return vhost_worker_ioctl(dev, cmd, argp);
#else
	return -ENOIOCTLCMD;
#endif
}

static inline int vhc_init_iotlb(struct vhost_dev *dev)
{
#ifdef VHC_INIT_IOTLB_ENABLED
	return vhost_init_device_iotlb(dev, true);
#else
	return vhost_init_device_iotlb(dev);
#endif
}

#ifdef VHC_CLEAR_IOTLB
static inline void vhc_clear_iotlb(struct vhost_dev *dev)
{
	vhost_clear_device_iotlb(dev);
}
#else
void vhc_clear_iotlb(struct vhost_dev *dev);
#endif

/**
 * vhc_tun_ring_take() - take frames out of a tap's ring
 * @file: the tap.
 * @ring: its ring.
 * @frames: filled.
 * @max: how many, at most.
 *
 * Senders that wait, as the ring is full, go on.
 *
 * Return: how many.
 */
static inline int vhc_tun_ring_take(struct file *file, struct ptr_ring *ring, void **frames,
				    int max)
{
#ifdef VHC_TUN_WAKE_QUEUE
	int num;

	spin_lock(&ring->consumer_lock);
	num = __ptr_ring_consume_batched(ring, frames, max);
	if (num)
		tun_wake_queue(file, num);
	spin_unlock(&ring->consumer_lock);
	return num;
#else
	return ptr_ring_consume_batched(ring, frames, max);
#endif
}

/* A question to the VMM is freed; the core asks none as long as it knows of one. */
static inline void vhc_forget_miss(struct vhost_msg_node *node)
{
#ifdef VHC_VQ_IOTLB_MISS
	lockdep_assert_held(&node->vq->dev->iotlb_lock);
	if (node->vq->iotlb_miss == node)
		node->vq->iotlb_miss = NULL;
#endif
}

/*
 * Offloads of UDP tunnels, as features 64 and up, and the length of the header that both of
 * them need (virtio 1.4, 5.1.6).
 */
enum { VHC_TUNNEL_HEADER = 24 };
#ifdef VHC_UDP_TUNNEL
#define VHC_TUNNEL_FEATURES (BIT_ULL(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO - 64) | \
			     BIT_ULL(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO - 64))
static_assert(sizeof(struct virtio_net_hdr_v1_hash_tunnel) == VHC_TUNNEL_HEADER);
#else
#define VHC_TUNNEL_FEATURES 0ULL
#endif

/* Space for the header, and for all that tun may read of it, before a frame's data. */
enum { VHC_XDP_HEADER_MAX = 24 };

/**
 * vhc_xdp_header() - tell tun the size of a frame's memory, and where its header goes
 * @hard_start: the start of that memory.
 * @size: its size in bytes.
 *
 * Return: where %VHC_XDP_HEADER_MAX bytes of virtio-net header go.
 */
static inline void *vhc_xdp_header(void *hard_start, int size)
{
#ifdef VHC_TUN_XDP_HDR
	struct tun_xdp_hdr *hdr = hard_start;

	hdr->buflen = size;
	return hard_start + offsetof(struct tun_xdp_hdr, gso);
#else
	return hard_start;	/* the size is xdp_buff.frame_sz */
#endif
}

#endif
