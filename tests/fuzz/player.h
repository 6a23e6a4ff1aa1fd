/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of a player share: what a driver and a VMM know of the device, the guest's memory,
 * and requests to the device.
 *
 * Callers: play.c, which has the state, vmm.c, driver.c and network.c.
 */
#ifndef FUZZ_PLAYER_H
#define FUZZ_PLAYER_H

#include "../diff/record.h"
#include "play.h"
#include "vhc.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* One of the values that make sense, or the operation's own. */
#define PICK(op, table) ((op)->pick >= PICK_ANY ? (typeof((table)[0]))(op)->value : \
			 (table)[(op)->pick % ARRAY_SIZE(table)])

/* Of the guest's memory; the rings' places are record.h's. */
enum {
	RING_BYTES = 0x4000,
	TABLES = 0x8000, TABLES_BYTES = 0x4000, TABLE_BYTES = 0x100,
	BUFFERS = 0x20000, BUFFERS_BYTES = 0x20000, BUFFER_BYTES = 0x2000,
	LOG = 0x80000,
	HEADER = 12,
};

/**
 * struct played - what driver and VMM know of the device
 * @around: what there is beside it.
 * @features: that were negotiated.
 * @queues: the rings.
 * @has_owner: whether it has one.
 *
 * Two threads may change it at once: then it is wrong.
 */
extern struct played {
	const struct surroundings *around;
	uint64_t features;
	struct queue {
		unsigned int num;
		uint16_t next;		/* available index; of a packed ring a position */
		unsigned int slot;
		bool started;
	} queues[2];
	bool has_owner;
} played;

/* Whether this is the second thread: only the first one's calls are recorded. */
extern __thread bool racing;

/* play.c */
void *guest(unsigned long offset);
unsigned int index_of(const struct op *op);
void noted(const char *name, long ret);
long request(const char *name, unsigned int number, const void *arg, size_t size);
long state_request(const char *name, unsigned int number, unsigned int index, unsigned int value);
long u64_request(const char *name, unsigned int number, uint64_t value);

/* vmm.c */
void answer(void);
void any_request(const struct op *op);
void array(const struct op *op);
void backend(const struct op *op);
void become_owner(const struct op *op);
void change_memory(const struct op *op);
void fork_from_owner(const struct op *op);
void log_base(const struct op *op);
void map(const struct op *op);
void moderate(const struct op *op);
void read_stats(const struct op *op);
void reset_owner(void);
void set_addr(const struct op *op);
void set_backend(unsigned int index, int fd);
void set_base(const struct op *op);
void set_features(const struct op *op);
void set_file(const struct op *op);
void set_mem_table(const struct op *op);
void set_num(const struct op *op);
void setup(const struct op *op);
void worker(const struct op *op);

/* driver.c */
void kick(void);
void offer(const struct op *op);
void poke(const struct op *op);

/* network.c */
void change_tap(const struct op *op);
void frames(const struct op *op);
void set_header(int len);

#endif
