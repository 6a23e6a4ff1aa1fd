// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the memory of large TX frames: the device copies them to pages that it fills
 * again, once nobody has the frame before any more.
 *
 * Caller: data-test.c.
 */
#include <poll.h>
#include <stdio.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"

enum {
	/* More than fit into what a queue has for them, in any sizes. */
	FRAMES = 60,
	LEN_MIN = 4200,
	LEN_MAX = VHC_FRAME_MAX,
	/* Devices, each of which had all that a queue may have, and what may be lost at most. */
	DEVICES = 40,
	LOST_KIB = 10 * 1024,
};

/* Of all sizes, and each size among its neighbours. */
static size_t len_of(unsigned int number)
{
	return LEN_MIN + number * 22111 % (LEN_MAX - LEN_MIN + 1);
}

static uint64_t open_large(struct rig *rig, const struct variant *variant,
			   enum vhc_backend backend)
{
	const struct vhc_port_config config = { .mem_size = 8 << 20, .backend = backend };

	rig_open(rig, variant, &config);
	vhc_tap_attach(&rig->port.tap, vhc_frame_protocol(true));
	vhc_port_start(&rig->port);
	return vhc_mem_alloc(&rig->port.mem, VHC_HEADER_MAX + LEN_MAX, 64);
}

/* On return the guest has its memory back, and the frame waits to be read. */
static void send_large(struct rig *rig, uint64_t addr, unsigned int number)
{
	static char frame[LEN_MAX];
	const unsigned int header_len = rig->port.header_len;
	char header[VHC_HEADER_MAX] = "";
	struct vhc_seg seg = { .addr = addr, .len = header_len + len_of(number) };
	struct vhc_used used;

	vhc_frame_header((struct virtio_net_hdr *)header, true);
	vhc_frame_build(frame, len_of(number), VHC_TX, number, true);
	vhc_mem_write(&rig->port.mem, addr, header, header_len);
	vhc_mem_write(&rig->port.mem, addr + header_len, frame, len_of(number));
	assert_true(vhc_driver_add(rig_driver(rig, VHC_TX), &seg, 1, 0, number) >= 0);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
	assert_true(vhc_queue_wait(&rig->port.queue[VHC_TX], 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(rig_driver(rig, VHC_TX), &used), 1);
}

static void expect_large(struct rig *rig, unsigned int number)
{
	static char frame[VHC_FRAME_MAX + 1];
	struct pollfd fd = { .fd = rig->port.tap.sock, .events = POLLIN };
	struct virtio_net_hdr header;
	uint64_t got;
	ssize_t len;

	assert_int_equal(poll(&fd, 1, RIG_PATIENCE_MS), 1);
	len = vhc_tap_receive(&rig->port.tap, &header, frame, sizeof(frame));
	assert_int_equal(len, len_of(number));
	assert_result(vhc_frame_check(frame, len, VHC_TX, true, &got), 0);
	assert_int_equal(got, number);
}

static void send_all(struct rig *rig, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		send_large(rig, addr, i);
}

static void expect_all(struct rig *rig)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		expect_large(rig, i);
}

static void over(const struct variant *variant, enum vhc_backend backend)
{
	unsigned int turn;
	uint64_t addr;
	struct rig rig;

	addr = open_large(&rig, variant, backend);
	for (turn = 0; turn < 2; turn++) {
		send_all(&rig, addr);
		expect_all(&rig);
	}
	rig_close(&rig);
}

static void large_frames_that_nobody_has_read_stay_whole(const struct variant *variant)
{
	over(variant, VHC_TAP);
}

static void large_frames_that_nobody_has_read_stay_whole_over_macvtap(const struct variant *variant)
{
	over(variant, VHC_MACVTAP);
}

/* It takes a large frame of one buffer. Given pages, it would stop the kernel. */
static void large_frames_arrive_over_a_tap_with_napi_frags(const struct variant *variant)
{
	unsigned int turn, i;
	uint64_t addr;
	struct rig rig;

	addr = open_large(&rig, variant, VHC_TAP_FRAGS);
	for (turn = 0; turn < 3; turn++) {
		for (i = 0; i < 5; i++)
			send_large(&rig, addr, i);
		for (i = 0; i < 5; i++)
			expect_large(&rig, i);
		vhc_port_stop_queue(&rig.port, VHC_TX);
		vhc_port_start_queue(&rig.port, VHC_TX);
	}
	rig_close(&rig);
}

static void large_frames_outlive_their_queue(const struct variant *variant)
{
	uint64_t addr;
	struct rig rig;

	addr = open_large(&rig, variant, VHC_TAP);
	send_all(&rig, addr);
	vhc_port_stop_queue(&rig.port, VHC_TX);
	expect_all(&rig);
	vhc_port_start_queue(&rig.port, VHC_TX);
	send_large(&rig, addr, 0);
	expect_large(&rig, 0);
	rig_close(&rig);
}

static long available_kib(void)
{
	FILE *in = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = -1;

	assert_non_null(in);
	while (kib < 0 && fgets(line, sizeof(line), in))
		if (sscanf(line, "MemAvailable: %ld", &kib) != 1)
			kib = -1;
	fclose(in);
	assert_true(kib > 0);
	return kib;
}

static void a_device_had_large_frames(const struct variant *variant)
{
	struct rig rig;

	send_all(&rig, open_large(&rig, variant, VHC_TAP));
	rig_close(&rig);
}

static void the_memory_of_large_frames_comes_back(const struct variant *variant)
{
	unsigned int i;
	long before;

	a_device_had_large_frames(variant);
	before = available_kib();
	for (i = 0; i < DEVICES; i++)
		a_device_had_large_frames(variant);
	if (before - available_kib() > LOST_KIB)
		fail_msg("of %ld KiB, %ld are left", before, available_kib());
}

const struct claim large_claims[] = {
	/* README: "frames from the guest that are larger than a page" */
	WITH(ON_BOTH, VHC_F_VERSION_1, 0,
	     large_frames_that_nobody_has_read_stay_whole),
	WITH(ON_BOTH, VHC_F_VERSION_1, 0,
	     large_frames_that_nobody_has_read_stay_whole_over_macvtap),
	WITH(ON_BOTH, VHC_F_VERSION_1, 0, large_frames_arrive_over_a_tap_with_napi_frags),
	WITH(ON_BOTH, VHC_F_VERSION_1, 0, large_frames_outlive_their_queue),
	{ .name = "the_memory_of_large_frames_comes_back",
	  .check = the_memory_of_large_frames_comes_back, .devices = ON_VHOST_CUSTOM,
	  .with = VHC_F_VERSION_1 },
};

const size_t large_claim_num = sizeof(large_claims) / sizeof(large_claims[0]);
