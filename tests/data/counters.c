// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about counters: an event that happens a known number of times is counted as often. The
 * reasons why a chain is bad are in ../hostile, each by an attack.
 *
 * Caller: data-test.c.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>

#include "parts.h"
#include "rig.h"
#include "worker.h"

enum {
	BUFFER = 2048,
	TX_LEN = 200,	/* of rig_add_tx() */
	RUN = 256,	/* frames of a run: README */
};

static void expect(struct rig *rig, unsigned int queue, const char *name, uint64_t want)
{
	uint64_t value = vhc_stat(&rig->port.dev, queue, name);

	if (value != want)
		fail_msg("%s of queue %u is %" PRIu64 ", not %" PRIu64, name, queue, value, want);
}

/* Read the counters, to be freed; the return value is the descriptor of a histogram in there. */
static const struct kvm_stats_desc *read_histogram(struct rig *rig, unsigned int queue,
						   const char *name, struct vhc_stats *stats)
{
	const struct kvm_stats_desc *desc;

	vhc_stats_get(&rig->port.dev, queue, stats);
	desc = vhc_stats_find(stats, name);
	assert_non_null(desc);
	assert_true(vhc_stats_is_histogram(desc));
	return desc;
}

/* All buckets of a histogram: the first ones are @want, the others 0. */
static void expect_buckets(struct rig *rig, unsigned int queue, const char *name,
			   const uint64_t *want, unsigned int count)
{
	const struct kvm_stats_desc *desc;
	struct vhc_stats stats;
	unsigned int i;

	desc = read_histogram(rig, queue, name, &stats);
	assert_true(count <= desc->size);
	for (i = 0; i < desc->size; i++) {
		const uint64_t value = vhc_stats_data(&stats, desc)[i];

		if (value != (i < count ? want[i] : 0))
			fail_msg("%s[%u] of queue %u is %" PRIu64, name, i, queue, value);
	}
	vhc_stats_free(&stats);
}

static uint64_t taps(struct rig *rig, const char *name)
{
	char path[128];
	uint64_t value;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", rig->port.tap.name, name);
	in = fopen(path, "re");
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%" SCNu64, &value), 1);
	fclose(in);
	return value;
}

static void expect_taps(struct rig *rig, const char *name, uint64_t want)
{
	assert_int_equal(taps(rig, name), want);
}

/* @frames at once, and wait until they were sent, and all is quiet. */
static void send_frames(struct rig *rig, unsigned int frames)
{
	struct vhc_driver *driver = rig_driver(rig, VHC_TX);
	struct vhc_used used;
	unsigned int i;

	for (i = 0; i < frames; i++)
		rig_add_tx(rig, i);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
	for (i = 0; i < frames; i++)
		rig_expect_tx(rig, i);
	rig_spin_until_used(rig, VHC_TX, driver->last_used + frames);
	while (frames--)
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
	rig_settle();
}

static uint64_t open_started(struct rig *rig, const struct variant *variant, unsigned int ring_size)
{
	const struct vhc_port_config config = { .ring_size = ring_size, .mem_size = 8 << 20 };
	uint64_t buffers;

	rig_open(rig, variant, &config);
	buffers = vhc_mem_alloc(&rig->port.mem, 64 * BUFFER, 4096);
	rig_start(rig);
	rig_settle();
	return buffers;
}

