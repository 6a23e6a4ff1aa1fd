// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that nobody thought of: ioctls, rings, kicks and frames on a device, some of them by two
 * threads at once; see play.c.
 *
 *	fuzz-test
 *		a few programs, always the same: a suite, in TAP
 *	fuzz-test --time 600 [--seed N] [--blind] [--places FILE]
 *		so many seconds; if the kernel has KCOV, others are made from what reached more of
 *		the module, and FILE gets the places in it that were reached
 *	fuzz-test --both --time 600
 *		the same program on both devices, which have to agree
 *	fuzz-test --replay FILE [--both] [--shrink]
 *		one program; of one that fails, as little as still does
 *
 * A program fails that does not end, or whose workers do not go to sleep after it, or of which the
 * kernel complains; or, with --both, in which one device answers another thing than the other. The
 * one that runs is in --save, /results/fuzz-program; with a new name, if it failed.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../diff/record.h"
#include "kcov.h"
#include "kmsg.h"
#include "play.h"
#include "vhc.h"

enum {
	SECONDS_MAX = 60,		/* for a program */
	CORPUS_MAX = 4096,
	SUITE_PROGRAMS = 150,		/* of each kind */
	GOOD_EACH = 100,		/* programs, and then one that has to work */
	DIFFERENCES_MAX = 8,
	TEXT_MAX = 4096,
};

static const char *const devices[] = { "/dev/vhost-custom", "/dev/vhost-net" };

static struct vhc_tap tap;
static struct surroundings around = { .tap = &tap };
static struct record *records[2];
static int kmsg;
static const char *save = "/results/fuzz-program";
static uint64_t steps, good_steps;

/* ---- one program on one device ---- */

static void drain(int fd)
{
	char frame[2048];

	while (read(fd, frame, sizeof(frame)) > 0)
		;
}

