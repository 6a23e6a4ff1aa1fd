// SPDX-License-Identifier: GPL-2.0
/*
 * Drivers that break the rules of packed rings: buffer IDs, wrap counters, chains without an end,
 * descriptors that are taken back, event structures.
 *
 * vhost_net has no packed rings. Caller: hostile-test.c.
 */
#include <endian.h>
#include <string.h>

#include "frame.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	AVAIL = 1 << VRING_PACKED_DESC_F_AVAIL,
	USED = 1 << VRING_PACKED_DESC_F_USED,
	KNOWN = AVAIL | USED | VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT,
};

/* The descriptor that is so many behind the next one to make available. */
static struct vring_packed_desc *desc_behind(struct hostile *hostile, unsigned int count)
{
	const struct vhc_driver *driver = hostile->driver;

	return &driver->packed.desc[(driver->packed.avail_at + count) % driver->num];
}

static bool looks_used(const struct vring_packed_desc *desc)
{
	const uint16_t flags = le16toh(desc->flags) & (AVAIL | USED);

	return !flags || flags == (AVAIL | USED);
}

static void expect_no_fault(struct hostile *hostile)
{
	assert_int_equal(hostile_bad_count(hostile, VHC_TX, ANY_REASON), 0);
	assert_int_equal(hostile_bad_count(hostile, VHC_RX, ANY_REASON), 0);
}

static void take_tx(struct hostile *hostile, unsigned int chains)
{
	struct vhc_used used;

	rig_spin_until_used(&hostile->rig, VHC_TX, hostile->driver->last_used + chains);
	while (chains--)
		assert_int_equal(vhc_driver_take_used(hostile->driver, &used), 1);
	hostile->before = hostile->driver->last_used;
}

/* ---- buffer IDs ---- */

/* What an ID stands for is the driver's affair; it comes back as it was. */
static void tx_with_id(const struct variant *variant, uint16_t id)
{
	struct vring_packed_desc *desc;
	struct hostile hostile;
	uint16_t right;

	hostile_open(&hostile, variant, VHC_TX);
	hostile_good_tx(&hostile, 1);
	desc = desc_behind(&hostile, 0);
	rig_add_tx(&hostile.rig, 2);
	right = desc->id;
	desc->id = htole16(id);
	vhc_queue_publish(&hostile.rig.port.queue[VHC_TX]);
	rig_expect_tx(&hostile.rig, 2);
	rig_settle();
	assert_true(looks_used(desc));
	assert_int_equal(le16toh(desc->id), id);
	desc->id = right;
	take_tx(&hostile, 1);
	hostile_good_tx(&hostile, 3);
	expect_no_fault(&hostile);
	rig_close(&hostile.rig);
}

static void tx_an_id_beyond_the_ring_comes_back(const struct variant *variant)
{
	tx_with_id(variant, 256);
	tx_with_id(variant, 65535);
}

static void tx_an_id_that_is_there_twice_comes_back_twice(const struct variant *variant)
{
	struct vring_packed_desc *desc[2], *last;
	struct hostile hostile;
	uint16_t right;

	hostile_open(&hostile, variant, VHC_TX);
	hostile_good_tx(&hostile, 1);
	desc[0] = desc_behind(&hostile, 0);
	desc[1] = desc_behind(&hostile, 1);
	rig_add_tx(&hostile.rig, 2);
	rig_add_tx(&hostile.rig, 3);
	right = desc[1]->id;
	desc[1]->id = desc[0]->id;
	vhc_queue_publish(&hostile.rig.port.queue[VHC_TX]);
	rig_expect_tx(&hostile.rig, 2);
	rig_expect_tx(&hostile.rig, 3);
	rig_settle();
	assert_true(looks_used(desc[0]));
	/* In order, one may stand for both. */
	last = desc[looks_used(desc[1])];
	assert_true(last == desc[1] || variant->features & VHC_F_IN_ORDER);
	last->id = right;
	take_tx(&hostile, 2);
	hostile_good_tx(&hostile, 4);
	expect_no_fault(&hostile);
	rig_close(&hostile.rig);
}

