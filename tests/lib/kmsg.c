// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel log, as a judge of tests: what must never be in it.
 *
 * Callers: claims.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char *const splats[] = {
	"BUG:", "WARNING:", "Oops", "kernel BUG at", "Call Trace:", "general protection fault",
	"invalid opcode", "unable to handle", "KASAN", "KCSAN", "UBSAN", "KFENCE", "kmemleak",
	"rcu: INFO", "self-detected stall", "soft lockup", "hard LOCKUP",
	"blocked for more than", "possible recursive locking", "possible circular locking",
	"inconsistent lock state", "suspicious RCU usage", "DEBUG_LOCKS_WARN_ON",
	"scheduling while atomic", "sleeping function called", "refcount_t:",
	"corruption", "ODEBUG", "page allocation failure", "Out of memory",
	"non-static key", "ref_tracker", "bad unlock balance", "held lock freed",
	"nobody cared", "usercopy:",
};

/**
 * kmsg_open() - remember where the kernel log ends now
 *
 * Return: a file descriptor for kmsg_find_splat(), or -errno.
 */
int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		close(fd);
		return -ESPIPE;
	}
	return fd;
}

static int is_splat(const char *record)
{
	const char *text = strchr(record, ';');
	unsigned int i;

	/* A data race between others, of which the kernel has many. */
	if (text && strstr(text, "BUG: KCSAN:") && !strstr(text, "[vhost_custom]"))
		return 0;
	/* It was refused memory, by the suite fault say, and scans more than it has to. */
	if (text && strstr(text, "kmemleak: Cannot allocate a scan area"))
		return 0;
	for (i = 0; text && i < ARRAY_SIZE(splats); i++)
		if (strstr(text, splats[i]))
			return 1;
	return 0;
}

/**
 * kmsg_find_splat() - was anything logged that must never be?
 * @fd: from kmsg_open().
 * @line: filled with the first such line.
 * @size: of @line.
 *
 * Return: 1 if so, or if so much was logged that some of it is gone; 0 if not.
 */
int kmsg_find_splat(int fd, char *line, size_t size)
{
	char record[8192];
	ssize_t len;

	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EAGAIN)
			return 0;
		if (len < 0) {
			snprintf(line, size, "the kernel log cannot be read: %s", strerror(errno));
			return 1;
		}
		record[len] = '\0';
		if (is_splat(record)) {
			snprintf(line, size, "%s", strchr(record, ';') + 1);
			return 1;
		}
	}
}
