// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about backends other than a tap with headers, about headers that the device makes,
 * and about one queue that stops while the other goes on.
 *
 * Caller: data-test.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Bit 27 among vhost's features; among the driver's it is VIRTIO_F_ANY_LAYOUT. */
static const uint64_t device_makes_header = 1ULL << VHOST_NET_F_VIRTIO_NET_HDR;

static void run(const char *command)
{
	if (system(command))
		fail_msg("\"%s\" failed", command);
}

static void exchange(const struct variant *variant, enum vhc_backend backend)
{
	const struct vhc_port_config config = { .backend = backend };
	struct vhc_traffic_config traffic = rig_traffic(1000);

	traffic.segments = 2;
	traffic.any_layout = true;
	rig_exchange(variant, &config, &traffic);
}

static void frames_arrive_over_a_tap_without_headers(const struct variant *variant)
{
	exchange(variant, VHC_TAP_BARE);
}

static void frames_arrive_over_a_packet_socket(const struct variant *variant)
{
	exchange(variant, VHC_PACKET);
}

static void frames_arrive_over_a_macvtap(const struct variant *variant)
{
	exchange(variant, VHC_MACVTAP);
}

static void a_packet_socket_s_frame_that_fits_nowhere_is_dropped(const struct variant *variant)
{
	const struct vhc_port_config config = { .backend = VHC_PACKET };
	struct rig rig;
	uint64_t buffer;
	unsigned int i;

	rig_open(&rig, variant, &config);
	buffer = vhc_mem_alloc(&rig.port.mem, 100, 64);
	rig_start(&rig);
	for (i = 0; i < 3; i++) {
		rig_post_rx(&rig, buffer, 100);
		rig_send_rx(&rig, 2 * i, 1000);
		rig_send_rx(&rig, 2 * i + 1, VHC_FRAME_MIN);
		rig_expect_rx(&rig, 2 * i + 1);
		assert_int_equal(vhc_stat(&rig.port.dev, VHC_RX, "dropped"), i + 1);
	}
	rig_close(&rig);
}

/* The socket is in error then, until somebody asks: RX does, as it begins to wait for it. */
static void a_packet_socket_s_device_goes_down_and_up(const struct variant *variant)
{
	const struct vhc_port_config config = { .backend = VHC_PACKET };
	char command[128], frame[1000];
	struct rig rig;
	uint64_t buffer;
	unsigned int i;

	rig_open(&rig, variant, &config);
	buffer = vhc_mem_alloc(&rig.port.mem, 1000, 64);
	rig_start(&rig);
	snprintf(command, sizeof(command), "ip link set vhcn%u down && ip link set vhcn%u up",
		 getpid() % 100000, getpid() % 100000);
	for (i = 0; i < 4; i++) {
		/* It waits for a buffer; somebody else takes the frame, or not. */
		rig_send_rx(&rig, 2 * i, 300);
		rig_settle();
		if (i % 2)
			assert_true(recv(rig.port.tap.fd, frame, sizeof(frame), 0) > 0);
		run(command);
		vhc_tap_wait_until_running(&rig.port.tap);
		rig_post_rx(&rig, buffer, 1000);
		if (i % 2 == 0) {
			rig_expect_rx(&rig, 2 * i);
			rig_post_rx(&rig, buffer, 1000);
		}
		rig_settle();
		rig_send_rx(&rig, 2 * i + 1, 300);
		rig_expect_rx(&rig, 2 * i + 1);
		rig_add_tx(&rig, i);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_expect_tx(&rig, i);
	}
	rig_close(&rig);
}

