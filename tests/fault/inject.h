/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults on request, one at a time: the Nth thing that can fail in a thread does.
 *
 * Owns: /proc/TID/fail-nth and the kernel's settings of which things these are. Needs a kernel with
 * FAULT_INJECTION, as the host debug has. Caller: fault-test.c.
 */
#ifndef TESTS_INJECT_H
#define TESTS_INJECT_H

#include <stdbool.h>

/**
 * struct inject - a thread whose calls can be made to fail
 * @fd: its file fail-nth.
 */
struct inject {
	int fd;
};

void inject_set_up(void);
void inject_open(struct inject *inject, unsigned int tid);
void inject_close(struct inject *inject);
void inject_arm(const struct inject *inject, unsigned int nth);
bool inject_disarm(const struct inject *inject);

#endif
