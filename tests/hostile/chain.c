// SPDX-License-Identifier: GPL-2.0
/*
 * Bad chains, whatever the layout of the ring: addresses, lengths, directions and indirect tables.
 *
 * Caller: hostile-test.c.
 */
#include <string.h>

#include "frame.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t end_of_memory(const struct hostile *hostile)
{
	return vhc_mem_end(&hostile->rig.port.mem);
}

static uint16_t direction(const struct hostile *hostile)
{
	return hostile->attack->index == VHC_RX ? VRING_DESC_F_WRITE : 0;
}

/* A descriptor as the queue wants it, but for its address and length. */
static void add_at(struct hostile *hostile, uint64_t addr, uint32_t len)
{
	hostile_add_desc(hostile, addr, len, direction(hostile), 0);
}

/* ---- addresses and lengths ---- */

static void unmapped_address(struct hostile *hostile)
{
	add_at(hostile, end_of_memory(hostile) + 4096, HOSTILE_RX_LEN);
}

static void address_0(struct hostile *hostile)
{
	add_at(hostile, 0, HOSTILE_RX_LEN);
}

static void over_the_end_of_memory(struct hostile *hostile)
{
	add_at(hostile, end_of_memory(hostile) - 50, HOSTILE_RX_LEN);
}

static void over_the_begin_of_memory(struct hostile *hostile)
{
	add_at(hostile, VHC_MEM_BASE - 50, HOSTILE_RX_LEN);
}

static void over_the_end_of_addresses(struct hostile *hostile)
{
	add_at(hostile, ~0ULL - 50, HOSTILE_RX_LEN);
}

static void length_beyond_memory(struct hostile *hostile)
{
	add_at(hostile, hostile->buffer, ~0U);
}

/* Where the host's kernel is, for whoever forgets to translate. */
static void address_of_the_kernel(struct hostile *hostile)
{
	add_at(hostile, 0xffff888000000000ULL, HOSTILE_RX_LEN);
}

static void length_0(struct hostile *hostile)
{
	add_at(hostile, hostile->buffer, 0);
}

static void fill_table(struct hostile *hostile, unsigned int entries, uint32_t len)
{
	unsigned int i;

	for (i = 0; i < entries; i++)
		hostile_set_entry(hostile, i, hostile->buffer + i, len,
				  direction(hostile) | (i + 1 < entries ? VRING_DESC_F_NEXT : 0),
				  i + 1);
}

static void table_of_1025_segments(struct hostile *hostile)
{
	fill_table(hostile, 1025, 1);
	hostile_add_table(hostile, 16 * 1025);
}

static void table_of_empty_segments(struct hostile *hostile)
{
	fill_table(hostile, 1000, 0);
	hostile_add_table(hostile, 16 * 1000);
}

static void last_segment_is_unmapped(struct hostile *hostile)
{
	fill_table(hostile, 17, 100);
	hostile_set_entry(hostile, 16, end_of_memory(hostile), 100, direction(hostile), 0);
	hostile_add_table(hostile, 16 * 17);
}

/* All of it is mapped, many times over. */
static void add_mapped(struct hostile *hostile, unsigned int segments, uint32_t len)
{
	unsigned int i;

	for (i = 0; i < segments; i++)
		hostile_set_entry(hostile, i, VHC_MEM_BASE, len,
				  i + 1 < segments ? VRING_DESC_F_NEXT : 0, i + 1);
	hostile_add_table(hostile, 16 * segments);
}

static void frame_of_4_gb(struct hostile *hostile)
{
	add_mapped(hostile, 1000, 4 << 20);
}

static void frame_of_2_gb_and_one(struct hostile *hostile)
{
	add_mapped(hostile, 512, 4 << 20);
	hostile_set_entry(hostile, 511, VHC_MEM_BASE, (4 << 20) + 1, 0, 0);
}

static void frame_of_5_mb(struct hostile *hostile)
{
	add_mapped(hostile, 5, 1 << 20);
}

/* ---- directions ---- */

static void writable_to_send(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, 100, VRING_DESC_F_WRITE, 0);
}

static void readable_to_receive(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->buffer, HOSTILE_RX_LEN, 0, 0);
}

/* Of a packed ring's table, the first entry's direction may be that of the second. */
static void readable_after_writable(struct hostile *hostile)
{
	hostile_set_entry(hostile, 0, hostile->buffer, 100, VRING_DESC_F_NEXT, 1);
	hostile_set_entry(hostile, 1, hostile->buffer, 100, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT,
			  2);
	hostile_set_entry(hostile, 2, hostile->buffer, 100, 0, 0);
	hostile_add_table(hostile, 48);
}