static void frames_and_their_batches_are_counted(const struct variant *variant)
{
	/* 1 frame, 3 frames, and 40, which have room in the memory that frames share. */
	static const uint64_t tx[] = { 0, 1, 1, 0, 0, 0, 1 };
	/* 10 that waited for the queue's start. */
	static const uint64_t rx[] = { 0, 0, 0, 0, 1 };
	uint64_t buffers;
	unsigned int i;
	struct rig rig;

	buffers = open_started(&rig, variant, 256);
	send_frames(&rig, 1);
	send_frames(&rig, 3);
	send_frames(&rig, 40);
	expect(&rig, VHC_TX, "packets", 44);
	expect(&rig, VHC_TX, "bytes", 44 * TX_LEN);
	expect_buckets(&rig, VHC_TX, "batch_packets", tx, 7);

	vhc_port_stop_queue(&rig.port, VHC_RX);
	for (i = 0; i < 10; i++) {
		const struct vhc_seg seg = { .addr = buffers + i * BUFFER, .len = BUFFER };

		rig_send_rx(&rig, i, 100 + i);
		assert_true(vhc_driver_add(rig_driver(&rig, VHC_RX), &seg, 0, 1, seg.addr) >= 0);
	}
	vhc_driver_publish(rig_driver(&rig, VHC_RX));
	vhc_port_start_queue(&rig.port, VHC_RX);
	for (i = 0; i < 10; i++)
		rig_expect_rx(&rig, i);
	rig_settle();
	expect(&rig, VHC_RX, "packets", 10);
	expect(&rig, VHC_RX, "bytes", 10 * 100 + 45);
	expect_buckets(&rig, VHC_RX, "batch_packets", rx, 5);
	for (i = 0; i < VHC_QUEUES; i++) {
		expect(&rig, i, "gso", 0);
		expect(&rig, i, "dropped", 0);
	}
	expect_taps(&rig, "rx_packets", 44);
	expect_taps(&rig, "rx_bytes", 44 * TX_LEN);
	expect_taps(&rig, "tx_packets", 10);
	expect_taps(&rig, "tx_bytes", 10 * 100 + 45);
	rig_close(&rig);
}

static void buffers_of_frames_are_counted(const struct variant *variant)
{
	static const unsigned int segments[] = { 1, 2, 3, 5, 17 };
	static const uint64_t tx[] = { 0, 1, 2, 1, 0, 1 };
	/* Of 60 bytes in one buffer, of 60 and 120 in two, of 400 in eight; with the header. */
	static const uint64_t rx[] = { 0, 1, 2, 0, 1 };
	static const unsigned int lens[] = { 60, 60, 120, 400 };
	static const unsigned int buffer_lens[] = { 1000, 60, 100, 55 };
	struct vhc_driver *driver;
	struct vhc_seg seg[17];
	struct vhc_used used;
	unsigned int i, part;
	uint64_t buffers;
	struct rig rig;

	buffers = open_started(&rig, variant, 256);
	driver = rig_driver(&rig, VHC_TX);
	for (i = 0; i < 5; i++) {
		seg[0] = rig_tx_seg(&rig, i);
		for (part = 1; part < segments[i]; part++) {
			seg[part].addr = seg[part - 1].addr + 10;
			seg[part].len = seg[part - 1].len - 10;
			seg[part - 1].len = 10;
		}
		assert_true(vhc_driver_add(driver, seg, segments[i], 0, i) >= 0);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_expect_tx(&rig, i);
		rig_spin_until_used(&rig, VHC_TX, driver->last_used + 1);
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
	}
	rig_settle();
	expect_buckets(&rig, VHC_TX, "packet_buffers", tx, 6);

	driver = rig_driver(&rig, VHC_RX);
	for (i = 0; i < 4; i++) {
		const unsigned int len = lens[i] + rig.port.header_len;
		const unsigned int count = (len + buffer_lens[i] - 1) / buffer_lens[i];

		for (part = 0; part < count; part++)
			rig_post_rx(&rig, buffers + part * BUFFER, buffer_lens[i]);
		rig_send_rx(&rig, i, lens[i]);
		rig_spin_until_used(&rig, VHC_RX, driver->last_used + count);
		for (part = 0; part < count; part++)
			assert_int_equal(vhc_driver_take_used(driver, &used), 1);
	}
	rig_settle();
	expect_buckets(&rig, VHC_RX, "packet_buffers", rx, 5);
	rig_close(&rig);
}

