/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of sequences. Caller: diff-test.c.
 */
#ifndef DIFF_SEQUENCES_H
#define DIFF_SEQUENCES_H

struct sequence {
	const char *name;
	void (*play)(void);
};

extern const struct sequence sequences[];
extern const unsigned int sequences_count;

#endif