static void both_directions(struct hostile *hostile)
{
	hostile_set_entry(hostile, 0, hostile->buffer, 1000, VRING_DESC_F_NEXT, 1);
	hostile_set_entry(hostile, 1, hostile->buffer + 1000, 1000, VRING_DESC_F_WRITE, 0);
	hostile_add_table(hostile, 32);
}

/* ---- indirect tables ---- */

static void table_of_length_0(struct hostile *hostile)
{
	hostile_add_table(hostile, 0);
}

static void table_of_one_and_a_half(struct hostile *hostile)
{
	hostile_set_entry(hostile, 0, hostile->buffer, 100, direction(hostile), 0);
	hostile_add_table(hostile, 24);
}

static void table_of_one_byte(struct hostile *hostile)
{
	hostile_add_table(hostile, 1);
}

/* 2 bytes name an entry. */
static void table_of_65537(struct hostile *hostile)
{
	hostile_add_table(hostile, 16 * 65537);
}

static void table_of_4_gb(struct hostile *hostile)
{
	hostile_add_table(hostile, ~0U - 15);
}

static void table_in_a_table(struct hostile *hostile)
{
	hostile_set_entry(hostile, 0, hostile->table, 16, VRING_DESC_F_INDIRECT, 0);
	hostile_add_table(hostile, 16);
}

static void unmapped_table(struct hostile *hostile)
{
	hostile_add_desc(hostile, end_of_memory(hostile), 32, VRING_DESC_F_INDIRECT, 0);
}

static void table_over_the_end_of_memory(struct hostile *hostile)
{
	hostile_add_desc(hostile, end_of_memory(hostile) - 16, 32, VRING_DESC_F_INDIRECT, 0);
}

static void table_over_the_end_of_addresses(struct hostile *hostile)
{
	hostile_add_desc(hostile, ~0ULL - 15, 32, VRING_DESC_F_INDIRECT, 0);
}

/* ---- more than one chain ---- */

/* More faults than any batch. */
static void a_ring_full_of_faults(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 255; i++)
		(i % 3 ? unmapped_address : i % 2 ? writable_to_send : length_0)(hostile);
	vhc_queue_publish(hostile_queue(hostile));
}

/* The last one of a batch of good frames. */
static void a_fault_behind_good_frames(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < 63; i++)
		rig_add_tx(&hostile->rig, hostile->number++);
	unmapped_address(hostile);
	vhc_queue_publish(hostile_queue(hostile));
}

/*
 * Too few buffers for a frame, and no more come: the worker must not look at them again and
 * again. CVE-2026-74356.
 */
static void too_few_buffers_for_a_frame(struct hostile *hostile)
{
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = 100 };
	static char frame[VHC_FRAME_MAX];
	struct virtio_net_hdr header;

	assert_true(vhc_driver_add(hostile->driver, &seg, 0, 1, 0) >= 0);
	vhc_queue_publish(hostile_queue(hostile));
	vhc_frame_header(&header, true);
	vhc_frame_build(frame, 60000, VHC_RX, 0, true);
	assert_result(vhc_tap_send(&hostile->rig.port.tap, &header, frame, 60000), 0);
}

/* Then the frame has a place. */
static void more_buffers(struct hostile *hostile)
{
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = HOSTILE_RX_LEN };
	struct vhc_used used;
	unsigned int i;

	for (i = 0; i < 40; i++)
		assert_true(vhc_driver_add(hostile->driver, &seg, 0, 1, 0) >= 0);
	vhc_queue_publish(hostile_queue(hostile));
	sight_wait(hostile, NULL);
	while (vhc_driver_take_used(hostile->driver, &used) > 0)
		;
	/* Those that are left take what is sent next; then none is. */
	rig_reset_queue(&hostile->rig, VHC_RX);
}

/* ---- buffers where they should not be ---- */

static void the_ring_is_sent(struct hostile *hostile)
{
	hostile_add_desc(hostile, hostile->driver->area[VHC_DESC_AREA].addr, 1000, 0, 0);
	vhc_queue_publish(hostile_queue(hostile));
}

/* The device overwrites its own ring with frames. */
static void frames_go_into_the_ring(struct hostile *hostile)
{
	unsigned int i;

	for (i = 0; i < VHC_AREAS; i++)
		hostile_add_desc(hostile, hostile->driver->area[i].addr, HOSTILE_RX_LEN,
				 VRING_DESC_F_WRITE, 0);
	vhc_queue_publish(hostile_queue(hostile));
	for (i = 0; i < VHC_AREAS; i++)
		hostile_send_rx(hostile);
}

