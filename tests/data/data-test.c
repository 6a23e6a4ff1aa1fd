// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about frames: each one arrives once, whole and in order, however the driver lays
 * it out, whatever was negotiated, and whenever the queues are stopped; nobody sleeps when
 * there is work, and nobody is woken against its will.
 *
 * What holds for /dev/vhost-net must hold for /dev/vhost-custom. What has a file of its own:
 * backends other than taps in backend.c, the IOMMU in iommu.c, the dirty log in log.c, drivers
 * that break the rules in hostile_*.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "claims.h"
#include "frame.h"
#include "parts.h"
#include "rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const uint64_t all_layouts = VHC_F_EVENT_IDX | VHC_F_INDIRECT | VHC_F_MRG_RXBUF |
				    VHC_F_VERSION_1;

/* ---- sizes and layouts ---- */

static void frames_of_all_sizes_arrive(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(2000);

	rig_exchange(variant, NULL, &traffic);
}

static void short_frames_arrive(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(5000);

	traffic.max = 64;
	rig_exchange(variant, NULL, &traffic);
}

static void frames_around_a_page_arrive(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(500);

	traffic.gso = true;
	traffic.min = 3300;
	traffic.max = 4300;
	rig_exchange(variant, NULL, &traffic);
}

static void with_segments(const struct variant *variant, unsigned int segments, bool any_layout)
{
	struct vhc_traffic_config traffic = rig_traffic(500);

	traffic.segments = segments;
	traffic.any_layout = any_layout;
	rig_exchange(variant, NULL, &traffic);
}

static void frames_in_one_descriptor_arrive(const struct variant *variant)
{
	with_segments(variant, 1, false);
}

static void frames_with_the_header_apart_arrive(const struct variant *variant)
{
	with_segments(variant, 2, false);
}

static void frames_in_many_descriptors_arrive(const struct variant *variant)
{
	with_segments(variant, 17, false);
}

static void frames_cut_anywhere_arrive(const struct variant *variant)
{
	unsigned int segments;

	for (segments = 2; segments <= 24; segments += 11)
		with_segments(variant, segments, true);
}

static void frames_across_regions_arrive(const struct variant *variant)
{
	const struct vhc_port_config config = { .regions = 13, .ring_size = 64, .fifo = true };
	struct vhc_traffic_config traffic = rig_traffic(1000);

	traffic.segments = 3;
	traffic.window = 21;
	rig_exchange(variant, &config, &traffic);
}

/* ---- large frames ---- */

static void large_frames_arrive_unsegmented(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(200);

	traffic.gso = true;
	traffic.min = 60000;
	traffic.max = 60000;
	rig_exchange(variant, NULL, &traffic);
}

static void large_frames_in_many_descriptors_arrive(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 1024 };
	struct vhc_traffic_config traffic = rig_traffic(200);

	traffic.gso = true;
	traffic.min = 1600;
	traffic.max = 65000;
	traffic.segments = 18;
	rig_exchange(variant, &config, &traffic);
}

static void frames_fill_small_mergeable_buffers(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(2000);

	traffic.rx_buffer = 100;
	rig_exchange(variant, NULL, &traffic);
}

static void large_frames_fill_mergeable_buffers(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(300);

	traffic.gso = true;
	traffic.min = 1515;
	traffic.max = 65000;
	traffic.rx_buffer = 1526;
	rig_exchange(variant, NULL, &traffic);
}

static void a_frame_that_is_too_large_is_dropped_alone(const struct variant *variant)
{
	struct rig rig;
	uint64_t addr;

	rig_open(&rig, variant, NULL);
	addr = vhc_mem_alloc(&rig.port.mem, 4096, 4096);
	rig_start(&rig);
	rig_post_rx(&rig, addr, rig.port.header_len + 600);
	rig_post_rx(&rig, addr + 2048, rig.port.header_len + 600);
	rig_send_rx(&rig, 1, 601);
	rig_send_rx(&rig, 2, 1514);
	rig_send_rx(&rig, 3, 600);
	rig_send_rx(&rig, 4, 60);
	rig_expect_rx(&rig, 3);
	rig_expect_rx(&rig, 4);
	rig_close(&rig);
}

/* Nothing that the driver could do would make it fit. */
static void a_frame_that_the_whole_ring_cannot_hold_is_dropped(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 2 };
	struct rig rig;
	uint64_t addr;

	rig_open(&rig, variant, &config);
	addr = vhc_mem_alloc(&rig.port.mem, 4096, 4096);
	rig_start(&rig);
	rig_post_rx(&rig, addr, rig.port.header_len + 300);
	rig_post_rx(&rig, addr + 2048, 300);
	rig_send_rx(&rig, 1, 601);
	rig_send_rx(&rig, 2, 300);
	rig_expect_rx(&rig, 2);
	assert_int_equal(vhc_stat(&rig.port.dev, VHC_RX, "dropped"), 1);
	rig_close(&rig);
}

