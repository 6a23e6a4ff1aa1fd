// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about how workers end: with their owner, however that ends, and with their device; and
 * nothing else is left behind.
 *
 * Caller: worker-test.c. VHC_KILLS in the environment says how many owners are killed, VHC_CYCLES
 * how often a port starts and stops.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include "threads.h"
#include "victim.h"

enum {
	KILLS = 40,		/* make soak has more */
	CYCLES = 40,
	RESETS = 40,
	DEVICES = 48,
};

/* ---- killed ---- */

static unsigned int from_environment(const char *name, unsigned int usual)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : usual;
}

static unsigned int kills(void)
{
	return from_environment("VHC_KILLS", KILLS);
}

static void an_owner_is_killed_under_load(const struct variant *variant)
{
	const unsigned int count = kills();
	struct residue before;
	struct victim victim;
	char tap[IFNAMSIZ];
	unsigned int i;

	residue_read(&before);
	for (i = 0; i < count; i++) {
		victim_start(&victim, victim_send_frames, variant);
		victim_wait(&victim, 1 + i * 37 % 500);
		strcpy(tap, victim.told->tap);
		victim_kill(&victim);
		/* The tap goes with the last reference to its file. */
		if (if_nametoindex(tap))
			fail_msg("%s is still there, after owner %u", tap, i);
	}
	residue_expect(&before, count);
}

static void wait_for_round(const struct victim *victim)
{
	unsigned int waited;

	for (waited = 0; waited < RIG_PATIENCE_MS; waited++) {
		if (atomic_load(&victim->told->rounds))
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("process %d does not become an owner", victim->pid);
}

/* Also in the middle of making threads. */
static void an_owner_is_killed_as_it_becomes_one(const struct variant *variant)
{
	const unsigned int count = kills();
	struct timespec delay = { 0 };
	struct residue before;
	struct victim victim;
	unsigned int i;

	residue_read(&before);
	for (i = 0; i < count; i++) {
		victim_start(&victim, victim_become_owner, variant);
		/* Chance decides where it is then; every other one has done a round or more. */
		if (i % 2)
			wait_for_round(&victim);
		delay.tv_nsec = i * 7919 % 200 * 50000;
		nanosleep(&delay, NULL);
		victim_kill(&victim);
	}
	residue_expect(&before, count);
}

/* ---- others have the file ---- */

/* Somebody keeps the file of an owner that is killed. */
static void a_device_outlives_its_owner(const struct variant *variant)
{
	struct vhc_dev dev = { .path = variant->device };
	struct residue before;
	struct victim victim;
	char tap[IFNAMSIZ];

	residue_read(&before);
	victim_start(&victim, victim_send_frames, variant);
	victim_wait(&victim, 100);
	strcpy(tap, victim.told->tap);
	dev.fd = victim_take_device(&victim);
	victim_kill(&victim);

	assert_result(__vhc_reset_owner(&dev), -EPERM);
	assert_result(__vhc_set_owner(&dev), -EBUSY);
	assert_int_not_equal(if_nametoindex(tap), 0);
	thread_of(&dev, VHC_RX);	/* its state can be read */
	close(dev.fd);
	assert_int_equal(if_nametoindex(tap), 0);
	residue_expect(&before, 1);
}

/* The owner forks: its child shares the file, and no thread. */
static void a_child_does_not_share_threads(const struct variant *variant)
{
	const struct vhc_traffic_config frames = rig_traffic(500);
	struct vhc_traffic *traffic;
	unsigned int rx, tx;
	int status, go[2];
	struct rig rig;
	char byte;
	pid_t pid;

	rig_open(&rig, variant, NULL);
	traffic = vhc_traffic_open(&rig.port, &frames);
	vhc_port_start(&rig.port);
	rx = thread_of(&rig.port.dev, VHC_RX);
	tx = thread_of(&rig.port.dev, VHC_TX);
	assert_int_equal(pipe(go), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) || __vhc_reset_owner(&rig.port.dev) != -EPERM);
	}
	close(go[0]);
	assert_true(vhc_traffic_run(traffic));
	threads_expect(2);
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(vhc_traffic_run(traffic));
	assert_int_equal(thread_of(&rig.port.dev, VHC_RX), rx);
	assert_int_equal(thread_of(&rig.port.dev, VHC_TX), tx);
	vhc_traffic_close(traffic);
	rig_close(&rig);
}

