// SPDX-License-Identifier: GPL-2.0
/*
 * Does one device that is hammered cost another one, of another process, its rate?
 *
 * What counts is what a batch of frames costs the other one's workers, beside a device that is
 * hammered and beside a process that is busy and harmless: in instructions, by the clock
 * of tests/vm/run --icount. By any other one, what the host's other threads do to its caches
 * would count, too, which is more than the tenth that is asked about. That a hostile device's own
 * worker does not take the CPU from others is seen elsewhere: it sleeps when there is nothing to
 * do.
 *
 * Caller: hostile-test.c.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "neighbour.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { LEAST_PERCENT = 90 };

struct hammer {
	struct hostile *hostile;
	void (*step)(struct hostile *hostile);
	atomic_uint steps;
	atomic_bool stop;
};

static void *hammer(void *arg)
{
	struct hammer *hammer = arg;

	while (!atomic_load(&hammer->stop)) {
		hammer->step(hammer->hostile);
		atomic_fetch_add(&hammer->steps, 1);
	}
	return NULL;
}

/* What the other one's batch costs while a thread of this process does something. */
static uint64_t cost_beside(struct hostile *hostile, void (*step)(struct hostile *hostile))
{
	struct hammer what = { .hostile = hostile, .step = step };
	pthread_t thread;
	uint64_t cost;

	assert_int_equal(pthread_create(&thread, NULL, hammer, &what), 0);
	while (!atomic_load(&what.steps))
		sched_yield();
	cost = neighbour_cost(hostile->rig.variant->custom);
	atomic_store(&what.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (!cost)
		sight_says(hostile, "another device is dead");
	return cost;
}

/* Not hostile, and busy, too. */
static void compute(struct hostile *hostile)
{
	volatile unsigned int i;

	for (i = 0; i < 10000; i++)
		;
	sched_yield();
}

static void compare(struct hostile *hostile, void (*step)(struct hostile *hostile))
{
	uint64_t usual, cost;
	char text[SIGHT_TEXT];

	usual = cost_beside(hostile, compute);
	cost = cost_beside(hostile, step);
	print_message("# a batch costs %" PRIu64 " ns, and %" PRIu64 " beside a hammered device\n",
		      usual, cost);
	if (usual * 100 >= cost * LEAST_PERCENT)
		return;
	snprintf(text, sizeof(text), "another device keeps %u %% of its rate",
		 (unsigned int)(usual * 100 / cost));
	sight_says(hostile, text);
}

/* ---- what it is hammered with ---- */

static void take_tx(struct hostile *hostile)
{
	struct vhc_used used;

	while (vhc_driver_take_used(hostile->driver, &used) > 0)
		;
}

static void offer_bad_chains(struct hostile *hostile)
{
	struct vhc_seg seg = { .addr = 0, .len = 100 };
	unsigned int i;

	take_tx(hostile);
	for (i = 0; i < 64; i++)
		if (vhc_driver_add(hostile->driver, &seg, 1, 0, 0) < 0)
			break;
	vhc_driver_publish(hostile->driver);
	vhc_queue_kick(hostile_queue(hostile));
	sched_yield();
}

static void bad_chains_without_end(struct hostile *hostile)
{
	compare(hostile, offer_bad_chains);
}

static void offer_bad_index(struct hostile *hostile)
{
	hostile->driver->added += 1000;
	vhc_driver_publish(hostile->driver);
	vhc_queue_kick(hostile_queue(hostile));
	sched_yield();
}

static void bad_indices_without_end(struct hostile *hostile)
{
	compare(hostile, offer_bad_index);
}

static void kick_both(struct hostile *hostile)
{
	vhc_queue_kick(&hostile->rig.port.queue[VHC_RX]);
	vhc_queue_kick(&hostile->rig.port.queue[VHC_TX]);
}

static void kicks_without_end(struct hostile *hostile)
{
	compare(hostile, kick_both);
}

static void change_all(struct hostile *hostile)
{
	const struct vhc_dev *dev = &hostile->rig.port.dev;
	struct vhost_memory *table = vhc_mem_table(&hostile->rig.port.mem);

	vhc_set_mem_table(dev, table);
	free(table);
	vhc_net_set_backend(dev, VHC_TX, -1);
	vhc_net_set_backend(dev, VHC_TX, hostile->rig.port.tap.fd);
	vhc_set_features(dev, hostile->rig.port.features);
}

static void ioctls_without_end(struct hostile *hostile)
{
	compare(hostile, change_all);
}

static void open_and_close(struct hostile *hostile)
{
	struct vhc_dev dev;

	vhc_open(&dev, hostile->rig.variant->device);
	vhc_set_owner(&dev);
	vhc_close(&dev);
}

static void owners_without_end(struct hostile *hostile)
{
	compare(hostile, open_and_close);
}

#define HAMMER(group_, apply_, ...) \
	ATTACK(group_, VHC_TX, RUINED, apply_, .seconds = 60, ##__VA_ARGS__)

static const struct attack list[] = {
	HAMMER(RING, bad_chains_without_end),
	HAMMER(RING, bad_indices_without_end, .rings = SPLIT),
	HAMMER(RING, kicks_without_end),
	HAMMER(VMM, ioctls_without_end),
	HAMMER(VMM, owners_without_end),
};

const struct attacks hammer_attacks = { list, ARRAY_SIZE(list) };
