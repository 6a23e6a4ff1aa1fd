/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program: what a VMM, a guest and a network do with one device, one operation after the other.
 *
 * Owns: how programs are made, changed, written and read. What an operation does is for play.c.
 * Callers: fuzz-test.c and play.c.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPS_MAX = 40 };

enum op_code {
	OP_SETUP, OP_START, OP_STOP, OP_OWNER, OP_RESET, OP_FEATURES, OP_BACKEND_FEATURES, OP_ARRAY,
	OP_MEM_TABLE, OP_NUM, OP_ADDR, OP_BASE, OP_ENDIAN, OP_FILE, OP_BUSYLOOP, OP_BACKEND,
	OP_LOG_BASE, OP_LOG_FILE, OP_MODERATION, OP_STATS, OP_WORKER, OP_FORK, OP_ANY, OP_OFFER,
	OP_LIE, OP_POKE, OP_KICK, OP_FRAMES, OP_TAP, OP_MEMORY, OP_MAP, OP_ANSWER, OP_SETTLE,
	OPS
};

/**
 * struct op - one operation
 * @code: &enum op_code.
 * @queue: 0 or 1, for those that are about one.
 * @pick: which of the values that make sense; from %PICK_ANY on, @value as it is.
 * @value: more of the same.
 */
struct op {
	uint8_t code;
	uint8_t queue;
	uint16_t pick;
	uint32_t value;
};

enum { PICK_ANY = 0xf000 };

/**
 * struct program - a program
 * @count: operations.
 * @race: those from here on are another thread's, at the same time; @count if there is none.
 * @op: the operations.
 */
struct program {
	unsigned int count;
	unsigned int race;
	struct op op[OPS_MAX];
};

uint32_t random_below(uint64_t *state, uint32_t limit);
void program_random(struct program *program, uint64_t *state, bool both);
void program_drop(struct program *program, unsigned int at);
void program_mutate(struct program *program, const struct program *other, uint64_t *state);
size_t program_write(const struct program *program, char *text, size_t size);
bool program_read(struct program *program, FILE *file);
const char *op_name(enum op_code code);

#endif
