// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about tracepoints: each says what happened, as often as it did, and as the counters do.
 *
 * Caller: data-test.c.
 */
#include <string.h>

#include "parts.h"
#include "rig.h"
#include "tracefs.h"

enum { FRAMES = 20, RX_LEN = 300, TX_LEN = 200, BUFFER = 2048 };

static void one_of_each(struct rig *rig, uint64_t buffer, unsigned int number)
{
	struct vhc_queue *tx = &rig->port.queue[VHC_TX];
	struct vhc_used used;

	rig_add_tx(rig, number);
	vhc_driver_enable_call(&tx->driver);
	vhc_queue_publish(tx);
	rig_expect_tx(rig, number);
	rig_settle();
	assert_int_equal(vhc_driver_take_used(&tx->driver, &used), 1);
	rig_post_rx(rig, buffer, BUFFER);
	rig_settle();
	rig_send_rx(rig, number, RX_LEN);
	rig_expect_rx(rig, number);
	rig_settle();
}

static void expect_runs(const struct tracefs *trace, unsigned int queue, unsigned int bytes)
{
	struct traced begin = tracefs_read(trace, queue, "run_begin", NULL);
	struct traced end = tracefs_read(trace, queue, "run_end", "packets");

	assert_in_range(begin.count, FRAMES, 3 * FRAMES + 2);
	assert_int_equal(end.count, begin.count);
	assert_int_equal(end.sum, FRAMES);
	assert_int_equal(tracefs_read(trace, queue, "run_end", "bytes").sum, bytes);
}

static void expect_signals(const struct tracefs *trace, struct rig *rig, unsigned int queue)
{
	struct traced publish = tracefs_read(trace, queue, "used_publish", "chains");
	struct traced signal = tracefs_read(trace, queue, "signal", "sent");

	assert_int_equal(publish.count, FRAMES);
	assert_int_equal(publish.sum, FRAMES);
	assert_int_equal(signal.count, FRAMES);
	assert_int_equal(signal.sum, vhc_stat(&rig->port.dev, queue, "signals"));
	assert_int_equal(tracefs_read(trace, queue, "kick", NULL).count,
			 vhc_stat(&rig->port.dev, queue, "kicks"));
}

static void each_step_of_a_frame_is_traced(const struct variant *variant)
{
	struct tracefs trace;
	struct traced batch;
	unsigned int i;
	uint64_t buffer;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	tracefs_open(&trace, &rig);
	rig_start(&rig);
	for (i = 0; i < FRAMES; i++)
		one_of_each(&rig, buffer, i);

	expect_runs(&trace, VHC_TX, FRAMES * TX_LEN);
	expect_runs(&trace, VHC_RX, FRAMES * RX_LEN);
	expect_signals(&trace, &rig, VHC_TX);
	expect_signals(&trace, &rig, VHC_RX);
	assert_int_equal(tracefs_read(&trace, VHC_TX, "kick", NULL).count, FRAMES);
	assert_int_equal(tracefs_read(&trace, VHC_TX, "signal", "sent").sum, FRAMES);
	batch = tracefs_read(&trace, VHC_TX, "tx_batch", "packets");
	assert_int_equal(batch.count, FRAMES);
	assert_int_equal(batch.sum, FRAMES);
	assert_int_equal(tracefs_read(&trace, VHC_TX, "tx_batch", "bytes").sum, FRAMES * TX_LEN);
	tracefs_close(&trace);
	rig_close(&rig);
}

static void a_queue_s_begin_and_end_are_traced(const struct variant *variant)
{
	struct tracefs trace;
	struct traced start;
	unsigned int i, queue, base;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	base = vhc_driver_base(rig_driver(&rig, VHC_TX)) & 0xffff;
	tracefs_open(&trace, &rig);
	vhc_port_start(&rig.port);
	for (i = 0; i < 3; i++) {
		vhc_port_stop(&rig.port);
		vhc_port_start(&rig.port);
	}
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		start = tracefs_read(&trace, queue, "queue_start", "num");
		assert_int_equal(start.count, 4);
		assert_int_equal(start.sum, 4 * 256);
		assert_int_equal(tracefs_read(&trace, queue, "queue_start", "base").sum, 4 * base);
		assert_int_equal(tracefs_read(&trace, queue, "queue_stop", NULL).count, 3);
	}
	tracefs_close(&trace);
	rig_close(&rig);
}