/* ---- rings ---- */

static void rings_wrap(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 256, .base = 65000 };
	struct vhc_traffic_config traffic = rig_traffic(3000);

	traffic.max = 128;
	rig_exchange(variant, &config, &traffic);
}

static void the_index_wraps_by_itself(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 256 };
	struct vhc_traffic_config traffic = rig_traffic(70000);

	traffic.max = 60;
	rig_exchange(variant, &config, &traffic);
}

static void rings_of(const struct variant *variant, unsigned int size)
{
	struct vhc_port_config config = { .ring_size = size };
	struct vhc_traffic_config traffic = rig_traffic(1000);

	config.base = 65535;
	config.fifo = true;
	traffic.max = 600;
	rig_exchange(variant, &config, &traffic);
}

static void a_ring_of_1_works(const struct variant *variant)
{
	rings_of(variant, 1);
}

static void a_ring_of_2_works(const struct variant *variant)
{
	rings_of(variant, 2);
}

static void a_ring_of_32768_works(const struct variant *variant)
{
	rings_of(variant, 32768);
}

static void rings_of_any_size_work(const struct variant *variant)
{
	static const unsigned int sizes[] = { 3, 100, 255, 257, 32767 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		rings_of(variant, sizes[i]);
}

static void chains_go_around_the_end_of_a_ring(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 101, .base = 33333 };
	struct vhc_traffic_config traffic = rig_traffic(1000);

	traffic.segments = 7;
	traffic.restart_every = 41;
	rig_exchange(variant, &config, &traffic);
}

/* ---- kicks and signals ---- */

static void one_frame_at_a_time_arrives(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(2000);

	traffic.window = 1;
	traffic.max = 60;
	rig_exchange(variant, NULL, &traffic);
}

/* Only the call eventfd wakes us: a lost kick or signal is a hang. */
static void no_tx_kick_or_signal_is_lost(const struct variant *variant)
{
	struct vhc_used used;
	struct rig rig;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	for (i = 0; i < 6000; i++) {
		rig_add_tx(&rig, i);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		assert_true(vhc_queue_wait(&rig.port.queue[VHC_TX], 1, RIG_PATIENCE_MS));
		assert_int_equal(vhc_driver_take_used(rig_driver(&rig, VHC_TX), &used), 1);
		rig_expect_tx(&rig, i);
	}
	rig_close(&rig);
}

static void no_rx_kick_or_signal_is_lost(const struct variant *variant)
{
	struct rig rig;
	uint64_t addr;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	addr = vhc_mem_alloc(&rig.port.mem, 4096, 4096);
	rig_start(&rig);
	for (i = 0; i < 2000; i++) {
		if (i % 3)
			rig_send_rx(&rig, i, 60);
		rig_post_rx(&rig, addr, 2048);
		if (!(i % 3))
			rig_send_rx(&rig, i, 60);
		rig_expect_rx(&rig, i);
	}
	rig_close(&rig);
}

/* Sends frames and waits, without signals, until the device gave their chains back. */
static void send_silently(struct rig *rig, unsigned int frames)
{
	struct vhc_queue *queue = &rig->port.queue[VHC_TX];
	uint16_t want = queue->driver.last_used + frames;
	unsigned int i;

	for (i = 0; i < frames; i++)
		rig_add_tx(rig, i);
	vhc_queue_publish(queue);
	rig_spin_until_used(rig, VHC_TX, want);
	rig_settle();
}

static void take_all(struct rig *rig, unsigned int frames)
{
	struct vhc_used used;

	while (frames--)
		assert_int_equal(vhc_driver_take_used(rig_driver(rig, VHC_TX), &used), 1);
}

static void a_driver_that_wants_no_signal_gets_none(const struct variant *variant)
{
	struct rig rig;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	vhc_driver_disable_call(rig_driver(&rig, VHC_TX));
	for (i = 0; i < 5; i++) {
		send_silently(&rig, 3);
		take_all(&rig, 3);
	}
	assert_int_equal(vhc_queue_signals(&rig.port.queue[VHC_TX]), 0);
	rig_close(&rig);
}

static void an_empty_ring_is_signalled_if_negotiated(const struct variant *variant)
{
	struct rig rig;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	vhc_driver_disable_call(rig_driver(&rig, VHC_TX));
	send_silently(&rig, 3);
	assert_in_range(vhc_queue_signals(&rig.port.queue[VHC_TX]), 1, 3);
	rig_close(&rig);
}