/* It passes on what is for its IP address, and broadcasts. */
static void frames_arrive_over_an_ipvtap(const struct variant *variant)
{
	const struct vhc_port_config config = { .backend = VHC_IPVTAP };
	const struct virtio_net_hdr header = { .flags = 0 };
	unsigned char frame[300], got[300];
	struct vhc_used used;
	struct rig rig;
	uint64_t buffer;
	unsigned int i;

	rig_open(&rig, variant, &config);
	buffer = vhc_mem_alloc(&rig.port.mem, 2000, 64);
	rig_start(&rig);
	for (i = 0; i < 50; i++) {
		rig_add_tx(&rig, i);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_expect_tx(&rig, i);

		rig_post_rx(&rig, buffer, 2000);
		vhc_frame_build(frame, sizeof(frame), VHC_RX, i, false);
		memset(frame, 0xff, ETH_ALEN);
		assert_result(vhc_tap_send(&rig.port.tap, &header, frame, sizeof(frame)), 0);
		assert_true(vhc_queue_wait(&rig.port.queue[VHC_RX], 1, RIG_PATIENCE_MS));
		assert_int_equal(vhc_driver_take_used(rig_driver(&rig, VHC_RX), &used), 1);
		assert_int_equal(used.len, rig.port.header_len + sizeof(frame));
		vhc_mem_read(&rig.port.mem, buffer + rig.port.header_len, got, sizeof(got));
		assert_memory_equal(got, frame, sizeof(frame));
	}
	rig_close(&rig);
}

/* What was in the buffer before must not pass for a header. */
static void a_header_that_the_device_makes_is_zero(const struct variant *variant)
{
	static const enum vhc_backend backends[] = { VHC_TAP_BARE, VHC_PACKET };
	unsigned char bytes[VHC_HEADER_MAX], want[VHC_HEADER_MAX];
	char dirt[2000];
	unsigned int i;

	memset(dirt, 0xff, sizeof(dirt));
	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		const struct vhc_port_config config = { .backend = backends[i] };
		struct rig rig;
		uint64_t addr;

		rig_open(&rig, variant, &config);
		addr = vhc_mem_alloc(&rig.port.mem, sizeof(dirt), 64);
		rig_start(&rig);
		vhc_mem_write(&rig.port.mem, addr, dirt, sizeof(dirt));
		rig_post_rx(&rig, addr, sizeof(dirt));
		rig_send_rx(&rig, 5, 200);
		rig_expect_rx(&rig, 5);
		memset(want, 0, sizeof(want));
		/* README: "`num_buffers` without mergeable buffers (VERSION_1)" */
		if (variant->features & VHC_F_MRG_RXBUF || variant->custom)
			want[offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers)] = 1;
		else
			memset(want + sizeof(struct virtio_net_hdr), 0xff, 2);
		vhc_mem_read(&rig.port.mem, addr, bytes, rig.port.header_len);
		assert_memory_equal(bytes, want, rig.port.header_len);
		rig_close(&rig);
	}
}

/* recvmsg() leaves a VLAN's tag out, and without it the frame is for another network. */
static void a_tagged_frame_over_a_packet_socket_is_dropped(const struct variant *variant)
{
	const struct vhc_port_config config = { .backend = VHC_PACKET };
	const struct virtio_net_hdr header = { .flags = 0 };
	unsigned char tagged[200] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1,
				      0x81, 0, 0, 42, 0x88, 0xb5 };
	struct rig rig;
	uint64_t addr;

	rig_open(&rig, variant, &config);
	addr = vhc_mem_alloc(&rig.port.mem, 2000, 64);
	rig_start(&rig);
	rig_post_rx(&rig, addr, 2000);
	assert_result(vhc_tap_send(&rig.port.tap, &header, tagged, sizeof(tagged)), 0);
	rig_send_rx(&rig, 6, 200);
	rig_expect_rx(&rig, 6);
	rig_close(&rig);
}

/* ---- UDP tunnels ---- */

/* Where the kernel's tun does not know tunnels, neither does the device. */
static bool has_tunnels(const struct variant *variant)
{
	uint64_t array[] = { 2, 0, 0 };
	struct vhc_dev dev;
	int ret;

	vhc_open(&dev, variant->device);
	ret = __vhc_ioctl(&dev, VHOST_GET_FEATURES_ARRAY, array);
	assert_true(!ret || !variant->custom);
	vhc_close(&dev);
	return array[2];
}

static bool tun_has_tunnels(void)
{
	struct vhc_tap tap;
	bool has;

	vhc_tap_create(&tap, VHC_TAP, VHC_HEADER_MAX, 1);
	has = vhc_tap_offload_tunnels(&tap);
	vhc_tap_destroy(&tap);
	return has;
}

