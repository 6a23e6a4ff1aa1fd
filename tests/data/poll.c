// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about polling that adapts: how long a queue polls follows from how long it waits, and
 * it is nobody else's loss. What poll-us does is in counters.c and trace.c.
 *
 * Caller: data-test.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "parts.h"
#include "rig.h"

enum {
	BUFFER = 2048,
	LEAST_US = 10,		/* the shortest poll */
	MAX_US = 1000000,	/* more than a test lets a queue wait */
	SHORT_US = 1000,	/* less than rig_settle() takes */
};

static unsigned int interval(const struct rig *rig, unsigned int queue)
{
	char value[RIG_STATE_VALUE];

	assert_true(rig_state(rig, queue == VHC_RX ? "rx_poll_interval_us" :
						     "tx_poll_interval_us", value));
	return strtoul(value, NULL, 10);
}

static void expect(struct rig *rig, unsigned int queue, const char *name, uint64_t want)
{
	assert_int_equal(vhc_stat(&rig->port.dev, queue, name), want);
}

static uint64_t open_polling(struct rig *rig, const struct variant *variant, unsigned int max)
{
	uint64_t buffer;

	rig_set_parameter("poll_max_us", max);
	rig_open(rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig->port.mem, BUFFER, 64);
	rig_start(rig);
	rig_post_rx(rig, buffer, BUFFER);
	rig_settle();
	return buffer;
}

static void close_polling(struct rig *rig)
{
	rig_set_parameter("poll_max_us", 0);
	rig_close(rig);
}

/* A frame in the direction of @queue. Returns true if the device had to be kicked for it. */
static bool exchange(struct rig *rig, unsigned int queue, uint64_t buffer)
{
	struct vhc_driver *driver = rig_driver(rig, queue);
	struct vhc_used used;
	bool kicked;

	if (queue == VHC_RX) {
		rig_send_rx(rig, 1, 100);
		rig_expect_rx(rig, 1);
		rig_post_rx(rig, buffer, BUFFER);
		return false;
	}
	rig_add_tx(rig, 1);
	kicked = vhc_queue_publish(&rig->port.queue[VHC_TX]);
	rig_expect_tx(rig, 1);
	rig_spin_until_used(rig, VHC_TX, driver->last_used + 1);
	assert_int_equal(vhc_driver_take_used(driver, &used), 1);
	return kicked;
}

/* All sleep after each frame, for longer than any of these intervals. */
static void an_interval_grows_while_polls_pay_and_shrinks_else(const struct variant *variant)
{
	unsigned int queue, us, misses;
	uint64_t buffer;
	struct rig rig;

	buffer = open_polling(&rig, variant, MAX_US);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		rig_set_parameter("poll_max_us", MAX_US);
		/* It was idle while RX was not, for how long is not known. */
		if (queue == VHC_TX) {
			vhc_port_stop_queue(&rig.port, VHC_TX);
			vhc_port_start_queue(&rig.port, VHC_TX);
			rig_settle();
		}
		misses = 0;
		for (us = LEAST_US; us < 5 * SHORT_US; us *= 2) {
			exchange(&rig, queue, buffer);
			rig_settle();
			assert_int_equal(interval(&rig, queue), us);
			expect(&rig, queue, "poll_misses", ++misses);
		}
		/* No poll of that length will do any more. */
		rig_set_parameter("poll_max_us", SHORT_US);
		for (us = SHORT_US / 2; us >= LEAST_US; us /= 2) {
			exchange(&rig, queue, buffer);
			rig_settle();
			assert_int_equal(interval(&rig, queue), us);
			expect(&rig, queue, "poll_misses", ++misses);
		}
		for (us = 0; us < 3; us++) {
			exchange(&rig, queue, buffer);
			rig_settle();
			assert_int_equal(interval(&rig, queue), 0);
		}
		expect(&rig, queue, "poll_misses", misses);
		expect(&rig, queue, "poll_hits", 0);
		/* It begins anew if it pays again. */
		rig_set_parameter("poll_max_us", MAX_US);
		exchange(&rig, queue, buffer);
		assert_int_equal(interval(&rig, queue), LEAST_US);
		rig_set_parameter("poll_max_us", 0);
		rig_settle();
	}
	close_polling(&rig);
}

static void an_interval_is_at_most_the_maximum(const struct variant *variant)
{
	static const unsigned int longest[] = { 3, 3 * LEAST_US };
	unsigned int i, turn;
	uint64_t buffer;
	struct rig rig;

	buffer = open_polling(&rig, variant, MAX_US);
	for (i = 0; i < 8; i++) {
		exchange(&rig, VHC_TX, buffer);
		rig_settle();
	}
	for (turn = 0; turn < 2; turn++) {
		rig_set_parameter("poll_max_us", longest[turn]);
		exchange(&rig, VHC_TX, buffer);
		rig_settle();
		assert_true(interval(&rig, VHC_TX) <= longest[turn]);
	}
	/* Off, there is none, and none is measured. */
	rig_set_parameter("poll_max_us", 0);
	exchange(&rig, VHC_TX, buffer);
	rig_settle();
	assert_int_equal(interval(&rig, VHC_TX), 0);
	exchange(&rig, VHC_RX, buffer);
	rig_settle();
	expect(&rig, VHC_RX, "poll_misses", 0);
	close_polling(&rig);
}

