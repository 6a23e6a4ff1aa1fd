// SPDX-License-Identifier: GPL-2.0
/*
 * Plays each sequence on /dev/vhost-net and on /dev/vhost-custom and compares the records.
 *
 * What differs has to stand in the list of wanted differences, and in README's table; what
 * stands in the list has to differ.
 */
#include <err.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "record.h"
#include "sequences.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { SHOWN_MAX = 6, SECONDS_MAX = 60 };

static const char *const devices[] = { "/dev/vhost-net", "/dev/vhost-custom" };
static const char *const stage_names[] = {
	"before owner", "with owner", "set up", "running", "after reset",
	"in another process", "after the owner's end",
};

/**
 * struct wanted - a difference that is wanted
 * @step: names of the steps; with * and ?.
 * @from, @to: kernels, major * 100 + minor, between which it is one.
 * @reason: the row in README's table.
 * @seen: it occurred.
 */
static struct wanted {
	const char *step;
	unsigned int from, to;
	const char *reason;
	bool seen;
} wanted[] = {
	{ "GET_FEATURES", 0, 601, "RING_RESET", false },
	{ "SET_FEATURES bit 40", 0, 601, "RING_RESET", false },
	{ "GET_FEATURES", 0, 9999, "packed virtqueues", false },
	{ "SET_FEATURES bit 34", 0, 9999, "packed virtqueues", false },
	{ "GET_FEATURES", 0, 700, "IN_ORDER", false },
	{ "SET_FEATURES bit 35", 0, 700, "IN_ORDER", false },
	{ "GET_FEATURES_ARRAY*", 0, 700, "arrays of features", false },
	{ "GET_FEATURES_ARRAY of *", 701, 9999, "packed virtqueues", false },
	{ "SET_FEATURES_ARRAY*", 0, 700, "arrays of features", false },
	{ "worker: *", 605, 9999, "NEW_WORKER and the like", false },
	{ "NET_SET_BACKEND 0: ffffffff", 0, 9999, "`NET_SET_BACKEND` with fd -1", false },
	{ "NET_SET_BACKEND 1: ffffffff", 0, 9999, "`NET_SET_BACKEND` with fd -1", false },
	{ "workers' end", 605, 9999, "NEW_WORKER and the like", false },
	{ "running: SET_FEATURES*", 0, 9999, "features that change while a queue runs", false },
	{ "GET_STATS_FD*", 0, 9999, "counters", false },
};

static struct record *records[2];
static unsigned int kernel, tests, failures, steps;

static bool is_wanted(const char *step)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!fnmatch(wanted[i].step, step, 0) &&
		    kernel >= wanted[i].from && kernel <= wanted[i].to) {
			wanted[i].seen = true;
			found = true;
		}
	return found;
}

/*
 * What differs only sometimes: the threads at the end of a sequence, where workers were made; and
 * features, while queues run. Writes a name of @size bytes.
 */
static void name_step(char *name, size_t size, const struct sequence *sequence, enum stage stage,
		      const struct step *step)
{
	const char *when = "";

	if (!strcmp(sequence->name, "workers") && !strcmp(step->name, "end"))
		when = "workers' ";
	if (stage == RUNNING && !strncmp(step->name, "SET_FEATURES", 12))
		when = "running: ";
	snprintf(name, size, "%s%s", when, step->name);
}

static void result(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name);
	failures += !good;
}

static void show(const char *device, const struct step *step)
{
	unsigned int i;

	printf("#   %-17s returned %ld (%s), bases %ld %ld, used %x %x, poll %x, ", device,
	       step->ret, step->ret < 0 ? strerror(-step->ret) : "no error", step->base[0],
	       step->base[1], step->used[0], step->used[1], step->events);
	printf("calls %llu, errors %llu, workers %d\n#     argument",
	       (unsigned long long)step->calls[0], (unsigned long long)step->calls[1],
	       step->workers);
	for (i = 0; i < 32; i++)
		printf("%s%02x", i % 8 ? "" : " ", step->arg[i]);
	puts("");
}

/*
 * README: "RX and TX". Where vhost-net has a worker, there are two, unless more of them were made.
 * Returns what the other side has to have, as if there was no such difference.
 */
static struct step with_one_worker(const struct step *net, const struct step *custom)
{
	struct step step = *custom;

	if (net->workers == 1)
		step.workers = custom->workers == 2 ? 1 : -2;
	return step;
}

static bool compare(const struct sequence *sequence, enum stage stage)
{
	unsigned int i, bad = 0;
	char name[64];

	if (!records[0]->complete || !records[1]->complete) {
		printf("# ended after %u and %u steps\n", records[0]->steps, records[1]->steps);
		bad++;
	}
	for (i = 0; i < records[0]->steps && i < records[1]->steps; i++) {
		const struct step *a = &records[0]->step[i], *b = &records[1]->step[i];
		const struct step other = with_one_worker(a, b);

		steps++;
		if (!memcmp(a, &other, sizeof(*a)))
			continue;
		name_step(name, sizeof(name), sequence, stage, a);
		if (is_wanted(name))
			continue;
		if (bad++ >= SHOWN_MAX)
			continue;
		printf("# step %u: %s\n", i, a->name);
		show(devices[0], a);
		show(devices[1], b);
	}
	if (bad)
		printf("# %u steps differ\n", bad);
	return !bad && records[0]->steps == records[1]->steps;
}

static pid_t play(unsigned int side, const struct sequence *sequence, enum stage stage,
		  bool compat)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(SECONDS_MAX);
	side_open(records[side], devices[side], stage, compat);
	sequence->play();
	side_close();
	_exit(0);
}

static void test(const struct sequence *sequence, enum stage stage, bool compat)
{
	pid_t pid[2];
	char name[120];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		memset(records[i], 0, sizeof(*records[i]));
		pid[i] = play(i, sequence, stage, compat);
	}
	for (i = 0; i < 2; i++)
		waitpid(pid[i], NULL, 0);
	snprintf(name, sizeof(name), "%s %s%s", sequence->name, stage_names[stage],
		 compat ? ", 32 bits" : "");
	result(compare(sequence, stage), name);
}

int main(void)
{
	struct utsname uts;
	unsigned int i, major, minor, expected = 0;
	int stage, compat;
	char name[120];

	uname(&uts);
	if (sscanf(uts.release, "%u.%u", &major, &minor) != 2)
		errx(1, "kernel %s", uts.release);
	kernel = major * 100 + minor;
	for (i = 0; i < 2; i++) {
		records[i] = mmap(NULL, sizeof(*records[i]), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (records[i] == MAP_FAILED)
			err(1, "mmap");
	}
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		expected += kernel >= wanted[i].from && kernel <= wanted[i].to;
	printf("1..%u\n", sequences_count * STAGES * CALLERS + expected);

	for (i = 0; i < sequences_count; i++)
		for (stage = 0; stage < STAGES; stage++)
			for (compat = 0; compat < CALLERS; compat++)
				test(&sequences[i], stage, compat);
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		if (kernel >= wanted[i].from && kernel <= wanted[i].to) {
			snprintf(name, sizeof(name), "wanted: %s: %s", wanted[i].step,
				 wanted[i].reason);
			result(wanted[i].seen, name);
		}
	printf("# %u steps compared\n", steps);
	return failures ? 1 : 0;
}
