/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory for the unit tests: what the engine may touch, what faults, and how guest
 * addresses translate.
 *
 * The ranges and the fault are global, for the accessors of shim/linux/uaccess.h have no
 * argument to carry them; they are set while no other thread uses the engine. An access
 * outside of all ranges, or a misuse of a user-access section, ends the program.
 */
#ifndef UNIT_GUEST_H
#define UNIT_GUEST_H

#include <linux/types.h>

#include "ring.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * The translations of one ring; the ring's @opaque. Where @again_size bytes from @again_start
 * are, nobody knows yet.
 */
struct guest_map {
	const struct vhc_window *window;
	unsigned int num;
	u64 again_start;
	u64 again_size;
	bool last_write;	/* what the last question was for */
	unsigned long calls;
};

/* Words and ranges that this thread's engine accessed. */
extern __thread unsigned long guest_accesses;

void *guest_alloc(size_t size);
void guest_share(const void *start, size_t size);
void guest_free_all(void);

void guest_fault_at(const void *start, size_t size, bool write);
void guest_fault_off(void);

bool guest_idle(void);
int guest_translate(void *opaque, u64 addr, bool write, struct vhc_window *window);

#endif
