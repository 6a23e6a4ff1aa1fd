// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about debugfs/vhost_custom: it says what is.
 *
 * Caller: data-test.c.
 */
#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "parts.h"
#include "rig.h"

#define DEBUGFS "/sys/kernel/debug"

enum { FRAMES = 7, BUFFER = 2048, VALUE = RIG_STATE_VALUE };

static void expect(const struct rig *rig, const char *name, const char *want)
{
	char value[VALUE];

	if (!rig_state(rig, name, value))
		fail_msg("there is no %s", name);
	if (strcmp(value, want))
		fail_msg("%s is '%s', not '%s'", name, value, want);
}

static void expect_number(const struct rig *rig, const char *name, unsigned int want)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", want);
	expect(rig, name, text);
}

static void expect_position(const struct rig *rig, const char *name, unsigned int want)
{
	char text[32];

	snprintf(text, sizeof(text), "%u%s", want,
		 rig->variant->features & VHC_F_RING_PACKED ? " wrap 1" : "");
	expect(rig, name, text);
}

static void expect_worker(const struct rig *rig, const char *name)
{
	char value[VALUE], comm[32], want[32];
	unsigned int pid, cpu;

	assert_true(rig_state(rig, name, value));
	if (sscanf(value, "%u %31s cpu %u", &pid, comm, &cpu) != 3)
		fail_msg("%s is '%s'", name, value);
	snprintf(want, sizeof(want), "vhost-%d", getpid());
	assert_string_equal(comm, want);
	assert_true(pid != (unsigned int)getpid());
	assert_in_range(cpu, 0, sysconf(_SC_NPROCESSORS_CONF) - 1);
}

static void exchange(struct rig *rig, uint64_t buffer)
{
	struct vhc_driver *tx = rig_driver(rig, VHC_TX);
	struct vhc_used used;
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		rig_add_tx(rig, i);
		vhc_queue_publish(&rig->port.queue[VHC_TX]);
		rig_expect_tx(rig, i);
		rig_spin_until_used(rig, VHC_TX, tx->last_used + 1);
		assert_int_equal(vhc_driver_take_used(tx, &used), 1);
	}
	rig_post_rx(rig, buffer, BUFFER);
	rig_send_rx(rig, 0, 100);
	rig_expect_rx(rig, 0);
	rig_settle();
}

static void the_state_of_a_running_device_is_shown(const struct variant *variant)
{
	char want[VALUE], path[64];
	struct stat netns;
	uint64_t buffer;
	struct rig rig;

	rig_open(&rig, variant, NULL);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	snprintf(want, sizeof(want), "%d data-test", getpid());
	expect(&rig, "owner", want);
	snprintf(want, sizeof(want), "%s%sversion_1 %s%s(0x%llx, 0x0)",
		 variant->features & VHC_F_MRG_RXBUF ? "mrg_rxbuf " : "",
		 variant->features & VHC_F_EVENT_IDX ? "event_idx " : "",
		 variant->features & VHC_F_RING_PACKED ? "ring_packed " : "",
		 variant->features & VHC_F_IN_ORDER ? "in_order " : "",
		 (unsigned long long)variant->features);
	expect(&rig, "features", want);
	expect(&rig, "tx_state", "stopped");
	expect(&rig, "tx_device", "none");
	expect_worker(&rig, "tx_worker");
	expect_worker(&rig, "rx_worker");
	expect(&rig, "rx_eventfds", "kick call err");
	expect_number(&rig, "rx_num", 256);

	rig_start(&rig);
	exchange(&rig, buffer);
	expect(&rig, "tx_state", "runs");
	expect(&rig, "tx_device", rig.port.tap.name);
	expect(&rig, "rx_device", rig.port.tap.name);
	assert_int_equal(stat("/proc/self/ns/net", &netns), 0);
	expect_number(&rig, "rx_netns", netns.st_ino);
	expect_number(&rig, "tx_netns", netns.st_ino);
	expect_worker(&rig, "tx_worker");
	expect_worker(&rig, "rx_worker");
	expect_position(&rig, "tx_next_avail", FRAMES);
	expect_position(&rig, "tx_avail_seen", FRAMES);
	expect_position(&rig, "tx_used", FRAMES);
	expect_number(&rig, "tx_fetched", 0);
	expect_position(&rig, "rx_next_avail", 1);
	expect_position(&rig, "rx_used", 1);
	expect_number(&rig, "tx_kicks_off", 0);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_RX, 33);
	expect_number(&rig, "rx_poll_us", 33);
	vhc_set_vring_busyloop_timeout(&rig.port.dev, VHC_RX, 0);
	vhc_set_moderation(&rig.port.dev, VHC_TX, 7, 99);
	expect_number(&rig, "tx_moderation_chains", 7);
	expect_number(&rig, "tx_moderation_us", 99);
	expect_number(&rig, "rx_moderation_chains", 0);
	expect_number(&rig, "rx_moderation_us", 0);

	vhc_port_stop_queue(&rig.port, VHC_TX);
	expect(&rig, "tx_state", "stopped");
	expect(&rig, "rx_state", "runs");
	vhc_port_stop_queue(&rig.port, VHC_RX);
	rig_state_path(&rig, path, sizeof(path));
	assert_int_equal(access(path, F_OK), 0);
	rig_close(&rig);
	assert_int_equal(access(path, F_OK), -1);
}

