// SPDX-License-Identifier: GPL-2.0
/*
 * What happens at the other end of the tap, and to the tap.
 */
#include <errno.h>
#include <string.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "player.h"

void set_header(int len)
{
	noted("TUNSETVNETHDRSZ", ioctl(TAP_FD, TUNSETVNETHDRSZ, &len) ? -errno : 0);
}

void frames(const struct op *op)
{
	static const uint16_t lens[] = { 60, 1514, 200, 1000, 14, 1300 };
	struct virtio_net_hdr header = { 0 };
	char frame[1514] = { 0 };
	unsigned int count = op->value & 0x8000 ? 70 : 1 + (op->value & 7), i;
	unsigned int len = lens[op->pick % ARRAY_SIZE(lens)];
	int ret = 0;

	memset(frame, 0xff, 6);
	memcpy(frame + 12, "\x88\xb5", 2);
	/* A TCP segment that the guest may have to cut. */
	if (!played.around->both && op->pick & 0x100) {
		memcpy(frame + 12, "\x08\x00\x45\x00\x05\xdc\0\0\x40\0\x40\x06", 12);
		frame[46] = 0x50;
		header = (struct virtio_net_hdr){ VIRTIO_NET_HDR_F_NEEDS_CSUM,
						  VIRTIO_NET_HDR_GSO_TCPV4, 54, 100, 34, 16 };
		len = sizeof(frame);
	}
	for (i = 0; i < count; i++)
		ret = vhc_tap_send(played.around->tap, &header, frame, len);
	noted("frames", ret);
}

void change_tap(const struct op *op)
{
	static const int sndbufs[] = { 1, 4096, 0x7fffffff };
	static const unsigned int offloads[] = { 0, TUN_F_CSUM, TUN_F_CSUM | TUN_F_TSO4, ~0U };
	int sndbuf = PICK(op, sndbufs);

	switch (op->value % 5) {
	case 0:
		set_header(op->value & 0x100 ? HEADER : HEADER - 2);
		break;
	case 1:
		ioctl(TAP_FD, TUNSETOFFLOAD, PICK(op, offloads));
		break;
	case 2:
		ioctl(TAP_FD, TUNSETSNDBUF, &sndbuf);
		break;
	default:
		vhc_tap_set_up(played.around->tap, op->value & 0x100);
	}
}
