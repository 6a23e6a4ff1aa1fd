// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about fairness: no queue waits for more of the other one's frames than a run may have, on
 * a thread of its own, and on one that both share.
 *
 * Caller: data-test.c.
 */
#include <sched.h>

#include "parts.h"
#include "rig.h"

enum {
	TURNS = 8,
	TURNS_LEAST = 3,
	TURNS_MOST = 30,	/* with those in which this thread came too late to see the flood */
	/* Chains of TX, and frames to the guest, that are ready before the device sees any. */
	TX_FLOOD = 20000,
	RX_FLOOD = 6000,
	/* A run that has begun, one more, and what this thread may come late on a busy host. */
	PASSED_MOST = 2048,
	/* On one thread, and seen without delay: the run before, and the one after. */
	PASSED_ON_THREAD = 2 * 256,
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

/**
 * struct way - how a flood is passed
 * @open: opens the rig.
 * @pass: has a queue that is flooded go through its chains while the other one gets one of its
 *	own. Returns true if the flood was on when that one came, and how many of it passed.
 * @judge: of turns in which the flood was on.
 */
struct way {
	void (*open)(struct rig *rig, const struct variant *variant,
		     const struct vhc_port_config *config);
	bool (*pass)(struct rig *rig, unsigned int flooded, unsigned int chains,
		     void (*send_one)(struct rig *rig), uint16_t *passed);
	void (*judge)(const uint16_t passed[TURNS], unsigned int seen);
};

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

	if (seen < TURNS_LEAST)
		fail_msg("the flood was seen in %u of %u turns only", seen, TURNS_MOST);
	for (i = 0; i < seen; i++)
		least = passed[i] < least ? passed[i] : least;
	if (least > PASSED_MOST)
		fail_msg("%u frames passed the other queue's only one", least);
}

static const struct way on_its_own_thread = { rig_open, pass_flood, expect_few };

static void set_policy(int policy)
{
	const struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	assert_int_equal(sched_setscheduler(0, policy, &param), 0);
}

/* The worker has to share one CPU with this thread, which so takes it when it wants it. */
static void open_on_one_cpu(struct rig *rig, const struct variant *variant,
			    const struct vhc_port_config *config)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	rig_open_shared(rig, variant, config);
}

/* The flood is first in the worker's list, the lone one second. */
static bool pass_flood_on_thread(struct rig *rig, unsigned int flooded, unsigned int chains,
				 void (*send_one)(struct rig *rig), uint16_t *passed)
{
	struct vhc_driver *flood = rig_driver(rig, flooded);
	const uint16_t start = vhc_driver_used_idx(flood);

	set_policy(SCHED_FIFO);
	vhc_queue_publish(&rig->port.queue[flooded]);
	send_one(rig);
	assert_true(vhc_queue_wait(&rig->port.queue[!flooded], 1, RIG_PATIENCE_MS));
	*passed = vhc_driver_used_idx(flood) - start;
	set_policy(SCHED_OTHER);
	take_all(rig, !flooded, 1);
	take_all(rig, flooded, chains);
	return *passed;
}

static void expect_a_run_or_two(const uint16_t passed[TURNS], unsigned int seen)
{
	unsigned int i;

	assert_int_equal(seen, TURNS);
	for (i = 0; i < seen; i++)
		if (passed[i] > PASSED_ON_THREAD)
			fail_msg("%u frames passed the other queue's only one", passed[i]);
}

static const struct way on_one_thread = {
	open_on_one_cpu, pass_flood_on_thread, expect_a_run_or_two,
};

static void send_one_rx(struct rig *rig)
{
	rig_send_rx(rig, 1, 300);
}

static void flood_tx(const struct variant *variant, const struct way *way)
{
	const struct vhc_port_config config = { .ring_size = 32768 };
	uint16_t passed[TURNS];
	struct vhc_seg seg;
	uint64_t buffer;
	struct rig rig;
	unsigned int turn, seen = 0, i;

	way->open(&rig, variant, &config);
	rig_start(&rig);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	seg = rig_tx_seg(&rig, 1);
	for (turn = 0; turn < TURNS_MOST && seen < TURNS; turn++) {
		rig_post_rx(&rig, buffer, BUFFER);
		for (i = 0; i < TX_FLOOD; i++)
			assert_true(vhc_driver_add(rig_driver(&rig, VHC_TX), &seg, 1, 0, 1) >= 0);
		seen += way->pass(&rig, VHC_TX, TX_FLOOD, send_one_rx, &passed[seen]);
	}
	way->judge(passed, seen);
	rig_close(&rig);
}

static void a_frame_to_the_guest_passes_a_flood_from_it(const struct variant *variant)
{
	flood_tx(variant, &on_its_own_thread);
}

static void a_frame_to_the_guest_passes_a_flood_on_its_thread(const struct variant *variant)
{
	flood_tx(variant, &on_one_thread);
}

static void send_one_tx(struct rig *rig)
{
	rig_add_tx(rig, 1);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
}

static void flood_rx(const struct variant *variant, const struct way *way)
{
	const struct vhc_port_config config = { .ring_size = 8192, .queue_len = RX_FLOOD };
	struct vhc_seg seg = { .len = BUFFER };
	uint16_t passed[TURNS];
	struct rig rig;
	unsigned int turn, seen = 0, i;

	way->open(&rig, variant, &config);
	rig_start(&rig);
	seg.addr = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	for (turn = 0; turn < TURNS_MOST && seen < TURNS; turn++) {
		for (i = 0; i < RX_FLOOD; i++)
			rig_send_rx(&rig, i, 300);
		for (i = 0; i < RX_FLOOD; i++)
			assert_true(vhc_driver_add(rig_driver(&rig, VHC_RX), &seg, 0, 1, 1) >= 0);
		seen += way->pass(&rig, VHC_RX, RX_FLOOD, send_one_tx, &passed[seen]);
	}
	way->judge(passed, seen);
	rig_close(&rig);
}

static void a_frame_from_the_guest_passes_a_flood_to_it(const struct variant *variant)
{
	flood_rx(variant, &on_its_own_thread);
}

static void a_frame_from_the_guest_passes_a_flood_on_its_thread(const struct variant *variant)
{
	flood_rx(variant, &on_one_thread);
}

const struct claim fair_claims[] = {
	VARY(ON_BOTH, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, neither_direction_starves),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_to_the_guest_passes_a_flood_from_it),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_from_the_guest_passes_a_flood_to_it),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_to_the_guest_passes_a_flood_on_its_thread),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_from_the_guest_passes_a_flood_on_its_thread),
};

const size_t fair_claim_num = sizeof(fair_claims) / sizeof(fair_claims[0]);