static void a_tunnel_s_header_is_24_bytes(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(1000);
	struct variant with = *variant;

	assert_int_equal(has_tunnels(variant), tun_has_tunnels());
	if (!has_tunnels(variant)) {
		struct vhc_dev dev;

		vhc_open(&dev, variant->device);
		vhc_set_owner(&dev);
		assert_true(__vhc_set_tunnel_features(&dev, 0) < 0);
		return;
	}
	with.features |= VHC_F_UDP_TUNNEL;
	traffic.segments = 3;
	traffic.any_layout = true;
	rig_exchange(&with, NULL, &traffic);
	if (variant->custom) {
		with.features |= device_makes_header;
		a_header_that_the_device_makes_is_zero(&with);
	}
}

/* ---- tun: IP packets ---- */

enum { IP_LEN = 100 };

static void build_ip(unsigned char *packet, unsigned char number)
{
	memset(packet, number, IP_LEN);
	packet[0] = 0x45;
	packet[2] = 0;
	packet[3] = IP_LEN;
}

static void add_ip_tx(struct rig *rig, unsigned char number)
{
	const struct virtio_net_hdr_mrg_rxbuf header = { .num_buffers = 0 };
	struct vhc_seg seg = {
		.addr = rig->tx_slots + number * 256,
		.len = rig->port.header_len + IP_LEN,
	};
	unsigned char packet[IP_LEN];

	build_ip(packet, number);
	vhc_mem_write(&rig->port.mem, seg.addr, &header, rig->port.header_len);
	vhc_mem_write(&rig->port.mem, seg.addr + rig->port.header_len, packet, IP_LEN);
	assert_true(vhc_driver_add(rig_driver(rig, VHC_TX), &seg, 1, 0, number) >= 0);
}

static void expect_ip_tx(struct rig *rig, unsigned char number)
{
	struct pollfd fd = { .fd = rig->port.tap.sock, .events = POLLIN };
	unsigned char want[IP_LEN], packet[2 * IP_LEN];
	struct virtio_net_hdr header;

	assert_int_equal(poll(&fd, 1, RIG_PATIENCE_MS), 1);
	assert_int_equal(vhc_tap_receive(&rig->port.tap, &header, packet, sizeof(packet)), IP_LEN);
	build_ip(want, number);
	assert_memory_equal(packet, want, IP_LEN);
}

