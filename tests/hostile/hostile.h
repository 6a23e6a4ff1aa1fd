/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One hostile thing that a guest or a VMM does, and what is seen of it, on either device.
 *
 * Owns: what an attack may use, a queue with memory, and what it may ask for. Callers: the files
 * of attacks, sight.c, which watches, and hostile-test.c, which has the list.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include "rig.h"

struct hostile;
struct sight;

/* Instead of an enum vhost_custom_bad. */
enum { ANY_REASON = VHOST_CUSTOM_BAD_MAX };

/* Bytes of a buffer of hostile_good_rx(). */
enum { HOSTILE_RX_LEN = 2048 };

/* Whose doing it is. */
enum group { RING, FRAME, VMM, GROUPS };

/**
 * enum outcome - what has to become of an attack
 * @REFUSED: a chain comes back with length 0; it is reported and counted, once, by its reason.
 * @SKIPPED: it is reported and counted, once, and nothing comes back.
 * @IGNORED: nothing is reported, and nothing is wrong with it but its looks.
 * @SURVIVED: it may be reported.
 * @RUINED: the same, and the attacked queues need not work before they are reset.
 *
 * In any case the worker sleeps when there is nothing to do, the device's other queue works, and so
 * does another process's device, the next good chain does its work, and it does so after a reset,
 * too.
 */
enum outcome { REFUSED, SKIPPED, IGNORED, SURVIVED, RUINED };

/**
 * struct attack - one hostile thing
 * @name: what is hostile, in words_with_underscores; that of a VMM is the only one of it, that of a
 *	guest there may be for each queue.
 * @group: whose doing it is.
 * @outcome: what has to become of it.
 * @index: the queue that is attacked, VHC_RX or VHC_TX.
 * @reason: of REFUSED and SKIPPED: an enum vhost_custom_bad.
 * @chains: as many come back, with length 0; 1 for REFUSED.
 * @rings: layouts of the ring that it is made for; 0 means both.
 * @add: adds a chain, which is made available then; RX gets a frame for it. Or
 * @apply: does all of it.
 * @repair: undoes it, as a driver or a VMM that comes to its senses.
 * @check: all of it, and what has to become of it, on /dev/vhost-custom alone: it is about
 *	something that vhost_net does not offer.
 * @with: features, beside the usual ones.
 * @without: of the usual ones.
 * @ring_size: of both queues; 0 means 256.
 * @send_buffer: of the tap, bytes; 0: unlimited, and frames are sent in batches.
 * @iommu: see &struct vhc_port_config.
 * @kick: the driver has to kick once more, whatever the device wants.
 * @seconds: that it may take; 0 means 30.
 */
struct attack {
	const char *name;
	enum group group;
	enum outcome outcome;
	unsigned int index;
	unsigned int reason;
	unsigned int chains;
	unsigned int rings;
	void (*add)(struct hostile *hostile);
	void (*apply)(struct hostile *hostile);
	void (*repair)(struct hostile *hostile);
	void (*check)(const struct variant *variant);
	uint64_t with;
	uint64_t without;
	unsigned int ring_size;
	int send_buffer;
	unsigned int iommu;
	bool kick;
	unsigned int seconds;
};

/**
 * struct hostile - a queue of a port, and memory for buffers and for an indirect table
 * @rig: the port, started.
 * @attack: what is done to it.
 * @driver: of the queue.
 * @buffer: guest address of 256 KiB.
 * @table: guest address of 2048 entries.
 * @before: chains that had come back before the fault.
 * @number: of the next frame.
 * @random: state of hostile_random().
 * @sight: what is seen; shared with the process that judges.
 * @aux: the attack's.
 */
struct hostile {
	struct rig rig;
	const struct attack *attack;
	struct vhc_driver *driver;
	uint64_t buffer;
	uint64_t table;
	uint16_t before;
	uint64_t number;
	uint32_t random;
	struct sight *sight;
	void *aux;
};

/* A file's attacks. */
struct attacks {
	const struct attack *list;
	size_t count;
};

extern const struct attacks chain_attacks, split_attacks, packed_attacks, frame_attacks,
	race_attacks, memory_attacks, refused_attacks, load_attacks, iotlb_attacks,
	hammer_attacks;

/* An attack of one bad chain, and some of what is said of it. */
#define CHAIN(group_, index_, reason_, add_, ...) \
	{ .name = #add_, .group = (group_), .outcome = REFUSED, .index = (index_), \
	  .reason = VHOST_CUSTOM_BAD_##reason_, .chains = 1, .add = add_, ##__VA_ARGS__ }
/* Any other one. */
#define ATTACK(group_, index_, outcome_, apply_, ...) \
	{ .name = #apply_, .group = (group_), .outcome = (outcome_), .index = (index_), \
	  .reason = ANY_REASON, .apply = apply_, ##__VA_ARGS__ }

void hostile_open_sized(struct hostile *hostile, const struct variant *variant,
			unsigned int index, unsigned int ring_size);
void hostile_open(struct hostile *hostile, const struct variant *variant, unsigned int index);
struct vhc_queue *hostile_queue(struct hostile *hostile);

void hostile_set_entry(struct hostile *hostile, unsigned int at, uint64_t addr, uint32_t len,
		       uint16_t flags, uint16_t next);
void hostile_add_desc(struct hostile *hostile, uint64_t addr, uint32_t len, uint16_t flags,
		      uint16_t next);
void hostile_add_table(struct hostile *hostile, uint32_t len);
void hostile_add_chain(struct hostile *hostile, unsigned int out, unsigned int in);
void hostile_send_rx(struct hostile *hostile);
uint32_t hostile_random(struct hostile *hostile);
void hostile_noise(struct hostile *hostile,
		   void (*scribble)(struct hostile *hostile, struct vhc_driver *driver));

void hostile_good_tx(struct hostile *hostile, uint64_t number);
void hostile_expect_counted(struct hostile *hostile, unsigned int index, unsigned int reason);
uint64_t hostile_bad_count(const struct hostile *hostile, unsigned int index,
			   unsigned int reason);

#endif