static void frames_go_into_the_other_ring(struct hostile *hostile)
{
	const struct vhc_driver *other = rig_driver(&hostile->rig, VHC_TX);
	unsigned int i;

	for (i = 0; i < VHC_AREAS; i++)
		hostile_add_desc(hostile, other->area[i].addr, HOSTILE_RX_LEN, VRING_DESC_F_WRITE,
				 0);
	vhc_queue_publish(hostile_queue(hostile));
	for (i = 0; i < VHC_AREAS; i++)
		hostile_send_rx(hostile);
	vhc_queue_kick(&hostile->rig.port.queue[VHC_TX]);
}

#define TX(reason, add_, ...) CHAIN(RING, VHC_TX, reason, add_, ##__VA_ARGS__)
#define RX(reason, add_, ...) CHAIN(RING, VHC_RX, reason, add_, ##__VA_ARGS__)

/*
 * README: "a frame shorter than its header, or in unmapped memory"
 * README: "any other bad chain"
 */
static const struct attack list[] = {
	TX(ADDRESS, unmapped_address),
	TX(ADDRESS, address_0),
	TX(ADDRESS, over_the_end_of_memory),
	TX(ADDRESS, over_the_begin_of_memory),
	TX(ADDRESS, over_the_end_of_addresses),
	TX(ADDRESS, length_beyond_memory),
	TX(ADDRESS, address_of_the_kernel),
	TX(ADDRESS, last_segment_is_unmapped),
	TX(LENGTH, length_0),
	TX(LENGTH, table_of_1025_segments),
	TX(LENGTH, table_of_empty_segments),
	TX(LENGTH, frame_of_4_gb),
	TX(LENGTH, frame_of_2_gb_and_one),
	TX(LENGTH, frame_of_5_mb),
	TX(DIRECTION, writable_to_send),
	TX(DIRECTION, both_directions),
	TX(ORDER, readable_after_writable),
	TX(INDIRECT, table_of_length_0),
	TX(INDIRECT, table_of_one_and_a_half),
	TX(INDIRECT, table_of_one_byte),
	TX(INDIRECT, table_of_65537),
	TX(INDIRECT, table_of_4_gb),
	TX(INDIRECT, table_in_a_table),
	TX(ADDRESS, unmapped_table),
	TX(ADDRESS, table_over_the_end_of_memory),
	TX(ADDRESS, table_over_the_end_of_addresses),
	RX(ADDRESS, unmapped_address),
	RX(ADDRESS, address_0),
	RX(ADDRESS, over_the_end_of_memory),
	RX(ADDRESS, over_the_begin_of_memory),
	RX(ADDRESS, over_the_end_of_addresses),
	RX(ADDRESS, length_beyond_memory),
	RX(ADDRESS, address_of_the_kernel),
	RX(ADDRESS, last_segment_is_unmapped),
	RX(LENGTH, length_0),
	RX(LENGTH, table_of_1025_segments),
	RX(LENGTH, table_of_empty_segments),
	RX(DIRECTION, readable_to_receive),
	RX(DIRECTION, both_directions),
	RX(ORDER, readable_after_writable),
	RX(INDIRECT, table_of_length_0),
	RX(INDIRECT, table_of_one_and_a_half),
	RX(INDIRECT, table_of_65537),
	RX(INDIRECT, table_of_4_gb),
	RX(INDIRECT, table_in_a_table),
	RX(ADDRESS, unmapped_table),
	RX(ADDRESS, table_over_the_end_of_memory),
	ATTACK(RING, VHC_TX, SURVIVED, a_ring_full_of_faults, .chains = 255),
	ATTACK(RING, VHC_TX, SURVIVED, a_fault_behind_good_frames, .chains = 64),
	ATTACK(RING, VHC_RX, IGNORED, too_few_buffers_for_a_frame, .repair = more_buffers,
	       .with = VHC_F_MRG_RXBUF),
	ATTACK(RING, VHC_TX, SURVIVED, the_ring_is_sent, .chains = 1),
	ATTACK(RING, VHC_RX, RUINED, frames_go_into_the_ring),
	ATTACK(RING, VHC_RX, RUINED, frames_go_into_the_other_ring),
};

const struct attacks chain_attacks = { list, ARRAY_SIZE(list) };
