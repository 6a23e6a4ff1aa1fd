// SPDX-License-Identifier: GPL-2.0
/*
 * A tracing instance that a claim has for itself, by the kernel's own text interface.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "claims.h"
#include "tracefs.h"

#define TRACEFS "/sys/kernel/tracing"
#define INSTANCE TRACEFS "/instances/vhost-custom-test"

enum { CPUS_MOST = 64 };

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	if (!out || fputs(text, out) == EOF || fclose(out))
		fail_msg("%s: %s", path, strerror(errno));
}

static bool is_emulated(void)
{
	FILE *in = fopen("/proc/cpuinfo", "re");
	bool emulated = false;
	char line[4096];

	assert_non_null(in);
	while (!emulated && fgets(line, sizeof(line), in))
		emulated = strstr(line, "QEMU TCG CPU");
	fclose(in);
	return emulated;
}

static void set_other_cpus(const char *online)
{
	char path[64];
	int cpu;

	for (cpu = 1; cpu < CPUS_MOST; cpu++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
		if (access(path, F_OK))
			break;
		write_file(path, online);
	}
}

/*
 * It has the kernel patch the text of the module. An emulator of several CPUs may lose a race with
 * that, so that there is one meanwhile.
 */
static void set_events(const char *on)
{
	const bool alone = is_emulated();

	if (alone)
		set_other_cpus("0");
	write_file(INSTANCE "/events/vhost_custom/enable", on);
	if (alone)
		set_other_cpus("1");
}

/**
 * tracefs_open() - begin to trace
 * @trace: filled.
 * @rig: whose device.
 */
void tracefs_open(struct tracefs *trace, const struct rig *rig)
{
	if (access(TRACEFS "/instances", F_OK))
		assert_int_equal(mount("tracefs", TRACEFS, "tracefs", 0, NULL), 0);
	/* It would have the kernel patch its scheduler, a race that the lab's emulator may lose. */
	write_file(TRACEFS "/options/record-cmd", "0");
	rmdir(INSTANCE);	/* of a claim that failed */
	if (mkdir(INSTANCE, 0700))
		fail_msg("%s: %s", INSTANCE, strerror(errno));
	set_events("1");
	trace->instance = rig_instance(rig);
}

/**
 * tracefs_read() - what was traced of an event
 * @trace: where.
 * @queue: VHC_RX or VHC_TX.
 * @event: its name.
 * @field: the last or a later field to sum up, or NULL.
 */
struct traced tracefs_read(const struct tracefs *trace, unsigned int queue, const char *event,
			   const char *field)
{
	char line[1024], want[128], name[64] = "";
	FILE *in = fopen(INSTANCE "/trace", "re");
	struct traced traced = { 0 };
	const char *at;

	assert_non_null(in);
	snprintf(want, sizeof(want), " %s: instance=%u queue=%u", event, trace->instance, queue);
	if (field)
		snprintf(name, sizeof(name), " %s=", field);
	while (fgets(line, sizeof(line), in)) {
		if (strstr(line, "LOST"))
			fail_msg("events were lost");
		at = strstr(line, want);
		if (!at)
			continue;
		traced.count++;
		if (!field)
			continue;
		at = strstr(at, name);
		assert_non_null(at);
		traced.sum += strtoull(at + strlen(name), NULL, 0);
	}
	fclose(in);
	return traced;
}

/**
 * tracefs_close() - end it
 * @trace: what was opened.
 */
void tracefs_close(struct tracefs *trace)
{
	rig_settle();
	set_events("0");
	assert_int_equal(rmdir(INSTANCE), 0);
}
