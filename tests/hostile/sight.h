/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is seen of an attack, and in words.
 *
 * Callers: hostile-test.c, and attacks that say what an ioctl answered.
 */
#ifndef TESTS_SIGHT_H
#define TESTS_SIGHT_H

#include "hostile.h"

enum { SIGHT_TEXT = 256 };

/**
 * struct sight - what was seen, as far as it went
 * @stage: what is done now; of a process that hangs, what it hangs in.
 * @done: all of it was.
 * @spins: the workers run on and on with nothing to do.
 * @where: the stage in which they did so first.
 * @errors: signals of the error eventfds.
 * @counted: faults that the device counted; of @reason only those of the attack's reason.
 * @reason: see @counted.
 * @back: chains that came back, before any other one was offered.
 * @len: the longest that the device says it wrote to one of them.
 * @nonsense: something came back that the device did not have.
 * @next: the next good chain did its work.
 * @other: so did the other queue.
 * @neighbour: and another process's device.
 * @reset: and this one after a reset.
 * @answer: what an ioctl answered that it should not, or "".
 */
struct sight {
	char stage[32];
	bool done;
	bool spins;
	char where[32];
	uint64_t errors;
	uint64_t counted;
	uint64_t reason;
	unsigned int back;
	uint32_t len;
	bool nonsense;
	bool next;
	bool other;
	bool neighbour;
	bool reset;
	char answer[SIGHT_TEXT];
};

bool sight_wait(struct hostile *hostile, bool (*came)(struct hostile *hostile));
bool sight_is_early(const struct sight *sight);
bool sight_works(struct hostile *hostile, unsigned int index);
void sight_answer(struct hostile *hostile, const char *what, int got, int want);
void sight_says(struct hostile *hostile, const char *what);
void sight_watch(struct hostile *hostile, const struct variant *variant);
void sight_tell(const struct sight *sight, const struct variant *variant, char *text);

#endif