static void large_frames_are_counted(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(100);
	struct vhc_port_config config = { .ring_size = 256 };
	unsigned int i, small;
	struct rig rig;

	traffic.gso = true;
	/* TX has two ways, for frames of up to a page and for others. */
	for (small = 0; small < 2; small++) {
		traffic.min = small ? 1600 : 10000;
		traffic.max = small ? 3000 : 60000;
		config.mem_size = vhc_traffic_mem_size(&traffic, variant->features, 256, 0);
		rig_open(&rig, variant, &config);
		rig_run(&rig, &traffic);
		for (i = 0; i < VHC_QUEUES; i++) {
			assert_true(vhc_stat(&rig.port.dev, i, "packets") >= 100);
			expect(&rig, i, "gso", vhc_stat(&rig.port.dev, i, "packets"));
		}
		rig_close(&rig);
	}
}

static void kicks_are_counted_also_those_that_were_not_needed(const struct variant *variant)
{
	struct vhc_driver *driver;
	uint64_t wakeups;
	unsigned int i;
	struct rig rig;

	open_started(&rig, variant, 256);
	driver = rig_driver(&rig, VHC_TX);
	for (i = 0; i < 5; i++)
		send_frames(&rig, 3);
	expect(&rig, VHC_TX, "kicks", 5);
	expect(&rig, VHC_TX, "kicks_avoided", 0);
	/* Nobody kicks for what is found when the queue starts: its socket can take frames. */
	wakeups = vhc_stat(&rig.port.dev, VHC_TX, "wakeups");
	for (i = 0; i < 4; i++) {
		vhc_port_stop_queue(&rig.port, VHC_TX);
		rig_add_tx(&rig, i);
		vhc_driver_publish(driver);
		vhc_port_start_queue(&rig.port, VHC_TX);
		rig_expect_tx(&rig, i);
		rig_settle();
	}
	expect(&rig, VHC_TX, "kicks", 5);
	expect(&rig, VHC_TX, "kicks_avoided", 4);
	expect(&rig, VHC_TX, "wakeups", wakeups + 4);
	/* An empty kick finds nothing, and avoids none. */
	vhc_queue_kick(&rig.port.queue[VHC_TX]);
	rig_settle();
	expect(&rig, VHC_TX, "kicks", 6);
	expect(&rig, VHC_TX, "kicks_avoided", 4);
	rig_close(&rig);
}

static void signals_are_counted_also_those_that_were_not_wanted(const struct variant *variant)
{
	struct vhc_driver *driver;
	unsigned int i;
	uint64_t first;
	struct rig rig;

	open_started(&rig, variant, 256);
	driver = rig_driver(&rig, VHC_TX);
	vhc_driver_disable_call(driver);
	/* The first one is sent for good measure, if the wish is an index. */
	send_frames(&rig, 1);
	vhc_queue_signals(&rig.port.queue[VHC_TX]);
	first = vhc_stat(&rig.port.dev, VHC_TX, "signals");
	assert_in_range(first, 0, 1);
	for (i = 0; i < 8; i++)
		send_frames(&rig, 2);
	expect(&rig, VHC_TX, "signals_suppressed", 9 - first);
	assert_int_equal(vhc_queue_signals(&rig.port.queue[VHC_TX]), 0);
	for (i = 0; i < 6; i++) {
		vhc_driver_enable_call(driver);
		send_frames(&rig, 2);
		assert_int_equal(vhc_queue_signals(&rig.port.queue[VHC_TX]), 1);
	}
	expect(&rig, VHC_TX, "signals", first + 6);
	expect(&rig, VHC_TX, "signals_suppressed", 9 - first);
	rig_close(&rig);
}

static void wakeups_and_long_runs_are_counted(const struct variant *variant)
{
	uint64_t buffers, wakeups, requeues = 0;
	unsigned int i, frames;
	struct rig rig;

	buffers = open_started(&rig, variant, 1024);
	wakeups = vhc_stat(&rig.port.dev, VHC_RX, "wakeups");
	for (i = 0; i < 7; i++) {
		rig_post_rx(&rig, buffers, BUFFER);
		rig_settle();
		rig_send_rx(&rig, i, 100);
		rig_expect_rx(&rig, i);
		rig_settle();
	}
	expect(&rig, VHC_RX, "wakeups", wakeups + 7);
	expect(&rig, VHC_RX, "requeues", 0);
	wakeups = vhc_stat(&rig.port.dev, VHC_TX, "wakeups");
	for (frames = RUN - 1; frames < 4 * RUN; frames += RUN + 1) {
		send_frames(&rig, frames);
		requeues += frames / RUN;
		expect(&rig, VHC_TX, "requeues", requeues);
	}
	expect(&rig, VHC_TX, "wakeups", wakeups);
	rig_close(&rig);
}

