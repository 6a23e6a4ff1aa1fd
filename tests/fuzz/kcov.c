// SPDX-License-Identifier: GPL-2.0
/*
 * Coverage: see kcov.h.
 *
 * The process that starts all programs asks for what is done elsewhere on behalf of its children:
 * the vhost core gives a worker the handle that who became the owner has, and a child has its
 * parent's. Each child asks for its own calls, with a second file. There is no lock: a child is
 * waited for, and its workers end with it, before its coverage is read.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kcov.h"

enum { WORDS = 256 << 10, EDGES = 1 << 20, PLACES = 1 << 16 };

struct trace {
	int fd;
	uint64_t *words;	/* a count, and as many addresses */
};

static struct trace calls = { -1, NULL }, workers = { -1, NULL };
static uint8_t edge_seen[EDGES];
static uint64_t place[PLACES];		/* by its hash; 0: none */
static unsigned int places;

static void trace_open(struct trace *trace)
{
	trace->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (trace->fd < 0)
		return;
	if (ioctl(trace->fd, KCOV_INIT_TRACE, WORDS))
		err(1, "KCOV_INIT_TRACE");
	trace->words = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
			    trace->fd, 0);
	if (trace->words == MAP_FAILED)
		err(1, "mmap of kcov");
}

/**
 * kcov_open() - ask for coverage
 *
 * Return: false if the kernel has none.
 */
bool kcov_open(void)
{
	struct kcov_remote_arg arg = {
		.trace_mode = KCOV_TRACE_PC,
		.area_size = WORDS / 4,
		.common_handle = KCOV_SUBSYSTEM_COMMON | 1,
	};

	trace_open(&calls);
	if (calls.fd < 0)
		return false;
	trace_open(&workers);
	if (workers.fd < 0 || ioctl(workers.fd, KCOV_REMOTE_ENABLE, &arg))
		err(1, "KCOV_REMOTE_ENABLE");
	return true;
}

/* Before a child is made. */
void kcov_begin(void)
{
	if (calls.fd < 0)
		return;
	__atomic_store_n(calls.words, 0, __ATOMIC_RELAXED);
	__atomic_store_n(workers.words, 0, __ATOMIC_RELAXED);
}

/* From here on, until it ends, what this child does is traced. */
void kcov_in_child(void)
{
	if (calls.fd >= 0 && ioctl(calls.fd, KCOV_ENABLE, KCOV_TRACE_PC))
		err(1, "KCOV_ENABLE");
}

static uint64_t hash(uint64_t value)
{
	value *= 0x9e3779b97f4a7c15ULL;
	return value ^ value >> 29;
}

static void add_place(uint64_t pc)
{
	unsigned int at = hash(pc) % PLACES;

	while (place[at] && place[at] != pc)
		at = (at + 1) % PLACES;
	if (place[at] || places == PLACES / 2)
		return;
	place[at] = pc;
	places++;
}

/* Two places after each other are more than the two. */
static unsigned int look(const struct trace *trace)
{
	uint64_t count = __atomic_load_n(trace->words, __ATOMIC_ACQUIRE), before = 0, i;
	unsigned int seen = 0;

	for (i = 1; i <= count && i < WORDS; i++) {
		uint64_t pc = trace->words[i];
		uint64_t edge = hash(pc ^ before << 1) % EDGES;

		before = hash(pc);
		if (edge_seen[edge])
			continue;
		edge_seen[edge] = 1;
		seen++;
		add_place(pc);
	}
	return seen;
}

/**
 * kcov_end() - look at what a child did that has ended
 *
 * Return: how much of it was new.
 */
unsigned int kcov_end(void)
{
	return calls.fd < 0 ? 0 : look(&calls) + look(&workers);
}

/**
 * kcov_places() - count what was reached
 *
 * Return: places in the code that were reached up to now.
 */
unsigned int kcov_places(void)
{
	return places;
}

/**
 * kcov_save() - write the places of a module, from its begin on, to a file
 * @path: of the file.
 * @module: the module's name in /sys/module.
 *
 * Return: false if there is no coverage, or no such module.
 */
bool kcov_save(const char *path, const char *module)
{
	char name[100];
	unsigned long text;
	unsigned int i;
	FILE *file;
	int found;

	snprintf(name, sizeof(name), "/sys/module/%s/sections/.text", module);
	file = calls.fd < 0 ? NULL : fopen(name, "r");
	if (!file)
		return false;
	found = fscanf(file, "%lx", &text);
	fclose(file);
	file = found == 1 ? fopen(path, "w") : NULL;
	if (!file)
		return false;
	for (i = 0; i < PLACES; i++)
		if (place[i])
			fprintf(file, "%llx\n", (unsigned long long)(place[i] - text));
	return !fclose(file);
}
