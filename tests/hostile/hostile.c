// SPDX-License-Identifier: GPL-2.0
/*
 * A queue whose driver breaks the rules.
 *
 * Callers: the files of attacks, and sight.c.
 */
#include <inttypes.h>

#include "frame.h"
#include "sight.h"

enum {
	ROUNDS = 50,		/* of noise */
	BUFFER_LEN = 256 * 1024,
	TABLE_DESCS = 2048,
};

/**
 * hostile_open_sized() - set up and start a port
 * @hostile: filled.
 * @variant: the device and the features.
 * @index: VHC_RX or VHC_TX.
 * @ring_size: of both queues; 0 means 256.
 */
void hostile_open_sized(struct hostile *hostile, const struct variant *variant,
			unsigned int index, unsigned int ring_size)
{
	const struct attack *attack = variant->about;
	const struct vhc_port_config config = {
		.ring_size = ring_size,
		.mem_size = 8 << 20,
		.iommu = attack->iommu,
		.iotlb_v2 = true,
	};

	rig_open(&hostile->rig, variant, &config);
	hostile->attack = attack;
	hostile->driver = rig_driver(&hostile->rig, index);
	hostile->buffer = vhc_mem_alloc(&hostile->rig.port.mem, BUFFER_LEN, 4096);
	hostile->table = vhc_mem_alloc(&hostile->rig.port.mem, 16 * TABLE_DESCS, 4096);
	hostile->before = 0;
	hostile->number = 1;
	hostile->random = 1;
	if (attack->send_buffer)
		vhc_tap_set_sndbuf(&hostile->rig.port.tap, attack->send_buffer);
	if (attack->iommu)
		vhc_iommu_start(&hostile->rig.port.iommu);
	rig_start(&hostile->rig);
}

/**
 * hostile_open() - the same, with rings of 256
 * @hostile: filled.
 * @variant: the device and the features.
 * @index: VHC_RX or VHC_TX.
 */
void hostile_open(struct hostile *hostile, const struct variant *variant, unsigned int index)
{
	hostile_open_sized(hostile, variant, index, 256);
}

/**
 * hostile_queue() - the queue that is attacked
 * @hostile: it.
 *
 * Return: the port's part of it.
 */
struct vhc_queue *hostile_queue(struct hostile *hostile)
{
	struct vhc_queue *queue = hostile->rig.port.queue;

	return hostile->driver == &queue[VHC_TX].driver ? &queue[VHC_TX] : &queue[VHC_RX];
}

/**
 * hostile_set_entry() - write an entry of the indirect table
 * @hostile: the queue.
 * @at: which entry.
 * @addr: guest address of the buffer.
 * @len: its length.
 * @flags: VRING_DESC_F_x.
 * @next: index of the next one, in a split ring's.
 */
void hostile_set_entry(struct hostile *hostile, unsigned int at, uint64_t addr, uint32_t len,
		       uint16_t flags, uint16_t next)
{
	vhc_driver_set_entry(hostile->driver, hostile->table, at, addr, len, flags, next);
}

/**
 * hostile_add_desc() - add one descriptor as a chain of its own; the device is to refuse it
 * @hostile: the queue.
 * @addr: guest address of the buffer.
 * @len: its length.
 * @flags: VRING_DESC_F_x.
 * @next: index of the next one, in a split ring.
 */
void hostile_add_desc(struct hostile *hostile, uint64_t addr, uint32_t len, uint16_t flags,
		      uint16_t next)
{
	struct vhc_seg seg = { .addr = addr, .len = len };
	int head = vhc_driver_add(hostile->driver, &seg, 1, 0, 0);

	assert_true(head >= 0);
	vhc_driver_rewrite(hostile->driver, head, addr, len, flags, next);
}

/**
 * hostile_add_table() - add the indirect table
 * @hostile: the queue.
 * @len: its length in bytes.
 */
void hostile_add_table(struct hostile *hostile, uint32_t len)
{
	hostile_add_desc(hostile, hostile->table, len, VRING_DESC_F_INDIRECT, 0);
}

/**
 * hostile_add_chain() - add a chain of segments of one byte each
 * @hostile: the queue.
 * @out: segments that the device reads.
 * @in: segments that it writes.
 */