/* The tap is all that programs have in common. */
static void reset_tap(void)
{
	int len = 12, sndbuf = 0x7fffffff;

	vhc_tap_set_up(&tap, true);
	if (ioctl(tap.fd, TUNSETVNETHDRSZ, &len) || ioctl(tap.fd, TUNSETSNDBUF, &sndbuf) ||
	    ioctl(tap.fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
		err(1, "tap");
	drain(tap.fd);
	drain(tap.sock);
}

static void show_stacks(pid_t pid)
{
	char command[100];

	snprintf(command, sizeof(command), "grep -s . /proc/%d/task/*/stack /proc/%d/task/*/stat",
		 pid, pid);
	if (system(command))
		puts("# no stacks");
}

static bool ends(int pidfd)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	return poll(&fd, 1, SECONDS_MAX * 1000) == 1;
}

/* Returns NULL, or what was wrong. */
static const char *run(const struct program *program, unsigned int device)
{
	static char why[400];
	struct record *record = records[device];
	int status, pidfd;
	bool ended;
	pid_t pid;

	reset_tap();
	record->steps = 0;
	record->complete = false;
	kcov_begin();
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		kcov_in_child();
		side_open(record, devices[device], OPENED, false);
		play(program, &around);
		side_close();
		_exit(0);
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ended = ends(pidfd);
	if (!ended) {
		show_stacks(pid);
		kill(pid, SIGKILL);
		if (!ends(pidfd))
			return "it does not end, and cannot be killed";
	}
	close(pidfd);
	waitpid(pid, &status, 0);
	if (!ended)
		return "it does not end";
	if (status || !record->complete) {
		snprintf(why, sizeof(why), "it ended with status %x", status);
		return why;
	}
	if (kmsg_find_splat(kmsg, why, sizeof(why)))
		return why;
	return NULL;
}

/* What it came to, for who reads. */
static void count_steps(const struct record *record)
{
	unsigned int i;

	for (i = 0; i < record->steps; i++) {
		steps++;
		good_steps += record->step[i].ret >= 0;
	}
}

/* ---- two devices ---- */

/*
 * What is different as README says: "`NET_SET_BACKEND` with fd -1" succeeds here where it may fail
 * there. "RX and TX" have two workers. How many signals make the driver look is each one's own
 * matter.
 */
static bool is_wanted(const struct step *custom, const struct step *net)
{
	return !strcmp(custom->name, "NET_SET_BACKEND") && !custom->ret && net->ret == -EFAULT;
}

/*
 * Of the used rings their indices: whether a device that waits for memory asks for kicks is its own
 * matter, too.
 */
static bool same(const struct step *a, const struct step *b)
{
	return a->ret == b->ret && a->base[0] == b->base[0] && a->base[1] == b->base[1] &&
	       a->used[0] >> 16 == b->used[0] >> 16 && a->used[1] >> 16 == b->used[1] >> 16 &&
	       a->events == b->events && !a->calls[0] == !b->calls[0] &&
	       !a->calls[1] == !b->calls[1] && !memcmp(a->arg, b->arg, sizeof(a->arg));
}

static void show_step(const char *device, const struct step *step)
{
	printf("#   %-17s returned %ld, bases %ld %ld, used %x %x, poll %x, calls %llu, errors %llu\n",
	       device, step->ret, step->base[0], step->base[1], step->used[0], step->used[1],
	       step->events, (unsigned long long)step->calls[0],
	       (unsigned long long)step->calls[1]);
}

static const char *compare(void)
{
	static char why[100];
	unsigned int i;

	for (i = 0; i < records[0]->steps && i < records[1]->steps; i++) {
		const struct step *custom = &records[0]->step[i], *net = &records[1]->step[i];

		/* What comes after it is different, too. */
		if (is_wanted(custom, net))
			return NULL;
		if (same(custom, net))
			continue;
		show_step(devices[0], custom);
		show_step(devices[1], net);
		snprintf(why, sizeof(why), "step %u, %s, is different", i, custom->name);
		return why;
	}
	return records[0]->steps == records[1]->steps ? NULL : "not as many steps";
}

static const char *run_both(const struct program *program)
{
	const char *why = run(program, 0);

	if (!why)
		why = run(program, 1);
	return why ? why : compare();
}

static const char *run_any(const struct program *program)
{
	return around.both ? run_both(program) : run(program, 0);
}

/* ---- many programs ---- */

static void write_program(const struct program *program)
{
	static int fd = -1;
	char text[TEXT_MAX];
	size_t len = program_write(program, text, sizeof(text));

	if (fd < 0)
		fd = open(save, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, text, len, 0) != (ssize_t)len)
		err(1, "%s", save);
}

static void tell(const struct program *program, const char *why)
{
	static unsigned int found;
	char name[200], text[TEXT_MAX], *line;
	FILE *file;

	program_write(program, text, sizeof(text));
	snprintf(name, sizeof(name), "%s-%u", save, ++found);
	file = fopen(name, "w");
	if (file) {
		fputs(text, file);
		fclose(file);
	}
	printf("# found: %s\n# tests/fuzz-test %s--replay %s does it again:\n", why,
	       around.both ? "--both " : "", name);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("#   %s\n", line);
	fflush(stdout);
}

/* Three frames from the guest, and three to it. Returns NULL if all arrive. */
static const char *run_good(unsigned int device, uint32_t features, bool packed)
{
	static char why[100];
	struct program program = { .count = 10, .race = 10 };
	const struct step *last;
	unsigned int i;
	const char *wrong;

	program.op[0] = (struct op){ OP_SETUP, 0, 0, features };
	program.op[1] = (struct op){ OP_START, 0, 0, 0 };
	for (i = 0; i < 6; i++)
		program.op[2 + i] = (struct op){ OP_OFFER, i & 1, 0x101, 0 };
	program.op[8] = (struct op){ OP_KICK, 0, 0, 0 };
	program.op[9] = (struct op){ OP_FRAMES, 0, 0, 2 };
	around.both = true;
	wrong = run(&program, device);
	around.both = false;
	if (wrong)
		return wrong;
	last = &records[device]->step[records[device]->steps - 1];
	/* The base has the place of what the device takes next. */
	for (i = 0; i < 2; i++)
		if (packed ? (last->base[i] & 0x7fff) != 6 : last->used[i] >> 16 != 3) {
			snprintf(why, sizeof(why), "a good program does not work: used %x, base %lx",
				 last->used[i], last->base[i]);
			return why;
		}
	return NULL;
}

