// SPDX-License-Identifier: GPL-2.0
/*
 * Runs claims as cmocka tests: see claims.h for what each one is wrapped in.
 *
 * cmocka runs twice: in the parent, where a test is a child process to wait for, and in
 * the child, where it is the claim itself.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "claims.h"
#include "kmsg.h"
#include "vhc.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum {
	TESTS_MAX = 4096,
	LISTS_MAX = 24,
};

/* A claim on one variant. */
struct test {
	const struct claim *claim;
	struct variant variant;
	char name[256];
};

/* Of the sets of features: see in_sets(). */
enum sets {
	SETS_ALL,
	SETS_EVEN,
	SETS_ODD,
	SETS_SOME,
	SETS_FEW,
};

struct options {
	const char *device;
	const char *pattern;
	bool list;
	bool all;
	enum sets sets;
};

static const char *const devices[] = { "/dev/vhost-net", "/dev/vhost-custom" };
static struct test tests[TESTS_MAX];
static size_t test_num;
static struct {
	const struct claim *claims;
	size_t count;
} lists[LISTS_MAX];
static size_t list_num;

/* ---- in the child ---- */

static const char *result_name(int result)
{
	const char *name = strerrorname_np(-result);

	if (!result)
		return "success";
	return name ? name : "no error that there is";
}

/**
 * claims_result() - see assert_result()
 * @result: what the expression gave.
 * @want: what it should have given.
 * @what: the expression.
 * @file: where it stands.
 * @line: there.
 */
void claims_result(int result, int want, const char *what, const char *file, int line)
{
	if (result == want)
		return;
	print_error("%s gave %d (%s), not %d (%s)\n", what, result, result_name(result), want,
		    result_name(want));
	_fail(file, line);
}

/* cmocka knows the test's own thread only; what another one says to it is lost. */
static void fail_claim(const char *message)
{
	if (gettid() == getpid())
		fail_msg("%s", message);
	fprintf(stderr, "%s\n", message);
	_exit(EXIT_FAILURE);
}

static void check_claim(void **state)
{
	const struct test *test = *state;

	vhc_on_failure(fail_claim);
	test->claim->check(&test->variant);
}

static void run_child(struct test *test, int out)
{
	struct CMUnitTest one[] = { {
		.name = "claim", .test_func = check_claim, .initial_state = test,
	} };

	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	unsetenv("CMOCKA_MESSAGE_OUTPUT");
	cmocka_set_message_output(CM_OUTPUT_STDOUT);
	_exit(cmocka_run_group_tests(one, NULL, NULL));
}

/* ---- in the parent ---- */

/* Lines with which cmocka in the child tells of itself. */
static bool noise(const char *line)
{
	static const char *const beginnings[] = {
		"[==", "[ RUN", "[       OK", "[  PASSED", "[  FAILED", "\n", " 1 FAILED",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (!strncmp(line, beginnings[i], strlen(beginnings[i])))
			return true;
	return false;
}

/* What the child wrote, without cmocka's decoration. */
static void explain(int out, char *text, size_t size)
{
	size_t used = 0;
	char line[512];
	FILE *in;

	text[0] = '\0';
	lseek(out, 0, SEEK_SET);
	in = fdopen(out, "r");
	while (in && fgets(line, sizeof(line), in) && used < size) {
		if (noise(line))
			continue;
		used += snprintf(text + used, size - used, "%s", line);
	}
	if (in)
		fclose(in);
}

/* Where a process that hangs does so; the kernel's view of it. */
static void print_stack(pid_t pid)
{
	char path[64], line[256];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in))
		print_error("# %s", line);
	if (in)
		fclose(in);
}

static bool wait_for(pid_t pid, unsigned int seconds, int *status)
{
	struct pollfd fd = {
		.fd = syscall(SYS_pidfd_open, pid, 0),
		.events = POLLIN,
	};
	bool ended;

	ended = poll(&fd, 1, seconds * 1000) == 1 && waitpid(pid, status, 0) == pid;
	close(fd.fd);
	return ended;
}

static void judge(pid_t pid, unsigned int seconds, int out)
{
	char text[4096];
	int status;

	if (!wait_for(pid, seconds, &status)) {
		print_stack(pid);
		kill(pid, SIGKILL);
		if (!wait_for(pid, 5, &status))
			print_error("# and it cannot be killed\n");
		explain(out, text, sizeof(text));
		fail_msg("hangs: not finished after %u s\n%s", seconds, text);
	}
	explain(out, text, sizeof(text));
	if (WIFSIGNALED(status))
		fail_msg("killed by signal %d\n%s", WTERMSIG(status), text);
	if (WEXITSTATUS(status))
		fail_msg("%s", text);
	fputs(text, stdout);
}

