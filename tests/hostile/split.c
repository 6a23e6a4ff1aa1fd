// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that break the rules of split rings: where a chain goes on, and what is in the available
 * ring.
 *
 * Caller: hostile-test.c.
 */
#include <endian.h>

#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static uint16_t direction(const struct hostile *hostile)
{
	return hostile->attack->index == VHC_RX ? VRING_DESC_F_WRITE : 0;
}

/* ---- chains ---- */

static void add_with_next(struct hostile *hostile, uint16_t next)
{
	hostile_add_desc(hostile, hostile->buffer, 100, direction(hostile) | VRING_DESC_F_NEXT,
			 next);
}

static void next_just_beyond_the_table(struct hostile *hostile)
{
	add_with_next(hostile, hostile->driver->num);
}

static void next_of_65535(struct hostile *hostile)
{
	add_with_next(hostile, 65535);
}

static void chain_that_bites_its_tail(struct hostile *hostile)
{
	add_with_next(hostile, hostile->driver->free_head);
}

/* Its second descriptor leads to itself; and all lengths are 0. */
static void loop_of_empty_descriptors(struct hostile *hostile)
{
	unsigned int head = hostile->driver->free_head, next = (head + 100) % 256;

	vhc_driver_rewrite(hostile->driver, next, 0, 0, VRING_DESC_F_NEXT, next);
	hostile_add_desc(hostile, 0, 0, VRING_DESC_F_NEXT, next);
}

/* All of the table in one chain, which then begins anew. */
static void loop_of_all_descriptors(struct hostile *hostile)
{
	struct vhc_driver *driver = hostile->driver;
	unsigned int i;

	for (i = 0; i < driver->num; i++)
		vhc_driver_rewrite(driver, i, hostile->buffer, 1,
				   direction(hostile) | VRING_DESC_F_NEXT, (i + 1) % driver->num);
	add_with_next(hostile, (driver->free_head + 1) % driver->num);
}

static void table_with_next(struct hostile *hostile)
{
	unsigned int head = hostile->driver->free_head;

	hostile_set_entry(hostile, 0, hostile->buffer, 100, direction(hostile), 0);
	hostile_add_desc(hostile, hostile->table, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT,
			 (head + 1) % 256);
}

static void next_beyond_the_indirect_table(struct hostile *hostile)
{
	hostile_set_entry(hostile, 0, hostile->buffer, 100,
			  direction(hostile) | VRING_DESC_F_NEXT, 2);
	hostile_set_entry(hostile, 1, hostile->buffer, 100, direction(hostile), 0);
	hostile_add_table(hostile, 32);
}

static void loop_in_an_indirect_table(struct hostile *hostile)
{
	hostile_set_entry(hostile, 0, hostile->buffer, 100,
			  direction(hostile) | VRING_DESC_F_NEXT, 1);
	hostile_set_entry(hostile, 1, hostile->buffer, 100,
			  direction(hostile) | VRING_DESC_F_NEXT, 0);
	hostile_add_table(hostile, 32);
}

/* ---- the available ring ---- */

static void offer_head(struct hostile *hostile, uint16_t head)
{
	struct vhc_driver *driver = hostile->driver;

	driver->split.avail->ring[driver->added++ % driver->num] = htole16(head);
}

static void head_just_beyond_the_table(struct hostile *hostile)
{
	offer_head(hostile, hostile->driver->num);
}

static void head_of_65535(struct hostile *hostile)
{
	offer_head(hostile, 65535);
}

static void move_index(struct hostile *hostile, uint16_t jump)
{
	hostile->driver->added += jump;
	vhc_driver_publish(hostile->driver);
	/* Each look at it is told of: one. */
	if (hostile->attack->index == VHC_RX)
		hostile_send_rx(hostile);
	else
		vhc_queue_kick(hostile_queue(hostile));
	hostile->driver->added -= jump;
}

static void index_one_too_far(struct hostile *hostile)
{
	move_index(hostile, hostile->driver->num + 1);
}

static void index_half_way_round(struct hostile *hostile)
{
	move_index(hostile, 32768);
}

static void index_backwards(struct hostile *hostile)
{
	move_index(hostile, 65535);
}

static void right_index(struct hostile *hostile)
{
	vhc_driver_publish(hostile->driver);
}

/* Each of the ring's slots has the same chain; it is sent as often. */
static void one_head_many_times(struct hostile *hostile)
{
	const struct vhc_seg seg = rig_tx_seg(&hostile->rig, hostile->number);
	int head = vhc_driver_add(hostile->driver, &seg, 1, 0, 0);
	unsigned int i;

	assert_true(head >= 0);
	for (i = 1; i < 100; i++)
		offer_head(hostile, head);
	vhc_queue_publish(hostile_queue(hostile));
}

/* ---- the used ring, which is not the driver's to write ---- */

