/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The claims that ioctl-test.c runs, by the file that makes them.
 */
#ifndef IOCTL_PARTS_H
#define IOCTL_PARTS_H

#include "claims.h"

/**
 * struct part - the claims of one file
 * @claims: which.
 * @num: how many.
 */
struct part {
	const struct claim *claims;
	size_t num;
};

#define PART(array) { .claims = (array), .num = sizeof(array) / sizeof((array)[0]) }

extern const struct part about_argument, about_backend, about_counters, about_eventfd;
extern const struct part about_features, about_file, about_memory, about_newer, about_owner;
extern const struct part about_packed, about_ring;

#endif
