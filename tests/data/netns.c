// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about a tap that is in another network namespace than its file, as a container's is. The
 * module knows its device by name only, and looks for that where the file is.
 *
 * Caller: data-test.c.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "parts.h"
#include "rig.h"

enum { BUFFER = 2048, LEN = 300, ROOM = 16, MORE = 7 };

static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("\"%s\" failed", command);
}

static int namespace_here(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void go_to(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

/* The rig's tap goes to a new namespace, as long as this process is there. Returns that. */
static int send_away(const struct rig *rig)
{
	int here = namespace_here(), there;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	there = namespace_here();
	go_to(here);
	run("ip link set %s netns /proc/%d/fd/%d", rig->port.tap.name, getpid(), there);
	close(here);
	return there;
}

static void flood(const struct vhc_tap *stranger, unsigned int frames)
{
	struct virtio_net_hdr header = { .flags = 0 };
	char frame[LEN] = { 0 };

	memset(frame, 0xff, 6);
	while (frames--)
		assert_int_equal(vhc_tap_send(stranger, &header, frame, sizeof(frame)), 0);
}

/* Drops all, as it knows nobody to send to. */
static void add_vxlan(struct vhc_tap *stranger, const char *name)
{
	run("ip link add %s type vxlan id %d dstport 4789 && ip link set %s up", name, getpid(),
	    name);
	memset(stranger, 0, sizeof(*stranger));
	strcpy(stranger->name, name);
	vhc_tap_attach(stranger, 0);
}

/* Drops what finds no room, as nobody reads. */
static void add_tap(struct vhc_tap *stranger, const char *name)
{
	vhc_tap_create(stranger, VHC_TAP, sizeof(struct virtio_net_hdr), ROOM);
	run("ip link set %s down && ip link set %s name %s && ip link set %s up", stranger->name,
	    stranger->name, name, name);
	strcpy(stranger->name, name);
	vhc_tap_attach(stranger, 0);
}

static uint64_t drops_of(const char *name)
{
	char path[64], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoull(text, NULL, 10);
}

static void expect_no_drops(struct rig *rig)
{
	assert_int_equal(vhc_stat(&rig->port.dev, VHC_RX, "device_dropped"), 0);
}

static void exchange(struct rig *rig, uint64_t buffer, unsigned int number)
{
	rig_post_rx(rig, buffer, BUFFER);
	rig_send_rx(rig, number, LEN);
	rig_expect_rx(rig, number);
}

static void drops_of_a_namesake_are_not_counted(const struct variant *variant)
{
	struct vhc_tap stranger;
	int here, there;
	uint64_t buffer;
	struct rig rig;
	char name[IFNAMSIZ];

	rig_open(&rig, variant, NULL);
	strcpy(name, rig.port.tap.name);
	buffer = vhc_mem_alloc(&rig.port.mem, BUFFER, 64);
	here = namespace_here();
	there = send_away(&rig);

	/* One of another kind is none of tun's. */
	add_vxlan(&stranger, name);
	go_to(there);
	run("echo 1 > /proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	vhc_tap_set_up(&rig.port.tap, true);
	rig_start(&rig);
	go_to(here);
	flood(&stranger, MORE);
	assert_true(drops_of(name) >= MORE);
	expect_no_drops(&rig);
	vhc_tap_detach(&stranger);
	run("ip link del %s", name);

	/* One of tun's is believed until the first frame. */
	add_tap(&stranger, name);
	vhc_port_stop_queue(&rig.port, VHC_RX);
	vhc_port_start_queue(&rig.port, VHC_RX);
	exchange(&rig, buffer, 0);
	flood(&stranger, ROOM + MORE);
	assert_true(drops_of(name) >= MORE);
	expect_no_drops(&rig);
	exchange(&rig, buffer, 1);
	vhc_tap_destroy(&stranger);
	rig_close(&rig);
}

const struct claim netns_claims[] = {
	RINGS(ON_VHOST_CUSTOM, drops_of_a_namesake_are_not_counted),
};

const size_t netns_claim_num = sizeof(netns_claims) / sizeof(netns_claims[0]);