static void the_driver_writes_the_used_ring(struct hostile *hostile)
{
	struct vring_used *used = hostile->driver->split.used;
	unsigned int i;

	for (i = 0; i < hostile->driver->num; i++) {
		used->ring[i].id = htole32(hostile_random(hostile));
		used->ring[i].len = htole32(hostile_random(hostile));
	}
	used->flags = htole16(0xfffe);
	used->idx = htole16(hostile_random(hostile));
	rig_add_tx(&hostile->rig, hostile->number++);
	vhc_driver_publish(hostile->driver);
	vhc_queue_kick(hostile_queue(hostile));
}

/* ---- wishes ---- */

static void wishes_that_make_no_sense(struct hostile *hostile)
{
	struct vring_avail *avail = hostile->driver->split.avail;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		avail->flags = htole16(hostile_random(hostile));
		avail->ring[hostile->driver->num] = htole16(hostile_random(hostile));
		rig_add_tx(&hostile->rig, hostile->number++);
		vhc_queue_publish(hostile_queue(hostile));
	}
	avail->flags = 0;
}

/* ---- all of it ---- */

static void scribble(struct hostile *hostile, struct vhc_driver *driver)
{
	const unsigned int beyond = driver->num + driver->num / 16;
	struct vhc_split *split = &driver->split;
	unsigned int i;

	for (i = 0; i < driver->num; i++) {
		struct vring_desc *desc = &split->desc[i];
		const uint32_t random = hostile_random(hostile);

		desc->addr = htole64(random % 8 ? hostile->buffer + random % 65536 : random);
		desc->len = htole32(random % 5 ? random % 2000 : random << 8);
		desc->flags = htole16(hostile_random(hostile) % 8);
		desc->next = htole16(hostile_random(hostile) % beyond);
		split->avail->ring[i] = htole16(hostile_random(hostile) % beyond);
	}
	split->avail->flags = htole16(hostile_random(hostile));
	split->avail->ring[driver->num] = htole16(hostile_random(hostile));
	driver->added += hostile_random(hostile) % beyond;
	split->avail->idx = htole16(driver->added);
}

static void noise_all_over_both_rings(struct hostile *hostile)
{
	hostile_noise(hostile, scribble);
}

#define TX(reason, add_) CHAIN(RING, VHC_TX, reason, add_, .rings = SPLIT)
#define RX(reason, add_) CHAIN(RING, VHC_RX, reason, add_, .rings = SPLIT)
#define HEAD(queue, add_) \
	{ .name = #add_, .group = RING, .outcome = SKIPPED, .index = (queue), \
	  .reason = VHOST_CUSTOM_BAD_HEAD, .add = add_, .rings = SPLIT }
#define INDEX(queue, apply_) \
	{ .name = #apply_, .group = RING, .outcome = SKIPPED, .index = (queue), \
	  .reason = VHOST_CUSTOM_BAD_INDEX, .apply = apply_, .repair = right_index, \
	  .kick = true, .rings = SPLIT }

static const struct attack list[] = {
	TX(NEXT, next_just_beyond_the_table),
	TX(NEXT, next_of_65535),
	TX(LOOP, chain_that_bites_its_tail),
	TX(LOOP, loop_of_empty_descriptors),
	TX(LOOP, loop_of_all_descriptors),
	TX(INDIRECT, table_with_next),
	TX(NEXT, next_beyond_the_indirect_table),
	TX(LOOP, loop_in_an_indirect_table),
	RX(NEXT, next_just_beyond_the_table),
	RX(NEXT, next_of_65535),
	RX(LOOP, chain_that_bites_its_tail),
	RX(LOOP, loop_of_all_descriptors),
	RX(INDIRECT, table_with_next),
	RX(NEXT, next_beyond_the_indirect_table),
	RX(LOOP, loop_in_an_indirect_table),
	HEAD(VHC_TX, head_just_beyond_the_table),
	HEAD(VHC_TX, head_of_65535),
	HEAD(VHC_RX, head_just_beyond_the_table),
	HEAD(VHC_RX, head_of_65535),
	INDEX(VHC_TX, index_one_too_far),
	INDEX(VHC_TX, index_half_way_round),
	INDEX(VHC_TX, index_backwards),
	INDEX(VHC_RX, index_one_too_far),
	INDEX(VHC_RX, index_half_way_round),
	INDEX(VHC_RX, index_backwards),
	ATTACK(RING, VHC_TX, RUINED, one_head_many_times, .rings = SPLIT),
	ATTACK(RING, VHC_TX, RUINED, the_driver_writes_the_used_ring, .rings = SPLIT),
	ATTACK(RING, VHC_TX, IGNORED, wishes_that_make_no_sense, .rings = SPLIT),
	ATTACK(RING, VHC_RX, RUINED, noise_all_over_both_rings, .rings = SPLIT, .ring_size = 64),
};

const struct attacks split_attacks = { list, ARRAY_SIZE(list) };