/**
 * claims_patience() - how many times as long as usual things take on this host
 *
 * tests/vm/run knows, and says so in VHC_PATIENCE.
 *
 * Return: 1, or more.
 */
unsigned int claims_patience(void)
{
	const char *factor = getenv("VHC_PATIENCE");

	return factor ? strtoul(factor, NULL, 10) : 1;
}

static void run_claim(void **state)
{
	struct test *test = *state;
	unsigned int seconds = claims_patience() * (test->claim->seconds ? : 60);
	int kmsg, out = memfd_create("output", MFD_CLOEXEC);
	char line[512];
	pid_t pid;

	kmsg = kmsg_open();
	if (kmsg < 0)
		fail_msg("/dev/kmsg: %s; run as root", strerror(-kmsg));
	fflush(NULL);
	pid = fork();
	if (!pid)
		run_child(test, out);
	judge(pid, seconds, out);
	if (kmsg_find_splat(kmsg, line, sizeof(line)))
		fail_msg("the kernel logged: %s", line);
	close(kmsg);
}

/* ---- the list ---- */

static const char *short_name(const char *device)
{
	const char *slash = strrchr(device, '/');

	return slash ? slash + 1 : device;
}

static bool is_there(const struct claim *claim, const struct variant *variant)
{
	size_t i;

	for (i = test_num; i && tests[i - 1].claim == claim; i--)
		if (tests[i - 1].variant.device == variant->device &&
		    tests[i - 1].variant.features == variant->features)
			return true;
	return false;
}

/* Some sets of features may be chosen twice. */
static void add_test(const struct claim *claim, const struct variant *variant,
		     const struct options *options)
{
	struct test *test = &tests[test_num];
	char features[192];

	if (is_there(claim, variant))
		return;
	if (test_num == TESTS_MAX)
		vhc_fail("more than %d tests: raise TESTS_MAX in %s", TESTS_MAX, __FILE__);
	test->claim = claim;
	test->variant = *variant;
	if (variant->features | claim->vary)
		snprintf(test->name, sizeof(test->name), "%s[%s,%s]", claim->name,
			 short_name(variant->device),
			 vhc_feature_names(variant->features, features, sizeof(features)));
	else
		snprintf(test->name, sizeof(test->name), "%s[%s]", claim->name,
			 short_name(variant->device));
	if (!options->pattern || !fnmatch(options->pattern, test->name, 0))
		test_num++;
}

/* All subsets of the features that vary: counting through the bits of a mask. */
static uint64_t next_subset(uint64_t subset, uint64_t of)
{
	return (subset - of) & of;
}

static enum sets sets_of(const char *name)
{
	static const char *const names[] = {
		[SETS_ALL] = "all", [SETS_EVEN] = "even", [SETS_ODD] = "odd", [SETS_SOME] = "some",
		[SETS_FEW] = "few",
	};
	unsigned int i;

	for (i = 0; name && i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return i;
	if (name)
		vhc_fail("VHC_SETS is none of all, even, odd, some, few");
	return SETS_ALL;
}

/*
 * Where four or more features vary, half of their subsets do for a host if another one has the
 * other half: each has any three of the features in all combinations, and all of them at once, as
 * drivers mostly have. A third host has that set alone, and what add_ring_variants() adds; one that
 * is slow does without vhost-net, too. tests/run chooses.
 */
static bool in_sets(const struct options *options, uint64_t subset, uint64_t vary)
{
	if (options->sets == SETS_ALL || subset == vary)
		return true;
	if (options->sets == SETS_SOME || options->sets == SETS_FEW)
		return false;
	return __builtin_popcountll(vary) < 4 ||
	       __builtin_parityll(subset) == (options->sets == SETS_ODD);
}

/*
 * Split rings without IN_ORDER, as every device has them. For the oracle the empty and the full set
 * are enough: it is not what is tested.
 */
static void add_split_variants(const struct claim *claim, struct variant *variant,
			       const struct options *options)
{
	uint64_t subset = 0;

	do {
		variant->features = claim->with | subset;
		if (variant->custom ? in_sets(options, subset, claim->vary) :
		    options->all || !subset || subset == claim->vary)
			add_test(claim, variant, options);
		subset = next_subset(subset, claim->vary);
	} while (subset);
}

/* Some of the features that vary, for each claim others. */
static uint64_t pick_subset(const struct claim *claim, uint64_t vary)
{
	const unsigned char *name = (const unsigned char *)claim->name;
	uint32_t hash = 2166136261;
	uint64_t subset = 0;
	unsigned int bit;

	for (; *name; name++)
		hash = (hash ^ *name) * 16777619;
	for (bit = 0; bit < 64; bit++) {
		if (!(vary & 1ULL << bit))
			continue;
		hash = (hash ^ bit) * 16777619;
		if (hash & 1 << 20)
			subset |= 1ULL << bit;
	}
	return subset;
}

/*
 * The other layouts, which belong to VERSION_1. Not all sets of features once more, but some, and
 * the others with a packed ring in order: so each claim meets each feature, on and off, in packed
 * rings and in order, and all claims together meet most sets.
 */
static void add_ring_variants(const struct claim *claim, struct variant *variant,
			      const struct options *options)
{
	const uint64_t with = claim->with | VHC_F_VERSION_1;
	const uint64_t vary = claim->vary & ~VHC_F_VERSION_1;
	const uint64_t some = pick_subset(claim, vary);
	const struct {
		unsigned int ring;
		uint64_t features;
		uint64_t subset;
	} sets[] = {
		{ PACKED, VHC_F_RING_PACKED, some },
		{ PACKED, VHC_F_RING_PACKED | VHC_F_IN_ORDER, vary & ~some },
		{ SPLIT, VHC_F_IN_ORDER, some },
	};
	uint64_t subset;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		if (!(claim->rings & sets[i].ring))
			continue;
		subset = options->all ? 0 : sets[i].subset;
		do {
			variant->features = with | sets[i].features | subset;
			add_test(claim, variant, options);
			subset = options->all ? next_subset(subset, vary) : 0;
		} while (subset);
	}
}