static void polls_are_counted(const struct variant *variant)
{
	const bool alone = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	uint64_t buffers;
	unsigned int i;
	struct rig rig;

	buffers = open_started(&rig, variant, 256);
	expect(&rig, VHC_RX, "poll_misses", 0);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_RX, 1);
	rig_post_rx(&rig, buffers, BUFFER);
	rig_settle();
	for (i = 0; i < 9; i++) {
		rig_post_rx(&rig, buffers, BUFFER);
		rig_send_rx(&rig, i, 100);
		rig_expect_rx(&rig, i);
		rig_settle();
	}
	/* The run after the first buffer, and those of the frames. */
	expect(&rig, VHC_RX, "poll_misses", 10);
	expect(&rig, VHC_RX, "poll_hits", 0);

	/* Each frame that is polled for is a hit; a poll ends if somebody wants the CPU. */
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_RX, 1000 * 1000);
	for (i = 0; i < 9; i++) {
		rig_post_rx(&rig, buffers, BUFFER);
		rig_send_rx(&rig, i, 100);
		rig_expect_rx(&rig, i);
	}
	assert_in_range(vhc_stat(&rig.port.dev, VHC_RX, "poll_hits"), alone ? 0 : 1, 9);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_RX, 0);
	rig_close(&rig);
}

static void frames_that_find_no_buffers_are_counted(const struct variant *variant)
{
	uint64_t buffers;
	unsigned int i;
	struct rig rig;

	buffers = open_started(&rig, variant, 256);
	for (i = 0; i < 5; i++) {
		rig_send_rx(&rig, i, 300);
		rig_settle();
		expect(&rig, VHC_RX, "stalls", i + 1);
		rig_post_rx(&rig, buffers, BUFFER);
		rig_expect_rx(&rig, i);
		rig_settle();
	}
	expect(&rig, VHC_RX, "stalls", 5);
	expect(&rig, VHC_RX, "dropped", 0);
	for (i = 0; i < 3; i++) {
		rig_post_rx(&rig, buffers, 100);
		rig_send_rx(&rig, i, 1000);
		rig_settle();
	}
	/* They wait for more buffers, if there may be more than one; else they never fit. */
	expect(&rig, VHC_RX, "dropped", variant->features & VHC_F_MRG_RXBUF ? 0 : 3);
	rig_close(&rig);
}

static void receive(struct rig *rig, uint64_t buffer, unsigned int frames)
{
	unsigned int i;

	for (i = 0; i < frames; i++) {
		rig_post_rx(rig, buffer, BUFFER);
		rig_expect_rx(rig, i);
	}
	rig_settle();
}

