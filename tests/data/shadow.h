/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What of guest memory the device wrote, by comparing it with what it was, and whether the
 * dirty log says the same. Whatever is wrong ends the process, so that threads may find it.
 * Callers: log.c and live.c.
 */
#ifndef TESTS_SHADOW_H
#define TESTS_SHADOW_H

#include "rig.h"

/* Two areas of a ring, as the device writes to the descriptors of a packed one; and buffers. */
enum { SHADOW_RX_RING, SHADOW_TX_RING = 2, SHADOW_RX_SLOTS = 4, SHADOW_RANGES };

/**
 * struct shadow_range - memory that the device may write to
 * @start: guest address.
 * @end: guest address behind it.
 * @packed: descriptors, to which the driver writes, too.
 */
struct shadow_range {
	uint64_t start;
	uint64_t end;
	bool packed;
};

/**
 * struct shadow - the dirty log of a port, and what may be in it
 * @rig: the port.
 * @log: a bit for each page.
 * @range: by SHADOW_x, and the ring's second one behind it.
 */
struct shadow {
	struct rig *rig;
	uint8_t *log;
	struct shadow_range range[SHADOW_RANGES];
};

struct vhc_traffic *shadow_open(struct shadow *shadow, struct rig *rig,
				const struct vhc_traffic_config *frames, unsigned int direction);
void shadow_close(struct shadow *shadow);
void shadow_set_logging(struct shadow *shadow, bool on);
void shadow_clear(struct shadow *shadow);
bool shadow_is_marked(const struct shadow *shadow, uint64_t addr);
bool shadow_ring_is_marked(const struct shadow *shadow, unsigned int index);
char *shadow_snapshot(const struct shadow *shadow);
unsigned int shadow_compare(const struct shadow *shadow, const char *before, const char *after);
unsigned int shadow_compare_now(const struct shadow *shadow, const char *before);

#endif
