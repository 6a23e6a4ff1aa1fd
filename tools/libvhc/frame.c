// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that can be told apart: each has a number, its length and a checksum over all of
 * its bytes.
 *
 * Callers: traffic.c and the tests.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include "frame.h"

/* What stands behind the headers. */
struct stamp {
	uint64_t magic;		/* with the queue, so that no frame turns round unseen */
	uint64_t number;
	uint64_t len;
	uint64_t sum;		/* counted as 0 when the sum is made */
};

static const uint64_t magic = 0x7668632d66726d00ULL;

static uint64_t mix(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x9e3779b97f4a7c15ULL;
	return value ^ value >> 29;
}

static uint64_t sum_of(const void *data, size_t len)
{
	const char *at = data;
	uint64_t word, sum = len;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum = mix(sum ^ word);
	}
	word = 0;
	memcpy(&word, at, len);
	return mix(sum ^ word);
}

static void fill(void *data, size_t len, uint64_t seed)
{
	char *at = data;
	uint64_t word = mix(seed + 1);

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		word = mix(word + seed);
		memcpy(at, &word, sizeof(word));
	}
	memcpy(at, &word, len);
}

static size_t headers_len(bool gso)
{
	return gso ? VHC_FRAME_GSO_HEADERS : ETH_HLEN;
}

/**
 * vhc_frame_protocol() - which ethertype the frames have
 * @gso: frames that ask for segmentation.
 *
 * Return: the ethertype, in the host's byte order.
 */
uint16_t vhc_frame_protocol(bool gso)
{
	return gso ? ETH_P_IP : VHC_FRAME_PROTOCOL;
}

/**
 * vhc_frame_header() - the virtio-net header that goes before a frame
 * @header: filled, for native byte order; the same on little-endian machines.
 * @gso: ask for segmentation.
 */
void vhc_frame_header(struct virtio_net_hdr *header, bool gso)
{
	memset(header, 0, sizeof(*header));
	if (!gso)
		return;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	header->hdr_len = VHC_FRAME_GSO_HEADERS;
	header->gso_size = VHC_FRAME_GSO_SIZE;
	header->csum_start = ETH_HLEN + sizeof(struct iphdr);
	header->csum_offset = offsetof(struct tcphdr, check);
}

static void build_ethernet(void *frame, bool gso)
{
	struct ethhdr *eth = frame;

	/* locally administered addresses that no interface has: the host's stack drops them */
	memcpy(eth->h_dest, "\x02\x76\x68\x63\x00\x01", ETH_ALEN);
	memcpy(eth->h_source, "\x02\x76\x68\x63\x00\x02", ETH_ALEN);
	eth->h_proto = htons(vhc_frame_protocol(gso));
}

static void build_tcp(void *frame, size_t len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(len - ETH_HLEN),
		.frag_off = htons(0x4000),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = htonl(0xc6120001),	/* 198.18.0.0/15: for measurements */
		.daddr = htonl(0xc6120002),
	};
	struct tcphdr tcp = {
		.source = htons(9),
		.dest = htons(9),
		.doff = 5,
		.ack = 1,
		.window = htons(1024),
	};

	memcpy((char *)frame + ETH_HLEN, &ip, sizeof(ip));
	memcpy((char *)frame + ETH_HLEN + sizeof(ip), &tcp, sizeof(tcp));
}

/**
 * vhc_frame_build() - make a frame
 * @frame: filled.
 * @len: bytes, at least %VHC_FRAME_MIN, with @gso %VHC_FRAME_GSO_MIN.
 * @queue: VHC_RX or VHC_TX: which way it will go.
 * @number: its number.
 * @gso: a TCP segment that asks for segmentation.
 */
void vhc_frame_build(void *frame, size_t len, unsigned int queue, uint64_t number, bool gso)
{
	size_t at = headers_len(gso);
	struct stamp stamp = {
		.magic = htobe64(magic + queue),
		.number = htobe64(number),
		.len = htobe64(len),
	};

	build_ethernet(frame, gso);
	if (gso)
		build_tcp(frame, len);
	memcpy((char *)frame + at, &stamp, sizeof(stamp));
	fill((char *)frame + at + sizeof(stamp), len - at - sizeof(stamp), number);
	stamp.sum = sum_of(frame, len);
	memcpy((char *)frame + at, &stamp, sizeof(stamp));
}

static uint64_t sum_again(const void *frame, size_t len, size_t at, const struct stamp *stamp)
{
	static _Thread_local char copy[VHC_FRAME_MAX + 1024];
	struct stamp blank = *stamp;

	if (len > sizeof(copy))
		return 0;
	blank.sum = 0;
	memcpy(copy, frame, len);
	memcpy(copy + at, &blank, sizeof(blank));
	return sum_of(copy, len);
}

/**
 * vhc_frame_check() - is this one of ours, and whole?
 * @frame: the frame.
 * @len: its length.
 * @queue: VHC_RX or VHC_TX: which way it came.
 * @gso: whether such frames are expected.
 * @number: filled with its number if it is whole.
 *
 * Return: 0, -ENOMSG for a frame that is none of ours, -EBADMSG for one that was damaged.
 */
int vhc_frame_check(const void *frame, size_t len, unsigned int queue, bool gso,
		    uint64_t *number)
{
	size_t at = headers_len(gso);
	const struct ethhdr *eth = frame;
	struct stamp stamp;

	if (len < ETH_HLEN || ntohs(eth->h_proto) != vhc_frame_protocol(gso))
		return -ENOMSG;
	if (len < at + sizeof(stamp))
		return -EBADMSG;
	memcpy(&stamp, (const char *)frame + at, sizeof(stamp));
	if (be64toh(stamp.magic) != magic + queue || be64toh(stamp.len) != len)
		return -EBADMSG;
	if (sum_again(frame, len, at, &stamp) != stamp.sum)
		return -EBADMSG;
	*number = be64toh(stamp.number);
	return 0;
}

/**
 * vhc_frame_size() - how long the frame of a number is to be
 * @min: shortest.
 * @max: longest.
 * @mixed: the simple internet mix instead: 7 short, 4 medium, 1 full, of 12.
 * @number: of the frame.
 *
 * Return: bytes.
 */
size_t vhc_frame_size(size_t min, size_t max, bool mixed, uint64_t number)
{
	unsigned int which = number % 12;

	if (mixed)
		return which < 7 ? 60 : which < 11 ? 590 : 1514;
	return min + mix(number + 1) % (max - min + 1);
}