/* @name: or NULL, for the tap's; libvhc/tap.c. */
static void expect_device(const struct variant *variant, enum vhc_backend backend,
			  const char *name)
{
	const struct vhc_port_config config = { .ring_size = 256, .backend = backend };
	char want[VALUE];
	struct rig rig;

	rig_open(&rig, variant, &config);
	snprintf(want, sizeof(want), "%s%u", name, (unsigned int)getpid() % 100000);
	vhc_port_start(&rig.port);
	expect(&rig, "rx_device", name ? want : rig.port.tap.name);
	expect(&rig, "tx_device", name ? want : rig.port.tap.name);
	rig_settle();
	vhc_port_close(&rig.port);
}

static void a_device_may_be_a_tun(const struct variant *variant)
{
	expect_device(variant, VHC_TUN, NULL);
}

static void a_device_may_be_a_macvtap(const struct variant *variant)
{
	expect_device(variant, VHC_MACVTAP, "vhcm");
}

static void a_device_may_be_a_packet_socket_s(const struct variant *variant)
{
	expect_device(variant, VHC_PACKET, "vhcn");
}

struct reader {
	const struct rig *rig;
	atomic_bool stop;
};

static void *read_until(void *arg)
{
	struct reader *reader = arg;
	unsigned int reads = 0;
	char path[64], text[4096];
	FILE *in;

	rig_state_path(reader->rig, path, sizeof(path));
	while (!atomic_load(&reader->stop)) {
		in = fopen(path, "re");
		if (!in || !fread(text, 1, sizeof(text), in))
			vhc_fail("%s: %s", path, strerror(errno));
		fclose(in);
		reads++;
	}
	return (void *)(uintptr_t)reads;
}

static void the_state_is_read_while_frames_move(const struct variant *variant)
{
	const struct vhc_traffic_config traffic = rig_traffic(5000);
	struct reader reader = { 0 };
	pthread_t thread;
	struct rig rig;
	void *reads;

	rig_open(&rig, variant, NULL);
	reader.rig = &rig;
	assert_int_equal(pthread_create(&thread, NULL, read_until, &reader), 0);
	rig_run(&rig, &traffic);
	atomic_store(&reader.stop, true);
	assert_int_equal(pthread_join(thread, &reads), 0);
	assert_true((uintptr_t)reads > 0);
	rig_close(&rig);
}

/* Reads whatever devices there are; they may be gone by then. */
static void *read_all(void *arg)
{
	atomic_bool *stop = arg;
	unsigned int reads = 0;
	char text[4096];
	glob_t found;
	size_t i;
	FILE *in;

	while (!atomic_load(stop)) {
		if (glob(DEBUGFS "/vhost_custom/*", 0, NULL, &found))
			continue;
		for (i = 0; i < found.gl_pathc; i++) {
			in = fopen(found.gl_pathv[i], "re");
			if (in && fread(text, 1, sizeof(text), in))
				reads++;
			if (in)
				fclose(in);
		}
		globfree(&found);
	}
	return (void *)(uintptr_t)reads;
}

static void a_device_is_closed_while_its_state_is_read(const struct variant *variant)
{
	atomic_bool stop = false;
	pthread_t thread;
	unsigned int i;
	struct rig rig;
	void *reads;
	char path[64];

	rig_open(&rig, variant, NULL);
	rig_state_path(&rig, path, sizeof(path));
	assert_int_equal(pthread_create(&thread, NULL, read_all, &stop), 0);
	for (i = 0; i < 300; i++) {
		struct vhc_dev dev;

		vhc_open(&dev, variant->device);
		if (i % 2)
			vhc_set_owner(&dev);
		vhc_close(&dev);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, &reads), 0);
	assert_true((uintptr_t)reads > 0);
	vhc_port_close(&rig.port);
}

const struct claim state_claims[] = {
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF,
	     the_state_of_a_running_device_is_shown),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_device_may_be_a_tun),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_device_may_be_a_macvtap),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_device_may_be_a_packet_socket_s),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, the_state_is_read_while_frames_move),
	WITH(ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, a_device_is_closed_while_its_state_is_read),
};

const size_t state_claim_num = sizeof(state_claims) / sizeof(state_claims[0]);
