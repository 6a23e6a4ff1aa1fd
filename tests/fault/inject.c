// SPDX-License-Identifier: GPL-2.0
/*
 * Faults on request: memory from slabs, pages, and copies from and to user space.
 *
 * Caller: fault-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "claims.h"
#include "inject.h"

#define DEBUGFS "/sys/kernel/debug/"

static void set(const char *name, const char *value)
{
	char path[96];
	FILE *out;

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	out = fopen(path, "we");
	if (!out || fputs(value, out) < 0 || fclose(out))
		fail_msg("%s: %s; the host debug has it, others do not", path, strerror(errno));
}

/**
 * inject_set_up() - let everything count that a thread asks for, and say nothing about a fault
 *
 * A fault's stack in the kernel log would be taken for a complaint; who looks for one sets
 * VHC_FAULT_VERBOSE=2. By themselves, allocations that may wait do not fail, nor single pages.
 */
void inject_set_up(void)
{
	const char *verbose = getenv("VHC_FAULT_VERBOSE") ?: "0";

	set("failslab/ignore-gfp-wait", "N");
	set("failslab/verbose", verbose);
	set("fail_page_alloc/ignore-gfp-wait", "N");
	set("fail_page_alloc/ignore-gfp-highmem", "N");
	set("fail_page_alloc/min-order", "0");
	set("fail_page_alloc/verbose", verbose);
	set("fail_usercopy/verbose", verbose);
}

/**
 * inject_open() - choose a thread
 * @inject: filled.
 * @tid: of this process, or of the kernel.
 */
void inject_open(struct inject *inject, unsigned int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/fail-nth", tid);
	inject->fd = open(path, O_RDWR | O_CLOEXEC);
	if (inject->fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

/**
 * inject_close() - undo inject_open()
 * @inject: not armed.
 */
void inject_close(struct inject *inject)
{
	close(inject->fd);
}

/**
 * inject_arm() - let something fail
 * @inject: the thread.
 * @nth: the first thing from now on that can fail is 1.
 */
void inject_arm(const struct inject *inject, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	assert_int_equal(pwrite(inject->fd, text, len, 0), len);
}

/*
 * Of the caller's own thread, what this reads is copied to user space, which can be the Nth thing:
 * it was to come, then.
 */
static bool has_fired(const struct inject *inject)
{
	char text[16] = "";
	ssize_t len = pread(inject->fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		assert_int_equal(errno, EFAULT);
	return len > 0 && !strtoul(text, NULL, 10);
}

/**
 * inject_disarm() - let nothing fail any more
 * @inject: the thread, armed.
 *
 * Return: whether it failed.
 */
bool inject_disarm(const struct inject *inject)
{
	const bool fired = has_fired(inject);

	/* That, too, can be the Nth thing, but once only. */
	if (pwrite(inject->fd, "0", 1, 0) != 1)
		assert_int_equal(pwrite(inject->fd, "0", 1, 0), 1);
	return fired;
}
