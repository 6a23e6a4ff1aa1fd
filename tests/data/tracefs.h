/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's tracepoints said of one device: a tracing instance of its own.
 *
 * Callers: the claims of trace.c.
 */
#ifndef TESTS_TRACEFS_H
#define TESTS_TRACEFS_H

#include <stdint.h>

#include "rig.h"

/**
 * struct tracefs - all tracepoints of vhost_custom are on
 * @instance: the device's number.
 */
struct tracefs {
	unsigned int instance;
};

/**
 * struct traced - what was traced of an event
 * @count: how often.
 * @sum: of a field.
 */
struct traced {
	unsigned int count;
	uint64_t sum;
};

void tracefs_open(struct tracefs *trace, const struct rig *rig);
struct traced tracefs_read(const struct tracefs *trace, unsigned int queue, const char *event,
			   const char *field);
void tracefs_close(struct tracefs *trace);

#endif