static void a_signal_comes_when_the_event_is_passed(const struct variant *variant)
{
	struct vhc_driver *driver;
	struct vhc_queue *queue;
	struct rig rig;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	queue = &rig.port.queue[VHC_TX];
	driver = rig_driver(&rig, VHC_TX);
	rig_start(&rig);
	/* a device that was just started may signal for good measure */
	send_silently(&rig, 1);
	take_all(&rig, 1);
	vhc_queue_signals(queue);

	vhc_driver_enable_call_after(driver, 10);
	for (i = 0; i < 9; i++) {
		send_silently(&rig, 1);
		take_all(&rig, 1);
	}
	assert_int_equal(vhc_queue_signals(queue), 0);
	send_silently(&rig, 1);
	take_all(&rig, 1);
	assert_int_equal(vhc_queue_signals(queue), 1);
	send_silently(&rig, 20);
	take_all(&rig, 20);
	assert_int_equal(vhc_queue_signals(queue), 0);
	rig_close(&rig);
}

static void an_idle_device_wants_a_kick(const struct variant *variant)
{
	struct vhc_queue *queue;
	struct rig rig;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	queue = &rig.port.queue[VHC_TX];
	rig_start(&rig);
	for (i = 0; i < 20; i++) {
		rig_settle();
		rig_add_tx(&rig, i);
		assert_true(vhc_queue_publish(queue));
		rig_spin_until_used(&rig, VHC_TX, i + 1);
		take_all(&rig, 1);
	}
	rig_close(&rig);
}

/* ---- stopping ---- */

static void nothing_is_lost_when_queues_restart(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(3000);

	traffic.restart_every = 37;
	traffic.window = 100;
	rig_exchange(variant, NULL, &traffic);
}

static void nothing_is_lost_when_queues_restart_with_long_chains(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(1000);

	traffic.restart_every = 23;
	traffic.window = 50;
	traffic.segments = 3;
	rig_exchange(variant, NULL, &traffic);
}

static void nothing_is_lost_when_queues_restart_with_large_frames(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(300);

	traffic.restart_every = 7;
	traffic.gso = true;
	traffic.min = 1515;
	traffic.max = 65000;
	rig_exchange(variant, NULL, &traffic);
}

static void a_stopped_queue_leaves_the_ring_alone(const struct variant *variant)
{
	unsigned int base;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	send_silently(&rig, 5);
	base = vhc_port_stop_queue(&rig.port, VHC_TX);
	assert_int_equal(base, vhc_driver_base(rig_driver(&rig, VHC_TX)));
	rig_add_tx(&rig, 5);
	vhc_driver_publish(rig_driver(&rig, VHC_TX));
	vhc_queue_kick(&rig.port.queue[VHC_TX]);
	rig_settle();
	assert_int_equal(vhc_driver_used_idx(rig_driver(&rig, VHC_TX)), 5);
	assert_int_equal(vhc_get_vring_base(&rig.port.dev, VHC_TX), base);
	/* what came in the meantime is sent as soon as there is a backend */
	vhc_port_start_queue(&rig.port, VHC_TX);
	rig_spin_until_used(&rig, VHC_TX, 6);
	rig_close(&rig);
}

/* ---- pressure ---- */

static void a_small_send_buffer_only_slows_down(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(2000);
	struct rig rig;

	rig_open(&rig, variant, NULL);
	vhc_tap_set_sndbuf(&rig.port.tap, 4096);
	rig_run(&rig, &traffic);
	rig_close(&rig);
}

/* ---- a tap that goes away ---- */

static void frames_go_on_when_the_tap_was_down(const struct variant *variant)
{
	struct rig rig;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	vhc_tap_set_up(&rig.port.tap, false);
	send_silently(&rig, 100);
	take_all(&rig, 100);
	vhc_tap_set_up(&rig.port.tap, true);
	vhc_tap_detach(&rig.port.tap);
	vhc_tap_attach(&rig.port.tap, VHC_FRAME_PROTOCOL);
	rig_add_tx(&rig, 1000);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	rig_expect_tx(&rig, 1000);
	rig_close(&rig);
}

/* Nobody takes the frames any more; the driver gets its descriptors back. */
static void frames_to_a_tap_that_is_deleted_come_back(const struct variant *variant)
{
	char command[64];
	struct rig rig;

	rig_open(&rig, variant, NULL);
	rig_start(&rig);
	send_silently(&rig, 1);
	take_all(&rig, 1);
	rig_expect_tx(&rig, 0);
	snprintf(command, sizeof(command), "ip link del %s", rig.port.tap.name);
	assert_int_equal(system(command), 0);
	send_silently(&rig, 100);
	take_all(&rig, 100);
	assert_int_equal(vhc_stat(&rig.port.dev, VHC_TX, "packets"), 1);
	assert_int_equal(vhc_stat(&rig.port.dev, VHC_TX, "dropped"), 100);
	rig_settle();
	rig_close(&rig);
}