/* ---- wrap counters ---- */

static void expect_nothing_was_sent(struct hostile *hostile)
{
	vhc_queue_kick(&hostile->rig.port.queue[VHC_TX]);
	rig_settle();
	assert_int_equal(vhc_stat(&hostile->rig.port.dev, VHC_TX, "packets"), 1);
	assert_int_equal(vhc_driver_used_idx(hostile->driver), hostile->before);
	expect_no_fault(hostile);
}

/* A descriptor is available if both of its flags say so, for this lap. */
static void tx_flags_of_another_lap_are_not_taken(const struct variant *variant)
{
	static const uint16_t lies[] = { AVAIL, USED, AVAIL | USED };
	struct vring_packed_desc *desc;
	struct hostile hostile;
	uint16_t right;
	unsigned int i;

	hostile_open(&hostile, variant, VHC_TX);
	hostile_good_tx(&hostile, 1);
	desc = desc_behind(&hostile, 0);
	rig_add_tx(&hostile.rig, 2);
	right = hostile.driver->packed.held_flags;
	/* The driver is no device: what it says is used is not. */
	hostile.driver->out_num = 0;
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		hostile.driver->packed.held_flags = right ^ lies[i];
		vhc_driver_publish(hostile.driver);
		desc->flags = htole16(right ^ lies[i]);
		expect_nothing_was_sent(&hostile);
	}
	hostile.driver->out_num = 1;
	desc->flags = htole16(right);
	vhc_queue_kick(&hostile.rig.port.queue[VHC_TX]);
	rig_expect_tx(&hostile.rig, 2);
	take_tx(&hostile, 1);
	hostile_good_tx(&hostile, 3);
	rig_close(&hostile.rig);
}

static void tx_reserved_flags_are_ignored(const struct variant *variant)
{
	struct hostile hostile;

	hostile_open(&hostile, variant, VHC_TX);
	rig_add_tx(&hostile.rig, 1);
	hostile.driver->packed.held_flags |= (uint16_t)~KNOWN;
	vhc_queue_publish(&hostile.rig.port.queue[VHC_TX]);
	rig_expect_tx(&hostile.rig, 1);
	take_tx(&hostile, 1);
	hostile_good_tx(&hostile, 2);
	expect_no_fault(&hostile);
	rig_close(&hostile.rig);
}

/* ---- chains ---- */

/* All of the ring, from its middle around its end, and the last one leads to the first. */
static void chain_without_an_end(struct hostile *hostile)
{
	const unsigned int num = hostile->driver->num;
	const bool tx = hostile->attack->index == VHC_TX;

	hostile_add_chain(hostile, tx ? num : 0, tx ? 0 : num);
	desc_behind(hostile, num - 1)->flags |= htole16(VRING_DESC_F_NEXT);
}

/* The driver knows its end by what is in the ring, and goes on behind it. */
static void chain_of_1500_descriptors(struct hostile *hostile)
{
	hostile_add_chain(hostile, 1500, 0);
}

/* Behind others in one look at the ring, it is looked at again. */
static void tx_chain_of_1500_descriptors_behind_others(const struct variant *variant)
{
	struct hostile hostile;
	unsigned int i;

	hostile_open_sized(&hostile, variant, VHC_TX, 2048);
	for (i = 0; i < 10; i++)
		rig_add_tx(&hostile.rig, i);
	chain_of_1500_descriptors(&hostile);
	rig_add_tx(&hostile.rig, 10);
	vhc_queue_publish(&hostile.rig.port.queue[VHC_TX]);
	for (i = 0; i < 11; i++)
		rig_expect_tx(&hostile.rig, i);
	hostile_expect_counted(&hostile, VHC_TX, VHOST_CUSTOM_BAD_LENGTH);
	take_tx(&hostile, 12);
	hostile_good_tx(&hostile, 11);
	rig_close(&hostile.rig);
}

