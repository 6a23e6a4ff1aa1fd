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

static unsigned int instance_of(const struct rig *rig)
{
	char path[64], line[256];
	unsigned int number = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", rig->port.dev.fd);
	in = fopen(path, "re");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "instance: %u", &number) == 1)
			break;
	fclose(in);
	assert_int_not_equal(number, 0);
	return number;
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	if (!out || fputs(text, out) == EOF || fclose(out))
		fail_msg("%s: %s", path, strerror(errno));
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
	write_file(INSTANCE "/events/vhost_custom/enable", "1");
	trace->instance = instance_of(rig);
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
	write_file(INSTANCE "/events/vhost_custom/enable", "0");
	assert_int_equal(rmdir(INSTANCE), 0);
}
