// SPDX-License-Identifier: GPL-2.0
/*
 * Frames and headers that make no sense, in chains that do.
 *
 * Frames are sent in batches, or one by one if the tap's send buffer is limited: each goes through
 * code of its own, on either device. Caller: hostile-test.c.
 */
#include <linux/if_ether.h>
#include <arpa/inet.h>
#include <string.h>

#include "frame.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { LIMITED = 1 << 20 };

/* ---- lengths ---- */

static void frame_of_1_byte(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, 1, 0, 0);
}

static void frame_of_5_bytes(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, 5, 0, 0);
}

static void frame_one_byte_short_of_its_header(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, hostile->rig.port.header_len - 1, 0, 0);
}

static void header_without_a_frame(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, hostile->rig.port.header_len, 0, 0);
}

static void frame_shorter_than_ethernet(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, hostile->rig.port.header_len + 13, 0, 0);
}

/* CVE-2024-41090: of all lengths up to those of Ethernet's header, between good ones. */
static void short_frames_between_good_ones(struct hostile *hostile)
{
	unsigned int len;

	for (len = 0; len < 14; len++) {
		rig_add_tx(&hostile->rig, hostile->number++);
		hostile_add_desc(hostile, hostile->buffer, hostile->rig.port.header_len + len, 0,
				 0);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

/* Where a batched frame's memory ends, which is a page with the kernel's own fields in it. */
static void frames_around_a_page(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 128; i++)
		hostile_add_desc(hostile, hostile->buffer, 3300 + i * 8, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
}

/* More than the network stack takes in one. */
static void frames_around_64_kb(struct hostile *hostile)
{
	static const uint32_t lens[] = { 65534, 65535, 65536, 65537, 65550, 66000, 131072, 200000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		hostile_add_desc(hostile, hostile->buffer,
				 hostile->rig.port.header_len + lens[i], 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
}

static void header_in_pieces_of_a_byte(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 200; i++)
		hostile_set_entry(hostile, i, hostile->buffer + i, 1,
				  i < 199 ? VRING_DESC_F_NEXT : 0, i + 1);
	hostile_add_table(hostile, 16 * 200);
	vhc_queue_publish(hostile_queue(hostile));
}

/* ---- headers ---- */

static void add_header(struct hostile *hostile, uint64_t addr,
		       const struct virtio_net_hdr *header, uint32_t len)
{
	vhc_mem_write(&hostile->rig.port.mem, addr, header, sizeof(*header));
	hostile_add_desc(hostile, addr, hostile->rig.port.header_len + len, 0, 0);
}

static void checksum_outside_of_the_frame(struct hostile *hostile)
{
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 99, .csum_offset = 0,
	};

	add_header(hostile, hostile->buffer, &header, 100);
}

/* Their sum is small, in 16 bits. */
static void checksum_whose_place_wraps(struct hostile *hostile)
{
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 65500, .csum_offset = 60,
	};

	add_header(hostile, hostile->buffer, &header, 100);
}

static void unknown_segmentation(struct hostile *hostile)
{
	const struct virtio_net_hdr header = { .gso_type = 0x33, .gso_size = 1000 };

	add_header(hostile, hostile->buffer, &header, 5000);
}

static void segments_of_length_0(struct hostile *hostile)
{
	const struct virtio_net_hdr header = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 };

	add_header(hostile, hostile->buffer, &header, 5000);
}

static void ecn_without_segmentation(struct hostile *hostile)
{
	const struct virtio_net_hdr header = { .gso_type = VIRTIO_NET_HDR_GSO_ECN, .gso_size = 9 };

	add_header(hostile, hostile->buffer, &header, 5000);
}

static void hdr_len_beyond_the_frame(struct hostile *hostile)
{
	const struct virtio_net_hdr header = {
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000, .hdr_len = 65535,
	};

	add_header(hostile, hostile->buffer, &header, 5000);
}

/* The frame looks like TCP, so that the header is what counts. */
static uint64_t tcp_frame(struct hostile *hostile, unsigned int number, uint32_t len)
{
	const uint64_t addr = hostile->buffer + number % 255 * 1024;
	static char frame[VHC_FRAME_MAX];

	vhc_frame_build(frame, len, VHC_TX, number, true);
	vhc_mem_write(&hostile->rig.port.mem, addr + hostile->rig.port.header_len, frame, len);
	return addr;
}

