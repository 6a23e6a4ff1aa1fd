// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that rewrites what it made available while the device reads it: whatever the device has
 * checked may be something else when it is used.
 *
 * Caller: hostile-test.c. A thread rewrites; the attack's own thread kicks and sends frames.
 */
#include <endian.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	USED = 1 << VRING_PACKED_DESC_F_USED,
	CHAIN = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT,
	STEPS_LEAST = 20000,
	KICKS_LEAST = 200,
	TABLE = 64,		/* entries that are rewritten */
};

/* The thread's. */
struct racer {
	struct hostile *hostile;
	void (*step)(struct hostile *hostile, struct vhc_driver *driver, uint32_t random);
	atomic_uint steps;
	atomic_bool stop;
};

static void put16(void *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)at, htole16(value), __ATOMIC_RELAXED);
}

static void put32(void *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)at, htole32(value), __ATOMIC_RELAXED);
}

static void put64(void *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)at, htole64(value), __ATOMIC_RELAXED);
}

/* Most of them pass some check. */
static uint64_t any_address(const struct hostile *hostile, uint32_t random)
{
	const uint64_t places[] = {
		hostile->buffer, hostile->buffer + 4000, hostile->buffer + 65536, hostile->table,
		vhc_mem_end(&hostile->rig.port.mem) - 100, 0, ~0ULL - 100,
		hostile->driver->area[VHC_DESC_AREA].addr,
	};

	return places[random % ARRAY_SIZE(places)];
}

static uint32_t any_length(uint32_t random)
{
	static const uint32_t lens[] = {
		0, 1, 12, 16, 26, 60, 160, 1024, 1514, 4096, 16 * TABLE, 65536, 1 << 20, ~0U,
	};

	return lens[random % ARRAY_SIZE(lens)];
}

/* Both layouts have address and length at the same places, and flags and the rest swapped. */
static void *desc_at(const struct vhc_driver *driver, uint32_t random)
{
	return &driver->split.desc[random % driver->num];
}

static bool is_packed(const struct hostile *hostile)
{
	return hostile->rig.port.features & VHC_F_RING_PACKED;
}

static void rewrite_address(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	struct vring_desc *desc = desc_at(driver, random);

	put64(&desc->addr, any_address(hostile, random >> 12));
}

static void rewrite_length(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	struct vring_desc *desc = desc_at(driver, random);

	put32(&desc->len, any_length(random >> 12));
}

static void rewrite_flags(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	struct vring_packed_desc *packed = desc_at(driver, random);
	struct vring_desc *desc = desc_at(driver, random);
	const uint16_t flags = random >> 12 & CHAIN;

	if (is_packed(hostile))
		put16(&packed->flags, flags | (random & 1 << 20 ? AVAIL : USED));
	else
		put16(&desc->flags, flags);
}

/* Where a split ring's chain goes on; a packed ring's buffer ID. */
static void rewrite_next(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	struct vring_packed_desc *packed = desc_at(driver, random);
	struct vring_desc *desc = desc_at(driver, random);

	if (is_packed(hostile))
		put16(&packed->id, random >> 4);
	else
		put16(&desc->next, (random >> 12) % (driver->num + 4));
}

/* What is available: heads and their number, or the flags of each descriptor. */
static void rewrite_index(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	struct vring_avail *avail = driver->split.avail;

	if (is_packed(hostile)) {
		rewrite_flags(hostile, driver, random & ~(CHAIN << 12));
		return;
	}
	put16(&avail->ring[random % driver->num], (random >> 12) % (driver->num + 2));
	if (random >> 20 & 1)
		put16(&avail->idx, random >> 21 ? le16toh(avail->idx) + 1 : random >> 4);
}

static void rewrite_wish(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	if (is_packed(hostile)) {
		put16(&driver->packed.driver->off_wrap, random >> 4);
		put16(&driver->packed.driver->flags, random);
	} else {
		put16(&driver->split.avail->flags, random);
		put16(&driver->split.avail->ring[driver->num], random >> 4);
	}
}

static void rewrite_table(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	const uint64_t at = hostile->table + random % TABLE * sizeof(struct vring_desc);
	struct vring_desc *entry = vhc_mem_host(&hostile->rig.port.mem, at);

	switch (random >> 8 & 3) {
	case 0:
		put64(&entry->addr, any_address(hostile, random >> 12));
		break;
	case 1:
		put32(&entry->len, any_length(random >> 12));
		break;
	default:
		put16(&entry->flags, random >> 12 & CHAIN);
		put16(&entry->next, (random >> 16) % (TABLE + 2));
	}
}

