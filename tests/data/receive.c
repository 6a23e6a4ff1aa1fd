// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about what the guest receives from a tap, one frame after another: the device has a
 * short way for most of them and a general one for the rest, and nobody can tell.
 *
 * Caller: data-test.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/ioctl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	FRAMES = 150,		/* the general way is taken once in a while */
	BUFFER = 4096,
	LEN = 3000,
	HEADERS = 74,		/* Ethernet, IPv6, TCP */
};

static const uint64_t all_layouts = VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF;

static void run(const char *format, const char *name)
{
	char command[128];

	snprintf(command, sizeof(command), format, name, name);
	assert_int_equal(system(command), 0);
}

/* Without frames of the kernel's own. */
static void set_up(const char *name)
{
	run("echo 1 > /proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	run("ip link set %s up", name);
}

static unsigned long long count(const char *name, const char *what)
{
	unsigned long long value;
	char path[128];
	FILE *in;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", name, what);
	in = fopen(path, "re");
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%llu", &value), 1);
	fclose(in);
	return value;
}

/**
 * struct kind - a kind of frame
 * @header: what the sender says of it.
 * @want: what the guest's header says.
 * @protocol: the frame's.
 * @len: its length.
 * @vlan: it is sent through a VLAN device on top of the tap, which adds a tag beside the data.
 */
struct kind {
	struct virtio_net_hdr header;
	struct virtio_net_hdr want;
	uint16_t protocol;
	unsigned int len;
	bool vlan;
};

static const struct kind kinds[] = {
	{ .protocol = VHC_FRAME_PROTOCOL, .len = 60 },
	{ .protocol = VHC_FRAME_PROTOCOL, .len = 1514 },
	{ .protocol = VHC_FRAME_PROTOCOL, .len = 200, .vlan = true },
	{ .header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 },
	  .want = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 },
	  .protocol = ETH_P_IP, .len = 1000 },
	{ .header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 54, .csum_offset = 16,
		      .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1400,
		      .hdr_len = HEADERS },
	  .want = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 54, .csum_offset = 16,
		    .gso_type = VIRTIO_NET_HDR_GSO_TCPV6, .gso_size = 1400 },
	  .protocol = ETH_P_IPV6, .len = LEN },
};

static void build(unsigned char *frame, const struct kind *kind)
{
	static const unsigned char ipv6[] = { 0x60, 0, 0, 0, (LEN - 54) >> 8, (LEN - 54) & 255,
					      6, 64 };
	const uint16_t protocol = htons(kind->protocol);
	unsigned int i;

	for (i = 0; i < kind->len; i++)
		frame[i] = i * 7;
	memset(frame, 0xff, ETH_ALEN);
	frame[ETH_ALEN] = 2;
	memcpy(frame + 2 * ETH_ALEN, &protocol, sizeof(protocol));
	if (kind->protocol == ETH_P_IPV6) {
		memcpy(frame + ETH_HLEN, ipv6, sizeof(ipv6));
		frame[ETH_HLEN + 40 + 12] = 5 << 4;
	}
}

/* What the guest should have in its buffer; returns its length. */
static unsigned int expected(unsigned char *bytes, const struct kind *kind,
			     unsigned int header_len)
{
	static const unsigned char tag[] = { 0x81, 0, 0, 5 };
	struct virtio_net_hdr_mrg_rxbuf header = { .hdr = kind->want, .num_buffers = 1 };
	unsigned char frame[LEN];

	build(frame, kind);
	memcpy(bytes, &header, header_len);
	bytes += header_len;
	if (!kind->vlan) {
		memcpy(bytes, frame, kind->len);
		return header_len + kind->len;
	}
	memcpy(bytes, frame, 2 * ETH_ALEN);
	memcpy(bytes + 2 * ETH_ALEN, tag, sizeof(tag));
	memcpy(bytes + 2 * ETH_ALEN + sizeof(tag), frame + 2 * ETH_ALEN,
	       kind->len - 2 * ETH_ALEN);
	return header_len + kind->len + sizeof(tag);
}