static void work_is_found_without_kick_or_wakeup(const struct variant *variant)
{
	const bool alone = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	uint64_t buffer, avoided;
	unsigned int i, kicks = 0;
	struct rig rig;

	buffer = open_polling(&rig, variant, MAX_US);
	/* Until it is worth to poll for as long as a frame takes here. */
	for (i = 0; i < 15; i++) {
		exchange(&rig, VHC_TX, buffer);
		rig_settle();
	}
	avoided = vhc_stat(&rig.port.dev, VHC_TX, "kicks_avoided");
	for (i = 0; i < 50; i++)
		kicks += exchange(&rig, VHC_TX, buffer);
	rig_settle();
	/* A poll ends when somebody wants the CPU, and there may be one only. */
	assert_in_range(kicks, 0, alone ? 50 : 49);
	expect(&rig, VHC_TX, "kicks_avoided", avoided + 50 - kicks);
	/* Nor is what the last look before the end finds found by a poll. */
	assert_in_range(vhc_stat(&rig.port.dev, VHC_TX, "poll_hits"), alone ? 0 : 1, 65);
	close_polling(&rig);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A queue that would poll for a second does not keep the other one from its frames. */
static void a_poll_is_not_the_other_queue_s_loss(const struct variant *variant)
{
	uint64_t buffer, began, took, least = UINT64_MAX;
	unsigned int i;
	struct rig rig;

	buffer = open_polling(&rig, variant, MAX_US);
	for (i = 0; i < 18; i++) {
		exchange(&rig, VHC_TX, buffer);
		rig_settle();
	}
	for (i = 0; i < 3; i++) {
		began = now_ms();
		exchange(&rig, VHC_TX, buffer);
		exchange(&rig, VHC_RX, buffer);
		took = now_ms() - began;
		least = took < least ? took : least;
	}
	/* An emulator may stand still; it would have to do so each time. */
	assert_true(least < MAX_US / 1000 / 2);
	close_polling(&rig);
}

static void poll_us_holds_where_it_is_set(const struct variant *variant)
{
	uint64_t buffer;
	unsigned int i;
	struct rig rig;

	buffer = open_polling(&rig, variant, MAX_US);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, 1);
	for (i = 1; i < 9; i++) {
		exchange(&rig, VHC_TX, buffer);
		rig_settle();
		expect(&rig, VHC_TX, "poll_misses", i);
		assert_int_equal(interval(&rig, VHC_TX), 0);
	}
	close_polling(&rig);
}

/* Fewer frames than a run may have, and each ends a wait; but it must not hold the queue long. */
static void a_run_polls_no_longer_than_one_wait(const struct variant *variant)
{
	const bool alone = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	uint64_t buffer;
	unsigned int i;
	struct rig rig;

	buffer = open_polling(&rig, variant, 0);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, 20000);
	for (i = 0; i < 100; i++) {
		exchange(&rig, VHC_TX, buffer);
		usleep(1000);
	}
	assert_true(alone || vhc_stat(&rig.port.dev, VHC_TX, "requeues"));
	close_polling(&rig);
}

/* Its time is that of several runs, each of which hands the queue on to the next one. */
static void a_poll_of_several_runs_ends(const struct variant *variant)
{
	enum { TIMEOUT_US = 25000, RUN_US = 10000, FRAMES = 5 };
	uint64_t buffer;
	unsigned int i;
	struct rig rig;

	buffer = open_polling(&rig, variant, 0);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, TIMEOUT_US);
	for (i = 1; i <= FRAMES; i++) {
		exchange(&rig, VHC_TX, buffer);
		while (vhc_stat(&rig.port.dev, VHC_TX, "poll_misses") < i)
			usleep(TIMEOUT_US);
	}
	rig_settle();
	expect(&rig, VHC_TX, "poll_misses", FRAMES);
	assert_in_range(vhc_stat(&rig.port.dev, VHC_TX, "requeues"), 0,
			FRAMES * (TIMEOUT_US / RUN_US + 1));
	close_polling(&rig);
}

static void a_queue_that_was_stopped_begins_anew(const struct variant *variant)
{
	uint64_t buffer;
	unsigned int i;
	struct rig rig;

	buffer = open_polling(&rig, variant, MAX_US);
	for (i = 0; i < 5; i++) {
		exchange(&rig, VHC_TX, buffer);
		rig_settle();
	}
	assert_int_equal(interval(&rig, VHC_TX), LEAST_US << 4);
	vhc_port_stop_queue(&rig.port, VHC_TX);
	assert_int_equal(interval(&rig, VHC_TX), 0);
	vhc_port_start_queue(&rig.port, VHC_TX);
	rig_settle();
	exchange(&rig, VHC_TX, buffer);
	assert_int_equal(interval(&rig, VHC_TX), LEAST_US);
	close_polling(&rig);
}

const struct claim poll_claims[] = {
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     an_interval_grows_while_polls_pay_and_shrinks_else),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, an_interval_is_at_most_the_maximum),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     work_is_found_without_kick_or_wakeup),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_poll_is_not_the_other_queue_s_loss),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, poll_us_holds_where_it_is_set),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_run_polls_no_longer_than_one_wait),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_poll_of_several_runs_ends),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_queue_that_was_stopped_begins_anew),
};

const size_t poll_claim_num = sizeof(poll_claims) / sizeof(poll_claims[0]);