/* ---- reset, closed ---- */

static void fill_tx(struct rig *rig)
{
	unsigned int i;

	for (i = 0; i < rig_driver(rig, VHC_TX)->num; i++)
		rig_add_tx(rig, i);
	vhc_queue_publish(&rig->port.queue[VHC_TX]);
}

static void fill_rx(struct rig *rig, uint64_t buffer, unsigned int size)
{
	unsigned int i;

	for (i = 0; i < 100; i++) {
		rig_post_rx(rig, buffer, size);
		rig_send_rx(rig, i, 100);
	}
}

/* With work for both threads at the moment; both come again with the next owner. */
static void an_owner_is_reset_under_load(const struct variant *variant)
{
	struct residue before;
	uint64_t buffer;
	unsigned int i;
	struct rig rig;

	residue_read(&before);
	for (i = 0; i < RESETS; i++) {
		const struct vhc_port_config config = { .mem_size = 1 << 20 };

		rig_open(&rig, variant, &config);
		buffer = vhc_mem_alloc(&rig.port.mem, 512, 64);
		rig_start(&rig);
		fill_rx(&rig, buffer, 512);
		fill_tx(&rig);
		vhc_reset_owner(&rig.port.dev);
		threads_expect(0);
		vhc_set_owner(&rig.port.dev);
		threads_expect(2);
		if (i % 2)
			vhc_reset_owner(&rig.port.dev);
		vhc_port_close(&rig.port);
		threads_expect(0);
	}
	residue_expect(&before, RESETS);
}

/* Everything that a VMM does from its start to its end, each time, and frames both ways. */
static void a_port_starts_and_stops(const struct variant *variant)
{
	const unsigned int count = from_environment("VHC_CYCLES", CYCLES);
	struct residue before;
	uint64_t buffer;
	struct rig rig;
	unsigned int i;

	residue_read(&before);
	for (i = 0; i < count; i++) {
		const struct vhc_port_config config = { .mem_size = 1 << 20 };

		rig_open(&rig, variant, &config);
		buffer = vhc_mem_alloc(&rig.port.mem, 512, 64);
		rig_start(&rig);
		rig_add_tx(&rig, i);
		vhc_queue_publish(&rig.port.queue[VHC_TX]);
		rig_expect_tx(&rig, i);
		rig_post_rx(&rig, buffer, 512);
		rig_send_rx(&rig, i, 100);
		rig_expect_rx(&rig, i);
		vhc_port_stop(&rig.port);
		vhc_port_close(&rig.port);
	}
	residue_expect(&before, count);
}

/* How much memory so many devices with an owner need, in KiB for each. */
static unsigned int need_of(const char *device)
{
	struct vhc_dev dev[DEVICES];
	struct residue before, now;
	unsigned int i;

	residue_read(&before);
	for (i = 0; i < DEVICES; i++) {
		vhc_open(&dev[i], device);
		vhc_set_owner(&dev[i]);
	}
	residue_read(&now);
	for (i = 0; i < DEVICES; i++)
		vhc_close(&dev[i]);
	residue_expect(&before, DEVICES);
	return (now.kib[0] + now.kib[1] + now.kib[2] - before.kib[0] - before.kib[1] -
		before.kib[2]) / DEVICES;
}

static void a_device_needs_little_more_memory(const struct variant *variant)
{
	unsigned int net = need_of("/dev/vhost-net"), custom = need_of(variant->device);

	print_message("# KiB for a device with an owner: vhost_net %u, vhost_custom %u\n", net,
		      custom);
	if (custom > net + 64)
		fail_msg("%u KiB for a device; on vhost_net %u", custom, net);
}

const struct claim end_claims[] = {
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_EVENT_IDX, 0, 1200,
	   an_owner_is_killed_under_load),
	OF(0, ON_VHOST_CUSTOM, 0, 0, 1200, an_owner_is_killed_as_it_becomes_one),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, a_device_outlives_its_owner),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, a_child_does_not_share_threads),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, an_owner_is_reset_under_load),
	OF(0, ON_VHOST_CUSTOM, VHC_F_VERSION_1 | VHC_F_EVENT_IDX, 0, 1200, a_port_starts_and_stops),
	ON(ON_VHOST_CUSTOM, a_device_needs_little_more_memory),
};

const size_t end_claim_num = sizeof(end_claims) / sizeof(end_claims[0]);