static void frames_that_the_tap_has_no_room_for_are_counted(const struct variant *variant)
{
	enum { ROOM = 64, MORE = 7 };
	const struct vhc_port_config config = { .queue_len = ROOM, .mem_size = 8 << 20 };
	uint64_t buffer, before, lost, counted = 0;
	unsigned int i, turn;
	struct rig rig;

	rig_open(&rig, variant, &config);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	rig_start(&rig);
	rig_settle();
	for (turn = 0; turn < 3; turn++) {
		before = taps(&rig, "tx_dropped");
		/* The worker takes one, and waits for a buffer; its place may not be free yet. */
		for (i = 0; i < 1 + ROOM + MORE; i++) {
			rig_send_rx(&rig, i, 100);
			if (!i)
				rig_settle();
		}
		lost = taps(&rig, "tx_dropped") - before;
		assert_in_range(lost, MORE, MORE + 1);
		counted += lost;
		expect(&rig, VHC_RX, "device_dropped", counted);
		expect(&rig, VHC_TX, "device_dropped", 0);
		receive(&rig, buffer, 1 + ROOM + MORE - lost);
		/* What is lost while the queue has no tap is not its own. */
		vhc_port_stop_queue(&rig.port, VHC_RX);
		before = taps(&rig, "tx_dropped");
		for (i = 0; i < 2 * ROOM; i++)
			rig_send_rx(&rig, i, 100);
		lost = taps(&rig, "tx_dropped") - before;
		assert_in_range(lost, ROOM, 2 * ROOM - 1);
		expect(&rig, VHC_RX, "device_dropped", counted);
		vhc_port_start_queue(&rig.port, VHC_RX);
		receive(&rig, buffer, 2 * ROOM - lost);
		expect(&rig, VHC_RX, "device_dropped", counted);
	}
	expect(&rig, VHC_RX, "dropped", 0);
	rig_close(&rig);
}

static void writes_to_the_dirty_log_are_counted(const struct variant *variant)
{
	uint8_t *log = calloc(1, 1 << 20);
	uint64_t buffers;
	unsigned int i;
	struct rig rig;

	assert_non_null(log);
	buffers = open_started(&rig, variant, 256);
	vhc_set_log_base(&rig.port.dev, (uintptr_t)log);
	for (i = 0; i < 3; i++) {
		rig_post_rx(&rig, buffers, BUFFER);
		rig_send_rx(&rig, i, 300);
		rig_expect_rx(&rig, i);
	}
	rig_settle();
	expect(&rig, VHC_RX, "log_writes", 0);
	vhc_set_features(&rig.port.dev, variant->features | VHC_F_LOG_ALL);
	for (i = 0; i < 5; i++) {
		rig_post_rx(&rig, buffers, BUFFER);
		rig_send_rx(&rig, i, 300);
		rig_expect_rx(&rig, i);
	}
	rig_settle();
	/* One buffer each; the used ring is not logged, as nobody said where it is. */
	expect(&rig, VHC_RX, "log_writes", 5);
	expect(&rig, VHC_TX, "log_writes", 0);
	rig_close(&rig);
	free(log);
}

static void expect_pending_kick(struct rig *rig, uint64_t buffers)
{
	/* Buffers are announced by a kick, and seen when the first frame comes. */
	rig_post_rx(rig, buffers, BUFFER);
	rig_settle();
	rig_send_rx(rig, 1, 100);
	rig_expect_rx(rig, 1);
	rig_settle();
	expect(rig, VHC_RX, "kicks_avoided", 0);
}

