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
	TESTS_MAX = 2048,
	LISTS_MAX = 16,
};

/* A claim on one variant. */
struct test {
	const struct claim *claim;
	struct variant variant;
	char name[192];
};

struct options {
	const char *device;
	const char *pattern;
	bool list;
	bool all;
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

static void fail_claim(const char *message)
{
	fail_msg("%s", message);
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

static void run_claim(void **state)
{
	struct test *test = *state;
	unsigned int seconds = test->claim->seconds ? test->claim->seconds : 60;
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

static void add_test(const struct claim *claim, const struct variant *variant,
		     const struct options *options)
{
	struct test *test = &tests[test_num];
	char features[128];

	if (test_num == TESTS_MAX)
		vhc_fail("more than %d tests: raise TESTS_MAX in %s", TESTS_MAX, __FILE__);
	test->claim = claim;
	test->variant = *variant;
	if (claim->with | claim->vary)
		snprintf(test->name, sizeof(test->name), "%s[%s,%s]", claim->name,
			 short_name(variant->device),
			 vhc_feature_names(variant->features, features, sizeof(features)));
	else
		snprintf(test->name, sizeof(test->name), "%s[%s]", claim->name,
			 short_name(variant->device));
	if (!options->pattern || !fnmatch(options->pattern, test->name, 0))
		test_num++;
}

/*
 * All subsets of the features that vary: counting through the bits of a mask. For the oracle
 * the empty and the full one are enough: it is not what is tested.
 */
static void add_variants(const struct claim *claim, unsigned int device,
			 const struct options *options)
{
	struct variant variant = {
		.device = devices[device],
		.custom = device == 1,
	};
	uint64_t subset = 0;

	do {
		variant.features = claim->with | subset;
		if (variant.custom || options->all || !subset || subset == claim->vary)
			add_test(claim, &variant, options);
		subset = (subset - claim->vary) & claim->vary;
	} while (subset);
}

static void add_claim(const struct claim *claim, const struct options *options)
{
	unsigned int device;

	for (device = 0; device < 2; device++) {
		if (!(claim->devices & 1U << device))
			continue;
		if (options->device && strcmp(options->device, devices[device]))
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
	{ "all", 'a', NULL, 0, "All sets of features on vhost-net, too, not only two", 0 },
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
	for (i = 0; i < list_num; i++)
		for (j = 0; j < lists[i].count; j++)
			add_claim(&lists[i].claims[j], &options);
	if (!test_num)
		vhc_fail("no claim matches; --list shows them all");
	return options.list ? list_tests() : run_all();
}
