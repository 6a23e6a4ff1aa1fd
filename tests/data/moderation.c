// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about moderated signals (VHOST_CUSTOM_SET_MODERATION): how many there are, and when; and
 * that none is lost, whatever ends the wait.
 *
 * Caller: data-test.c.
 */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "parts.h"
#include "rig.h"

enum {
	BUFFER = 2048,
	CHAINS = 8,
	LONG_US = 1000000,	/* longer than a test takes to send some frames */
	SHORT_US = 200000,
};

static void expect(struct rig *rig, unsigned int queue, const char *name, uint64_t want)
{
	assert_int_equal(vhc_stat(&rig->port.dev, queue, name), want);
}

static uint64_t signals(struct rig *rig, unsigned int queue)
{
	return vhc_queue_signals(&rig->port.queue[queue]);
}

/* Frames in the direction of @queue, one after another, whose chains are given back one by one. */
static void exchange(struct rig *rig, unsigned int queue, uint64_t buffer, unsigned int frames)
{
	struct vhc_driver *driver = rig_driver(rig, queue);
	struct vhc_used used;

	while (frames--) {
		if (queue == VHC_RX) {
			rig_post_rx(rig, buffer, BUFFER);
			rig_send_rx(rig, 1, 100);
		} else {
			rig_add_tx(rig, 1);
			vhc_queue_publish(&rig->port.queue[VHC_TX]);
			rig_expect_tx(rig, 1);
		}
		rig_spin_until_used(rig, queue, driver->last_used + 1);
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
	}
	rig_settle();
}

static uint64_t open_started(struct rig *rig, const struct variant *variant)
{
	unsigned int queue;
	uint64_t buffer;

	rig_open(rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig->port.mem, BUFFER, 64);
	rig_start(rig);
	rig_settle();
	/* The first signal may be one for good measure. */
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		exchange(rig, queue, buffer, 1);
		signals(rig, queue);
	}
	return buffer;
}

static void want_signal(struct rig *rig, unsigned int queue)
{
	assert_false(vhc_driver_enable_call(rig_driver(rig, queue)));
}

static void so_many_chains_are_one_signal(const struct variant *variant)
{
	unsigned int queue, turn;
	uint64_t before, buffer;
	struct rig rig;

	buffer = open_started(&rig, variant);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		vhc_set_moderation(&rig.port.dev, queue, CHAINS, LONG_US);
		before = vhc_stat(&rig.port.dev, queue, "signals");
		for (turn = 1; turn <= 3; turn++) {
			want_signal(&rig, queue);
			exchange(&rig, queue, buffer, CHAINS - 1);
			assert_int_equal(signals(&rig, queue), 0);
			exchange(&rig, queue, buffer, 1);
			assert_int_equal(signals(&rig, queue), 1);
			expect(&rig, queue, "signals", before + turn);
			expect(&rig, queue, "signals_delayed", turn * (CHAINS - 1));
			expect(&rig, queue, "signals_suppressed", 0);
		}
	}
	rig_close(&rig);
}

/* All of what is given back at once counts. */
static void a_batch_is_one_signal_if_it_is_long_enough(const struct variant *variant)
{
	struct vhc_driver *driver;
	struct vhc_used used;
	unsigned int frames, i;
	struct rig rig;

	open_started(&rig, variant);
	driver = rig_driver(&rig, VHC_TX);
	vhc_set_moderation(&rig.port.dev, VHC_TX, CHAINS, LONG_US);
	for (frames = CHAINS - 1; frames <= CHAINS + 1; frames++) {
		want_signal(&rig, VHC_TX);
		for (i = 0; i < frames; i++)
			rig_add_tx(&rig, i);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		for (i = 0; i < frames; i++)
			rig_expect_tx(&rig, i);
		rig_spin_until_used(&rig, VHC_TX, driver->last_used + frames);
		for (i = 0; i < frames; i++)
			assert_int_equal(vhc_driver_take_used(driver, &used), 1);
		rig_settle();
		assert_int_equal(signals(&rig, VHC_TX), frames < CHAINS ? 0 : 1);
		/* Ends the wait. */
		vhc_set_moderation(&rig.port.dev, VHC_TX, CHAINS, LONG_US);
		assert_int_equal(signals(&rig, VHC_TX), frames < CHAINS ? 1 : 0);
	}
	rig_close(&rig);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static void so_many_microseconds_are_one_signal(const struct variant *variant)
{
	unsigned int queue, turn, limit;
	uint64_t buffer, began;
	struct rig rig;

	buffer = open_started(&rig, variant);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		for (turn = 1; turn <= 3; turn++) {
			limit = turn == 2 ? 1000 : 0;
			vhc_set_moderation(&rig.port.dev, queue, limit, LONG_US);
			want_signal(&rig, queue);
			began = now_us();
			exchange(&rig, queue, buffer, 3);
			assert_int_equal(signals(&rig, queue), 0);
			assert_true(vhc_eventfd_wait(rig.port.queue[queue].call, RIG_PATIENCE_MS));
			assert_true(now_us() - began >= LONG_US);
			rig_settle();
			assert_int_equal(signals(&rig, queue), 1);
			expect(&rig, queue, "signals_delayed", 3 * turn);
			expect(&rig, queue, "signals_suppressed", 0);
		}
	}
	rig_close(&rig);
}