static const struct claim claims[] = {
	VARY(ON_BOTH, all_layouts, frames_of_all_sizes_arrive),
	VARY(ON_BOTH, all_layouts, short_frames_arrive),
	VARY(ON_BOTH, all_layouts, frames_around_a_page_arrive),
	VARY(ON_BOTH, all_layouts, frames_in_one_descriptor_arrive),
	VARY(ON_BOTH, all_layouts, frames_with_the_header_apart_arrive),
	VARY(ON_BOTH, all_layouts, frames_in_many_descriptors_arrive),
	VARY(ON_BOTH, all_layouts, frames_cut_anywhere_arrive),
	VARY(ON_BOTH, all_layouts, frames_across_regions_arrive),
	VARY(ON_BOTH, all_layouts, large_frames_arrive_unsegmented),
	VARY(ON_BOTH, all_layouts, large_frames_in_many_descriptors_arrive),
	WITH(ON_BOTH, VHC_F_MRG_RXBUF, all_layouts, frames_fill_small_mergeable_buffers),
	WITH(ON_BOTH, VHC_F_MRG_RXBUF, all_layouts, large_frames_fill_mergeable_buffers),
	VARY(ON_BOTH, VHC_F_EVENT_IDX | VHC_F_VERSION_1,
	     a_frame_that_is_too_large_is_dropped_alone),
	/* README: "a frame that all buffers of a full ring cannot hold" */
	WITH(ON_VHOST_CUSTOM, VHC_F_MRG_RXBUF, VHC_F_EVENT_IDX | VHC_F_VERSION_1,
	     a_frame_that_the_whole_ring_cannot_hold_is_dropped),
	VARY(ON_BOTH, all_layouts, rings_wrap),
	OF(SPLIT, ON_BOTH, VHC_F_VERSION_1 | VHC_F_MRG_RXBUF, VHC_F_EVENT_IDX, 180,
	   the_index_wraps_by_itself),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, a_ring_of_1_works),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, a_ring_of_2_works),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, a_ring_of_32768_works),
	OF(PACKED, ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, 0,
	   rings_of_any_size_work),
	OF(PACKED, ON_VHOST_CUSTOM, VHC_F_VERSION_1, all_layouts, 0,
	   chains_go_around_the_end_of_a_ring),
	LONG(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX, 180, one_frame_at_a_time_arrives),
	LONG(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX, 180, no_tx_kick_or_signal_is_lost),
	LONG(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, 180,
	     no_rx_kick_or_signal_is_lost),
	WITH(ON_BOTH, VHC_F_VERSION_1, 0, a_driver_that_wants_no_signal_gets_none),
	OF(SPLIT, ON_BOTH, VHC_F_VERSION_1 | VHC_F_NOTIFY_ON_EMPTY, 0, 0,
	   an_empty_ring_is_signalled_if_negotiated),
	WITH(ON_BOTH, VHC_F_VERSION_1 | VHC_F_EVENT_IDX, 0,
	     a_signal_comes_when_the_event_is_passed),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX, an_idle_device_wants_a_kick),
	VARY(ON_BOTH, all_layouts, nothing_is_lost_when_queues_restart),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_INDIRECT,
	     nothing_is_lost_when_queues_restart_with_long_chains),
	VARY(ON_BOTH, all_layouts, nothing_is_lost_when_queues_restart_with_large_frames),
	VARY(ON_BOTH, VHC_F_EVENT_IDX, a_stopped_queue_leaves_the_ring_alone),
	VARY(ON_BOTH, VHC_F_EVENT_IDX | VHC_F_VERSION_1, a_small_send_buffer_only_slows_down),
	VARY(ON_BOTH, VHC_F_EVENT_IDX, frames_go_on_when_the_tap_was_down),
	/* README: "frames sent while the tap has no device" */
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     frames_to_a_tap_that_is_deleted_come_back),
};

int main(int argc, char **argv)
{
	claims_add(claims, ARRAY_SIZE(claims));
	claims_add(backend_claims, backend_claim_num);
	claims_add(counter_claims, counter_claim_num);
	claims_add(example_claims, example_claim_num);
	claims_add(fair_claims, fair_claim_num);
	claims_add(large_claims, large_claim_num);
	claims_add(in_order_claims, in_order_claim_num);
	claims_add(iommu_claims, iommu_claim_num);
	claims_add(log_claims, log_claim_num);
	claims_add(moderation_claims, moderation_claim_num);
	claims_add(netns_claims, netns_claim_num);
	claims_add(poll_claims, poll_claim_num);
	claims_add(receive_claims, receive_claim_num);
	claims_add(state_claims, state_claim_num);
	claims_add(trace_claims, trace_claim_num);
	claims_add(live_claims, live_claim_num);
	return claims_main(argc, argv);
}