static void exchange_ip_rx(struct rig *rig, uint64_t buffer, unsigned char number)
{
	const struct virtio_net_hdr header = { .flags = 0 };
	unsigned char want[IP_LEN], packet[IP_LEN];
	struct vhc_used used;

	rig_post_rx(rig, buffer, 1000);
	build_ip(want, number);
	assert_result(vhc_tap_send(&rig->port.tap, &header, want, IP_LEN), 0);
	assert_true(vhc_queue_wait(&rig->port.queue[VHC_RX], 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(rig_driver(rig, VHC_RX), &used), 1);
	assert_int_equal(used.len, rig->port.header_len + IP_LEN);
	vhc_mem_read(&rig->port.mem, buffer + rig->port.header_len, packet, IP_LEN);
	assert_memory_equal(packet, want, IP_LEN);
}

static void exchange_ip(const struct variant *variant, int send_buffer)
{
	const struct vhc_port_config config = { .backend = VHC_TUN };
	struct rig rig;
	uint64_t buffer;
	unsigned int i;

	rig_open(&rig, variant, &config);
	if (send_buffer)
		vhc_tap_set_sndbuf(&rig.port.tap, send_buffer);
	rig_start(&rig);
	vhc_tap_detach(&rig.port.tap);
	vhc_tap_attach(&rig.port.tap, ETH_P_IP);
	buffer = vhc_mem_alloc(&rig.port.mem, 1000, 64);
	for (i = 0; i < 50; i++)
		add_ip_tx(&rig, i);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	for (i = 0; i < 50; i++)
		expect_ip_tx(&rig, i);
	for (i = 0; i < 50; i++)
		exchange_ip_rx(&rig, buffer, i);
	rig_close(&rig);
}

static void ip_packets_arrive_over_tun(const struct variant *variant)
{
	exchange_ip(variant, 0);
}

static void ip_packets_arrive_over_tun_with_a_small_send_buffer(const struct variant *variant)
{
	exchange_ip(variant, 4096);
}

/* ---- one queue stops ---- */

static void a_queue_is_reset_while_the_other_runs(const struct variant *variant)
{
	struct vhc_used used;
	struct rig rig;
	uint64_t buffer;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	buffer = vhc_mem_alloc(&rig.port.mem, 2000, 64);
	for (i = 0; i < 100; i++) {
		rig_post_rx(&rig, buffer, 2000);
		rig_add_tx(&rig, i);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_expect_tx(&rig, i);
		rig_send_rx(&rig, i, 300);
		rig_spin_until_used(&rig, VHC_TX, 1);
		assert_int_equal(vhc_driver_take_used(rig_driver(&rig, VHC_TX), &used), 1);
		rig_reset_queue(&rig, VHC_TX);
		rig_expect_rx(&rig, i);
	}
	rig_close(&rig);
}

/*
 * A tap has room for 64 frames, and its queueing discipline for as many. Where senders to a full
 * one wait, whoever takes frames out has to let them go on.
 */
static void a_full_tap_s_senders_go_on(const struct variant *variant)
{
	enum { ROOM = 64, FRAMES = 100, BUFFER = 2048 };
	const struct vhc_port_config config = {
		.backend = VHC_TAP_WAITING, .queue_len = ROOM, .mem_size = 8 << 20,
	};
	unsigned int i, number = 0, arrive, turn;
	uint64_t buffers;
	struct rig rig;

	rig_open(&rig, variant, &config);
	buffers = vhc_mem_alloc(&rig.port.mem, FRAMES * BUFFER, 64);
	rig_start(&rig);
	arrive = vhc_tap_can_wait(&rig.port.tap) ? FRAMES : ROOM;
	for (turn = 0; turn < 5; turn++) {
		rig_settle();
		vhc_port_stop_queue(&rig.port, VHC_RX);
		for (i = 0; i < arrive; i++)
			rig_post_rx(&rig, buffers + i * BUFFER, BUFFER);
		for (i = 0; i < FRAMES; i++)
			rig_send_rx(&rig, number + i, 100);
		vhc_port_start_queue(&rig.port, VHC_RX);
		for (i = 0; i < arrive; i++)
			rig_expect_rx(&rig, number + i);
		number += FRAMES;
	}
	rig_close(&rig);
}

/*
 * Behind the tap is a bridge, and then a device with a queue that lets forty frames out a second:
 * those in it count for the tap's send buffer, which has room for three or so. What is received is
 * what comes out.
 */
static void add_slow_network(struct rig *rig, struct vhc_tap *far)
{
	const char *tap = rig->port.tap.name;
	char command[1024];

	snprintf(command, sizeof(command),
		 "ip link del vhcslow 2> /dev/null; ip link del vhcbr 2> /dev/null;"
		 "ip link add vhcslow type veth peer name vhcout &&"
		 "ip link add vhcbr type bridge && ip link set %s master vhcbr &&"
		 "for dev in vhcslow vhcout vhcbr; do"
		 "	echo 1 > /proc/sys/net/ipv6/conf/$dev/disable_ipv6; ip link set $dev up;"
		 "done && ip link set vhcslow master vhcbr &&"
		 "tc qdisc add dev vhcslow root tbf rate 20kbit burst 1540 limit 1000000", tap);
	run(command);
	*far = rig->port.tap;
	strcpy(far->name, "vhcout");
	vhc_tap_attach(far, VHC_FRAME_PROTOCOL);
}

static void tx_waits_for_room_in_the_send_buffer(const struct variant *variant)
{
	enum { FRAMES = 60 };
	struct vhc_tap far;
	unsigned int i;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	vhc_tap_set_sndbuf(&rig.port.tap, 2048);
	rig_start(&rig);
	add_slow_network(&rig, &far);
	vhc_tap_detach(&rig.port.tap);
	rig.port.tap.sock = far.sock;
	for (i = 0; i < FRAMES; i++)
		rig_add_tx(&rig, i);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	for (i = 0; i < FRAMES; i++)
		rig_expect_tx(&rig, i);
	rig_spin_until_used(&rig, VHC_TX, FRAMES);
	if (variant->custom)
		assert_in_range(vhc_stat(&rig.port.dev, VHC_TX, "stalls"), FRAMES / 10, FRAMES);
	run("ip link del vhcslow && ip link del vhcbr");
	rig_close(&rig);
}

/* ---- busy polling ---- */

static void frames_arrive_with_busy_polling(const struct variant *variant)
{
	static const enum vhc_backend backends[] = { VHC_TAP_BARE, VHC_PACKET };
	struct vhc_traffic_config traffic = rig_traffic(500);
	unsigned int i, index;

	traffic.window = 3;
	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		const struct vhc_port_config config = { .backend = backends[i] };
		struct rig rig;

		rig_open(&rig, variant, &config);
		for (index = 0; index < VHC_QUEUES; index++)
			vhc_set_vring_busyloop_timeout(&rig.port.dev, index, 100);
		rig_run(&rig, &traffic);
		rig_close(&rig);
	}
}

