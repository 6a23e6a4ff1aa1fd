// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about what a VMM may change while frames flow: the memory table, logging, one queue;
 * and about the order in which it sets things up.
 *
 * Caller: data-test.c. A thread makes the changes; the traffic is the main thread's.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"
#include "shadow.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { CHANGES_LEAST = 12 };

/**
 * struct changer - a thread that changes something again and again
 * @rig: of what.
 * @change: what to do; gets the number of the change. It ends the process if that fails: a
 *	thread cannot use cmocka's asserts.
 * @changes: how many there were.
 * @stop: it was enough.
 * @shadow: for log_for_a_while(), and what became of the traffic's only direction.
 * @place: for move_memory().
 */
struct changer {
	struct rig *rig;
	void (*change)(struct changer *changer, unsigned int number);
	atomic_uint changes;
	atomic_bool stop;
	struct shadow *shadow;
	const struct vhc_flow_report *flow;
	void *place[2];
};

static void *changer_run(void *arg)
{
	struct changer *changer = arg;

	while (!atomic_load(&changer->stop)) {
		changer->change(changer, atomic_load(&changer->changes));
		atomic_fetch_add(&changer->changes, 1);
	}
	return NULL;
}

/* All frames arrive while the changes go on; there is more traffic until there were enough. */
static void run_with(struct changer *changer, struct vhc_traffic *traffic)
{
	pthread_t thread;

	vhc_port_start(&changer->rig->port);
	assert_int_equal(pthread_create(&thread, NULL, changer_run, changer), 0);
	do {
		assert_true(vhc_traffic_run(traffic));
	} while (atomic_load(&changer->changes) < CHANGES_LEAST);
	atomic_store(&changer->stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- the memory table ---- */

static void cut_memory(struct changer *changer, unsigned int number)
{
	const struct vhc_mem *mem = &changer->rig->port.mem;
	const unsigned int most = vhc_max_mem_regions();
	const unsigned int counts[] = { 1, most, 2, 64, most / 2, 13 };
	unsigned int count = counts[number % ARRAY_SIZE(counts)], i;
	uint64_t piece = mem->region_size / 4096 / count * 4096;
	struct vhost_memory *table;

	table = calloc(1, sizeof(*table) + count * sizeof(table->regions[0]));
	if (!table)
		vhc_fail("no memory");
	table->nregions = count;
	for (i = 0; i < count; i++) {
		table->regions[i].guest_phys_addr = VHC_MEM_BASE + i * piece;
		table->regions[i].userspace_addr = (uintptr_t)mem->host[0] + i * piece;
		table->regions[i].memory_size = i < count - 1 ? piece :
						mem->region_size - i * piece;
	}
	vhc_set_mem_table(&changer->rig->port.dev, table);
	free(table);
}

/* All of it at one of two other places, of which the one that is not used is inaccessible. */
static void move_memory(struct changer *changer, unsigned int number)
{
	const struct vhc_mem *mem = &changer->rig->port.mem;
	void *here = changer->place[number % 2], *before = changer->place[1 - number % 2];
	struct vhost_memory *table = vhc_mem_table(mem);

	table->regions[0].userspace_addr = (uintptr_t)here;
	if (mprotect(here, mem->region_size, PROT_READ | PROT_WRITE))
		vhc_fail("mprotect: %s", strerror(errno));
	vhc_set_mem_table(&changer->rig->port.dev, table);
	if (mprotect(before, mem->region_size, PROT_NONE))
		vhc_fail("mprotect: %s", strerror(errno));
	free(table);
}

/* When VHOST_SET_MEM_TABLE returns, nobody uses what the table before said. */
static void memory_moves_under_load(const struct variant *variant)
{
	struct vhc_traffic_config frames = rig_traffic(400);
	struct changer changer = { .change = move_memory };
	struct vhc_traffic *traffic;
	struct vhc_mem *mem;
	size_t size;
	struct rig rig;
	unsigned int i;

	changer.rig = &rig;
	rig_open(&rig, variant, NULL);
	mem = &rig.port.mem;
	assert_int_equal(mem->regions, 1);
	size = mem->region_size;
	for (i = 0; i < ARRAY_SIZE(changer.place); i++) {
		/* With an old size of 0 it is mapped once more. */
		changer.place[i] = mremap(mem->host[0], 0, size, MREMAP_MAYMOVE);
		assert_ptr_not_equal(changer.place[i], MAP_FAILED);
	}
	traffic = vhc_traffic_open(&rig.port, &frames);
	run_with(&changer, traffic);
	vhc_traffic_close(traffic);
	rig_close(&rig);
	for (i = 0; i < ARRAY_SIZE(changer.place); i++)
		assert_int_equal(munmap(changer.place[i], size), 0);
}

static void memory_is_cut_anew_under_load(const struct variant *variant)
{
	struct vhc_traffic_config frames = rig_traffic(400);
	const struct vhc_port_config config = { .mem_size = 8 << 20 };
	struct changer changer = { .change = cut_memory };
	struct vhc_traffic *traffic;
	struct rig rig;

	assert_int_equal(vhc_max_mem_regions(), 509);
	frames.segments = 2;
	frames.any_layout = true;
	changer.rig = &rig;
	rig_open(&rig, variant, &config);
	traffic = vhc_traffic_open(&rig.port, &frames);
	run_with(&changer, traffic);
	vhc_traffic_close(traffic);
	rig_close(&rig);
}

/* ---- the dirty log ---- */

/* What differs between two looks at memory, both taken while logging was on, is marked. */
static void log_for_a_while(struct changer *changer, unsigned int number)
{
	const uint64_t *chains = &changer->flow->chains;
	struct shadow *shadow = changer->shadow;
	char *before, *after;
	uint64_t used;

	shadow_clear(shadow);
	shadow_set_logging(shadow, true);
	before = shadow_snapshot(shadow);
	used = __atomic_load_n(chains, __ATOMIC_RELAXED);
	while (__atomic_load_n(chains, __ATOMIC_RELAXED) - used < 10 &&
	       !atomic_load(&changer->stop))
		sched_yield();
	after = shadow_snapshot(shadow);
	shadow_set_logging(shadow, false);
	shadow_compare(shadow, before, after);
	free(before);
	free(after);
}

static void log_direction(const struct variant *variant, unsigned int direction)
{
	const struct vhc_port_config config = { .mem_size = 4 << 20 };
	struct vhc_traffic_config frames = rig_traffic(700);
	struct changer changer = { .change = log_for_a_while };
	struct vhc_traffic *traffic;
	struct shadow shadow;
	struct rig rig;

	frames.directions = 1 << direction;
	frames.segments = 2;
	frames.any_layout = true;
	changer.rig = &rig;
	changer.shadow = &shadow;
	rig_open(&rig, variant, &config);
	traffic = shadow_open(&shadow, &rig, &frames, direction);
	changer.flow = &vhc_traffic_report(traffic)->flow[direction];
	run_with(&changer, traffic);
	vhc_traffic_close(traffic);
	rig_close(&rig);
	shadow_close(&shadow);
}

static void logging_goes_on_and_off_under_load(const struct variant *variant)
{
	log_direction(variant, VHC_RX);
	log_direction(variant, VHC_TX);
}

/* ---- polling, and signals that wait ---- */

static void change_polling(struct changer *changer, unsigned int number)
{
	static const unsigned int longest[] = { 1000000, 0, 50, 1, 1000 };
	FILE *out = fopen("/sys/module/vhost_custom/parameters/poll_max_us", "we");

	if (!out || fprintf(out, "%u", longest[number % ARRAY_SIZE(longest)]) < 0 || fclose(out))
		vhc_fail("poll_max_us: %s", strerror(errno));
}

static void change_moderation(struct changer *changer, unsigned int number)
{
	const struct vhc_dev *dev = &changer->rig->port.dev;

	vhc_set_moderation(dev, VHC_RX, number % 9, 1 + number % 333);
	vhc_set_moderation(dev, VHC_TX, number % 70, 1 + number % 777);
	if (number % 5 == 0) {
		vhc_set_moderation(dev, VHC_RX, 0, 0);
		vhc_set_moderation(dev, VHC_TX, 0, 0);
	}
}

static void frames_arrive_while(const struct variant *variant,
				void (*change)(struct changer *changer, unsigned int number))
{
	struct vhc_traffic_config frames = rig_traffic(1000);
	struct changer changer = { .change = change };
	struct vhc_traffic *traffic;
	struct rig rig;

	frames.restart_every = 97;
	frames.window = 20;
	changer.rig = &rig;
	rig_open(&rig, variant, NULL);
	traffic = vhc_traffic_open(&rig.port, &frames);
	run_with(&changer, traffic);
	vhc_traffic_close(traffic);
	rig_set_parameter("poll_max_us", 0);
	rig_close(&rig);
}

static void polling_goes_on_and_off_under_load(const struct variant *variant)
{
	frames_arrive_while(variant, change_polling);
}

static void moderation_changes_under_load(const struct variant *variant)
{
	frames_arrive_while(variant, change_moderation);
}

/* ---- one queue ---- */

static void reset_tx(struct changer *changer, unsigned int number)
{
	rig_reset_queue(changer->rig, VHC_TX);
}

static void reset_rx(struct changer *changer, unsigned int number)
{
	rig_reset_queue(changer->rig, VHC_RX);
}

static void exchange_tx(struct rig *rig, uint64_t number)
{
	struct vhc_used used;

	rig_add_tx(rig, number);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
	rig_expect_tx(rig, number);
	assert_true(vhc_queue_wait(&rig->port.queue[VHC_TX], 1, RIG_PATIENCE_MS));
	assert_int_equal(vhc_driver_take_used(rig_driver(rig, VHC_TX), &used), 1);
}

static void exchange_rx(struct rig *rig, uint64_t buffer, uint64_t number)
{
	rig_post_rx(rig, buffer, 2000);
	rig_send_rx(rig, number, 300);
	rig_expect_rx(rig, number);
}

static void reset_one(const struct variant *variant, unsigned int loaded,
		      void (*change)(struct changer *changer, unsigned int number))
{
	struct vhc_traffic_config frames = rig_traffic(300);
	struct changer changer = { .change = change };
	struct variant with = *variant;
	struct vhc_traffic *traffic;
	struct rig rig;
	uint64_t number, buffer;

	if (variant->custom)
		with.features |= VHC_F_RING_RESET;
	frames.directions = 1 << loaded;
	changer.rig = &rig;
	rig_open(&rig, &with, NULL);
	traffic = vhc_traffic_open(&rig.port, &frames);
	run_with(&changer, traffic);
	vhc_traffic_close(traffic);

	/* The one that was reset works, too. */
	vhc_port_stop(&rig.port);
	buffer = vhc_mem_alloc(&rig.port.mem, 2000, 64);
	rig_start(&rig);
	for (number = 0; number < 10; number++) {
		if (loaded == VHC_RX)
			exchange_tx(&rig, number);
		else
			exchange_rx(&rig, buffer, number);
	}
	rig_close(&rig);
}

static void one_queue_is_reset_while_the_other_is_loaded(const struct variant *variant)
{
	reset_one(variant, VHC_RX, reset_tx);
	reset_one(variant, VHC_TX, reset_rx);
}

/* ---- the order of setting up ---- */

static void set_up_step(struct rig *rig, char step, unsigned int index)
{
	const struct vhc_dev *dev = &rig->port.dev;
	struct vhc_queue *queue = &rig->port.queue[index];
	struct vhost_vring_addr addr;
	struct vhost_memory *table;

	switch (step) {
	case 'f':
		vhc_set_features(dev, rig->port.features);
		break;
	case 'm':
		table = vhc_mem_table(&rig->port.mem);
		vhc_set_mem_table(dev, table);
		free(table);
		break;
	case 'n':
		vhc_set_vring_num(dev, index, queue->driver.num);
		break;
	case 'b':
		vhc_set_vring_base(dev, index, vhc_driver_base(&queue->driver));
		break;
	case 'a':
		vhc_port_addr(&rig->port, index, &addr);
		vhc_set_vring_addr(dev, &addr);
		break;
	case 'k':
		vhc_set_vring_kick(dev, index, queue->kick);
		break;
	case 'c':
		vhc_set_vring_call(dev, index, queue->call);
		break;
	case 'e':
		vhc_set_vring_err(dev, index, queue->err);
		break;
	case 'B':
		vhc_port_start_queue(&rig->port, index);
		break;
	default:
		fail_msg("no step %c", step);
	}
}

/* Steps in parentheses are all done for RX, and then all for TX; others once for each. */
static void set_up(struct rig *rig, const char *order)
{
	unsigned int index;
	const char *step;

	vhc_reset_owner(&rig->port.dev);
	vhc_set_owner(&rig->port.dev);
	for (index = 0; index < VHC_QUEUES; index++)
		vhc_driver_rewind(rig_driver(rig, index), 0);
	while (*order) {
		if (*order == '(') {
			for (index = 0; index < VHC_QUEUES; index++)
				for (step = order + 1; *step != ')'; step++)
					set_up_step(rig, *step, index);
			order = strchr(order, ')') + 1;
			continue;
		}
		for (index = 0; index < VHC_QUEUES; index++)
			set_up_step(rig, *order, index);
		order++;
	}
}

static void frames_arrive_after(struct rig *rig, uint64_t buffer, const char *order)
{
	static uint64_t number;

	set_up(rig, order);
	exchange_tx(rig, number);
	exchange_rx(rig, buffer, number++);
	vhc_port_stop(&rig->port);
}

static void rig_of_orders(struct rig *rig, const struct variant *variant, uint64_t *buffer)
{
	rig_open(rig, variant, NULL);
	*buffer = vhc_mem_alloc(&rig->port.mem, 2000, 64);
	rig_start(rig);
	vhc_port_stop(&rig->port);
}

/* What QEMU, DPDK's virtio-user, crosvm, OpenConnect and VPP do. */
static void it_is_set_up_in_the_order_of_every_client(const struct variant *variant)
{
	static const char * const orders[] = {
		"(ce)fm(nbakc)B", "(c)fm(nbak)B", "fm(nabck)B", "fm(nackbB)", "fm(nabkcB)",
	};
	uint64_t buffer;
	struct rig rig;
	unsigned int i;

	rig_of_orders(&rig, variant, &buffer);
	for (i = 0; i < ARRAY_SIZE(orders); i++)
		frames_arrive_after(&rig, buffer, orders[i]);
	rig_close(&rig);
}

static void swap(char *a, char *b)
{
	char c = *a;

	*a = *b;
	*b = c;
}

/* All orders of steps[at..], each tried with the memory table before and behind. */
static void permute(struct rig *rig, uint64_t buffer, char *steps, size_t at)
{
	size_t i;

	if (!steps[at]) {
		char order[32];

		snprintf(order, sizeof(order), "fm%sB", steps);
		frames_arrive_after(rig, buffer, order);
		snprintf(order, sizeof(order), "f%smB", steps);
		frames_arrive_after(rig, buffer, order);
		return;
	}
	for (i = at; steps[i]; i++) {
		swap(&steps[at], &steps[i]);
		permute(rig, buffer, steps, at + 1);
		swap(&steps[at], &steps[i]);
	}
}

/* Of a device without memory, a ring may be described, too. */
static void it_is_set_up_in_any_order(const struct variant *variant)
{
	char steps[] = "nbakc";
	uint64_t buffer;
	struct rig rig;

	rig_of_orders(&rig, variant, &buffer);
	vhc_reset_owner(&rig.port.dev);
	vhc_set_owner(&rig.port.dev);
	permute(&rig, buffer, steps, 0);
	rig_close(&rig);
}

const struct claim live_claims[] = {
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     memory_is_cut_anew_under_load),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, memory_moves_under_load),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     logging_goes_on_and_off_under_load),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     polling_goes_on_and_off_under_load),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     moderation_changes_under_load),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     one_queue_is_reset_while_the_other_is_loaded),
	WITH(ON_BOTH, VHC_F_VERSION_1, VHC_F_EVENT_IDX,
	     it_is_set_up_in_the_order_of_every_client),
	WITH(ON_BOTH, VHC_F_VERSION_1, 0, it_is_set_up_in_any_order),
};

const size_t live_claim_num = ARRAY_SIZE(live_claims);
