// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about fairness: no queue waits for more of the other one's frames than a run may have.
 *
 * Caller: data-test.c.
 */
#include "parts.h"
#include "rig.h"

enum {
	TURNS = 3,
	TURNS_MOST = 20,	/* with those in which this thread came too late to see the flood */
	/* Chains of TX, and frames to the guest, that are ready before the device sees any. */
	TX_FLOOD = 20000,
	RX_FLOOD = 6000,
	/* A run that has begun, one more, and what this thread may come late on a busy host. */
	PASSED_MOST = 2048,
	BUFFER = 512,
};

static void neither_direction_starves(const struct variant *variant)
{
	const struct vhc_flow_report *rx, *tx;
	struct vhc_traffic_config traffic = rig_traffic(0);
	struct rig rig;

	traffic.seconds = 1;
	traffic.max = 60;
	rig_open(&rig, variant, NULL);
	rig_run(&rig, &traffic);
	rx = &rig.report.flow[VHC_RX];
	tx = &rig.report.flow[VHC_TX];
	if (rx->received < tx->received / 10 || tx->received < rx->received / 10)
		fail_msg("RX received %llu frames while TX received %llu",
			 (unsigned long long)rx->received, (unsigned long long)tx->received);
	rig_close(&rig);
}

static void take_all(struct rig *rig, unsigned int index, unsigned int chains)
{
	struct vhc_driver *driver = rig_driver(rig, index);
	struct vhc_used used;

	rig_spin_until_used(rig, index, driver->last_used + chains);
	while (chains--)
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
}

/*
 * Has a queue that is flooded go through its chains while the other one gets one of its own.
 * Returns true if the flood was on when that one came, and how many of it passed.
 */
static bool pass_flood(struct rig *rig, unsigned int flooded, unsigned int chains,
		       void (*send_one)(struct rig *rig), uint16_t *passed)
{
	struct vhc_driver *flood = rig_driver(rig, flooded), *lone = rig_driver(rig, !flooded);
	const uint16_t start = vhc_driver_used_idx(flood);
	const uint16_t want = vhc_driver_used_idx(lone) + 1;
	uint16_t before;

	vhc_queue_publish(&rig->port.queue[flooded]);
	do {
		before = vhc_driver_used_idx(flood);
	} while (before == start);
	send_one(rig);
	rig_spin_until_used(rig, !flooded, want);
	*passed = vhc_driver_used_idx(flood) - before;
	take_all(rig, !flooded, 1);
	take_all(rig, flooded, chains);
	return (uint16_t)(before - start) < chains / 2;
}

/* At least once: this thread may not get a CPU for a while. Without fairness, it is never so. */
static void expect_few(const uint16_t passed[TURNS], unsigned int seen)
{
	uint16_t least = UINT16_MAX;
	unsigned int i;

	if (seen < TURNS)
		fail_msg("the flood was seen in %u of %u turns only", seen, TURNS_MOST);
	for (i = 0; i < TURNS; i++)
		least = passed[i] < least ? passed[i] : least;
	if (least > PASSED_MOST)
		fail_msg("%u frames passed the other queue's only one", least);
}

static void send_one_rx(struct rig *rig)
{
	rig_send_rx(rig, 1, 300);
}

static void a_frame_to_the_guest_passes_a_flood_from_it(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 32768 };
	uint16_t passed[TURNS];
	struct vhc_seg seg;
	uint64_t buffer;
	struct rig rig;
	unsigned int turn, seen = 0, i;

	rig_open(&rig, variant, &config);
	rig_start(&rig);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	seg = rig_tx_seg(&rig, 1);
	for (turn = 0; turn < TURNS_MOST && seen < TURNS; turn++) {
		rig_post_rx(&rig, buffer, BUFFER);
		for (i = 0; i < TX_FLOOD; i++)
			assert_true(vhc_driver_add(rig_driver(&rig, VHC_TX), &seg, 1, 0, 1) >= 0);
		seen += pass_flood(&rig, VHC_TX, TX_FLOOD, send_one_rx, &passed[seen]);
	}
	expect_few(passed, seen);
	rig_close(&rig);
}

static void send_one_tx(struct rig *rig)
{
	rig_add_tx(rig, 1);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
}

static void a_frame_from_the_guest_passes_a_flood_to_it(const struct variant *variant)
{
	const struct vhc_port_config config = { .ring_size = 8192, .queue_len = RX_FLOOD };
	struct vhc_seg seg = { .len = BUFFER };
	uint16_t passed[TURNS];
	struct rig rig;
	unsigned int turn, seen = 0, i;

	rig_open(&rig, variant, &config);
	rig_start(&rig);
	seg.addr = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	for (turn = 0; turn < TURNS_MOST && seen < TURNS; turn++) {
		for (i = 0; i < RX_FLOOD; i++)
			rig_send_rx(&rig, i, 300);
		for (i = 0; i < RX_FLOOD; i++)
			assert_true(vhc_driver_add(rig_driver(&rig, VHC_RX), &seg, 0, 1, 1) >= 0);
		seen += pass_flood(&rig, VHC_RX, RX_FLOOD, send_one_tx, &passed[seen]);
	}
	expect_few(passed, seen);
	rig_close(&rig);
}

const struct claim fair_claims[] = {
	VARY(ON_BOTH, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, neither_direction_starves),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_to_the_guest_passes_a_flood_from_it),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_from_the_guest_passes_a_flood_to_it),
};

const size_t fair_claim_num = sizeof(fair_claims) / sizeof(fair_claims[0]);
