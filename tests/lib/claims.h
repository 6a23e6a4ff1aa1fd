/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test is a claim about a device, checked on each device and with each set of features
 * that it is made for.
 *
 * Owns: the list of tests that cmocka runs, and what each one is wrapped in: a process of
 * its own, so that no file, tap or worker is left behind; a deadline, so that a hang is a
 * failure; and a look at the kernel log, so that a splat is one too. Callers: the main()
 * of each test program.
 */
#ifndef TESTS_CLAIMS_H
#define TESTS_CLAIMS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum {
	ON_VHOST_NET = 1,
	ON_VHOST_CUSTOM = 2,
	ON_BOTH = 3,
};

/* Layouts of the ring that a claim is about. */
enum {
	SPLIT = 1,
	PACKED = 2,
	SPLIT_AND_PACKED = 3,
};

/**
 * struct variant - what a claim is checked on
 * @device: path.
 * @custom: it is /dev/vhost-custom.
 * @features: to negotiate.
 * @about: the claim's.
 */
struct variant {
	const char *device;
	int custom;
	uint64_t features;
	const void *about;
};

/**
 * struct claim - one claim
 * @name: says what is claimed, in words_with_underscores.
 * @check: checks it with cmocka's asserts; returns if it holds.
 * @devices: ON_x: where it holds.
 * @with: features that are always on.
 * @vary: features that are on and off in turn, in all combinations on vhost-custom, and all
 *	or none of them on vhost-net.
 * @rings: layouts of the ring; of each, with IN_ORDER and without. 0: the claim is about none.
 * @seconds: deadline; 0 means 60.
 * @about: for @check, if several claims share it.
 */
struct claim {
	const char *name;
	void (*check)(const struct variant *variant);
	unsigned int devices;
	uint64_t with;
	uint64_t vary;
	unsigned int rings;
	unsigned int seconds;
	const void *about;
};

/* A claim with its name: where it holds, features that vary, that are always on, seconds. */
#define ON(where, claim) { .name = #claim, .check = claim, .devices = (where) }
#define VARY(where, features, claim) WITH(where, 0, features, claim)
#define WITH(where, always, features, claim) LONG(where, always, features, 0, claim)
#define LONG(where, always, features, time, claim) \
	OF(SPLIT_AND_PACKED, where, always, features, time, claim)
/* About rings, whatever the features. */
#define RINGS(where, claim) WITH(where, 0, 0, claim)
/* The same, about some layouts of the ring. */
#define OF(layouts, where, always, features, time, claim) \
	{ .name = #claim, .check = claim, .devices = (where), .with = (always), \
	  .vary = (features) & ~(uint64_t)(always), .rings = (layouts), .seconds = (time) }

/**
 * assert_result() - claim that an expression is 0 or -errno
 * @expression: which.
 * @want: what it should be.
 */
#define assert_result(expression, want) \
	claims_result(expression, want, #expression, __FILE__, __LINE__)

void claims_result(int result, int want, const char *what, const char *file, int line);
void claims_add(const struct claim *claims, size_t count);
unsigned int claims_patience(void);
int claims_main(int argc, char **argv);

#endif