/* Who keeps the file, as a monitor does, keeps neither the tap nor the worker. */
static void counters_outlive_the_device(const struct variant *variant)
{
	const struct kvm_stats_desc *desc;
	struct vhc_workers workers;
	struct vhc_stats stats;
	uint64_t buffers;
	struct rig rig;
	char name[IFNAMSIZ];
	unsigned int i;
	int fd;

	buffers = open_started(&rig, variant, 256);
	expect_pending_kick(&rig, buffers);
	send_frames(&rig, 3);
	fd = vhc_get_stats_fd(&rig.port.dev, VHC_TX);
	strcpy(name, rig.port.tap.name);
	rig_close(&rig);
	assert_int_equal(if_nametoindex(name), 0);
	for (i = 0; i < RIG_PATIENCE_MS; i++) {
		vhc_workers_read(&workers);
		if (!workers.count)
			break;
		poll(NULL, 0, 1);
	}
	assert_int_equal(workers.count, 0);
	assert_int_equal(vhc_stats_read(fd, &stats), 0);
	desc = vhc_stats_find(&stats, "packets");
	assert_non_null(desc);
	assert_int_equal(*vhc_stats_data(&stats, desc), 3);
	vhc_stats_free(&stats);
	close(fd);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* There are @want samples, of one thing after another since @began. */
static void expect_latencies(struct rig *rig, unsigned int queue, const char *name, uint64_t want,
			     uint64_t began)
{
	const uint64_t elapsed = now_ns() - began;
	const struct kvm_stats_desc *desc;
	uint64_t samples = 0, least = 0;
	struct vhc_stats stats;
	unsigned int i;

	desc = read_histogram(rig, queue, name, &stats);
	assert_int_equal(desc->flags & KVM_STATS_UNIT_MASK, KVM_STATS_UNIT_SECONDS);
	assert_int_equal(desc->exponent, -9);
	/* The first bucket is for what took no time at all. */
	assert_int_equal(*vhc_stats_data(&stats, desc), 0);
	for (i = 1; i < desc->size; i++) {
		const uint64_t value = vhc_stats_data(&stats, desc)[i];

		samples += value;
		least += value << (i - 1);
	}
	vhc_stats_free(&stats);
	if (samples != want || least > elapsed)
		fail_msg("%s of queue %u: %" PRIu64 " samples, not %" PRIu64 ", of at least %"
			 PRIu64 " ns in %" PRIu64, name, queue, samples, want, least, elapsed);
}

static bool latency_is_on(void)
{
	FILE *file = fopen("/sys/module/vhost_custom/parameters/latency", "re");
	char text[3];

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	return !strcmp(text, "Y\n");
}

static void latencies_are_measured_while_somebody_wants_that(const struct variant *variant)
{
	static const unsigned int wanted[] = { 0, 1, 0 };
	struct vhc_driver *driver;
	uint64_t buffers, began;
	unsigned int turn, i;
	struct rig rig;

	buffers = open_started(&rig, variant, 256);
	driver = rig_driver(&rig, VHC_TX);
	began = now_ns();
	for (turn = 0; turn < 3; turn++) {
		const unsigned int times = turn ? 1 : 0;
		uint64_t kicks;

		rig_set_parameter("latency", wanted[turn]);
		assert_int_equal(latency_is_on(), wanted[turn]);
		kicks = vhc_stat(&rig.port.dev, VHC_RX, "kicks");
		for (i = 0; i < 6; i++) {
			vhc_driver_enable_call(driver);
			send_frames(&rig, 2);
			/* Every other one has to wait for the buffer. */
			if (i % 2)
				rig_post_rx(&rig, buffers, BUFFER);
			rig_settle();
			rig_send_rx(&rig, i, 100);
			rig_settle();
			if (i % 2 == 0)
				rig_post_rx(&rig, buffers, BUFFER);
			rig_expect_rx(&rig, i);
			rig_settle();
		}
		if (turn == 1)
			expect_latencies(&rig, VHC_RX, "kick_latency",
					 vhc_stat(&rig.port.dev, VHC_RX, "kicks") - kicks, began);
		expect_latencies(&rig, VHC_TX, "kick_latency", 6 * times, began);
		expect_latencies(&rig, VHC_TX, "signal_latency", 6 * times, began);
		expect_latencies(&rig, VHC_TX, "arrival_latency", 0, began);
		expect_latencies(&rig, VHC_RX, "arrival_latency", 6 * times, began);
	}
	rig_close(&rig);
}

static const uint64_t event_idx_mrg = VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF;

const struct claim counter_claims[] = {
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, event_idx_mrg, frames_and_their_batches_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_MRG_RXBUF, VHC_F_EVENT_IDX,
	     buffers_of_frames_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_MRG_RXBUF, 0, large_frames_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     kicks_are_counted_also_those_that_were_not_needed),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     signals_are_counted_also_those_that_were_not_wanted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, wakeups_and_long_runs_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, polls_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, event_idx_mrg,
	     frames_that_find_no_buffers_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     frames_that_the_tap_has_no_room_for_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     writes_to_the_dirty_log_are_counted),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     latencies_are_measured_while_somebody_wants_that),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, counters_outlive_the_device),
};

const size_t counter_claim_num = sizeof(counter_claims) / sizeof(counter_claims[0]);
