/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Plays a program on the device of ../diff/record.h, which has what each call did.
 *
 * Owns: the driver's side of the rings, and the values that operations pick from. Callers:
 * fuzz-test.c.
 */
#ifndef FUZZ_PLAY_H
#define FUZZ_PLAY_H

#include "program.h"
#include "tap.h"

/* More backends than record.h has. */
enum { MACVTAP_FD = 120, PACKET_END_FD };

/**
 * struct surroundings - what there is beside the device
 * @tap: behind TAP_FD.
 * @offered: features that a device may be asked for.
 * @both: do what both devices do alike, and wait for the workers after each call.
 */
struct surroundings {
	const struct vhc_tap *tap;
	uint64_t offered;
	bool both;
};

void play(const struct program *program, const struct surroundings *around);

#endif