static void receive_kind(struct rig *rig, const struct vhc_tap *sender, const struct kind *kind,
			 uint64_t buffer)
{
	unsigned int header_len = rig->port.header_len;
	unsigned char frame[LEN], want[BUFFER], got[BUFFER], dirt[BUFFER];
	unsigned int i, len, linear;
	struct vhc_used used;

	build(frame, kind);
	len = expected(want, kind, header_len);
	memset(dirt, 0xee, sizeof(dirt));
	for (i = 0; i < FRAMES; i++) {
		vhc_mem_write(&rig->port.mem, buffer, dirt, BUFFER);
		rig_post_rx(rig, buffer, BUFFER);
		assert_result(vhc_tap_send(sender, &kind->header, frame, kind->len), 0);
		assert_true(vhc_queue_wait(&rig->port.queue[VHC_RX], 1, RIG_PATIENCE_MS));
		assert_int_equal(vhc_driver_take_used(rig_driver(rig, VHC_RX), &used), 1);
		assert_int_equal(used.len, len);
		vhc_mem_read(&rig->port.mem, buffer, got, BUFFER);
		/* A hint, how much the sender's kernel had in one piece. */
		if (kind->header.gso_type) {
			linear = ((struct virtio_net_hdr *)got)->hdr_len;
			assert_in_range(linear, HEADERS, kind->len);
			((struct virtio_net_hdr *)got)->hdr_len = 0;
		}
		/* README: "`num_buffers` without mergeable buffers (VERSION_1)" */
		if (!(rig->variant->features & VHC_F_MRG_RXBUF) && !rig->variant->custom)
			memcpy(want + sizeof(struct virtio_net_hdr),
			       got + sizeof(struct virtio_net_hdr),
			       header_len - sizeof(struct virtio_net_hdr));
		assert_memory_equal(got, want, len);
		assert_memory_equal(got + len, dirt, BUFFER - len);
	}
}

static void every_frame_of_a_kind_looks_the_same(const struct variant *variant)
{
	struct vhc_tap vlan = { .sock = -1, .name = "vhcv" };
	uint64_t buffer;
	struct rig rig;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	run("ip link add link %s name vhcv type vlan id 5", rig.port.tap.name);
	set_up("vhcv");
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct vhc_tap *sender = kinds[i].vlan ? &vlan : &rig.port.tap;

		vhc_tap_detach(sender);
		vhc_tap_attach(sender, kinds[i].protocol);
		receive_kind(&rig, sender, &kinds[i], buffer);
	}
	vhc_tap_detach(&vlan);
	rig_close(&rig);
}

/* Frames of 300 bytes that arrive, one by one. */
static void receive(struct rig *rig, uint64_t buffer, unsigned int first, unsigned int frames)
{
	unsigned int i;

	for (i = first; i < first + frames; i++) {
		rig_post_rx(rig, buffer, BUFFER);
		rig_send_rx(rig, i, 300);
		rig_expect_rx(rig, i);
	}
}

static void a_tap_counts_all_frames(const struct variant *variant)
{
	uint64_t buffer;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	receive(&rig, buffer, 0, FRAMES);
	rig_settle();
	assert_int_equal(count(rig.port.tap.name, "tx_packets"), FRAMES);
	assert_int_equal(count(rig.port.tap.name, "tx_bytes"), 300 * FRAMES);
	rig_close(&rig);
}

/*
 * The device goes while the backend has some of its frames; then the same file gets another
 * device, which counts its own.
 */
static void a_file_may_get_another_device(const struct variant *variant)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
			     .ifr_name = "vhct%d" };
	unsigned int i, arrived;
	struct vhc_used used;
	uint64_t buffer;
	struct rig rig;
	int len;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	len = rig.port.header_len;
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	receive(&rig, buffer, 0, 10);
	for (i = 10; i < 30; i++)
		rig_send_rx(&rig, i, 300);
	rig_settle();
	run("ip link del %s", rig.port.tap.name);
	vhc_tap_detach(&rig.port.tap);
	for (i = 10; i < 30; i++)
		rig_post_rx(&rig, buffer, BUFFER);
	rig_settle();

	assert_int_equal(ioctl(rig.port.tap.fd, TUNSETIFF, &ifr), 0);
	assert_int_equal(ioctl(rig.port.tap.fd, TUNSETVNETHDRSZ, &len), 0);
	strcpy(rig.port.tap.name, ifr.ifr_name);
	set_up(ifr.ifr_name);
	vhc_tap_attach(&rig.port.tap, VHC_FRAME_PROTOCOL);
	/* It does not wait for a file without a device. */
	vhc_queue_kick(&rig.port.queue[VHC_RX]);
	/* README: "frames that were taken from a tap when it is deleted" */
	for (arrived = 0; vhc_driver_take_used(rig_driver(&rig, VHC_RX), &used) == 1; arrived++)
		assert_int_equal(used.len, len + 300);
	assert_in_range(arrived, 0, variant->custom ? 20 : 0);
	for (i = arrived; i < 20; i++) {
		rig_send_rx(&rig, i, 300);
		rig_expect_rx(&rig, i);
	}
	receive(&rig, buffer, 30, FRAMES);
	rig_settle();
	assert_int_equal(count(ifr.ifr_name, "tx_packets"), FRAMES + 20 - arrived);
	rig_close(&rig);
}

