/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames that can be told apart: each has a number, its length and a checksum.
 *
 * Plain frames have a private ethertype. Frames that ask for segmentation have TCP and
 * IPv4 headers, since the kernel checks that. Callers: traffic.c and the tests.
 */
#ifndef LIBVHC_FRAME_H
#define LIBVHC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/virtio_net.h>

enum {
	VHC_FRAME_MIN = 60,
	VHC_FRAME_MAX = 65000,
	VHC_FRAME_GSO_MIN = 1515,
	VHC_FRAME_PROTOCOL = 0x88b5,	/* IEEE: local experiments */
	VHC_FRAME_GSO_SIZE = 1448,	/* payload of each segment */
	VHC_FRAME_GSO_HEADERS = 54,	/* Ethernet, IPv4, TCP */
};

uint16_t vhc_frame_protocol(bool gso);
void vhc_frame_header(struct virtio_net_hdr *header, bool gso);
void vhc_frame_build(void *frame, size_t len, unsigned int queue, uint64_t number, bool gso);
int vhc_frame_check(const void *frame, size_t len, unsigned int queue, bool gso,
		    uint64_t *number);
size_t vhc_frame_size(size_t min, size_t max, bool mixed, uint64_t number);

#endif
