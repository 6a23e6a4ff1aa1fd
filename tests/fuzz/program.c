// SPDX-License-Identifier: GPL-2.0
/*
 * Programs: see program.h.
 */
#include <string.h>

#include "program.h"

/*
 * @weight: how often. @both: how often where both devices have to do the same: not what README says
 * that they do differently, nor what depends on which thread is faster.
 */
static const struct {
	const char *name;
	unsigned int weight, both;
} ops[OPS] = {
	[OP_SETUP] = { "setup", 3, 3 },
	[OP_START] = { "start", 4, 4 },
	[OP_STOP] = { "stop", 3, 3 },
	[OP_OWNER] = { "owner", 1, 2 },
	[OP_RESET] = { "reset", 1, 2 },
	[OP_FEATURES] = { "features", 3, 4 },
	[OP_BACKEND_FEATURES] = { "backend-features", 1, 1 },
	[OP_ARRAY] = { "array", 1, 0 },
	[OP_MEM_TABLE] = { "mem-table", 3, 3 },
	[OP_NUM] = { "num", 3, 4 },
	[OP_ADDR] = { "addr", 3, 4 },
	[OP_BASE] = { "base", 3, 4 },
	[OP_ENDIAN] = { "endian", 1, 0 },
	[OP_FILE] = { "file", 3, 3 },
	[OP_BUSYLOOP] = { "busyloop", 1, 1 },
	[OP_BACKEND] = { "backend", 4, 6 },
	[OP_LOG_BASE] = { "log-base", 2, 2 },
	[OP_LOG_FILE] = { "log-file", 1, 1 },
	[OP_MODERATION] = { "moderation", 2, 0 },
	[OP_STATS] = { "stats", 1, 0 },
	[OP_WORKER] = { "worker", 2, 0 },
	[OP_FORK] = { "fork", 1, 1 },
	[OP_ANY] = { "any", 2, 0 },
	[OP_OFFER] = { "offer", 24, 24 },
	[OP_LIE] = { "lie", 8, 0 },
	[OP_POKE] = { "poke", 6, 0 },
	[OP_KICK] = { "kick", 14, 14 },
	[OP_FRAMES] = { "frames", 12, 12 },
	[OP_TAP] = { "tap", 3, 0 },
	[OP_MEMORY] = { "memory", 3, 0 },
	[OP_MAP] = { "map", 3, 0 },
	[OP_ANSWER] = { "answer", 4, 0 },
	[OP_SETTLE] = { "settle", 4, 0 },
};

/* Says how an operation is called. */
const char *op_name(enum op_code code)
{
	return ops[code].name;
}

/* A random number below @limit; @state is not 0. */
uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 24) % limit;
}

static struct op random_op(uint64_t *state, bool both)
{
	unsigned int i, sum = 0, at;
	struct op op;

	for (i = 0; i < OPS; i++)
		sum += both ? ops[i].both : ops[i].weight;
	at = random_below(state, sum);
	for (i = 0; at >= (both ? ops[i].both : ops[i].weight); i++)
		at -= both ? ops[i].both : ops[i].weight;
	op.code = i;
	op.queue = random_below(state, 2);
	op.pick = random_below(state, PICK_ANY);
	if (!random_below(state, 16))
		op.pick |= PICK_ANY;
	op.value = random_below(state, UINT32_MAX);
	return op;
}

/* Makes a program that mostly sets the device up and starts it first. */
void program_random(struct program *program, uint64_t *state, bool both)
{
	unsigned int ready = random_below(state, 8), i;

	memset(program, 0, sizeof(*program));
	program->count = 4 + random_below(state, OPS_MAX - 4);
	for (i = 0; i < program->count; i++) {
		program->op[i] = random_op(state, both);
		if (i < 2 && ready > 0) {
			program->op[i].code = i ? OP_START : OP_SETUP;
			program->op[i].pick %= PICK_ANY;
		}
	}
	program->race = program->count;
	if (!both && !random_below(state, 4))
		program->race = 3 + random_below(state, program->count - 3);
}

static void insert(struct program *program, unsigned int at, struct op op)
{
	if (program->count == OPS_MAX)
		return;
	memmove(&program->op[at + 1], &program->op[at],
		(program->count - at) * sizeof(program->op[0]));
	program->op[at] = op;
	program->race += program->race == program->count || program->race > at;
	program->count++;
}

/* Leaves operation @at out, unless it is the only one. */
void program_drop(struct program *program, unsigned int at)
{
	if (program->count == 1)
		return;
	program->count--;
	memmove(&program->op[at], &program->op[at + 1],
		(program->count - at) * sizeof(program->op[0]));
	if (program->race > program->count || program->race > at)
		program->race--;
}

/* Changes a program in one to four places; @other is one to take from. */
void program_mutate(struct program *program, const struct program *other, uint64_t *state)
{
	unsigned int changes = 1 + random_below(state, 4), at;

	while (changes--) {
		at = random_below(state, program->count);
		switch (random_below(state, 8)) {
		case 0:
		case 1:
			insert(program, at, random_op(state, false));
			break;
		case 2:
			insert(program, at, program->op[random_below(state, program->count)]);
			break;
		case 3:
			insert(program, at, other->op[random_below(state, other->count)]);
			break;
		case 4:
			program_drop(program, at);
			break;
		case 5:
			program->op[at].value ^= 1U << random_below(state, 32);
			break;
		case 6:
			program->op[at].pick ^= 1U << random_below(state, 12);
			break;
		default:
			program->race = random_below(state, program->count + 1);
		}
	}
}

/**
 * program_write() - write a program as text, a line for each operation
 * @program: the program.
 * @text: filled, with a 0 at the end.
 * @size: of @text.
 *
 * Return: bytes that were written.
 */
size_t program_write(const struct program *program, char *text, size_t size)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < program->count && len < size; i++) {
		const struct op *op = &program->op[i];

		len += snprintf(text + len, size - len, "%s%s %u %u %u\n",
				i == program->race ? "race\n" : "", ops[op->code].name, op->queue,
				op->pick, op->value);
	}
	return len < size ? len : size - 1;
}

/**
 * program_read() - the same the other way round
 * @program: filled.
 * @file: to read from.
 *
 * Return: whether it was a program.
 */
bool program_read(struct program *program, FILE *file)
{
	char line[100], name[40];
	unsigned int code, queue, pick, value;

	memset(program, 0, sizeof(*program));
	program->race = OPS_MAX;
	while (fgets(line, sizeof(line), file)) {
		if (!strcmp(line, "race\n")) {
			program->race = program->count;
			continue;
		}
		if (program->count == OPS_MAX ||
		    sscanf(line, "%39s %u %u %u", name, &queue, &pick, &value) != 4)
			return false;
		for (code = 0; code < OPS && strcmp(ops[code].name, name); code++)
			;
		if (code == OPS)
			return false;
		program->op[program->count++] = (struct op){ code, queue & 1, pick, value };
	}
	if (program->race > program->count)
		program->race = program->count;
	return program->count > 0;
}