/*
 * The VMM got it wrong: some frames may arrive yet, and no damaged one.
 * README: "a tap whose header gets another length while frames come (TUNSETVNETHDRSZ)"
 */
static void a_header_of_another_length_drops_frames(const struct variant *variant)
{
	unsigned int i, arrived;
	struct vhc_used used;
	uint64_t buffer;
	struct rig rig;
	int len;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	receive(&rig, buffer, 0, 10);
	len = rig.port.header_len + 8;
	assert_int_equal(ioctl(rig.port.tap.fd, TUNSETVNETHDRSZ, &len), 0);
	for (i = 0; i < FRAMES; i++)
		rig_post_rx(&rig, buffer, BUFFER);
	for (i = 0; i < FRAMES; i++)
		rig_send_rx(&rig, i, 300);
	rig_settle();
	for (arrived = 0; vhc_driver_take_used(rig_driver(&rig, VHC_RX), &used) == 1; arrived++)
		assert_int_equal(used.len, rig.port.header_len + 300);
	assert_in_range(arrived, 0, variant->custom ? 63 : 0);
	len = rig.port.header_len;
	assert_int_equal(ioctl(rig.port.tap.fd, TUNSETVNETHDRSZ, &len), 0);
	for (i = 0; i < FRAMES - arrived; i++) {
		rig_send_rx(&rig, i, 300);
		rig_expect_rx(&rig, i);
	}
	rig_close(&rig);
}

/* The driver has nothing more to make available, with one descriptor left over, or none. */
static void a_frame_that_all_of_the_ring_has_no_room_for_is_dropped(const struct variant *variant)
{
	enum { RING = 16, PART = 60, CHAIN_MOST = 3 };
	const struct vhc_port_config config = { .ring_size = RING };
	struct vhc_seg seg[CHAIN_MOST];
	unsigned int parts, chain, i;
	uint64_t buffer, addr;
	struct rig rig;

	for (parts = 2; parts <= CHAIN_MOST; parts++) {
		rig_open(&rig, variant, &config);
		buffer = vhc_mem_alloc(&rig.port.mem, RING * PART, 64);
		rig_start(&rig);
		for (chain = 0; chain < RING / parts; chain++) {
			addr = buffer + chain * parts * PART;
			for (i = 0; i < parts; i++)
				seg[i] = (struct vhc_seg){ .addr = addr + i * PART, .len = PART };
			assert_true(vhc_driver_add(rig_driver(&rig, VHC_RX), seg, 0, parts,
						   addr) >= 0);
		}
		vhc_queue_publish(&rig.port.queue[VHC_RX]);
		rig_send_rx(&rig, 0, RING * PART);
		rig_send_rx(&rig, 1, 100);
		rig_expect_rx(&rig, 1);
		assert_int_equal(vhc_stat(&rig.port.dev, VHC_RX, "dropped"), 1);
		rig_close(&rig);
	}
}

const struct claim receive_claims[] = {
	WITH(ON_BOTH, VHC_F_VERSION_1, all_layouts, every_frame_of_a_kind_looks_the_same),
	WITH(ON_BOTH, 0, VHC_F_EVENT_IDX, every_frame_of_a_kind_looks_the_same),
	WITH(ON_BOTH, VHC_F_VERSION_1, all_layouts, a_tap_counts_all_frames),
	WITH(ON_BOTH, VHC_F_VERSION_1, all_layouts, a_file_may_get_another_device),
	WITH(ON_BOTH, VHC_F_VERSION_1, all_layouts, a_header_of_another_length_drops_frames),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_MRG_RXBUF, VHC_F_EVENT_IDX,
	     a_frame_that_all_of_the_ring_has_no_room_for_is_dropped),
};

const size_t receive_claim_num = ARRAY_SIZE(receive_claims);