/*
 * Whether the run that polls looks at the clock, or a timer is earlier, cannot be seen from here;
 * "make coverage-module" tells whether the former happens. Either way there is one signal.
 */
static void a_run_that_polls_sends_it_when_it_is_due(const struct variant *variant)
{
	struct vhc_driver *driver;
	struct vhc_used used;
	unsigned int turn;
	uint64_t began;
	struct rig rig;

	open_started(&rig, variant);
	driver = rig_driver(&rig, VHC_TX);
	vhc_set_moderation(&rig.port.dev, VHC_TX, 0, SHORT_US);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, LONG_US);
	for (turn = 0; turn < 3; turn++) {
		want_signal(&rig, VHC_TX);
		began = now_us();
		rig_add_tx(&rig, turn);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_expect_tx(&rig, turn);
		assert_true(vhc_eventfd_wait(rig.port.queue[VHC_TX].call, RIG_PATIENCE_MS));
		assert_true(now_us() - began >= SHORT_US);
		assert_int_equal(signals(&rig, VHC_TX), 1);
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
	}
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_TX, 0);
	rig_close(&rig);
}

/* At (0, 0) the driver gets what it asks for, at once, also after it was moderated. */
static void without_moderation_each_wish_is_a_signal(const struct variant *variant)
{
	unsigned int queue, turn, i;
	uint64_t buffer;
	struct rig rig;

	buffer = open_started(&rig, variant);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		for (turn = 0; turn < 2; turn++) {
			for (i = 0; i < 5; i++) {
				want_signal(&rig, queue);
				exchange(&rig, queue, buffer, 1);
				assert_int_equal(signals(&rig, queue), 1);
			}
			expect(&rig, queue, "signals_delayed", 3 * turn);
			vhc_set_moderation(&rig.port.dev, queue, CHAINS, LONG_US);
			want_signal(&rig, queue);
			exchange(&rig, queue, buffer, 3);
			assert_int_equal(signals(&rig, queue), 0);
			/* What waits does so no longer. */
			vhc_set_moderation(&rig.port.dev, queue, 0, 0);
			assert_int_equal(signals(&rig, queue), 1);
		}
	}
	rig_close(&rig);
}

static void want_no_signal(struct rig *rig, unsigned int queue)
{
	struct vhc_driver *driver = rig_driver(rig, queue);

	vhc_driver_disable_call(driver);
	if (driver->event_idx)
		vhc_driver_enable_call_after(driver, 10 * CHAINS);
}

