// SPDX-License-Identifier: GPL-2.0
/*
 * What the device's worker threads cost and whether they sleep, seen through /proc.
 *
 * Callers: port.c, traffic.c and the tests.
 */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vhc.h"
#include "worker.h"

enum { SETTLE_MS = 10 };

/* Reads a whole /proc file; "" if the thread is gone by now. */
static void slurp(const char *dir, const char *name, const char *file, char *text, size_t size)
{
	char path[320];
	size_t len = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, name, file);
	in = fopen(path, "re");
	if (in) {
		len = fread(text, 1, size - 1, in);
		fclose(in);
	}
	text[len] = '\0';
}

static void add_thread(struct vhc_workers *workers, const char *dir, const char *name)
{
	unsigned long long ns = 0, wait = 0, runs = 0;
	char text[512], *state;

	slurp(dir, name, "schedstat", text, sizeof(text));
	if (sscanf(text, "%llu %llu %llu", &ns, &wait, &runs) != 3)
		return;		/* gone by now */
	slurp(dir, name, "stat", text, sizeof(text));
	state = strrchr(text, ')');
	if (workers->count < VHC_WORKERS_MAX)
		workers->each[workers->count] = (struct vhc_worker) {
			.tid = strtoul(name, NULL, 10), .nanoseconds = ns,
		};
	workers->count++;
	workers->awake += !state || strncmp(state, ") S", 3);
	workers->nanoseconds += ns;
	workers->runs += runs;
}

/* Adds all threads below @dir that have the workers' name. */
static void scan(struct vhc_workers *workers, const char *dir, const char *skip)
{
	char want[32], comm[64];
	struct dirent *entry;
	DIR *all = opendir(dir);

	if (!all)
		vhc_fail("%s cannot be read; is /proc mounted?", dir);
	snprintf(want, sizeof(want), "vhost-%d\n", (int)getpid());
	while ((entry = readdir(all))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (skip && !strcmp(entry->d_name, skip))
			continue;
		slurp(dir, entry->d_name, "comm", comm, sizeof(comm));
		if (!strcmp(comm, want))
			add_thread(workers, dir, entry->d_name);
	}
	closedir(all);
}

/**
 * vhc_workers_read() - look at the workers of this process's devices
 * @workers: filled.
 */
void vhc_workers_read(struct vhc_workers *workers)
{
	char self[16];

	memset(workers, 0, sizeof(*workers));
	snprintf(self, sizeof(self), "%d", (int)getpid());
	scan(workers, "/proc/self/task", NULL);
	if (!workers->count)
		scan(workers, "/proc", self);
}

/**
 * vhc_workers_settle() - wait until the workers sleep for good
 * @workers: filled with what they did up to then.
 * @timeout_ms: how long to look.
 *
 * They sleep for good when none of them is awake, and none of them ran, at two looks that
 * are 10 ms apart: nothing is pending then, since whatever could wake them is this
 * process.
 *
 * Return: true if they do; false if they were still running at the end of the time.
 */
bool vhc_workers_settle(struct vhc_workers *workers, unsigned int timeout_ms)
{
	uint64_t runs = UINT64_MAX;
	unsigned int waited;

	for (waited = 0; waited <= timeout_ms; waited += SETTLE_MS) {
		vhc_workers_read(workers);
		if (!workers->awake && workers->runs == runs)
			return true;
		runs = workers->runs;
		poll(NULL, 0, SETTLE_MS);
	}
	return false;
}

static uint64_t nanoseconds_of(const struct vhc_workers *workers, unsigned int tid)
{
	unsigned int i;

	for (i = 0; i < VHC_WORKERS_MAX && i < workers->count; i++)
		if (workers->each[i].tid == tid)
			return workers->each[i].nanoseconds;
	return 0;
}

/**
 * vhc_workers_busiest() - what the one did that did most
 * @before: a look at the workers.
 * @after: a later one.
 *
 * Return: its nanoseconds on a CPU between the two.
 */
uint64_t vhc_workers_busiest(const struct vhc_workers *before, const struct vhc_workers *after)
{
	uint64_t ns, most = 0;
	unsigned int i;

	for (i = 0; i < VHC_WORKERS_MAX && i < after->count; i++) {
		ns = after->each[i].nanoseconds - nanoseconds_of(before, after->each[i].tid);
		if (ns > most)
			most = ns;
	}
	return most;
}