/* Each of its bytes by itself: whoever reads a field twice sees two of them. */
static void rewrite_header(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	char *header = vhc_mem_host(&hostile->rig.port.mem, hostile->buffer);

	__atomic_store_n(&header[random % 12], random >> 12 & (random & 1 ? 0xff : 0x03),
			 __ATOMIC_RELAXED);
}

static void rewrite_anything(struct hostile *hostile, struct vhc_driver *driver, uint32_t random)
{
	static void (*const steps[])(struct hostile *hostile, struct vhc_driver *driver,
				     uint32_t random) = {
		rewrite_address, rewrite_length, rewrite_flags, rewrite_next, rewrite_index,
		rewrite_wish, rewrite_table, rewrite_header,
	};

	steps[random % ARRAY_SIZE(steps)](hostile, driver, random / ARRAY_SIZE(steps));
}

static void *rewrite(void *arg)
{
	struct racer *racer = arg;
	struct hostile *hostile = racer->hostile;

	while (!atomic_load(&racer->stop)) {
		const uint32_t random = hostile_random(hostile);

		racer->step(hostile, rig_driver(&hostile->rig, random & 1), random >> 1);
		/* A host with one CPU changes its mind between kicks at least. */
		if (atomic_fetch_add(&racer->steps, 1) % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static unsigned int table_entry(unsigned int i, unsigned int index)
{
	return (i + 1 < TABLE ? VRING_DESC_F_NEXT : 0) |
	       (index == VHC_RX ? VRING_DESC_F_WRITE : 0);
}

/* Chains that are good at first: some direct, some with the table, the header always the same. */
static void offer_all(struct hostile *hostile, unsigned int index)
{
	struct vhc_driver *driver = rig_driver(&hostile->rig, index);
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = 200 };
	struct vhc_used used;
	int head;

	while (vhc_driver_take_used(driver, &used) > 0)
		;
	driver->error = 0;
	while (driver->free_num) {
		head = vhc_driver_add(driver, &seg, index == VHC_TX, index == VHC_RX, 0);
		if (head < 0)
			break;
		if (head % 4 == 0)
			vhc_driver_rewrite(driver, head, hostile->table, 16 * TABLE,
					   VRING_DESC_F_INDIRECT, 0);
	}
	vhc_driver_publish(driver);
}

static void race(struct hostile *hostile,
		 void (*step)(struct hostile *hostile, struct vhc_driver *driver,
			      uint32_t random))
{
	struct racer racer = { .hostile = hostile, .step = step };
	unsigned int i, index, kicks = 0;
	pthread_t thread;

	for (i = 0; i < TABLE; i++)
		hostile_set_entry(hostile, i, hostile->buffer + i, 50,
				  table_entry(i, hostile->attack->index), i + 1);
	assert_int_equal(pthread_create(&thread, NULL, rewrite, &racer), 0);
	while (atomic_load(&racer.steps) < STEPS_LEAST || kicks < KICKS_LEAST) {
		for (index = 0; index < VHC_QUEUES; index++) {
			if (kicks % 8 == 0)
				offer_all(hostile, index);
			vhc_queue_kick(&hostile->rig.port.queue[index]);
		}
		if (kicks++ < KICKS_LEAST)
			hostile_send_rx(hostile);
		sched_yield();
	}
	atomic_store(&racer.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void addresses_are_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_address);
}

static void lengths_are_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_length);
}

static void flags_are_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_flags);
}

static void links_are_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_next);
}

static void what_is_available_is_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_index);
}

static void wishes_are_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_wish);
}

static void a_table_is_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_table);
}

static void a_header_is_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_header);
}

static void a_header_is_rewritten_alone(struct hostile *hostile)
{
	race(hostile, rewrite_header);
}

static void anything_is_rewritten(struct hostile *hostile)
{
	race(hostile, rewrite_anything);
}

#define RACE(apply_, ...) ATTACK(RING, VHC_TX, RUINED, apply_, ##__VA_ARGS__)

static const struct attack list[] = {
	RACE(addresses_are_rewritten),
	RACE(lengths_are_rewritten),
	RACE(flags_are_rewritten),
	RACE(links_are_rewritten),
	RACE(what_is_available_is_rewritten),
	RACE(wishes_are_rewritten),
	RACE(a_table_is_rewritten),
	RACE(a_header_is_rewritten),
	RACE(a_header_is_rewritten_alone, .send_buffer = 1 << 20),
	RACE(anything_is_rewritten),
	ATTACK(RING, VHC_RX, RUINED, anything_is_rewritten, .with = VHC_F_MRG_RXBUF),
};

const struct attacks race_attacks = { list, ARRAY_SIZE(list) };
