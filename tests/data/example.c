// SPDX-License-Identifier: GPL-2.0
/*
 * A template: claims about NOUN: what the device does, and what it does not, in two sentences. Copy
 * this file to tests/data/NOUN.c, put its two symbols into parts.h and its list into main() of
 * data-test.c; the Makefile finds it by itself. Then see each claim fail: break the module.
 *
 * It is built and run as it is. Caller: data-test.c.
 */
#include "frame.h"
#include "parts.h"
#include "rig.h"

enum {
	/* Small enough that all of them are in the ring at once. */
	FRAMES = 8,
	/* Of a frame to the guest; with any header there is room for it. */
	LEN = 300,
	BUFFER = 2048,
};

/*
 * A claim says by its name what holds. It runs in a process of its own, with a deadline; whatever
 * the kernel complains of fails it. What it opens and leaves open the kernel closes.
 */
static void frames_go_each_way_in_their_order(const struct variant *variant)
{
	struct rig rig;
	uint64_t buffer;
	unsigned int i;

	/* A device with the features of this variant, a tap, and memory as a guest has it. */
	rig_open(&rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig.port.mem, FRAMES * BUFFER, 64);
	rig_start(&rig);

	/* The driver makes frames available, and kicks once: they come out of the tap. */
	for (i = 0; i < FRAMES; i++)
		rig_add_tx(&rig, i);
	vhc_queue_publish(&rig.port.queue[VHC_TX]);
	for (i = 0; i < FRAMES; i++)
		rig_expect_tx(&rig, i);

	/* The driver has buffers; what the host sends to the tap gets into them. */
	for (i = 0; i < FRAMES; i++)
		rig_post_rx(&rig, buffer + i * BUFFER, BUFFER);
	for (i = 0; i < FRAMES; i++)
		rig_send_rx(&rig, i, LEN);
	for (i = 0; i < FRAMES; i++)
		rig_expect_rx(&rig, i);

	/* vhost-net has no counters. */
	if (variant->custom) {
		assert_int_equal(vhc_stat(&rig.port.dev, VHC_RX, "packets"), FRAMES);
		assert_int_equal(vhc_stat(&rig.port.dev, VHC_RX, "bytes"), FRAMES * LEN);
		assert_int_equal(vhc_stat(&rig.port.dev, VHC_TX, "packets"), FRAMES);
	}
	rig_close(&rig);
}

const struct claim example_claims[] = {
	/* On which devices it holds, and which features are on and off in turn: claims.h. */
	VARY(ON_BOTH, VHC_F_EVENT_IDX, frames_go_each_way_in_their_order),
};

const size_t example_claim_num = sizeof(example_claims) / sizeof(example_claims[0]);