static const char *run_good_ones(void)
{
	const char *why = run_good(0, 0, false);

	/* EVENT_IDX, INDIRECT, MRG_RXBUF; packed */
	if (!why)
		why = run_good(0, 7, false);
	return why ? why : run_good(0, 8, true);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/**
 * struct campaign - many programs
 * @seed: of the first one.
 * @programs: at most.
 * @seconds: at most.
 * @guided: by coverage.
 */
struct campaign {
	uint64_t seed;
	unsigned int programs;
	double seconds;
	bool guided;
};

static struct program *corpus;
static unsigned int corpus_count;

static void next_program(const struct campaign *campaign, unsigned int number,
			 struct program *program)
{
	uint64_t random = (campaign->seed + number) * 0x9e3779b97f4a7c15ULL | 1;

	random_below(&random, 2);
	if (!corpus_count || !random_below(&random, 8)) {
		program_random(program, &random, around.both);
		return;
	}
	*program = corpus[random_below(&random, corpus_count)];
	program_mutate(program, &corpus[random_below(&random, corpus_count)], &random);
}

static void progress(const char *what, unsigned int done, double seconds)
{
	printf("# %s: %u programs, %.1f a second, %llu steps, %.0f %% good", what, done,
	       done / seconds, (unsigned long long)steps, 100.0 * good_steps / (steps | 1));
	if (kcov_places())
		printf("; %u places, corpus %u", kcov_places(), corpus_count);
	puts("");
	fflush(stdout);
}

/* Returns how many programs failed. */
static unsigned int run_campaign(const struct campaign *campaign)
{
	const char *what = around.both ? "both devices" : campaign->guided ? "guided" : "blind";
	double begin = now(), due = begin + 10;
	unsigned int number, found = 0;
	struct program program;
	const char *why = NULL;

	steps = 0;
	good_steps = 0;
	printf("# %s, seed %llu\n", what, (unsigned long long)campaign->seed);
	for (number = 0; number < campaign->programs; number++) {
		if (now() - begin >= campaign->seconds)
			break;
		next_program(campaign, number, &program);
		write_program(&program);
		why = run_any(&program);
		count_steps(records[0]);
		if (why) {
			tell(&program, why);
			/* A kernel that complained is not one to go on with. */
			if (++found == DIFFERENCES_MAX || !around.both)
				break;
		}
		if (kcov_end() && campaign->guided && corpus_count < CORPUS_MAX)
			corpus[corpus_count++] = program;
		if (!around.both && number % GOOD_EACH == GOOD_EACH - 1) {
			why = run_good_ones();
			if (why) {
				tell(&program, why);
				found++;
				break;
			}
		}
		if (now() > due) {
			progress(what, number + 1, now() - begin);
			due = now() + 10;
		}
	}
	progress(what, number, now() - begin);
	return found;
}

/* ---- what is asked for ---- */

static uint64_t features_of(const char *device)
{
	struct vhc_dev dev;
	uint64_t features;

	vhc_open(&dev, device);
	features = vhc_get_features(&dev);
	vhc_close(&dev);
	return features;
}

/* Features that both have and treat alike. */
static void prepare(bool both)
{
	around.both = both;
	around.offered = features_of(devices[0]);
	if (!both)
		return;
	around.offered &= features_of(devices[1]);
	around.offered &= ~(VHC_F_ACCESS_PLATFORM | VHC_F_ANY_LAYOUT | VHC_F_IN_ORDER);
}

static void open_all(void)
{
	struct vhc_tap other;
	unsigned int i;

	vhc_tap_create(&tap, VHC_TAP, 12, 500);
	vhc_tap_attach(&tap, 0x0003);
	vhc_tap_create(&other, VHC_MACVTAP, 12, 500);
	if (dup2(tap.fd, TAP_FD) < 0 || dup2(other.fd, MACVTAP_FD) < 0 ||
	    dup2(tap.sock, PACKET_END_FD) < 0)
		err(1, "dup2");
	kmsg = kmsg_open();
	if (kmsg < 0)
		errx(1, "/dev/kmsg: %s", strerror(-kmsg));
	for (i = 0; i < 2; i++) {
		records[i] = mmap(NULL, sizeof(*records[i]), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (records[i] == MAP_FAILED)
			err(1, "mmap");
	}
	corpus = calloc(CORPUS_MAX, sizeof(*corpus));
	if (!corpus)
		err(1, "calloc");
}

static int result(unsigned int number, const char *name, bool good)
{
	printf("%sok %u - %s\n", good ? "" : "not ", number, name);
	fflush(stdout);
	return !good;
}

static int suite(void)
{
	const struct campaign campaign = { .seed = 1, .programs = SUITE_PROGRAMS, .seconds = 1e9 };
	const char *why;
	int failed;

	puts("1..3");
	prepare(false);
	why = run_good_ones();
	if (why)
		printf("# %s\n", why);
	failed = result(1, "programs that are known to work do", !why);
	failed |= result(2, "any program ends, and the kernel does not complain",
			 !run_campaign(&campaign));
	prepare(true);
	failed |= result(3, "any program does the same on both devices", !run_campaign(&campaign));
	return failed;
}

/* Leaves out what it fails without. */
static void shrink(struct program *program)
{
	struct program smaller;
	unsigned int at = 0;

	while (at < program->count) {
		smaller = *program;
		program_drop(&smaller, at);
		if (smaller.count < program->count && run_any(&smaller))
			*program = smaller;
		else
			at++;
	}
	tell(program, run_any(program));
}

static int replay(const char *name, bool shrinks)
{
	struct program program;
	FILE *file = fopen(name, "r");
	const char *why;

	if (!file || !program_read(&program, file))
		errx(1, "%s: no program", name);
	fclose(file);
	why = run_any(&program);
	puts(why ? why : "nothing is wrong");
	if (why && shrinks)
		shrink(&program);
	return !!why;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "blind", no_argument, NULL, 'b' },
		{ "both", no_argument, NULL, '2' },
		{ "replay", required_argument, NULL, 'r' },
		{ "shrink", no_argument, NULL, 'k' },
		{ "save", required_argument, NULL, 'o' },
		{ "places", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	struct campaign campaign = { .programs = ~0U, .guided = true };
	const char *file = NULL, *places = NULL;
	bool both = false, shrinks = false;
	int option, status;

	if (getrandom(&campaign.seed, 4, 0) != 4)
		err(1, "getrandom");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			campaign.seconds = atof(optarg);
			break;
		case 's':
			campaign.seed = strtoull(optarg, NULL, 0);
			break;
		case 'b':
			campaign.guided = false;
			break;
		case '2':
			both = true;
			break;
		case 'r':
			file = optarg;
			break;
		case 'k':
			shrinks = true;
			break;
		case 'o':
			save = optarg;
			break;
		case 'p':
			places = optarg;
			break;
		default:
			return 2;
		}
	}
	open_all();
	if (argc == 1)
		return suite();
	prepare(both);
	if (file)
		return replay(file, shrinks);
	campaign.guided &= !both && kcov_open();
	status = run_campaign(&campaign) > 0;
	if (places && !kcov_save(places, "vhost_custom"))
		warnx("%s: no coverage", places);
	return status;
}