/* What it wished when the chains were given back does not matter. */
static void the_driver_is_asked_when_the_signal_is_due(const struct variant *variant)
{
	uint64_t buffer, suppressed = 0;
	unsigned int queue;
	struct rig rig;

	buffer = open_started(&rig, variant);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		suppressed = vhc_stat(&rig.port.dev, queue, "signals_suppressed");
		vhc_set_moderation(&rig.port.dev, queue, CHAINS, LONG_US);
		want_no_signal(&rig, queue);
		exchange(&rig, queue, buffer, CHAINS);
		assert_int_equal(signals(&rig, queue), 0);
		expect(&rig, queue, "signals_suppressed", suppressed + 1);

		want_no_signal(&rig, queue);
		exchange(&rig, queue, buffer, CHAINS - 1);
		want_signal(&rig, queue);
		exchange(&rig, queue, buffer, 1);
		assert_int_equal(signals(&rig, queue), 1);

		want_signal(&rig, queue);
		exchange(&rig, queue, buffer, CHAINS - 1);
		want_no_signal(&rig, queue);
		exchange(&rig, queue, buffer, 1);
		assert_int_equal(signals(&rig, queue), 0);
		expect(&rig, queue, "signals_suppressed", suppressed + 2);

		/* The timer asks, too. */
		vhc_set_moderation(&rig.port.dev, queue, 0, SHORT_US);
		want_no_signal(&rig, queue);
		exchange(&rig, queue, buffer, 1);
		assert_false(vhc_eventfd_wait(rig.port.queue[queue].call, 2 * SHORT_US / 1000));
		expect(&rig, queue, "signals_suppressed", suppressed + 3);
	}
	rig_close(&rig);
}

static void take(struct rig *rig, unsigned int queue, unsigned int chains)
{
	struct vhc_driver *driver = rig_driver(rig, queue);
	struct vhc_used used;

	rig_spin_until_used(rig, queue, driver->last_used + chains);
	while (chains--)
		assert_int_equal(vhc_driver_take_used(driver, &used), 1);
}

/* The driver may need the signal to make more of them available. */
static void a_frame_without_a_buffer_ends_the_wait(const struct variant *variant)
{
	uint64_t buffer, began, took, least = UINT64_MAX;
	unsigned int turn, i;
	struct rig rig;

	buffer = open_started(&rig, variant);
	for (turn = 0; turn < 3; turn++) {
		/* What waits from the turn before does so no longer. */
		vhc_set_moderation(&rig.port.dev, VHC_RX, 0, LONG_US);
		signals(&rig, VHC_RX);
		want_signal(&rig, VHC_RX);
		for (i = 0; i < CHAINS; i++)
			rig_post_rx(&rig, buffer, BUFFER);
		began = now_us();
		for (i = 0; i < CHAINS + 1; i++)
			rig_send_rx(&rig, i, 100);
		assert_true(vhc_eventfd_wait(rig.port.queue[VHC_RX].call, RIG_PATIENCE_MS));
		took = now_us() - began;
		least = took < least ? took : least;
		take(&rig, VHC_RX, CHAINS);
		rig_post_rx(&rig, buffer, BUFFER);
		take(&rig, VHC_RX, 1);
		rig_settle();
	}
	/* An emulator may stand still; it would have to do so each time. */
	assert_in_range(least, 0, LONG_US / 2);
	rig_close(&rig);
}

static void a_queue_that_stops_signals_what_waits(const struct variant *variant)
{
	unsigned int queue;
	uint64_t buffer;
	struct rig rig;

	buffer = open_started(&rig, variant);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		vhc_set_moderation(&rig.port.dev, queue, 0, SHORT_US);
		want_signal(&rig, queue);
		exchange(&rig, queue, buffer, 1);
		vhc_port_stop_queue(&rig.port, queue);
		assert_int_equal(signals(&rig, queue), 1);
		vhc_port_start_queue(&rig.port, queue);
		/* Once. */
		assert_false(vhc_eventfd_wait(rig.port.queue[queue].call, 2 * SHORT_US / 1000));
		want_signal(&rig, queue);
		exchange(&rig, queue, buffer, 1);
		assert_true(vhc_eventfd_wait(rig.port.queue[queue].call, RIG_PATIENCE_MS));
	}
	/* Also by VHOST_RESET_OWNER, and close(). */
	vhc_set_moderation(&rig.port.dev, VHC_TX, 0, LONG_US);
	want_signal(&rig, VHC_TX);
	signals(&rig, VHC_TX);
	exchange(&rig, VHC_TX, buffer, 1);
	vhc_reset_owner(&rig.port.dev);
	assert_int_equal(signals(&rig, VHC_TX), 1);
	vhc_port_close(&rig.port);

	buffer = open_started(&rig, variant);
	vhc_set_moderation(&rig.port.dev, VHC_RX, 0, LONG_US);
	want_signal(&rig, VHC_RX);
	exchange(&rig, VHC_RX, buffer, 1);
	vhc_close(&rig.port.dev);
	assert_int_equal(signals(&rig, VHC_RX), 1);
	vhc_port_close(&rig.port);
}