static void a_bad_chain_is_traced(const struct variant *variant)
{
	const struct vhc_seg unmapped = { .addr = 0, .len = 100 };
	struct tracefs trace;
	struct traced bad;
	struct rig rig;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	tracefs_open(&trace, &rig);
	rig_start(&rig);
	for (i = 0; i < FRAMES; i++) {
		assert_true(vhc_driver_add(rig_driver(&rig, VHC_TX), &unmapped, 1, 0, 0) >= 0);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_settle();
	}
	bad = tracefs_read(&trace, VHC_TX, "bad_chain", "reason");
	assert_int_equal(bad.count, FRAMES);
	assert_int_equal(bad.sum, FRAMES * VHOST_CUSTOM_BAD_ADDRESS);
	assert_int_equal(tracefs_read(&trace, VHC_RX, "bad_chain", NULL).count, 0);
	tracefs_close(&trace);
	rig_close(&rig);
}

static void a_question_to_the_vmm_is_traced(const struct variant *variant)
{
	const struct vhc_port_config config = {
		.ring_size = 256, .mem_size = 1 << 20, .iommu = 200, .iotlb_v2 = true,
	};
	const struct vhc_area *area;
	struct vhost_iotlb_msg miss;
	struct tracefs trace;
	struct traced traced;
	unsigned int i;
	struct rig rig;

	rig_open(&rig, variant, &config);
	area = rig_driver(&rig, VHC_TX)->area;
	for (i = 0; i < VHC_AREAS; i++)
		vhc_iommu_map(&rig.port.iommu, area[i].addr, area[i].len);
	tracefs_open(&trace, &rig);
	rig_start(&rig);
	rig_settle();
	/* A frame that is not in a page with the ring. */
	rig_add_tx(&rig, 200);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	rig_settle();
	do {
		assert_true(vhc_iommu_read_miss(&rig.port.iommu, &miss));
	} while (miss.iova < rig.tx_slots || miss.iova >= rig.tx_slots + 256 * 256);
	traced = tracefs_read(&trace, VHC_TX, "iotlb_miss", "iova");
	assert_int_equal(traced.count, 1);
	assert_int_equal(traced.sum, miss.iova);
	assert_int_equal(tracefs_read(&trace, VHC_TX, "iotlb_miss", "perm").sum, VHOST_ACCESS_RO);
	assert_int_equal(vhc_stat(&rig.port.dev, VHC_TX, "iotlb_misses"), 1);
	tracefs_close(&trace);
	vhc_iommu_start(&rig.port.iommu);
	vhc_iommu_map(&rig.port.iommu, miss.iova, 1);
	rig_expect_tx(&rig, 200);
	rig_close(&rig);
}

static void a_poll_is_traced(const struct variant *variant)
{
	struct tracefs trace;
	struct traced poll;
	struct rig rig;
	uint64_t buffer, misses;
	unsigned int i;

	rig_open(&rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_RX, 1);
	tracefs_open(&trace, &rig);
	rig_start(&rig);
	for (i = 0; i < FRAMES; i++) {
		rig_post_rx(&rig, buffer, BUFFER);
		rig_send_rx(&rig, i, RX_LEN);
		rig_expect_rx(&rig, i);
		rig_settle();
	}
	poll = tracefs_read(&trace, VHC_RX, "poll", "hit");
	misses = vhc_stat(&rig.port.dev, VHC_RX, "poll_misses");
	/*
	 * A frame's run ends with a poll that finds nothing. One that a buffer's kick causes may
	 * poll, too, and find the frame.
	 */
	assert_in_range(misses, FRAMES, 2 * FRAMES);
	assert_int_equal(poll.sum, vhc_stat(&rig.port.dev, VHC_RX, "poll_hits"));
	assert_int_equal(poll.count, misses + poll.sum);
	tracefs_close(&trace);
	rig_close(&rig);
}

const struct claim trace_claims[] = {
	/* README: "tracepoints" */
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, each_step_of_a_frame_is_traced),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_queue_s_begin_and_end_are_traced),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_bad_chain_is_traced),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_poll_is_traced),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_ACCESS_PLATFORM, 0,
	     a_question_to_the_vmm_is_traced),
};

const size_t trace_claim_num = sizeof(trace_claims) / sizeof(trace_claims[0]);