static void table_with_next_in_a_packed_ring(struct hostile *hostile)
{
	const struct vhc_seg seg[2] = { { hostile->table, 16 }, { hostile->buffer, 100 } };
	int head = vhc_driver_add(hostile->driver, seg, 2, 0, 0);

	assert_true(head >= 0);
	hostile_set_entry(hostile, 0, hostile->buffer, 100, 0, 0);
	vhc_driver_rewrite(hostile->driver, head, hostile->table, 16,
			   VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 0);
}

/* ---- descriptors that are taken back ---- */

enum {
	FEW = 80,		/* buffers: for two looks at the ring, and too few for the frame */
	ALL = 101,		/* those that it needs */
	PART = 600,
	LARGE = 60000,
};

static void post_parts(struct hostile *hostile, unsigned int parts)
{
	const struct vhc_seg seg = { .addr = hostile->buffer, .len = PART };

	while (parts--)
		assert_true(vhc_driver_add(hostile->driver, &seg, 0, 1, 0) >= 0);
	vhc_driver_publish(hostile->driver);
}

static void send_large_rx(struct hostile *hostile)
{
	static char frame[VHC_FRAME_MAX];
	struct virtio_net_hdr header;

	vhc_tap_detach(&hostile->rig.port.tap);
	vhc_tap_attach(&hostile->rig.port.tap, vhc_frame_protocol(true));
	vhc_frame_header(&header, true);
	vhc_frame_build(frame, LARGE, VHC_RX, 1, true);
	assert_result(vhc_tap_send(&hostile->rig.port.tap, &header, frame, LARGE), 0);
}

static void rx_buffers_that_are_taken_back(const struct variant *variant)
{
	struct vhc_queue *queue;
	struct hostile hostile;
	struct vhc_used used;
	uint32_t bytes = 0;
	unsigned int i;

	hostile_open(&hostile, variant, VHC_RX);
	queue = &hostile.rig.port.queue[VHC_RX];
	post_parts(&hostile, FEW);
	vhc_queue_kick(queue);
	send_large_rx(&hostile);
	rig_settle();
	assert_int_equal(vhc_driver_used_idx(hostile.driver), 0);
	for (i = 0; i < FEW; i++)
		hostile.driver->packed.desc[i].flags ^= htole16(AVAIL | USED);
	vhc_queue_kick(queue);
	hostile_expect_counted(&hostile, VHC_RX, VHOST_CUSTOM_BAD_INDEX);
	for (i = 0; i < FEW; i++)
		hostile.driver->packed.desc[i].flags ^= htole16(AVAIL | USED);
	post_parts(&hostile, ALL - FEW);
	vhc_queue_kick(queue);
	rig_spin_until_used(&hostile.rig, VHC_RX, ALL);
	for (i = 0; i < ALL; i++) {
		assert_int_equal(vhc_driver_take_used(hostile.driver, &used), 1);
		bytes += used.len;
	}
	assert_int_equal(bytes, LARGE + hostile.rig.port.header_len);
	rig_close(&hostile.rig);
}

/* ---- event structures ---- */

