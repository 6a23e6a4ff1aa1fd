// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile guests and VMMs: each attack is made on /dev/vhost-net and on /dev/vhost-custom, and what
 * is seen of it is told. The latter has to contain all of them; of the former, "# saw:" says what
 * became of it.
 *
 * With --table, all of that as a page of documentation, see table.c. What an attack is wrapped in
 * is in sight.c, and what is around that in ../lib/claims.h.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "neighbour.h"
#include "sight.h"
#include "table.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	SECONDS = 30,
	KILL_MS = 5000,
	CLAIMS_MAX = 1024,
};

static const struct attacks *const all[] = {
	&chain_attacks, &split_attacks, &packed_attacks, &frame_attacks, &race_attacks,
	&memory_attacks, &refused_attacks, &load_attacks, &iotlb_attacks,
};

/* With --hammer, on a host with the deterministic clock: see hammer.c. */
static const struct attacks *const hammers[] = { &hammer_attacks };

/* ---- one attack ---- */

static bool ends(int pidfd, pid_t pid, int timeout_ms)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1 && waitpid(pid, NULL, 0) == pid;
}

/*
 * In a process of its own: it may get stuck, and a worker that spins ends with it. Returns true if
 * it ended by itself.
 */
static bool watch(struct sight *sight, const struct variant *variant)
{
	const struct attack *attack = variant->about;
	struct hostile hostile = { .sight = sight };
	bool ended;
	pid_t pid;
	int pidfd;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sight_watch(&hostile, variant);
		_exit(EXIT_SUCCESS);
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ended = ends(pidfd, pid, (attack->seconds ? attack->seconds : SECONDS) * 1000);
	if (!ended) {
		kill(pid, SIGKILL);
		if (!ends(pidfd, pid, KILL_MS))
			fail_msg("stuck in %s, and cannot be killed", sight->stage);
	}
	close(pidfd);
	return ended;
}

/* What vhost_net does not offer it refuses. */
static void expect_refusal(const struct variant *variant)
{
	struct vhc_dev dev;

	vhc_open(&dev, variant->device);
	assert_result(__vhc_set_features(&dev, variant->features | VHC_F_RING_PACKED),
		      -EOPNOTSUPP);
	print_message("# saw: no packed rings: EOPNOTSUPP\n");
}

static void is_contained(const struct variant *variant)
{
	const struct attack *attack = variant->about;
	struct sight *sight;
	char text[SIGHT_TEXT];
	bool ended;

	if (!variant->custom && attack->rings == PACKED) {
		expect_refusal(variant);
		return;
	}
	if (attack->check) {
		attack->check(variant);
		return;
	}
	sight = mmap(NULL, sizeof(*sight), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	assert_ptr_not_equal(sight, MAP_FAILED);
	ended = watch(sight, variant);
	sight_tell(sight, variant, text);
	/* What the test itself could not do is nobody's fault but its own. */
	if (ended && !sight->done && sight_is_early(sight))
		fail_msg("the test ended in %s", sight->stage);
	if (!variant->custom || strcmp(text, "contained"))
		print_message("# saw: %s\n", text);
	if (variant->custom && strcmp(text, "contained"))
		fail_msg("%s", text);
}

/* ---- all of them ---- */

static struct claim claims[CLAIMS_MAX];
static size_t claim_num;

static void add_claim(const struct attack *attack, unsigned int device, uint64_t features)
{
	assert_true(claim_num < CLAIMS_MAX);
	claims[claim_num++] = (struct claim) {
		.name = table_name(attack),
		.check = is_contained,
		.devices = device,
		.with = features,
		.seconds = 2 * (attack->seconds ? attack->seconds : SECONDS),
		.about = attack,
	};
}

/*
 * Not all sets of features for each, but some: which ones differs from attack to attack, so that
 * each feature is there, and is not, in half of them.
 */
static void add_attack(const struct attack *attack)
{
	static const uint64_t some[] = {
		VHC_F_EVENT_IDX, VHC_F_EVENT_IDX | VHC_F_MRG_RXBUF, 0, VHC_F_MRG_RXBUF,
	};
	static unsigned int number;
	const unsigned int turn = number++ % ARRAY_SIZE(some);
	const uint64_t features = (VHC_F_VERSION_1 | VHC_F_INDIRECT | some[turn] | attack->with) &
				  ~attack->without;

	const uint64_t in_order = number % 3 ? 0 : VHC_F_IN_ORDER;
	bool split = attack->rings != PACKED, packed = attack->rings != SPLIT;

	/* To what a VMM does the ring's layout does not matter much: one of them. */
	if (attack->group == VMM && split && packed)
		*(number % 2 ? &split : &packed) = false;
	add_claim(attack, ON_VHOST_NET, features);
	if (split)
		add_claim(attack, ON_VHOST_CUSTOM, features | in_order);
	if (packed)
		add_claim(attack, ON_VHOST_CUSTOM, features | in_order | VHC_F_RING_PACKED);
}

/* Takes an option away, if it is there: what is left is claims_main()'s. */
static bool take_option(int *argc, char **argv, const char *name)
{
	int i;

	for (i = 1; i < *argc; i++) {
		if (strcmp(argv[i], name))
			continue;
		memmove(&argv[i], &argv[i + 1], (*argc - i) * sizeof(*argv));
		--*argc;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	const bool table = take_option(&argc, argv, "--table");
	const bool hammer = take_option(&argc, argv, "--hammer");
	const struct attacks *const *files = hammer ? hammers : all;
	const size_t num = hammer ? ARRAY_SIZE(hammers) : ARRAY_SIZE(all);
	size_t i, j;
	int status;

	if (table)
		return table_print(files, num, hammer);
	for (i = 0; i < num; i++)
		for (j = 0; j < files[i]->count; j++)
			add_attack(&files[i]->list[j]);
	neighbour_start();
	claims_add(claims, claim_num);
	status = claims_main(argc, argv);
	neighbour_end();
	return status;
}