static void another_eventfd_gets_what_waits(const struct variant *variant)
{
	const int other = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct vhc_queue *queue;
	uint64_t buffer;
	struct rig rig;

	assert_true(other >= 0);
	buffer = open_started(&rig, variant);
	queue = &rig.port.queue[VHC_TX];
	vhc_set_moderation(&rig.port.dev, VHC_TX, 0, LONG_US);
	want_signal(&rig, VHC_TX);
	exchange(&rig, VHC_TX, buffer, 1);
	vhc_set_vring_call(&rig.port.dev, VHC_TX, other);
	assert_int_equal(vhc_eventfd_read(other), 1);
	assert_int_equal(vhc_queue_signals(queue), 0);

	/* While there is none, it waits for one, whether the time is over or enough chains wait. */
	vhc_set_vring_call(&rig.port.dev, VHC_TX, -1);
	vhc_set_moderation(&rig.port.dev, VHC_TX, CHAINS, 1000);
	want_signal(&rig, VHC_TX);
	exchange(&rig, VHC_TX, buffer, 2);
	assert_false(vhc_eventfd_wait(other, 100));
	vhc_set_vring_call(&rig.port.dev, VHC_TX, queue->call);
	assert_int_equal(vhc_queue_signals(queue), 1);
	vhc_set_vring_call(&rig.port.dev, VHC_TX, -1);
	exchange(&rig, VHC_TX, buffer, 2 * CHAINS);
	vhc_set_vring_call(&rig.port.dev, VHC_TX, queue->call);
	assert_int_equal(vhc_queue_signals(queue), 1);
	assert_int_equal(vhc_eventfd_read(other), 0);

	/* And if nothing waits, nothing comes. */
	vhc_set_vring_call(&rig.port.dev, VHC_TX, other);
	assert_int_equal(vhc_eventfd_read(other), 0);
	rig_close(&rig);
	close(other);
}

/* The timer may expire at any step of it. */
static void a_device_is_closed_while_signals_wait(const struct variant *variant)
{
	unsigned int i, frame;
	struct rig rig;

	for (i = 0; i < 60; i++) {
		rig_open(&rig, variant, NULL);
		rig_start(&rig);
		vhc_set_moderation(&rig.port.dev, VHC_TX, i % 4, 1 + i * i % 2000);
		for (frame = 0; frame < 5; frame++) {
			vhc_driver_enable_call(rig_driver(&rig, VHC_TX));
			rig_add_tx(&rig, frame);
			vhc_queue_publish(&rig.port.queue[VHC_TX]);
		}
		vhc_port_close(&rig.port);
	}
}

/* One frame at a time: nothing moves on but by the signal of the timer. */
static void moderated_frames_arrive(const struct variant *variant)
{
	struct vhc_traffic_config traffic = rig_traffic(500);
	unsigned int window;
	struct rig rig;

	for (window = 1; window <= 101; window += 50) {
		traffic.window = window;
		traffic.max = 300;
		rig_open(&rig, variant, NULL);
		vhc_set_moderation(&rig.port.dev, VHC_RX, 16, 100);
		vhc_set_moderation(&rig.port.dev, VHC_TX, 48, 300);
		rig_run(&rig, &traffic);
		rig_close(&rig);
	}
}

const struct claim moderation_claims[] = {
	/* README: "moderated signals" */
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, so_many_chains_are_one_signal),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_batch_is_one_signal_if_it_is_long_enough),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     so_many_microseconds_are_one_signal),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_run_that_polls_sends_it_when_it_is_due),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     without_moderation_each_wish_is_a_signal),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     the_driver_is_asked_when_the_signal_is_due),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_frame_without_a_buffer_ends_the_wait),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_queue_that_stops_signals_what_waits),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX, another_eventfd_gets_what_waits),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     a_device_is_closed_while_signals_wait),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     moderated_frames_arrive),
};

const size_t moderation_claim_num = sizeof(moderation_claims) / sizeof(moderation_claims[0]);
