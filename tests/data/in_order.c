// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about what IN_ORDER is for: one used entry stands for a batch. That all else is as without
 * it, the other files say of each layout of the ring.
 *
 * Caller: data-test.c. vhost-net does the same since Linux 7.2, but is not what is tested.
 */
#include <endian.h>
#include <string.h>

#include "parts.h"
#include "rig.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { FRAMES = 40, NOBODY = 0xeeeeeeee };

/* Fills the used ring of a split one with nonsense. */
static void poison(struct vhc_driver *driver)
{
	unsigned int i;

	for (i = 0; i < driver->num; i++)
		driver->split.used->ring[i].id = htole32(NOBODY);
}

/* How many used entries are there, of chains with a descriptor each? And the first of them. */
static unsigned int split_entries(struct vhc_driver *driver, uint32_t *first)
{
	unsigned int i, entries = 0;

	*first = le32toh(driver->split.used->ring[0].id);
	for (i = 0; i < driver->num; i++)
		entries += driver->split.used->ring[i].id != htole32(NOBODY);
	return entries;
}

static unsigned int packed_entries(struct vhc_driver *driver, uint32_t *first)
{
	const uint16_t used = 1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED;
	unsigned int i, entries = 0;

	*first = le16toh(driver->packed.desc[0].id);
	for (i = 0; i < driver->num; i++)
		entries += (le16toh(driver->packed.desc[i].flags) & used) == used;
	return entries;
}

static void frames_of_a_batch_share_a_used_entry(const struct variant *variant)
{
	const bool packed = variant->features & VHC_F_RING_PACKED;
	struct vhc_driver *driver;
	unsigned int i, last = 0;
	struct vhc_used used;
	uint32_t first;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	driver = rig_driver(&rig, VHC_TX);
	rig_start(&rig);
	rig_settle();
	if (!packed)
		poison(driver);
	for (i = 0; i < FRAMES; i++) {
		const struct vhc_seg seg = rig_tx_seg(&rig, i);

		last = vhc_driver_add(driver, &seg, 1, 0, i);
	}
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	for (i = 0; i < FRAMES; i++)
		rig_expect_tx(&rig, i);
	rig_settle();
	assert_int_equal(packed ? packed_entries(driver, &first) :
				  split_entries(driver, &first), 1);
	assert_int_equal(first, last);
	for (i = 0; i < FRAMES; i++) {
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
		assert_int_equal(used.cookie, i);
	}
	rig_close(&rig);
}

const struct claim in_order_claims[] = {
	/* README: "IN_ORDER" */
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_IN_ORDER, VHC_F_EVENT_IDX,
	     frames_of_a_batch_share_a_used_entry),
};

const size_t in_order_claim_num = ARRAY_SIZE(in_order_claims);