static void add_variants(const struct claim *claim, unsigned int device,
			 const struct options *options)
{
	struct variant variant = {
		.device = devices[device],
		.custom = device == 1,
		.about = claim->about,
	};

	if (claim->rings != PACKED)
		add_split_variants(claim, &variant, options);
	if (variant.custom)
		add_ring_variants(claim, &variant, options);
}

static void add_claim(const struct claim *claim, const struct options *options)
{
	unsigned int device;

	for (device = 0; device < 2; device++) {
		if (!(claim->devices & 1U << device))
			continue;
		if (options->device && strcmp(options->device, devices[device]))
			continue;
		/* Faster hosts compare with vhost-net. */
		if (!device && options->sets == SETS_FEW)
			continue;
		add_variants(claim, device, options);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'd':
		options->device = arg;
		if (strcmp(arg, devices[0]) && strcmp(arg, devices[1]))
			argp_error(state, "--device is %s or %s", devices[0], devices[1]);
		return 0;
	case 'k':
		options->pattern = arg;
		return 0;
	case 'a':
		options->all = true;
		return 0;
	case 'l':
		options->list = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option_list[] = {
	{ "device", 'd', "PATH", 0, "Check claims about this device only", 0 },
	{ "match", 'k', "PATTERN", 0, "Check claims of such names only, as in *wrap*", 0 },
	{ "all", 'a', NULL, 0,
	  "All sets of features on vhost-net, too, and of each layout of the ring", 0 },
	{ "list", 'l', NULL, 0, "List the tests and exit", 0 },
	{ }
};

static const struct argp argp = {
	.options = option_list,
	.parser = parse,
	.doc = "Check claims about /dev/vhost-net and /dev/vhost-custom; print TAP. Needs root.",
};

static int list_tests(void)
{
	size_t i;

	for (i = 0; i < test_num; i++)
		puts(tests[i].name);
	return EXIT_SUCCESS;
}

static int run_all(void)
{
	struct CMUnitTest *all = calloc(test_num, sizeof(*all));
	size_t i;
	int failed;

	for (i = 0; i < test_num; i++) {
		all[i].name = tests[i].name;
		all[i].test_func = run_claim;
		all[i].initial_state = &tests[i];
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests("claims", all, test_num, NULL, NULL);
	free(all);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/**
 * claims_add() - say what a test program claims
 * @claims: the claims.
 * @count: how many.
 */
void claims_add(const struct claim *claims, size_t count)
{
	if (list_num == LISTS_MAX)
		vhc_fail("more than %d lists of claims: raise LISTS_MAX in %s", LISTS_MAX,
			 __FILE__);
	lists[list_num].claims = claims;
	lists[list_num++].count = count;
}

/**
 * claims_main() - main() of a test program, after claims_add()
 * @argc: of main().
 * @argv: of main().
 *
 * Return: the exit status: 0 if every claim holds.
 */
int claims_main(int argc, char **argv)
{
	struct options options = { 0 };
	size_t i, j;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	options.sets = sets_of(getenv("VHC_SETS"));
	for (i = 0; i < list_num; i++)
		for (j = 0; j < lists[i].count; j++)
			add_claim(&lists[i].claims[j], &options);
	if (!test_num)
		vhc_fail("no claim matches; --list shows them all");
	return options.list ? list_tests() : run_all();
}
