/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A tap device for the guest's frames, and a packet socket at its other side.
 *
 * Callers: port.c and the tests. Needs CAP_NET_ADMIN and CAP_NET_RAW.
 */
#ifndef LIBVHC_TAP_H
#define LIBVHC_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>
#include <sys/types.h>
#include <linux/virtio_net.h>

/**
 * enum vhc_backend - what carries a port's frames
 * @VHC_TAP: a tap, with a virtio-net header before each frame.
 * @VHC_TAP_WAITING: a tap whose senders wait while it is full, where the kernel can do that.
 * @VHC_TAP_FRAGS: a tap whose frames go through NAPI in fragments (IFF_NAPI_FRAGS).
 * @VHC_TAP_BARE: a tap without; the device makes the header (VHOST_NET_F_VIRTIO_NET_HDR).
 * @VHC_PACKET: a raw packet socket at one end of a veth pair; the same.
 * @VHC_TUN: a tun device: IP packets with a virtio-net header.
 * @VHC_MACVTAP: a macvtap, with a header, on one end of a veth pair.
 * @VHC_IPVTAP: an ipvtap in mode l2, the same; frames for all pass through it.
 */
enum vhc_backend {
	VHC_TAP,
	VHC_TAP_WAITING,
	VHC_TAP_FRAGS,
	VHC_TAP_BARE,
	VHC_PACKET,
	VHC_TUN,
	VHC_MACVTAP,
	VHC_IPVTAP,
};

/**
 * struct vhc_tap - a tap and the packet socket bound to it
 * @backend: if it is one; the rest is said for a tap.
 * @fd: the tap's file: the backend of both queues.
 * @sock: packet socket, -1 if closed. What it sends the guest receives, and the other way
 *	round. Each frame goes with a &struct virtio_net_hdr before it.
 * @ifindex: of the tap.
 * @name: of the tap.
 */
struct vhc_tap {
	enum vhc_backend backend;
	int fd;
	int sock;
	int ifindex;
	char name[IFNAMSIZ];
};

void vhc_tap_create(struct vhc_tap *tap, enum vhc_backend backend, unsigned int header_len,
		    unsigned int queue_len);
void vhc_tap_destroy(struct vhc_tap *tap);
void vhc_tap_set_up(const struct vhc_tap *tap, bool up);
bool vhc_tap_can_wait(const struct vhc_tap *tap);
bool vhc_tap_offload_tunnels(const struct vhc_tap *tap);
void vhc_tap_wait_until_running(const struct vhc_tap *tap);
void vhc_tap_set_sndbuf(const struct vhc_tap *tap, int bytes);
void vhc_tap_attach(struct vhc_tap *tap, uint16_t protocol);
void vhc_tap_detach(struct vhc_tap *tap);
int vhc_tap_send(const struct vhc_tap *tap, const struct virtio_net_hdr *header,
		 const void *frame, size_t len);
ssize_t vhc_tap_receive(const struct vhc_tap *tap, struct virtio_net_hdr *header, void *frame,
			size_t size);

#endif