/* Whoever asks for nonsense is rather woken once too often. */
static void a_wish_that_makes_no_sense_is_one_for_a_signal(const struct variant *variant)
{
	static const struct vring_packed_desc_event wishes[] = {
		{ .flags = 3 },
		{ .flags = 0xfffc },
		{ .flags = 0xffff, .off_wrap = 0xffff },
		{ .flags = VRING_PACKED_EVENT_FLAG_DESC, .off_wrap = 256 },
		{ .flags = VRING_PACKED_EVENT_FLAG_DESC, .off_wrap = 0x8000 | 256 },
		{ .flags = VRING_PACKED_EVENT_FLAG_DESC, .off_wrap = 0xffff },
	};
	struct vhc_queue *queue;
	struct hostile hostile;
	unsigned int i;

	hostile_open(&hostile, variant, VHC_TX);
	queue = &hostile.rig.port.queue[VHC_TX];
	for (i = 0; i < ARRAY_SIZE(wishes); i++) {
		hostile.driver->packed.driver->off_wrap = htole16(wishes[i].off_wrap);
		hostile.driver->packed.driver->flags = htole16(wishes[i].flags);
		rig_add_tx(&hostile.rig, i);
		vhc_queue_publish(queue);
		rig_expect_tx(&hostile.rig, i);
		take_tx(&hostile, 1);
		rig_settle();
		assert_int_equal(vhc_queue_signals(queue), 1);
	}
	hostile_good_tx(&hostile, i);
	expect_no_fault(&hostile);
	rig_close(&hostile.rig);
}

/* ---- all of it ---- */

/* Most descriptors are of one lap, or else the device would not look at them. */
static void scribble(struct hostile *hostile, struct vhc_driver *driver)
{
	const uint16_t lap = hostile_random(hostile) % 2 ? AVAIL : USED;
	struct vhc_packed *packed = &driver->packed;
	unsigned int i;

	for (i = 0; i < driver->num; i++) {
		struct vring_packed_desc *desc = &packed->desc[i];
		const uint32_t random = hostile_random(hostile);
		const uint16_t flags = hostile_random(hostile);

		desc->addr = htole64(random % 8 ? hostile->buffer + random % 65536 : random);
		desc->len = htole32(random % 5 ? random % 2000 : random << 8);
		desc->id = htole16(hostile_random(hostile));
		desc->flags = htole16(random % 16 ? (flags & ~(AVAIL | USED)) | lap : flags);
	}
	packed->driver->off_wrap = htole16(hostile_random(hostile));
	packed->driver->flags = htole16(hostile_random(hostile));
	packed->device->off_wrap = htole16(hostile_random(hostile));
	packed->device->flags = htole16(hostile_random(hostile));
}

static void noise_all_over_both_packed_rings(struct hostile *hostile)
{
	hostile_noise(hostile, scribble);
}

#define CHECK(name_, check_, ...) \
	{ .name = #name_, .group = RING, .check = check_, .rings = PACKED, ##__VA_ARGS__ }

static const struct attack list[] = {
	CHECK(an_id_beyond_the_ring, tx_an_id_beyond_the_ring_comes_back),
	CHECK(an_id_that_is_there_twice, tx_an_id_that_is_there_twice_comes_back_twice),
	CHECK(flags_of_another_lap, tx_flags_of_another_lap_are_not_taken),
	CHECK(reserved_flags, tx_reserved_flags_are_ignored),
	CHAIN(RING, VHC_TX, LOOP, chain_without_an_end, .rings = PACKED),
	CHAIN(RING, VHC_RX, LOOP, chain_without_an_end, .rings = PACKED),
	CHAIN(RING, VHC_TX, LENGTH, chain_of_1500_descriptors, .rings = PACKED,
	      .ring_size = 2048),
	CHECK(chain_of_1500_descriptors_behind_others,
	      tx_chain_of_1500_descriptors_behind_others),
	CHAIN(RING, VHC_TX, INDIRECT, table_with_next_in_a_packed_ring, .rings = PACKED),
	CHECK(buffers_that_are_taken_back, rx_buffers_that_are_taken_back,
	      .with = VHC_F_MRG_RXBUF),
	CHECK(wishes_that_make_no_sense_in_a_packed_ring,
	      a_wish_that_makes_no_sense_is_one_for_a_signal),
	ATTACK(RING, VHC_RX, RUINED, noise_all_over_both_packed_rings, .rings = PACKED,
	       .ring_size = 64),
};

const struct attacks packed_attacks = { list, ARRAY_SIZE(list) };