/* Nothing can be polled any more: the worker sleeps, and the VMM is told. */
static void busy_polling_ends_when_the_ring_faults(const struct variant *variant)
{
	struct vhc_mem *mem;
	unsigned int index;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	for (index = 0; index < VHC_QUEUES; index++)
		vhc_set_vring_busyloop_timeout(&rig.port.dev, index, 1000);
	rig_start(&rig);
	rig_add_tx(&rig, 1);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	rig_expect_tx(&rig, 1);
	mem = &rig.port.mem;
	assert_int_equal(mprotect(mem->host[0], mem->region_size, PROT_NONE), 0);
	rig_send_rx(&rig, 1, 300);
	for (index = 0; index < VHC_QUEUES; index++) {
		vhc_queue_kick(&rig.port.queue[index]);
		assert_true(vhc_eventfd_wait(rig.port.queue[index].err, RIG_PATIENCE_MS));
		assert_true(vhc_stat_bad(&rig.port.dev, index, VHOST_CUSTOM_BAD_RING) > 0);
	}
	rig_settle();
	assert_int_equal(mprotect(mem->host[0], mem->region_size, PROT_READ | PROT_WRITE), 0);
	rig_close(&rig);
}

const struct claim backend_claims[] = {
	WITH(ON_BOTH, device_makes_header, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	     frames_arrive_over_a_tap_without_headers),
	WITH(ON_BOTH, device_makes_header, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	     frames_arrive_over_a_packet_socket),
	VARY(ON_BOTH, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	     frames_arrive_over_a_macvtap),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     frames_arrive_over_an_ipvtap),
	WITH(ON_VHOST_CUSTOM, device_makes_header | VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_packet_socket_s_frame_that_fits_nowhere_is_dropped),
	WITH(ON_VHOST_CUSTOM, device_makes_header | VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_packet_socket_s_device_goes_down_and_up),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX, a_full_tap_s_senders_go_on),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX, tx_waits_for_room_in_the_send_buffer),
	WITH(ON_BOTH, device_makes_header, VHC_F_MRG_RXBUF | VHC_F_VERSION_1,
	     a_header_that_the_device_makes_is_zero),
	WITH(ON_BOTH, device_makes_header | VHC_F_VERSION_1, VHC_F_MRG_RXBUF,
	     a_tagged_frame_over_a_packet_socket_is_dropped),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     a_tunnel_s_header_is_24_bytes),
	/* README: "IP packets from a tun device without a send buffer limit" */
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, ip_packets_arrive_over_tun),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     ip_packets_arrive_over_tun_with_a_small_send_buffer),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX, a_queue_is_reset_while_the_other_runs),
	WITH(ON_BOTH, device_makes_header, VHC_F_EVENT_IDX | VHC_F_VERSION_1,
	     frames_arrive_with_busy_polling),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     busy_polling_ends_when_the_ring_faults),
};

const size_t backend_claim_num = ARRAY_SIZE(backend_claims);