static void all_types_of_segmentation(struct hostile *hostile)
{
	struct virtio_net_hdr header;
	unsigned int i;

	vhc_frame_header(&header, true);
	for (i = 1; i < 256; i++) {
		header.gso_type = i;
		header.gso_size = 100;
		add_header(hostile, tcp_frame(hostile, i, 600), &header, 600);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

static void all_flags(struct hostile *hostile)
{
	struct virtio_net_hdr header;
	unsigned int i;

	vhc_frame_header(&header, true);
	for (i = 1; i < 256; i++) {
		header.flags = i;
		header.gso_size = 100;
		add_header(hostile, tcp_frame(hostile, i, 600), &header, 600);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

static void sizes_of_segments(struct hostile *hostile)
{
	static const uint16_t sizes[] = { 1, 2, 7, 599, 600, 601, 32767, 32768, 65535 };
	struct virtio_net_hdr header;
	unsigned int i;

	vhc_frame_header(&header, true);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		header.gso_size = sizes[i];
		add_header(hostile, tcp_frame(hostile, i, 600), &header, 600);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

static void places_of_the_checksum(struct hostile *hostile)
{
	struct virtio_net_hdr header;
	unsigned int i;

	vhc_frame_header(&header, true);
	for (i = 0; i < 255; i++) {
		header.csum_start = i * 257;
		header.csum_offset = i % 3 ? i * 255 : 0;
		add_header(hostile, tcp_frame(hostile, i, 600), &header, 600);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

/* Types 0x20 and 0x40, which nobody negotiated. */
static void a_tunnel_that_was_not_negotiated(struct hostile *hostile)
{
	struct virtio_net_hdr header;
	unsigned int i;

	vhc_frame_header(&header, true);
	for (i = 1; i < 4; i++) {
		header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | i << 5;
		add_header(hostile, tcp_frame(hostile, i, 600), &header, 600);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

/* Of all network protocols, with nothing that makes sense behind. */
static void protocols_with_nothing_in_them(struct hostile *hostile)
{
	static const uint16_t protocols[] = {
		ETH_P_IP, ETH_P_IPV6, ETH_P_8021Q, ETH_P_8021AD, ETH_P_ARP, ETH_P_MPLS_UC,
		ETH_P_TEB, ETH_P_PPP_SES, 0, 1, 1500, 65535,
	};
	const struct virtio_net_hdr headers[] = {
		{ 0 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 9 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 9 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_UDP, .gso_size = 9 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0, .csum_offset = 0 },
	};
	unsigned int i, chains = ARRAY_SIZE(protocols) * ARRAY_SIZE(headers);

	for (i = 0; i < chains; i++) {
		const uint64_t addr = hostile->buffer + i * 1024;
		const uint16_t protocol = htons(protocols[i % ARRAY_SIZE(protocols)]);

		vhc_mem_write(&hostile->rig.port.mem, addr + hostile->rig.port.header_len + 12,
			      &protocol, sizeof(protocol));
		add_header(hostile, addr, &headers[i / ARRAY_SIZE(protocols)], 14 + i % 3);
	}
	vhc_queue_publish(hostile_queue(hostile));
}

/* ---- RX ---- */

static void add_rx(struct hostile *hostile, uint32_t len)
{
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = len };

	assert_true(vhc_driver_add(hostile->driver, &seg, 0, 1, 0) >= 0);
	vhc_queue_publish(hostile_queue(hostile));
	hostile_send_rx(hostile);
}

/* CVE-2014-0077. Memory behind the buffer must be as it was. */
static void buffer_smaller_than_the_frame(struct hostile *hostile)
{
	char behind[4096], zeros[4096] = { 0 };

	vhc_mem_write(&hostile->rig.port.mem, hostile->buffer, zeros, sizeof(zeros));
	add_rx(hostile, 60);
	sight_wait(hostile, NULL);
	vhc_mem_read(&hostile->rig.port.mem, hostile->buffer + 60, behind, sizeof(behind) - 60);
	if (memcmp(behind, zeros, sizeof(behind) - 60))
		sight_says(hostile, "memory behind the buffer is written to");
}

static void buffer_smaller_than_the_header(struct hostile *hostile)
{
	add_rx(hostile, 5);
}

/* A frame needs more of them than fit into any one chain, or ring. */
static void buffers_of_one_byte(struct hostile *hostile)
{
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = 1 };
	unsigned int i;

	for (i = 0; i < 256; i++)
		assert_true(vhc_driver_add(hostile->driver, &seg, 0, 1, 0) >= 0);
	vhc_queue_publish(hostile_queue(hostile));
	rig_send_rx(&hostile->rig, hostile->number++, 1000);
}

static void forget_buffers(struct hostile *hostile)
{
	rig_reset_queue(&hostile->rig, VHC_RX);
}

#define TX(reason, add_, ...) CHAIN(FRAME, VHC_TX, reason, add_, ##__VA_ARGS__)
#define TX_ALONE(reason_, add_, ...) \
	{ .name = #add_ "_alone", .group = FRAME, .outcome = REFUSED, .index = VHC_TX, \
	  .reason = VHOST_CUSTOM_BAD_##reason_, .chains = 1, .add = add_, \
	  .send_buffer = LIMITED, ##__VA_ARGS__ }
#define MANY(apply_, chains_, ...) \
	ATTACK(FRAME, VHC_TX, SURVIVED, apply_, .chains = (chains_), ##__VA_ARGS__)
#define MANY_ALONE(apply_, chains_, ...) \
	{ .name = #apply_ "_alone", .group = FRAME, .outcome = SURVIVED, .index = VHC_TX, \
	  .reason = ANY_REASON, .apply = apply_, .send_buffer = LIMITED, .chains = (chains_), \
	  ##__VA_ARGS__ }

static const struct attack list[] = {
	TX(HEADER, frame_of_1_byte),
	TX(HEADER, frame_of_5_bytes),
	TX_ALONE(HEADER, frame_of_5_bytes),
	TX(HEADER, frame_one_byte_short_of_its_header),
	TX_ALONE(HEADER, frame_one_byte_short_of_its_header),
	TX(FRAME, header_without_a_frame),
	TX_ALONE(FRAME, header_without_a_frame),
	TX(FRAME, frame_shorter_than_ethernet),
	TX_ALONE(FRAME, frame_shorter_than_ethernet),
	TX(HEADER, checksum_outside_of_the_frame),
	TX_ALONE(FRAME, checksum_outside_of_the_frame),
	TX(HEADER, checksum_whose_place_wraps),
	TX_ALONE(FRAME, checksum_whose_place_wraps),
	TX(FRAME, unknown_segmentation),
	TX_ALONE(FRAME, unknown_segmentation),
	TX(FRAME, segments_of_length_0),
	TX_ALONE(FRAME, segments_of_length_0),
	TX(FRAME, ecn_without_segmentation),
	TX(FRAME, hdr_len_beyond_the_frame),
	TX_ALONE(FRAME, hdr_len_beyond_the_frame),
	MANY(short_frames_between_good_ones, 28),
	MANY_ALONE(short_frames_between_good_ones, 28),
	MANY(frames_around_a_page, 128),
	MANY(frames_around_64_kb, 8),
	MANY_ALONE(frames_around_64_kb, 8),
	MANY(header_in_pieces_of_a_byte, 1),
	MANY_ALONE(header_in_pieces_of_a_byte, 1),
	MANY(all_types_of_segmentation, 255),
	MANY_ALONE(all_types_of_segmentation, 255),
	MANY(all_flags, 255),
	MANY_ALONE(all_flags, 255),
	MANY(sizes_of_segments, 9),
	MANY(places_of_the_checksum, 255),
	MANY_ALONE(places_of_the_checksum, 255),
	MANY(a_tunnel_that_was_not_negotiated, 3),
	MANY(protocols_with_nothing_in_them, 60),
	MANY_ALONE(protocols_with_nothing_in_them, 60),
	ATTACK(FRAME, VHC_RX, IGNORED, buffer_smaller_than_the_frame, .repair = forget_buffers,
	       .without = VHC_F_MRG_RXBUF),
	ATTACK(FRAME, VHC_RX, IGNORED, buffer_smaller_than_the_header, .repair = forget_buffers,
	       .without = VHC_F_MRG_RXBUF),
	ATTACK(FRAME, VHC_RX, SURVIVED, buffers_of_one_byte, .repair = forget_buffers,
	       .with = VHC_F_MRG_RXBUF),
};

const struct attacks frame_attacks = { list, ARRAY_SIZE(list) };