void hostile_add_chain(struct hostile *hostile, unsigned int out, unsigned int in)
{
	static struct vhc_seg seg[2048];
	unsigned int i;

	for (i = 0; i < out + in; i++) {
		seg[i].addr = hostile->buffer + i;
		seg[i].len = 1;
	}
	assert_true(vhc_driver_add(hostile->driver, seg, out, in, 0) >= 0);
}

/**
 * hostile_send_rx() - send a frame to the guest
 * @hostile: the queue.
 */
void hostile_send_rx(struct hostile *hostile)
{
	rig_send_rx(&hostile->rig, hostile->number++, 100);
}

/**
 * hostile_random() - a number, the same ones in each run
 * @hostile: the queue.
 *
 * Return: it, below 2^24.
 */
uint32_t hostile_random(struct hostile *hostile)
{
	hostile->random = hostile->random * 1664525 + 1013904223;
	return hostile->random >> 8;
}

/**
 * hostile_noise() - nonsense all over both rings, again and again
 * @hostile: the queue.
 * @scribble: writes it all over one.
 */
void hostile_noise(struct hostile *hostile,
		   void (*scribble)(struct hostile *hostile, struct vhc_driver *driver))
{
	unsigned int i, index;

	for (i = 0; i < ROUNDS; i++) {
		for (index = 0; index < VHC_QUEUES; index++)
			scribble(hostile, rig_driver(&hostile->rig, index));
		for (index = 0; index < VHC_QUEUES; index++)
			vhc_queue_kick(&hostile->rig.port.queue[index]);
		hostile_send_rx(hostile);
		sight_wait(hostile, NULL);
	}
}

/* ---- for attacks that check what becomes of them ---- */

/**
 * hostile_bad_count() - faults that the device counted
 * @hostile: the queue.
 * @index: of the queue to look at.
 * @reason: an enum vhost_custom_bad or ANY_REASON.
 *
 * Return: how many.
 */
uint64_t hostile_bad_count(const struct hostile *hostile, unsigned int index,
			   unsigned int reason)
{
	const struct vhc_dev *dev = &hostile->rig.port.dev;
	uint64_t sum = 0;
	unsigned int i;

	if (reason != ANY_REASON)
		return vhc_stat_bad(dev, index, reason);
	for (i = 0; i < VHOST_CUSTOM_BAD_MAX; i++)
		sum += vhc_stat_bad(dev, index, i);
	return sum;
}

/**
 * hostile_expect_counted() - the fault was counted, once; and the VMM was told
 * @hostile: the queue.
 * @index: of the queue to look at.
 * @reason: by the right reason.
 */
void hostile_expect_counted(struct hostile *hostile, unsigned int index, unsigned int reason)
{
	struct vhc_queue *queue = &hostile->rig.port.queue[index];
	uint64_t bad;
	unsigned int i;

	if (!vhc_eventfd_wait(queue->err, RIG_PATIENCE_MS))
		fail_msg("the error eventfd was not signalled");
	assert_int_equal(vhc_eventfd_read(queue->err), 1);
	rig_settle();
	for (i = 0; reason != ANY_REASON && i < VHOST_CUSTOM_BAD_MAX; i++) {
		bad = hostile_bad_count(hostile, index, i);
		if (bad != (i == reason ? 1 : 0))
			fail_msg("bad[%u] is %" PRIu64 ", and bad[%u] should be 1", i, bad, reason);
	}
	assert_int_equal(hostile_bad_count(hostile, index, ANY_REASON), 1);
}

/**
 * hostile_good_tx() - a frame is sent
 * @hostile: the queue; TX is idle.
 * @number: the frame's.
 */
void hostile_good_tx(struct hostile *hostile, uint64_t number)
{
	struct vhc_queue *queue = &hostile->rig.port.queue[VHC_TX];
	struct vhc_used used;

	rig_add_tx(&hostile->rig, number);
	vhc_queue_publish(queue);
	rig_expect_tx(&hostile->rig, number);
	assert_true(vhc_queue_wait(queue, 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(&queue->driver, &used), 1);
	assert_int_equal(used.cookie, number);
	hostile->before = queue->driver.last_used;
}
