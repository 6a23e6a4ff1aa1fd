/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process of its own that has a device, for whoever wants to do something to it.
 */
#ifndef TESTS_VICTIM_H
#define TESTS_VICTIM_H

#include <net/if.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "claims.h"

/**
 * struct told - what the process tells
 * @dev: the device's descriptor; 0 until frames move.
 * @rounds: what it did so often.
 * @tap: the tap's name.
 */
struct told {
	atomic_int dev;
	atomic_uint rounds;
	char tap[IFNAMSIZ];
};

/**
 * struct victim - the process
 * @pid: its number.
 * @told: what it told.
 */
struct victim {
	pid_t pid;
	struct told *told;
};

/* What it does until it is killed. */
typedef void (*victim_fn)(const struct variant *variant, struct told *told);

void victim_start(struct victim *victim, victim_fn run, const struct variant *variant);
void victim_kill(struct victim *victim);
void victim_send_frames(const struct variant *variant, struct told *told);
void victim_become_owner(const struct variant *variant, struct told *told);
unsigned int victim_moved(const struct victim *victim);
void victim_wait(const struct victim *victim, unsigned int frames);
int victim_take_device(const struct victim *victim);

#endif
